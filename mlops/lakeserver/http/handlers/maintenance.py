"""Looking after the store of a running server; not a part of lakeFS's API."""

from __future__ import annotations

from mlops.lakeserver.http.responses import Response, json_response
from mlops.lakeserver.http.wire import Request
from mlops.lakeserver.store import collect, verify

VERIFY = b"/_lake/verify"
COLLECT = b"/_lake/gc"


def maintain(request: Request) -> Response:
    """Verifies the store, or removes what nothing refers to, as the path says."""
    store = request.lake.store
    if request.scope["path"].encode() == VERIFY:
        with store.maintenance:
            return json_response({"problems": verify.verify(store)})
    found = collect.collect(store, dry_run=request.flag("dry_run"), clock=request.lake.clock)
    return json_response(found.as_json())
