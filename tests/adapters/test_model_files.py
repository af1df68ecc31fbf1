from __future__ import annotations

import hashlib
import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from mlops.adapters.models import opening, saved_files
from mlops.pipelines import PIPELINES, pipeline
from mlops.pipelines.spec import PipelineSpec
from mlops.runs.errors import ConfigError, Corrupt, InputError
from mlops.runs.records import ObjectRecord
from mlops.runs.saved_types import SavedType, functions, objects

ROWS = pd.DataFrame({"a": [1, 2, 3, 4], "b": [0.5, 0.1, 0.4, 0.2], "c": ["x", "y", "x", "y"]}).astype(
    {"c": "str"}
)


def numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the number columns."""
    return frame[["a", "b"]]


LINE = objects("sklearn.linear_model._base.LinearRegression", "sklearn.pipeline.Pipeline")
#: All that the model below holds.
TRUSTED = (
    *LINE,
    *objects("sklearn.preprocessing._function_transformer.FunctionTransformer"),
    *functions(f"{numbers.__module__}.numbers"),
)


def fitted(function: Callable[[pd.DataFrame], pd.DataFrame] = numbers) -> Pipeline:
    model = Pipeline([("numbers", FunctionTransformer(function)), ("line", LinearRegression())])
    return model.fit(ROWS, np.arange(4.0))


def records(folder: Path) -> list[ObjectRecord]:
    """Return what a promotion records of a model folder."""
    return [
        ObjectRecord(
            path.relative_to(folder).as_posix(),
            path.stat().st_size,
            "",
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    saved = tmp_path / "model"
    saved_files.save(fitted(), saved, TRUSTED, example=ROWS)
    return saved


def test_a_model_comes_back_with_the_same_predictions(folder: Path) -> None:
    model = saved_files.load(folder, records(folder), TRUSTED)
    assert model.predict(ROWS).tobytes() == fitted().predict(ROWS).tobytes()


def test_the_folder_is_one_that_mlflow_reads(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import pyfunc
    from mlflow.models import Model

    monkeypatch.chdir(folder.parent)
    loaded = Model.load(str(folder))
    assert loaded.flavors["sklearn"]["serialization_format"] == "skops"
    assert loaded.flavors["sklearn"]["skops_trusted_types"] == sorted(kind.path for kind in TRUSTED)
    assert [str(column.type) for column in loaded.signature.inputs] == [
        "DataType.long",
        "DataType.double",
        "DataType.string",
    ]
    assert np.array_equal(pyfunc.load_model(str(folder)).predict(ROWS), fitted().predict(ROWS))
    assert "scikit-learn==" in (folder / "requirements.txt").read_text()


def test_saving_leaves_nothing_but_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    saved_files.save(fitted(), tmp_path / "model", TRUSTED, example=ROWS)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert not any(path.suffix in (".pkl", ".pickle") for path in (tmp_path / "model").rglob("*"))


def test_a_type_that_the_pipeline_does_not_trust_is_not_saved(tmp_path: Path) -> None:
    # The function is unknown to skops itself; the line is one that skops would trust on its own.
    for allowed, match in (
        (TRUSTED[:-1], "references untrusted types"),
        (TRUSTED[1:], "not on the pipeline's"),
    ):
        with pytest.raises(ConfigError, match=match):
            saved_files.save(fitted(), tmp_path / "model", allowed, example=ROWS)
    assert not (tmp_path / "model").exists()


def test_a_type_that_the_pipeline_does_not_trust_is_not_opened(folder: Path) -> None:
    with pytest.raises(InputError, match="which the pipeline does not trust"):
        saved_files.load(folder, records(folder), LINE)
    text = (folder / "MLmodel").read_text()
    listed = "".join(f"    - {kind.path}\n" for kind in sorted(TRUSTED, key=lambda kind: kind.path))
    assert listed in text
    (folder / "MLmodel").write_text(
        text.replace(f"skops_trusted_types:\n{listed}", "skops_trusted_types: []\n")
    )
    with pytest.raises(InputError, match="types that are untrusted"):
        saved_files.load(folder, records(folder), LINE)


def test_what_a_model_says_of_itself_is_not_believed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "ran"
    evil = Pipeline([("call", FunctionTransformer(os.system, kw_args={"command": f"touch {marker}"}))])
    skops.io.dump(evil, folder / saved_files.MODEL_FILE)
    text = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(text.replace(TRUSTED[-1].path, "posix.system"))
    with pytest.raises(InputError, match=r"posix\.system"):
        saved_files.load(folder, records(folder), TRUSTED)
    assert not marker.exists()


def test_another_file_that_mlmodel_points_to_is_not_opened(folder: Path) -> None:
    text = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(text.replace("model.skops", "model.pkl").replace(": skops", ": pickle"))
    (folder / saved_files.MODEL_FILE).rename(folder / "model.pkl")
    with pytest.raises(InputError, match="no file of a saved model"):
        saved_files.load(folder, records(folder), TRUSTED)


def _append(folder: Path) -> None:
    path = folder / saved_files.MODEL_FILE
    path.write_bytes(path.read_bytes() + b"\0")


def _flip(folder: Path) -> None:
    path = folder / saved_files.MODEL_FILE
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _link(folder: Path) -> None:
    outside = folder.parent / "elsewhere"
    (folder / "MLmodel").rename(outside)
    (folder / "MLmodel").symlink_to(outside)


TAMPERING: dict[str, Callable[[Path], None]] = {
    "longer": _append,
    "one bit": _flip,
    "gone": lambda folder: (folder / saved_files.MODEL_FILE).unlink(),
    "another file gone": lambda folder: (folder / "conda.yaml").unlink(),
    "extra": lambda folder: (folder / "extra.pkl").write_bytes(b""),
    "types": lambda folder: (folder / "MLmodel").write_text("flavors: {}"),
    "link": _link,
}


@pytest.mark.parametrize("damage", TAMPERING)
def test_a_folder_that_was_tampered_with_is_refused_before_anything_is_opened(
    folder: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = records(folder)
    TAMPERING[damage](folder)
    monkeypatch.setattr(skops.io, "loads", lambda *_, **__: pytest.fail("it was opened"))
    with pytest.raises(Corrupt):
        saved_files.load(folder, recorded, TRUSTED)


def test_a_file_that_changes_between_check_and_use_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = records(folder)
    checked = saved_files.check

    def check_then_change(*arguments: object) -> None:
        checked(*arguments)  # type: ignore[arg-type]
        _flip(folder)

    monkeypatch.setattr(saved_files, "check", check_then_change)
    monkeypatch.setattr(skops.io, "loads", lambda *_, **__: pytest.fail("it was opened"))
    with pytest.raises(Corrupt, match="not the file that was recorded"):
        saved_files.load(folder, recorded, TRUSTED)


def test_recorded_bytes_that_are_no_model_are_named(folder: Path) -> None:
    (folder / saved_files.MODEL_FILE).write_bytes(b"not a zip")
    with pytest.raises(InputError, match="cannot be opened as skops"):
        saved_files.load(folder, records(folder), TRUSTED)


def needed(content: bytes, spec: PipelineSpec) -> set[SavedType]:
    """Return the entries of a pipeline's list without which a file is refused."""
    found = set()
    for kind in spec.trusted_types:
        try:
            opening.check_file(content, [other for other in spec.trusted_types if other != kind], "file")
        except InputError:
            found.add(kind)
    return found


