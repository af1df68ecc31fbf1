"""Pages for people, at the addresses that lakeFS gives them.

Only `mlops.lakeserver.http` and the server import it, and it reads through the same operations as the API.
Start with `site`, which lists the pages.
"""
