"""The demo: the main job on real data, step by step, from an empty store to a rollback.

The command line imports it; nothing else does. Start with `story`, which lists the scenes in order.
"""
