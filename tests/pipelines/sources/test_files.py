"""Sources of files: patterns, formats, packings, checksums, and everything that can be wrong with a file."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from mlops.pipelines.bike_sharing.pipeline import SPEC as BIKES
from mlops.pipelines.sources.cells import MAX_CELL_BYTES
from mlops.pipelines.sources.configured import open_source
from mlops.pipelines.sources.source import Extracted
from mlops.pipelines.sources.table_files import read_local
from mlops.runs.errors import ConfigError, InputError
from tests.pipelines.sources.points import PATTERN, ROWS, files, parse, source


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for arrival in ("2020-01", "2020-02"):
        (tmp_path / "data" / arrival).mkdir(parents=True)
        ROWS.to_csv(tmp_path / "data" / arrival / "points.csv", index=False)
    return tmp_path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class TestPatterns:
    def test_arrivals_are_the_folders_that_hold_the_file(self, folder: Path) -> None:
        (folder / "data" / "archive").mkdir()
        (folder / "data" / ".hidden").mkdir()
        ROWS.to_csv(folder / "data" / ".hidden" / "points.csv", index=False)

        assert source(folder).arrivals() == ("2020-01", "2020-02")

    def test_the_arrival_may_be_a_part_of_the_name_and_stand_twice(self, folder: Path) -> None:
        for name in ("p-3-3.csv", "p-4-5.csv", "p-6.csv", "other-3-3.csv"):
            ROWS.to_csv(folder / "data" / name, index=False)

        assert source(folder, "data/p-{arrival}-{arrival}.csv").arrivals() == ("3",)

    def test_declared_arrivals_need_no_list(self, folder: Path) -> None:
        assert source(folder, arrivals="2020-01..2020-03").arrivals() == ("2020-01", "2020-02", "2020-03")

    def test_no_folder_is_no_arrival(self, tmp_path: Path) -> None:
        assert source(tmp_path).arrivals() == ()

    @pytest.mark.parametrize("arrival", ["../2020-01", "/etc", "a/b", "..", "", "a..b", "a\nb", "~root"])
    def test_an_arrival_cannot_leave_its_place(self, folder: Path, arrival: str) -> None:
        with pytest.raises(InputError, match="not an arrival name"):
            source(folder).extract(arrival)

    def test_a_pattern_without_arrival_needs_declared_ones(self, folder: Path) -> None:
        with pytest.raises(ConfigError, match="no pattern holds"):
            source(folder, "data/points.csv")

    def test_every_table_has_a_pattern_and_no_other_has(self) -> None:
        with pytest.raises(ConfigError, match="does not name its pattern") as raised:
            files({"tables": {}})
        assert raised.value.where == "tables: points"
        with pytest.raises(ConfigError, match="no such table; there are points"):
            files({"tables": {"points": PATTERN, "lines": PATTERN}})

    def test_a_pattern_that_is_no_table_is_named(self) -> None:
        with pytest.raises(ConfigError, match=r"is not a table; accepted are \.csv"):
            files({"tables": {"points": "data/{arrival}.xlsx"}})


def _jsonl(frame: pd.DataFrame) -> bytes:
    return frame.to_json(orient="records", lines=True, force_ascii=False).encode()


def _zipped(content: bytes) -> bytes:
    import io

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("points", content)
    return buffer.getvalue()


def _zst(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as packed:
        packed.write(content)
    return sink.getvalue().to_pybytes()


FORMATS: dict[str, Callable[[pd.DataFrame], bytes]] = {
    ".csv": lambda frame: frame.to_csv(index=False).encode(),
    ".parquet": lambda frame: frame.to_parquet(None, index=False),  # type: ignore[return-value]
    ".jsonl": _jsonl,
}
PACKED: dict[str, Callable[[bytes], bytes]] = {"": bytes, ".gz": gzip.compress, ".zip": _zipped, ".zst": _zst}


class TestFormats:
    @pytest.mark.parametrize("packing", PACKED)
    @pytest.mark.parametrize("form", FORMATS)
    def test_every_format_in_every_packing_gives_the_same_rows(
        self, tmp_path: Path, form: str, packing: str
    ) -> None:
        content = PACKED[packing](FORMATS[form](ROWS))
        (tmp_path / f"a{form}{packing}").write_bytes(content)

        found = source(tmp_path, f"{{arrival}}{form}{packing}").extract("a")

        pd.testing.assert_frame_equal(found["points"], parse("points", ROWS))

    def test_every_table_says_where_it_came_from(self, folder: Path) -> None:
        found = source(folder).extract("2020-02")

        assert isinstance(found, Extracted)
        path = folder / "data" / "2020-02" / "points.csv"
        origin = found.origins["points"]
        assert (origin.kind, origin.place) == ("file", str(path))
        assert (origin.sha256, origin.size_bytes) == (sha256(path), path.stat().st_size)

    def test_encoding_and_delimiter_are_settings(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_bytes(ROWS.to_csv(index=False, sep=";").encode("latin-1"))

        found = source(tmp_path, "{arrival}.csv", encoding="latin-1", delimiter=";").extract("a")

        assert found["points"]["name"].tolist() == ["a", "b", "é"]


CSV = "n,x,name\n"
BAD: dict[str, tuple[bytes, str]] = {
    "empty table": (CSV.encode(), "the table has no rows"),
    "empty file": (b"", "cannot be read as CSV: No columns"),
    "missing column": (b"n,x\n1,2\n", "columns missing: name"),
    "other column": (b"n,x,name,z\n1,2,a,3\n", "columns not expected: z"),
    "mixed types": (b"n,x,name\n1,2,a\n2,many,b\n", "column x must hold numbers"),
    "wrong encoding": ("n,x,name\n1,2,é\n".encode("latin-1"), "is not utf-8: unexpected end of data"),
    "10 MB cell": (
        CSV.encode() + b'1,2,"' + b"a" * (10 << 20) + b'"\n',
        "row 0 of column name holds 10,485,760",
    ),
    "other number of cells": (b"n,x,name\n1,2,a\n1,2,a,4\n", "Expected 3 fields in line 3, saw 4"),
    "unclosed quote": (b'n,x,name\n1,2,"a\n', "cannot be read as CSV"),
}


class TestBadFiles:
    @pytest.mark.parametrize("fault", BAD)
    def test_a_bad_csv_is_one_line(self, tmp_path: Path, fault: str) -> None:
        content, message = BAD[fault]
        (tmp_path / "a.csv").write_bytes(content)

        with pytest.raises(InputError, match=message) as raised:
            source(tmp_path, "{arrival}.csv").extract("a")
        assert raised.value.exit_code == 3
        assert "\n" not in str(raised.value)
        assert len(str(raised.value)) < 1000

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            (b'{"n": 1', "line 2: is not JSON"),
            (b"[1]", "line 2: a line must be a JSON object"),
            (b'{"n": {"m": 1}}', "line 2: n is nested"),
            (b'{"n": "one", "x": 1, "name": "a"}', "column n must hold whole numbers"),
            (b'{"n": 1, "x": 1, "name": 7}', "column name must hold text"),
            (b'{"n": 1, "x": 1, "name": "\xe9"}', "is not utf-8"),
            (b"[" * 100_000, "line 2: is not JSON"),
        ],
    )
    def test_a_bad_line_of_json_is_named(self, tmp_path: Path, line: bytes, message: str) -> None:
        (tmp_path / "a.jsonl").write_bytes(b'{"n": 1, "x": 0.5, "name": "a"}\n' + line + b"\n")

        with pytest.raises(InputError, match=message):
            source(tmp_path, "{arrival}.jsonl").extract("a")

    @pytest.mark.parametrize("suffix", [".parquet", ".csv.gz", ".csv.zip", ".csv.zst"])
    @pytest.mark.parametrize("part", ["noise", "cut"])
    def test_a_damaged_file_is_one_line(self, tmp_path: Path, suffix: str, part: str) -> None:
        form, _, packing = suffix[1:].partition(".")
        whole = PACKED[f".{packing}" if packing else ""](FORMATS[f".{form}"](pd.concat([ROWS] * 2000)))
        (tmp_path / f"a{suffix}").write_bytes(b"noise" * 9 if part == "noise" else whole[: len(whole) // 2])

        with pytest.raises(InputError, match="cannot be read as"):
            source(tmp_path, f"{{arrival}}{suffix}").extract("a")

    def test_a_missing_file_is_named(self, folder: Path) -> None:
        with pytest.raises(InputError, match=r"2020-03/points.csv: there is no such file"):
            source(folder).extract("2020-03")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
    def test_an_unreadable_file_is_named(self, folder: Path) -> None:
        (folder / "data" / "2020-01" / "points.csv").chmod(0)
        with pytest.raises(ConfigError, match=r"points.csv: access is denied"):
            source(folder).extract("2020-01")

    def test_a_folder_or_pipe_is_no_file(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").mkdir()
        os.mkfifo(tmp_path / "b.csv")
        for arrival in "ab":
            with pytest.raises(InputError, match="is not a file"):
                source(tmp_path, "{arrival}.csv").extract(arrival)

    def test_a_small_archive_cannot_fill_the_disk(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"0" * (3 << 20)))
        with pytest.raises(InputError, match="holds more than 2 MB"):
            source(tmp_path, "{arrival}.csv.gz", max_size_mb=2).extract("a")

    def test_an_archive_holds_one_file(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "a.csv.zip", "w") as archive:
            archive.writestr("../one", CSV)
            archive.writestr("two", CSV)
        with pytest.raises(InputError, match="must hold one file, and holds 2"):
            source(tmp_path, "{arrival}.csv.zip").extract("a")

    def test_a_cell_at_the_bound_is_taken(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text(CSV + f"1,2,{'a' * MAX_CELL_BYTES}\n")
        assert len(source(tmp_path, "{arrival}.csv").extract("a")["points"]) == 1


class TestChecksums:
    def test_a_declared_sha256_is_compared(self, folder: Path) -> None:
        name = "data/2020-01/points.csv"
        right = sha256(folder / name)
        assert len(source(folder, sha256={name: right.upper()}).extract("2020-01")["points"]) == 3

        with pytest.raises(InputError, match="not the one declared") as raised:
            source(folder, sha256={name: "0" * 64}).extract("2020-01")
        assert name in raised.value.where
        assert right in raised.value.what

    def test_the_declaration_must_have_its_form(self, folder: Path) -> None:
        with pytest.raises(ConfigError, match="not a SHA-256"):
            source(folder, sha256={"data/2020-01/points.csv": "abc"})

    def test_a_file_of_sha256sum_is_followed(self, folder: Path) -> None:
        place = folder / "data" / "2020-01"
        (place / "SHA256SUMS").write_text(f"{sha256(place / 'points.csv')}  points.csv\n")
        by_sums = source(folder, checksums="data/{arrival}/SHA256SUMS")
        assert len(by_sums.extract("2020-01")["points"]) == 3

        (place / "points.csv").write_text(CSV + "1,2,x\n")
        with pytest.raises(InputError, match="not the one declared"):
            by_sums.extract("2020-01")
        (place / "SHA256SUMS").write_text(f"{'0' * 64}  other.csv\n")
        with pytest.raises(InputError, match="is not listed in"):
            by_sums.extract("2020-01")
        (place / "SHA256SUMS").write_text("nonsense\n")
        with pytest.raises(InputError, match="line 1 is not of the form"):
            by_sums.extract("2020-01")
        with pytest.raises(InputError, match="SHA256SUMS: there is no such file"):
            by_sums.extract("2020-02")


def test_json_lines_keep_text_that_looks_like_a_number(tmp_path: Path) -> None:
    line = json.dumps({"n": 1, "x": 2, "name": "007"})
    (tmp_path / "a.jsonl").write_text(line + "\n")
    assert source(tmp_path, "{arrival}.jsonl").extract("a")["points"]["name"].tolist() == ["007"]


def test_csv_is_read_as_text(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("carrier,flight\n9E,0012\n,\n")
    frame = read_local(path)
    assert frame["flight"].iloc[0] == "0012"
    assert frame.iloc[1].isna().all()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.csv", "no such file"),
        ("rows.xlsx", "accepted are .csv, .parquet"),
        ("folder.csv", "no such file"),
    ],
)
def test_a_users_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match=message) as raised:
        read_local(tmp_path / name)
    assert raised.value.where == str(tmp_path / name)[:200]


def test_a_file_with_several_arrivals_gives_each_its_rows(tmp_path: Path) -> None:
    both = pd.concat([BIKES.source({}).extract(month)["rentals"] for month in ("2011-01", "2011-02")])
    both.to_parquet(tmp_path / "hours.parquet", index=False)
    options = {
        "kind": "files",
        "folder": str(tmp_path),
        "tables": {"rentals": "hours.parquet"},
        "arrivals": "2011-01..2011-03",
    }
    found = open_source(BIKES, options)
    assert set(found.extract("2011-02")["rentals"]["date"].dt.month) == {2}
    with pytest.raises(InputError):
        found.extract("2011-03")
