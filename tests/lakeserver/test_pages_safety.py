from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize(
    ("content_type", "shown"),
    [
        ("image/png", "inline"),
        ("text/plain; charset=utf-8", "inline"),
        ("text/html", "attachment"),
        ("Text/HTML; charset=utf-8", "attachment"),
        ("image/svg+xml", "attachment"),
        ("application/xhtml+xml", "attachment"),
        ("application/octet-stream", "attachment"),
    ],
)
def test_what_could_run_in_a_browser_is_only_saved(api: Any, content_type: str, shown: str) -> None:
    api.put("x", b"<script>1</script>", **{"Content-Type": content_type})
    headers = api("GET", "R/refs/main/objects", path="x").headers
    assert headers["Content-Disposition"] == shown
    assert headers["Content-Security-Policy"] == "default-src 'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
