"""Branches that are ready to be merged."""

from __future__ import annotations

from typing import Any


def prepared(api: Any, name: str = "dev", path: str = "a", data: bytes = b"x") -> str:
    """A branch with one commit; its head."""
    api.branch(name)
    api.put(path, data, branch=name)
    return api.commit(f"on {name}", branch=name)["id"]
