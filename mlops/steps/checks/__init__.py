"""Checks of a pipeline before it meets a lake: specification, gate configuration, and one trial in memory.

The command line asks for them; they import steps, adapters and pipelines, and need no server. Every problem
that is found is listed, with file and line where they are known. Start with `check`.
"""
