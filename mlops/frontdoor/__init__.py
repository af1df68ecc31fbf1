"""The front door: one loopback port that asks for the lake's key before it passes a request to a service.

It imports nothing else of the project and runs as a process of its own; `mlops.servers` starts it. Start
with `server`, then `app`, which decides what happens to a request.
"""
