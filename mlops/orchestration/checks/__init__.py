"""Asset checks of pipelines: expectations of their suites, the verdict of a run, and guards of the policy.

Assets, jobs and the process that executes a run import it. Start with `expectations`; in `verdict` are the
checks of an evaluation.
"""
