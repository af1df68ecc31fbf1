"""Lua hooks: a pool of worker processes, the sandbox inside them, and the protocol between both sides.

Only `mlops.lakeserver.hooks` imports it. Start with `hook`, which the engine calls, then `worker`, which is
the other process.
"""
