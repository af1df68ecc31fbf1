"""``signing``, ``export-record`` and ``verify``: keys, and the record of main in a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlops.adapters.record.signing import write_public
from tests.cli.conftest import PIPELINE, Desk, Mlops
from tests.support.fakes import SIGNER


def _trusted(state_dir: Path) -> Path:
    return state_dir / "signing" / "trusted"


def test_a_record_is_exported_and_verified_without_the_lake(mlops: Desk, real: Mlops, tmp_path: Path) -> None:
    file = tmp_path / "record.json"
    exported = mlops("export-record", PIPELINE, str(file))
    assert exported.code == 0
    assert f"next: mlops verify {file}" in exported.out
    write_public(_trusted(tmp_path / "state"), SIGNER.public)
    verified = real("verify", str(file), "--json")
    assert verified.code == 0
    assert verified.document["commit"] == mlops.head
    assert verified.document["keys"] == [SIGNER.key_id]


def test_a_record_by_keys_that_nobody_trusts_is_refused(mlops: Desk, real: Mlops, tmp_path: Path) -> None:
    file = tmp_path / "record.json"
    mlops("export-record", PIPELINE, str(file))
    refused = real("verify", str(file))
    assert refused.code == 42
    assert "not signed by a trusted key" in refused.error
    assert "mlops signing trust FILE" in refused.error


def test_a_record_with_a_change_left_out_is_refused(mlops: Desk, real: Mlops, tmp_path: Path) -> None:
    file = tmp_path / "record.json"
    mlops("export-record", PIPELINE, str(file))
    bundle = json.loads(file.read_text())
    del bundle["changes"][1]
    file.write_text(json.dumps(bundle))
    write_public(_trusted(tmp_path / "state"), SIGNER.public)
    refused = real("verify", str(file))
    assert refused.code == 40
    assert "change 2 of the record is missing or out of its place" in refused.error


def test_what_is_no_record_is_named(real: Mlops, tmp_path: Path) -> None:
    file = tmp_path / "record.json"
    assert real("verify", str(file)).code == 3
    file.write_text("[" * 100_000)
    assert real("verify", str(file)).code == 40
    file.write_text("{}")
    assert "mlops export-record" in real("verify", str(file)).error


def test_a_key_is_shown_replaced_and_trusted(real: Mlops, tmp_path: Path) -> None:
    shown = real("signing", "show", "--json").document
    assert shown["trusted"] == [shown["signs"]]
    rotated = real("signing", "rotate", "--json").document
    assert rotated["old"] == shown["signs"]
    after = real("signing", "show", "--json").document
    assert (after["signs"], sorted(after["trusted"])) == (
        rotated["new"],
        sorted([rotated["old"], rotated["new"]]),
    )
    public = write_public(tmp_path / "theirs", SIGNER.public)
    assert real("signing", "trust", str(public)).out == f"trusted: {SIGNER.key_id}\n"
    assert SIGNER.key_id in real("signing", "show", "--json").document["trusted"]


def test_a_key_of_a_key_service_is_not_replaced_here(real: Mlops, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_SIGNER_COMMAND", "false")
    refused = real("signing", "rotate")
    assert refused.code == 2
    assert "MLOPS_SIGNER_KEY_ID" in refused.error
