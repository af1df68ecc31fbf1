"""``mlops serve`` and ``mlops keys`` by command: what is refused before anything is served, and keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Mlops


@pytest.mark.parametrize(
    ("arguments", "code", "what"),
    [
        (("nonsense",), 2, "nonsense"),
        (("flights", "--tls-key", "none.pem"), 2, "HTTPS takes both"),
        (("flights", "--tls-key", "none.pem", "--tls-certificate", "none.pem"), 2, "no such file"),
    ],
)
def test_mistakes_are_named_before_a_server_is_started(
    real: Mlops, tmp_path: Path, arguments: tuple[str, ...], code: int, what: str
) -> None:
    found = real("serve", *arguments)
    assert (found.code, what in found.error) == (code, True), found.err
    assert not (tmp_path / "state" / "serving").exists()


def test_keys_are_made_listed_and_revoked(real: Mlops, tmp_path: Path) -> None:
    made = real("keys", "create", "shop", "--json")
    assert made.code == 0
    key = made.document["key"]
    listed = real("keys", "list", "--json").document["keys"]
    assert [(entry["name"], entry["id"]) for entry in listed] == [("shop", key.split("_")[1])]
    assert key not in (tmp_path / "state" / "serving" / "keys.json").read_text(encoding="utf-8")
    assert real("keys", "revoke", "shop").out == "revoked: shop\n"
    assert real("keys", "list").out == "no keys; mlops keys create makes one\n"
    again = real("keys", "revoke", "shop")
    assert (again.code, "no key of this name" in again.error) == (13, True)
