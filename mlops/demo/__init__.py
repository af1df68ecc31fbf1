"""The demo: the main job of a pipeline, step by step, from an empty store to a rollback.

The command line imports it; nothing else does. Start with `plots`, which lists the scenes in order; `story`
plays them.
"""
