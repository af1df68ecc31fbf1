"""A gallery of anomalies: what would happen to `main` without a guard, and who stops or finds it with it.

Every one is played on a scratch repository: first with exactly one guard disabled, then with all of them on,
by the same code. What happened is read from the lake afterwards; who stopped it from the server's answer or
the error that was raised, and who found it from the audit's finding.
"""
