"""An embedded, durable, lakeFS-compatible server.

It imports nothing else of the project but `mlops.table_diff`; only what starts servers or moves stores
imports it, everything else talks to it over HTTP. ``python -m mlops.lakeserver --data DIR`` runs it,
`running_server` runs it in a thread. Start with `server`, then `http.routes` and `operations`.
"""

from mlops.lakeserver.http.auth import Credentials
from mlops.lakeserver.server import Options, Server, running_server

__all__ = ["Credentials", "Options", "Server", "running_server"]
