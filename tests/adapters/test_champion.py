"""`mlops.load_champion`: the lake alone is asked, and nothing is loaded that it does not vouch for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import skops.io
from sklearn.ensemble import HistGradientBoostingRegressor

import mlops
from mlops import settings
from mlops.adapters.lake import credentials as lake_credentials
from mlops.adapters.lake import servers
from mlops.adapters.lake.lake import LakeFSLake, connect
from mlops.adapters.models import saved_files
from mlops.pipelines import pipeline
from mlops.runs.digest import document, sha256
from mlops.runs.errors import ConfigError, Corrupt, InputError, LakeUnavailable, NotFound
from mlops.runs.records import Champion, ComparedTo, ObjectRecord
from mlops.settings import LakeMode, Settings
from mlops.steps.champion import open_champion
from tests.support import crafted


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a lake with a repository for flights."""
    state_dir = tmp_path_factory.mktemp("state")
    try:
        credentials = servers.start_embedded(state_dir)
        connect(credentials).create_repository("flights")
        yield settings.load(state_dir=state_dir)
    finally:
        servers.stop(state_dir)


@pytest.fixture
def lake(where: Settings) -> Iterator[LakeFSLake]:
    """The repository, back at its first commit afterwards."""
    found = LakeFSLake(connect(where.lake_credentials()), "flights")
    first = found.head("main")
    yield found
    found.discard("main")
    found.hard_reset("main", first)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("model") / "saved"
    trees = HistGradientBoostingRegressor(max_iter=3, early_stopping=False, random_state=1)
    trusted = pipeline("flights").trusted_types
    rows = crafted.ROWS
    saved_files.save(trees.fit(rows.to_numpy(), crafted.TARGET), folder, trusted, example=rows.head(2))
    return {f"model/{file.name}": file.read_bytes() for file in folder.iterdir()}


def promote(
    lake: LakeFSLake, files: dict[str, bytes], number: int = 1, paths: dict[str, str] | None = None
) -> str:
    """Promote files by hand; ``paths`` says which path is recorded for one of them instead of its own."""
    records = tuple(
        ObjectRecord((paths or {}).get(path, path), len(content), "", sha256(content))
        for path, content in files.items()
    )
    run = f"{number:012x}"
    champion = Champion(number, run, 1, "e" * 64, ComparedTo(), "i" * 64, "", "r" * 64, records)
    for path, content in {**files, "champion.json": document(champion.to_json())}.items():
        lake.write("main", path, content)
    metadata = {"kind": "promotion", "number": str(number), "run_id": run, "evidence_commit": "e" * 64}
    return lake.commit("main", f"promotion {number}", metadata)


def test_loads_the_champion_or_a_certain_promotion(
    lake: LakeFSLake, where: Settings, saved: dict[str, bytes]
) -> None:
    first = promote(lake, saved)
    promote(lake, {**saved, "reports/run.md": b"better"}, number=2)
    rows = crafted.ROWS.to_numpy()
    expected = skops.io.loads(saved["model/model.skops"], trusted=crafted.by_skops(crafted.BOOSTED)).predict(
        rows
    )
    assert mlops.load_champion("flights", settings=where).predict(rows).tobytes() == expected.tobytes()
    loaded = open_champion("flights", number=1, settings=where)
    assert (loaded.number, loaded.commit) == (1, first)
    assert loaded.model.predict(rows).tobytes() == expected.tobytes()


def test_finds_the_lake_as_the_command_line_does(
    lake: LakeFSLake,
    where: Settings,
    saved: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    promote(lake, saved)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ConfigError, match="no lakeFS address or key"):
        mlops.load_champion("flights")
    monkeypatch.setenv("MLOPS_STATE_DIR", str(where.state_dir))
    assert mlops.load_champion("flights") is not None
    monkeypatch.delenv("MLOPS_STATE_DIR")
    for name, value in lake_credentials.environment(where.lake_credentials()).items():
        monkeypatch.setenv(name, value)
    assert mlops.load_champion("flights") is not None


