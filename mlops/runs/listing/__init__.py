"""Every run of a repository, read from tags, branches and the metadata of commits; one of them by its name.

Steps and the command line import it; nothing is decided from it. Start with `runs`, which lists all runs with
their states, then `find`, which takes what people type.
"""
