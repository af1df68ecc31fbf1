"""A gallery of anomalies: incidents that happen without a guard, and are stopped or found with it.

Each one is played on a scratch repository by the same code, first with exactly one guard disabled, then with
all of them on; outcomes are read from the lake, the server's answer and the audit. The command line and the
documentation import it. Start with `gallery`, which lists all, then `model`; there is one module for each
place in the protocol that is attacked, hence more modules than elsewhere.
"""
