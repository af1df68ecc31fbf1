"""Trees of objects: immutable nodes by content, patches for staged changes, diffs, and three-way merges.

Operations and store import it; it does no input or output of its own. Start with `nodes`, then `merges`.
"""
