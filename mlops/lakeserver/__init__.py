"""An embedded, durable, lakeFS-compatible server. It imports nothing else of the project.

`python -m mlops.lakeserver --data DIR` runs it; `running_server` runs it in a thread.
"""

from mlops.lakeserver.http.auth import Credentials
from mlops.lakeserver.server import Options, Server, running_server

__all__ = ["Credentials", "Options", "Server", "running_server"]
