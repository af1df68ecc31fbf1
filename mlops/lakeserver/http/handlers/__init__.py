"""One module for each tag of the lakeFS API; functions bear the name of the operationId.

Only `mlops.lakeserver.http.routes` imports it. Start with `refs`; there are as many modules as lakeFS has
tags.
"""
