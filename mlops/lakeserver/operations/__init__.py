"""Operations on a repository without HTTP: branches, commits, merges, tags, objects, imports, hooks.

Handlers and pages import it; it imports trees, store and grammar. Start with `lake`, the value that all
operations take; there is one module for each group of operations of the API, hence the long folder.
"""
