"""Links that open: an address is printed only if it answers now."""

from __future__ import annotations

_TIMEOUT_S = 3.0


def answering(url: str) -> str:
    """Return the address if it answers 200, after a redirect to a login page perhaps; else nothing."""
    import urllib.request

    if not url.startswith(("http://", "https://")):
        return ""
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - checked above
            return url if answer.status == 200 else ""
    except (OSError, ValueError):
        return ""


def open_links(**urls: str) -> dict[str, str]:
    """Return name to address for the pages that answer now."""
    return {name: url for name, url in urls.items() if answering(url)}
