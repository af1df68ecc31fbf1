"""Addresses of pages: none carries the key, and the key goes to nobody who is not asked for a page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

from mlops.adapters.page_links import Links

KEY = ("AKIAJTHEKEY", "the-secret")


@contextmanager
def site(answers: dict[str, tuple[int, str]]) -> Iterator[tuple[str, list[tuple[str, bool]]]]:
    """Serve paths with a status and a location; yield the address, and what was asked for with a key."""
    asked: list[tuple[str, bool]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, "Authorization" in self.headers))
            status, location = answers.get(self.path, (404, ""))
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def links(lake: str) -> Links:
    return Links(lake, "flights", mlflow=f"{lake}/mlflow", dagster=f"{lake}/dagster", key=KEY)


def test_no_address_carries_the_key() -> None:
    made = links("http://door")
    addresses = [
        made.compare("main", "b"),
        made.commit("c"),
        made.objects("main", "p"),
        made.report("c"),
        made.mlflow_run("1", "r"),
        made.mlflow_model("m"),
        made.dagster_run("r"),
    ]

    for address in [*addresses, repr(made)]:
        assert not any(part in address for part in KEY)
    assert all(address.startswith("http://door/") for address in addresses)


def test_pages_behind_the_login_are_tried_with_the_key() -> None:
    with site(dict.fromkeys(("/repositories/x", "/mlflow/", "/dagster/runs/1", "/other"), (200, ""))) as (
        at,
        asked,
    ):
        made = links(at)
        assert made.opens(f"{at}/repositories/x")
        assert made.opens(f"{at}/mlflow/#/models/x")
        assert made.opens(f"{at}/dagster/runs/1")
        assert not links("http://127.0.0.1:9").opens(f"{at}/none")

    assert asked == [
        ("/repositories/x", True),
        ("/mlflow/", True),
        ("/dagster/runs/1", True),
        ("/none", False),
    ]


def test_no_redirection_takes_the_key_elsewhere() -> None:
    with site({"/x": (200, "")}) as (elsewhere, asked), site({"/y": (302, f"{elsewhere}/x")}) as (at, _):
        assert not links(at).opens(f"{at}/y")

    assert asked == []