def test_every_reason_not_to_load_has_its_own_error(
    lake: LakeFSLake, where: Settings, saved: dict[str, bytes]
) -> None:
    with pytest.raises(ConfigError, match="no such pipeline"):
        mlops.load_champion("nothing", settings=where)
    with pytest.raises(NotFound, match="no champion"):
        mlops.load_champion("flights", settings=where)
    promote(lake, saved)
    with pytest.raises(NotFound, match="there is no promotion 2"):
        mlops.load_champion("flights", number=2, settings=where)


def test_a_lake_that_is_down_is_said_to_be(where: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in lake_credentials.environment(where.lake_credentials()).items():
        monkeypatch.setenv(name, value)
    nowhere = settings.load(
        state_dir=where.state_dir,
        lake=LakeMode.EXTERNAL,
        lake_endpoint="http://127.0.0.1:9",
        lake_timeout_s=2,
    )
    with pytest.raises(LakeUnavailable):
        mlops.load_champion("flights", settings=nowhere)


def test_bytes_that_were_exchanged_are_not_opened(
    lake: LakeFSLake, where: Settings, saved: dict[str, bytes]
) -> None:
    promote(lake, saved)
    record = lake.read("main", "champion.json")
    lake.write("main", "model/model.skops", saved["model/model.skops"] + b"\0")
    metadata = {"kind": "promotion", "number": "1", "run_id": f"{1:012x}", "evidence_commit": "e" * 64}
    lake.write("main", "champion.json", record + b"\n")
    lake.commit("main", "exchanged", metadata)
    with pytest.raises(Corrupt, match="not the file that was recorded"):
        mlops.load_champion("flights", settings=where)


def test_a_promotion_without_a_model_has_none_to_load(lake: LakeFSLake, where: Settings) -> None:
    promote(lake, {"reports/run.md": b""})
    with pytest.raises(Corrupt, match="records no model"):
        mlops.load_champion("flights", settings=where)


def test_a_recorded_path_cannot_leave_the_folder(
    lake: LakeFSLake, where: Settings, saved: dict[str, bytes], tmp_path: Path
) -> None:
    promote(lake, saved, paths={"model/model.skops": f"model/../../..{tmp_path}/evil"})
    with pytest.raises(InputError, match="not a safe path"):
        mlops.load_champion("flights", settings=where)
    assert list(tmp_path.iterdir()) == []


def test_a_crafted_model_is_refused_though_its_digest_is_recorded(
    lake: LakeFSLake, where: Settings, saved: dict[str, bytes], tmp_path: Path
) -> None:
    mark = tmp_path / "ran"
    code = crafted.plain(f"open({str(mark)!r}, 'w').close()")
    evil = crafted.called("numpy.testing._private.utils", "runstring", code, crafted.mapping())
    content = crafted.edited(
        saved["model/model.skops"], lambda schema, _: crafted.give(schema, "verbose", evil)
    )
    promote(lake, {**saved, "model/model.skops": content})
    with pytest.raises(InputError, match="ConstructorFromReduceNode of numpy"):
        mlops.load_champion("flights", settings=where)
    assert not mark.exists()


def test_a_file_beside_the_model_is_refused(
    lake: LakeFSLake, where: Settings, saved: dict[str, bytes]
) -> None:
    promote(lake, {**saved, "model/code/evil.py": b"print('evil')"})
    with pytest.raises(InputError, match="no file of a saved model"):
        mlops.load_champion("flights", settings=where)


def test_it_costs_nothing_until_it_is_called() -> None:
    heavy = "{'mlflow', 'sklearn', 'pandas', 'lakefs', 'lakefs_sdk', 'skops', 'pydantic', 'mlops.steps'}"
    script = f"import sys, mlops; mlops.load_champion; print(sorted({heavy} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_loads_nothing_whose_signature_is_missing_or_not_its_own(
    lake: LakeFSLake, where: Settings, saved: dict[str, bytes]
) -> None:
    promote(lake, {**saved, "gate/policy.yaml": b"metric: mae\nsignatures: required\n"})
    with pytest.raises(Corrupt, match="has no signed statement"):
        mlops.load_champion("flights", settings=where)
    metadata = {**lake.commit_of("main").metadata, "statement": "{}"}
    lake.write("main", "reports/run.md", b"by hand")
    lake.commit("main", "promotion 1", metadata)
    with pytest.raises(Corrupt, match="not a signed statement"):
        mlops.load_champion("flights", settings=where)
