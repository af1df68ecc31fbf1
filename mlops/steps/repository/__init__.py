"""The creation of a pipeline's repository, and the gate configuration that it begins with.

The command line, checks of pipelines and the demo import it. Start with `init_repository`.
"""
