"""Links that open: an address is printed only if it answers now."""

from __future__ import annotations

from urllib.parse import urlsplit


def answering(url: str) -> str:
    """Return the address if a GET of it answers 2xx, else nothing."""
    from mlops.adapters.server_process import answers

    if not url:
        return ""
    parts = urlsplit(url)
    path = parts.path or "/"
    return (
        url
        if answers(f"{parts.scheme}://{parts.netloc}", f"{path}?{parts.query}" if parts.query else path)
        else ""
    )


def open_links(**urls: str) -> dict[str, str]:
    """Return name to address for the pages that answer now."""
    return {name: url for name, url in urls.items() if answering(url)}
