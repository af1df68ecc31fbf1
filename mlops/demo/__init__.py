"""The main job on real data, from an empty store to a rollback, told step by step.

The command line imports it; nothing else does. Start with `story`, which lists the scenes in order.
"""
