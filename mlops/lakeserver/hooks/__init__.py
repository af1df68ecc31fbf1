"""lakeFS actions and hooks: action files, webhooks, and Lua scripts in a process of their own.

The server's operations import `engine` alone; the package itself imports nothing, because the Lua worker
starts from it. Start with `engine`, then `definitions`, which reads action files.
"""
