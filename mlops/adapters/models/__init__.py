"""Checks of a skops file before and after it is opened, so that loading a model runs no code from it.

`archive` bounds the ZIP file and its arrays, `nodes` admits only the listed types, each restored in its one
way, and `arrays` checks every array that compiled code would index with. Start with `opening`.
"""
