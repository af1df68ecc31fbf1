"""Arrivals from files of a web server: addresses, credentials, failures."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mlops.runs.errors import ConfigError, InputError, SourceUnavailable
from tests.pipelines.sources.points import files, source


class _Handler(BaseHTTPRequestHandler):
    content = b"n,x,name\n1,2,a\n"

    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        seen: list[str] = self.server.seen  # type: ignore[attr-defined]
        failures: list[int] = self.server.failures  # type: ignore[attr-defined]
        if body:
            seen.append(self.path)
        name = self.path.rpartition("/")[2].partition("?")[0]
        status = {"missing.csv": 404, "denied.csv": 403, "down.csv": 503}.get(name, 200)
        if body and name == "flaky.csv" and failures:
            status = failures.pop()
        if name == "private.csv" and self.headers.get("Authorization") != "Basic bWU6c2VjcmV0":
            status = 401
        short = 1000 if name == "cut.csv" else 0
        self.send_response(status)
        self.send_header("Content-Length", str(len(self.content) + short if status == 200 else 0))
        self.end_headers()
        if body and status == 200:
            self.wfile.write(self.content)
        self.close_connection = True


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    found = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    found.seen, found.failures = [], []  # type: ignore[attr-defined]
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.shutdown()
    found.server_close()
    thread.join()


def web(server: ThreadingHTTPServer, **options: object):
    return source(
        Path("x"), f"http://127.0.0.1:{server.server_port}/{{arrival}}.csv", arrivals=["a"], **options
    )


class TestWeb:
    def test_a_file_is_read_and_its_address_is_recorded_without_signature(self, server) -> None:
        address = f"http://127.0.0.1:{server.server_port}/{{arrival}}.csv?X-Amz-Signature=secret"
        with pytest.raises(ConfigError, match="is not a table"):
            files({"tables": {"points": address}, "arrivals": ["a"]})
        found = web(server).extract("a")
        assert found["points"]["name"].tolist() == ["a"]
        assert found.origins["points"].place == f"http://127.0.0.1:{server.server_port}/a.csv"

    def test_a_web_server_cannot_be_listed(self, server) -> None:
        with pytest.raises(ConfigError, match="cannot be listed"):
            files({"tables": {"points": f"http://127.0.0.1:{server.server_port}/{{arrival}}.csv"}}).arrivals()

    def test_user_and_password_are_sent_and_never_shown(self, server) -> None:
        found = web(server, user="me", password="secret").extract("private")
        assert len(found["points"]) == 1
        private = web(server, user="me", password="wrong-secret")
        with pytest.raises(ConfigError, match="access is denied") as raised:
            private.extract("private")
        assert "wrong-secret" not in str(raised.value) + repr(private)

    @pytest.mark.parametrize(
        ("name", "kind", "message", "attempts"),
        [
            ("missing", InputError, "there is no such file", 0),
            ("denied", ConfigError, "access is denied", 0),
            ("down", SourceUnavailable, "gave no answer", 0),
            ("cut", SourceUnavailable, "gave no answer", 3),
        ],
    )
    def test_what_a_server_answers_decides(self, server, name, kind, message, attempts) -> None:
        with pytest.raises(kind, match=message) as raised:
            web(server).extract(name)
        assert f"127.0.0.1:{server.server_port}/{name}.csv" in raised.value.where
        assert len(server.seen) >= attempts

    def test_a_server_that_comes_back_is_asked_again(self, server) -> None:
        server.failures[:] = [503, 500]
        assert len(web(server).extract("flaky")["points"]) == 1

    def test_a_server_that_is_down_is_named(self) -> None:
        with pytest.raises(SourceUnavailable, match=r"http://127.0.0.1:9/a.csv: gave no answer") as raised:
            files({"tables": {"points": "http://127.0.0.1:9/{arrival}.csv"}, "arrivals": ["a"]}).extract("a")
        assert (raised.value.exit_code, raised.value.retryable) == (7, True)

    def test_plain_http_is_for_this_machine_alone(self) -> None:
        with pytest.raises(ConfigError, match="use https://"):
            files({"tables": {"points": "http://example.com/{arrival}.csv"}, "arrivals": ["a"]}).extract("a")

    def test_a_library_that_is_missing_is_named(self) -> None:
        pytest.importorskip("fsspec")
        try:
            import s3fs  # noqa: F401
        except ImportError:
            with pytest.raises(ConfigError, match=r"s3://bucket/a.csv: needs a library.*pip install s3fs"):
                files({"tables": {"points": "s3://bucket/{arrival}.csv"}, "arrivals": ["a"]}).extract("a")
        else:
            pytest.skip("s3fs is installed here")

    def test_other_kinds_of_address_are_refused(self) -> None:
        with pytest.raises(ConfigError, match="no such kind of address"):
            files({"tables": {"points": "ftp://h/{arrival}.csv"}, "arrivals": ["a"]}).extract("a")