def losses_of(spec: PipelineSpec) -> list[dict[str, Any]]:
    """Return parameters for every loss that a pipeline's model can be fitted with."""
    package = PIPELINES[spec.name].rpartition(".")[0]
    named = getattr(importlib.import_module(f"{package}.params"), "LOSSES", ())
    return [{"loss": loss} for loss in named] or [{}]


@pytest.mark.parametrize("name", sorted(name for name in PIPELINES if pipeline(name).has_model))
def test_the_trusted_types_of_a_pipeline_are_exactly_those_its_model_needs(name: str, tmp_path: Path) -> None:
    spec = pipeline(name)
    arrival = spec.source({}).arrivals()[2]
    rows = spec.join({table: {arrival: f} for table, f in spec.source({}).extract(arrival).items()}).rows
    rows = rows.head(4_000)
    taken = spec.task.units(spec, rows, rows)[list(spec.task.unit_input(spec))]
    used: set[SavedType] = set()
    short = {"max_iter": 3} if "max_iter" in spec.params.__dataclass_fields__ else {}
    for params in losses_of(spec):
        model = spec.model(spec.parameters({**short, **params}), 7)
        spec.task.fit(spec, model, rows)
        used |= needed(skops.io.dumps(model), spec)
    assert used == set(spec.trusted_types)
    saved_files.save(model, tmp_path / "model", spec.trusted_types, example=taken)
    again = saved_files.load(tmp_path / "model", records(tmp_path / "model"), spec.trusted_types)
    assert spec.task.predict(again, taken).equals(spec.task.predict(model, taken))
    assert tuple(getattr(again, "feature_names_in_", taken.columns)) == spec.task.unit_input(spec)
