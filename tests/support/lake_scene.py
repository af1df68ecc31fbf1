"""A repository in which every page of the lake server has something to show."""

from __future__ import annotations

import base64
import io
from typing import Any

LONG = "a-name-that-goes-on-and-on-without-any-place-to-break-it-" * 2 + "end"
SCRIPT = "document.title='run';alert(document.domain)"
GATE = """name: gate
on: {pre-merge: {branches: [main]}}
hooks:
  - id: auc
    type: lua
    properties:
      script: |
        print("auc 0.70, champion 0.80 (<b>holdout-2013</b>)")
        error("auc 0.70 is below the champion's 0.80")
"""
MARKDOWN = f"""# Flights

A *table* of [delays](http://example.test/x), see [the notes](notes.txt) and [below](docs/).

![points](images/points.png) ![not from here](http://example.test/spy.png)

| column | meaning | {"a header that is rather wide " * 3}|
|-|-|-|
| dep_delay | minutes | x |

## Raw

<script>{SCRIPT}</script> <img src=x onerror="{SCRIPT}"> [a](javascript:{SCRIPT})

```
{"a line of code that does not break at all " * 4}
```
"""
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAIAAAACUFjqAAAAEklEQVR4nGP4z8CABzGMSjNgCRYAt8pjnQuW4hwAAAAASUVORK5CYII="
)
SVG = f'<svg xmlns="http://www.w3.org/2000/svg"><script>{SCRIPT}</script></svg>'.encode()
HTML = f'<!DOCTYPE html><title>still</title><script>{SCRIPT}</script><p onclick="{SCRIPT}">x'.encode()


def parquet(row_count: int, *, extra: int = 0, delay: float = 1.5) -> bytes:
    """A table of flights, with some columns more."""
    import pyarrow
    from pyarrow import parquet

    columns: dict[str, Any] = {
        "origin": ["JFK", "EWR"] * row_count,
        "dep_delay": [delay, None] * row_count,
        "flight": list(range(2 * row_count)),
    }
    columns |= {f"column_number_{at}": [f"value {at}"] * (2 * row_count) for at in range(extra)}
    out = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), out)
    return out.getvalue()


def _files(api: Any) -> None:
    for path, body in {
        "README.md": MARKDOWN.encode(),
        "notes.txt": b"line\n" * 5,
        "data/flights.parquet": parquet(40, extra=20),
        "data/flights.csv": b"origin,delay\nJFK,1.5\nEWR,\n",
        "data/ragged.csv": b"a,b\n1\n2,3,4\n",
        "metrics.json": b'{"auc": 0.8, "n": [1, 2]}',
        "images/points.png": PNG,
        "images/drawing.svg": SVG,
        "page.html": HTML,
        "model.bin": b"\xff\x00" * 50,
        "both": b"0",
        "gone": b"1",
        f"deep/{LONG}/{LONG}.txt": b"x" * 300,
    }.items():
        kinds = {"html": "text/html", "svg": "image/svg+xml", "md": "text/html"}
        kind = kinds.get(path.rpartition(".")[2], "application/octet-stream")
        api.put(path, body, **{"Content-Type": kind, "x-lakefs-meta-note": "kept beside it"})


def fill(api: Any) -> dict[str, str]:
    """Makes it; returns the addresses of its pages by name, of those which answer 200."""
    repo = f"/repositories/{api.repository}"
    empty = f"{api.repository}-new"
    api.ok("POST", "/repositories", {"name": empty, "storage_namespace": f"local://{empty}"})
    _files(api)
    api.commit("First data", metadata={"::lakefs::MLflow::url[url:ui]": "http://mlflow.test/x", LONG: LONG})
    api.branch("run-1")
    api.put("data/flights.parquet", parquet(45, extra=21, delay=2.5), "run-1")
    api.put(f"models/{LONG}.skops", b"m", "run-1")
    api.put("both", b"theirs", "run-1")
    api.put("_lakefs_actions/gate.yaml", GATE, "run-1")
    api.ok("DELETE", "R/branches/run-1/objects", path="gone")
    api.commit(f"A run: {LONG}", "run-1")
    api.branch("fine")
    api.put("small.txt", b"small", "fine")
    api.commit("A small change", "fine")
    api.branch("clash", "main")
    api.put("both", b"ours", "clash")
    api.commit("Another", "clash")
    api.ok("POST", "R/tags", {"id": "v1", "ref": "main"})
    pulls = {
        name: _pull(api, source, destination)
        for name, source, destination in (
            ("refused", "run-1", "main"),
            ("conflict", "run-1", "clash"),
            ("merged", "fine", "clash"),
            ("closed", "clash", "main"),
        )
    }
    api.ok("PUT", f"R/pulls/{pulls['merged']}/merge", {})
    api.ok("PATCH", f"R/pulls/{pulls['closed']}", {"status": "closed"})
    assert api.merge("run-1").status == 412
    api.put("not-committed.txt", b"x")
    run = api.ok("GET", "R/actions/runs")["results"][0]["run_id"]
    return {
        "repositories": "/repositories",
        "objects": f"{repo}/objects",
        "uncommitted": f"{repo}/objects?ref=main&showChanges=true",
        "folder": f"{repo}/objects?ref=main&path=deep/{LONG}/",
        "nothing": f"/repositories/{empty}/objects",
        "markdown": f"{repo}/object?ref=main&path=README.md",
        "parquet": f"{repo}/object?ref=run-1&path=data/flights.parquet",
        "csv": f"{repo}/object?ref=main&path=data/flights.csv",
        "ragged": f"{repo}/object?ref=main&path=data/ragged.csv",
        "json": f"{repo}/object?ref=main&path=metrics.json",
        "image": f"{repo}/object?ref=main&path=images/points.png",
        "svg": f"{repo}/object?ref=main&path=images/drawing.svg",
        "html": f"{repo}/object?ref=main&path=page.html",
        "binary": f"{repo}/object?ref=main&path=model.bin",
        "long": f"{repo}/object?ref=main&path=deep/{LONG}/{LONG}.txt",
        "compare": f"{repo}/compare?ref=clash&compare=run-1",
        "compare-form": f"{repo}/compare",
        "compare-nothing": f"{repo}/compare?ref=main&compare=main",
        "commits": f"{repo}/commits?ref=run-1",
        "commit": f"{repo}/commits/{api.head()}",
        "commit-changes": f"{repo}/commits/{api.head('run-1')}",
        "branches": f"{repo}/branches",
        "tags": f"{repo}/tags",
        "no-tags": f"/repositories/{empty}/tags",
        "pulls": f"{repo}/pulls?status=all",
        "no-pulls": f"/repositories/{empty}/pulls",
        "pull-create": f"{repo}/pulls/create?ref=main&compare=run-1",
        **{f"pull-{name}": f"{repo}/pulls/{pull}" for name, pull in pulls.items()},
        "actions": f"{repo}/actions",
        "no-actions": f"/repositories/{empty}/actions",
        "run": f"{repo}/actions/{run}",
    }


def _pull(api: Any, source: str, destination: str) -> str:
    body = {
        "title": f"Promote {source}",
        "description": f"It is better.\n{LONG}",
        "source_branch": source,
        "destination_branch": destination,
    }
    return api.ok("POST", "R/pulls", body)["id"]
