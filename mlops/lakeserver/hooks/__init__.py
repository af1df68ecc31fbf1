"""lakeFS actions and hooks: action files, webhooks, and Lua scripts in a process of their own.

Import what you need from `engine`; the package itself imports nothing, because the Lua worker starts from it.
"""
