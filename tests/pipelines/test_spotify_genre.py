"""Tracks: files of the published form, parts, duplicates, and what the suites stop."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from mlops.adapters.policy.files import parse_holdout_rule
from mlops.adapters.validation.suites import validate
from mlops.pipelines import pipeline
from mlops.pipelines.holdout import split
from mlops.pipelines.spotify_genre import extract, synthetic
from mlops.pipelines.spotify_genre.join import LISTED_AGAIN, NO_ARTIST
from mlops.runs.errors import ConfigError, InputError
from tests.pipelines.conftest import EXPECTATIONS

SPEC = pipeline("spotify-genre")

_AUDIO = ",".join(extract.AUDIO)
_SOUND = "0.7,0.9,6,-2.6,1,0.06,0.1,0,0.07,0.5,122.0,194754"
#: Made up, in the form of the published spotify_songs.csv.
PUBLISHED = f"""\
track_id,track_name,track_artist,track_popularity,track_album_id,track_album_name,track_album_release_date,\
playlist_name,playlist_id,playlist_genre,playlist_subgenre,{_AUDIO}
t1,One,Ann,66,a1,First,2019-06-14,Hits,p1,pop,dance pop,{_SOUND}
t1,One,Ann,66,a1,First,2019-06-14,More Hits,p2,pop,electropop,{_SOUND}
t1,One,Ann,66,a1,First,2019-06-14,Club,p3,edm,big room,{_SOUND}
t2,Two,Bob,10,a2,Second,1999,Rocks,p4,rock,hard rock,{_SOUND}
"""
WITHOUT_ID = "\n".join(line.split(",", 1)[1] for line in PUBLISHED.splitlines())


def published(tmp_path: Path, text: str = PUBLISHED) -> pd.DataFrame:
    path = tmp_path / "spotify_songs.csv"
    path.write_text(text)
    return extract.parse("tracks", pd.read_csv(path))


def test_a_published_file_is_mapped(tmp_path: Path) -> None:
    frame = published(tmp_path)
    assert list(frame.columns) == list(extract.SCHEMA)
    last = frame.iloc[3]
    assert last[["track_id", "artist", "popularity", "album", "release_date"]].tolist() == [
        "t2", "Bob", 10, "Second", "1999",
    ]  # fmt: skip
    assert last[["playlist", "genre", "subgenre", "key", "duration_ms"]].tolist() == [
        "Rocks", "rock", "hard rock", 6, 194754.0,
    ]  # fmt: skip


def test_tracks_without_an_id_get_one_of_name_and_artist(tmp_path: Path) -> None:
    ids = published(tmp_path, WITHOUT_ID)["track_id"].tolist()
    assert ids[0] == ids[1] == ids[2] != ids[3]
    assert all(len(made) == 22 for made in ids)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("playlist_genre", "genres"), "columns missing: playlist_genre"),
        ((",tempo", ",bpm"), "columns missing: tempo"),
        (("track_artist", "singer"), "columns missing: artist"),
        ((",6,-2.6", ",C,-2.6"), "column key must hold whole numbers"),
    ],
)
def test_a_file_of_another_form_is_named(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        published(tmp_path, PUBLISHED.replace(*change))


def test_a_track_is_one_row_per_genre_as_it_was_delivered_last(tmp_path: Path) -> None:
    old, new = published(tmp_path), published(tmp_path, PUBLISHED.replace("122.0", "90.0"))
    new.loc[3, "artist"] = None
    done = SPEC.join({"tracks": {"part-1": old, "part-2": new}})
    assert done.rows[["track_id", "genre", "tempo"]].to_numpy().tolist() == [
        ["t1", "edm", 90.0],
        ["t1", "pop", 90.0],
        ["t2", "rock", 122.0],
    ]
    assert done.dropped == {NO_ARTIST: 1, LISTED_AGAIN: 4}
    assert done.counts == {"listed tracks read": 8, "tracks of several genres": 1}
    with pytest.raises(InputError, match="no arrival has delivered"):
        SPEC.join({})


def test_all_rows_of_a_track_are_on_one_side_for_ever() -> None:
    rule = parse_holdout_rule((EXPECTATIONS / "spotify-genre" / "holdout.yaml").read_bytes())
    frames = {arrival: extract.extract(arrival)["tracks"] for arrival in extract.PARTS.arrivals()}
    few = split(SPEC.join({"tracks": {"part-1": frames["part-1"]}}).rows, rule, SPEC)
    many = split(SPEC.join({"tracks": frames}).rows, rule, SPEC)
    assert SPEC.join({"tracks": frames}).counts["tracks of several genres"] > 100
    assert not set(many.train["track_id"]) & set(many.holdout["track_id"])
    assert set(few.holdout["track_id"]) <= set(many.holdout["track_id"])
    assert 0.27 < len(many.holdout) / (len(many.holdout) + len(many.train)) < 0.33


def test_the_synthetic_tracks_are_made_alike() -> None:
    first = synthetic.tracks()
    synthetic.tracks.cache_clear()
    pd.testing.assert_frame_equal(first, synthetic.tracks())
    assert set(first["genre"]) == set(extract.GENRES)
    assert 4_800 < len(first) < 5_300
    assert first["artist"].nunique() > 200


def test_the_baseline_is_the_share_of_each_genre_in_training() -> None:
    train = pd.DataFrame({"genre": ["edm", "edm", "pop", "rock"]})
    found = SPEC.baseline(train, pd.DataFrame({"x": [1, 2]}))
    assert found.tolist() == [[0.5, 0.0, 0.25, 0.0, 0.0, 0.25]] * 2


@pytest.mark.parametrize(
    ("params", "message"),
    [({"max_iter": 0}, "1 to 1000"), ({"l2_regularization": -1}, "finite"), ({"loss": "x"}, "no such")],
)
def test_a_wrong_parameter_is_named(params: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SPEC.parameters(params)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("genre", "jazz"),
        ("genre", None),
        ("track_id", None),
        ("key", 12),
        ("mode", 2),
        ("energy", 1.5),
        ("tempo", -1.0),
        ("valence", float("nan")),
        ("duration_ms", 194.0),
        ("popularity", 101),
    ],
)
def test_the_suite_stops_a_wrong_cell(column: str, value: object) -> None:
    frame = extract.extract("part-2")["tracks"]
    broken = frame.assign(**{column: frame[column].where(frame.index != 3, value)})  # pyright: ignore[reportArgumentType]
    suite = json.loads((EXPECTATIONS / "spotify-genre" / "tracks.json").read_text())
    report = validate("tracks", broken, suite)
    assert not report.success
    assert {check.column for check in report.failures} == {column}
