"""A file is scored in pieces, every column is kept, and the output appears whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops.runs.errors import ConfigError, InputError
from mlops.serving.request_schema import schema_of
from mlops.serving.scoring import score_file
from mlops.serving.service import Served

SAMPLE = pd.DataFrame({"x": [1.0], "n": [1]})
SUITE = {
    "expectations": [
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "n", "max_value": 100}}
    ]
}


class Model:
    def __init__(self) -> None:
        self.sizes: list[int] = []

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        self.sizes.append(len(rows))
        return (rows["x"].fillna(0) + rows["n"]).to_numpy()


def served(model: Model) -> Served:
    return Served("tiny", 1, "c" * 64, 0.0, schema_of(SAMPLE, SUITE), model)


ROWS = pd.DataFrame(
    {
        "key": [f"k{n}" for n in range(25)],
        "x": [None if n % 5 == 0 else n / 2 for n in range(25)],
        "n": range(25),
        "at": pd.date_range("2020-01-01", periods=25),
    }
)
WANTED = [(0 if n % 5 == 0 else n / 2) + n for n in range(25)]


def silent(_line: str) -> None:
    """Report to nobody."""


@pytest.mark.parametrize("source", ["in.csv", "in.parquet"])
@pytest.mark.parametrize("target", ["out.csv", "out.parquet"])
def test_a_file_is_scored_in_pieces(tmp_path: Path, source: str, target: str) -> None:
    file, out, model, told = tmp_path / source, tmp_path / target, Model(), list[str]()
    ROWS.to_csv(file, index=False) if source.endswith("csv") else ROWS.to_parquet(file)
    assert score_file(served(model), file, out, told.append, piece_rows=10) == 25
    assert model.sizes == [10, 10, 5]
    assert told == ["10 rows scored", "20 rows scored", "25 rows scored"]
    found = pd.read_csv(out) if target.endswith("csv") else pd.read_parquet(out)
    assert list(found.columns) == [*ROWS.columns, "prediction"]
    assert list(found["prediction"]) == WANTED
    assert list(found["key"]) == list(ROWS["key"])
    assert [path.name for path in sorted(tmp_path.iterdir())] == sorted([source, target])


def test_cells_of_a_csv_are_copied_as_they_are(tmp_path: Path) -> None:
    file, out = tmp_path / "in.csv", tmp_path / "out.csv"
    file.write_text('note,x,n\n"a, ""b""",1.50,007\n', encoding="utf-8")
    score_file(served(Model()), file, out, silent)
    assert out.read_bytes() == b'note,x,n,prediction\r\n"a, ""b""",1.50,007,8.5\r\n'


def test_a_row_that_breaks_the_suite_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    file, out = tmp_path / "in.csv", tmp_path / "out.csv"
    file.write_text("x,n\n" + "1,1\n" * 12 + "1,101\n", encoding="utf-8")
    out.write_text("before", encoding="utf-8")
    with pytest.raises(InputError, match="row 12, column n: must be at most 100, not 101") as caught:
        score_file(served(Model()), file, out, silent, piece_rows=5)
    assert caught.value.where == str(file)
    assert out.read_text(encoding="utf-8") == "before"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("in.csv", b"", "no rows"),
        ("in.csv", b"x,n\n", "no rows"),
        ("in.csv", b"x,x\n1,1\n", "names a column twice"),
        ("in.csv", b"x,n\n1\n", "other than 2 cells"),
        ("in.csv", b"x,n\n\xff,1\n", "is no CSV"),
        ("in.csv", b"x\n1\n", "missing column 'n'"),
        ("in.csv", b"x,n,prediction\n1,1,1\n", "has a column prediction already"),
        ("in.parquet", b"PAR1", "is no Parquet file"),
    ],
)
def test_what_cannot_be_scored_is_said(tmp_path: Path, name: str, content: bytes, what: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(InputError, match=what):
        score_file(served(Model()), file, tmp_path / "out.csv", silent)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("source", "target"), [("in.txt", "out.csv"), ("in.csv", "out.json"), ("in.csv", "no/out.csv")]
)
def test_other_endings_and_folders_are_refused(tmp_path: Path, source: str, target: str) -> None:
    (tmp_path / source).write_text("x,n\n1,1\n", encoding="utf-8")
    with pytest.raises(ConfigError):
        score_file(served(Model()), tmp_path / source, tmp_path / target, silent)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        score_file(served(Model()), tmp_path / "in.csv", tmp_path / "out.csv", silent)
