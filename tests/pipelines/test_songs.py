"""Songs for playlists: files of the published form, joined rows, the recommender, styles, and the suites."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops.adapters.models import saved_files
from mlops.adapters.policy.files import parse_holdout_rule
from mlops.adapters.tables import diff_frames
from mlops.adapters.validation.suites import validate
from mlops.pipelines import pipeline, track_files
from mlops.pipelines.holdout import split
from mlops.pipelines.songs import extract, styles, synthetic
from mlops.pipelines.songs.join import LISTED_AGAIN, NO_ARTIST, SHORT
from mlops.pipelines.songs.model import LONGEST, Recommender
from mlops.pipelines.songs.params import Params
from mlops.runs.errors import ConfigError, InputError
from mlops.steps.checks.trial import recorded_files
from mlops.steps.train import example_input
from tests.pipelines.conftest import EXPECTATIONS

SPEC = pipeline("songs")

_SOUND = "0.7,0.9,6,-2.6,1,0.06,0.1,0,0.07,0.5,122.0,194754"
_HEAD = (
    "track_id,track_name,track_artist,track_popularity,track_album_id,track_album_name,track_album_release_date,"
    "playlist_name,playlist_id,playlist_genre,playlist_subgenre," + ",".join(track_files.AUDIO)
)
#: Made up, in the form of the published spotify_songs.csv: two playlists with the same name.
PUBLISHED = "\n".join(
    [
        _HEAD,
        *(
            f"t{song},Song {song},Ann {song % 2},66,a1,First,2019-06-14,Hits,p{lists},pop,dance pop,{_SOUND}"
            for lists in (1, 2)
            for song in range(6)
        ),
    ]
)


def published(tmp_path: Path, text: str = PUBLISHED) -> pd.DataFrame:
    path = tmp_path / "spotify_songs.csv"
    path.write_text(text)
    return extract.parse("tracks", pd.read_csv(path))


def without(tmp_path: Path, *columns: str) -> pd.DataFrame:
    path = tmp_path / "spotify_songs.csv"
    path.write_text(PUBLISHED)
    return extract.parse("tracks", pd.read_csv(path).drop(columns=list(columns)))


def test_a_published_file_is_mapped(tmp_path: Path) -> None:
    frame = published(tmp_path)
    assert list(frame.columns) == list(extract.SCHEMA)
    assert frame.iloc[7][["playlist_id", "playlist", "track_id", "track_name", "artist"]].tolist() == [
        "p2", "Hits", "t1", "Song 1", "Ann 1",
    ]  # fmt: skip
    assert frame.iloc[7][["genre", "subgenre", "popularity", "key", "duration_ms"]].tolist() == [
        "pop", "dance pop", 66, 6, 194754.0,
    ]  # fmt: skip


def test_ids_that_a_file_lacks_are_made_of_names(tmp_path: Path) -> None:
    frame = without(tmp_path, "track_id", "playlist_id", "track_album_id")
    assert frame["playlist_id"].nunique() == 1, "two playlists of one name cannot be told apart"
    assert frame["track_id"].nunique() == 6
    assert frame["track_id"].iloc[0] == track_files.made_id("Song 0", "Ann 0")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("playlist_name", "list"), "columns missing: playlist_name"),
        (("track_artist", "singer"), "columns missing: playlist, artist"),
        ((",6,-2.6", ",C,-2.6"), "column key must hold whole numbers"),
    ],
)
def test_a_file_of_another_form_is_named(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        published(tmp_path, PUBLISHED.replace(*change))


def test_a_track_is_once_in_a_playlist_and_the_same_in_all(tmp_path: Path) -> None:
    old = published(tmp_path)
    new = published(tmp_path, PUBLISHED.replace("122.0", "90.0")).iloc[:3]
    short = old.head(4).assign(playlist_id="p3")
    nobody = old.head(1).assign(playlist_id="p1", track_id="t9", artist=None)
    nobody["artist"] = nobody["artist"].astype("str")
    done = SPEC.join({"tracks": {"part-1": pd.concat([old, short, nobody]), "part-2": new}})
    assert done.rows[["playlist_id", "track_id"]].to_numpy().tolist() == [
        [f"p{lists}", f"t{song}"] for lists in (1, 2) for song in range(6)
    ]
    tempo = dict(zip(done.rows["track_id"], done.rows["tempo"], strict=True))
    assert tempo == {"t0": 90.0, "t1": 90.0, "t2": 90.0, "t3": 122.0, "t4": 122.0, "t5": 122.0}
    assert done.rows.groupby("track_id")["tempo"].nunique().max() == 1
    assert done.dropped == {NO_ARTIST: 1, LISTED_AGAIN: 3, SHORT: 4}
    assert done.counts == {"listed tracks read": 20, "playlists": 2}
    with pytest.raises(InputError, match="no arrival has delivered"):
        SPEC.join({})


def test_a_playlist_has_the_genre_of_most_of_its_rows(tmp_path: Path) -> None:
    frame = published(tmp_path)
    frame["genre"] = ["rap", "rap", "rap", "pop", "pop", "rock", *(["rock", "pop"] * 3)]
    found = SPEC.join({"tracks": {"part-1": frame}}).rows
    assert found.groupby("playlist_id")["genre"].unique().map(list).to_dict() == {
        "p1": ["rap"],
        "p2": ["pop"],
    }


def test_what_is_hidden_from_a_playlist_stays_hidden() -> None:
    rule = parse_holdout_rule((EXPECTATIONS / "songs" / "holdout.yaml").read_bytes())
    frames = {arrival: extract.extract(arrival)["tracks"] for arrival in extract.PARTS.arrivals()}
    few = split(SPEC.join({"tracks": {"part-1": frames["part-1"]}}).rows, rule, SPEC)
    many = split(SPEC.join({"tracks": frames}).rows, rule, SPEC)
    pairs = [
        set(zip(side["playlist_id"], side["track_id"], strict=True)) for side in (many.train, many.holdout)
    ]
    assert not pairs[0] & pairs[1]
    assert set(zip(few.holdout["playlist_id"], few.holdout["track_id"], strict=True)) <= pairs[1]
    assert 0.23 < len(pairs[1]) / (len(pairs[0]) + len(pairs[1])) < 0.27


def test_the_synthetic_playlists_are_made_alike() -> None:
    first = synthetic.tracks()
    synthetic.tracks.cache_clear()
    pd.testing.assert_frame_equal(first, synthetic.tracks())
    assert set(first["genre"]) == set(track_files.GENRES)
    assert 6_500 < len(first) < 8_000
    assert not first.duplicated(["playlist_id", "track_id"]).any()


def rows(*playlists: str, **of_tracks: list[object]) -> pd.DataFrame:
    """Return joined rows of playlists such as ``p1: a b c``; every track has its own artist and one genre."""
    pairs = [(text[:2], track) for text in playlists for track in text[3:].split()]
    frame = pd.DataFrame(pairs, columns=["playlist_id", "track_id"])
    frame["artist"] = frame["track_id"] + " band"
    frame["genre"] = "pop"
    for name in styles.FEATURES:
        frame[name] = 0.5
    return frame.assign(**of_tracks)


def recommended(model: Recommender, *known: str) -> list[str]:
    return model.predict(pd.DataFrame({"known": [json.dumps(list(known))]}))[0]


LISTS = ("p1: a b c", "p2: a b d", "p3: c e", "p4: e f g", "p5: e g")


def test_tracks_of_playlists_that_share_tracks_come_first() -> None:
    model = Recommender(Params()).fit(rows(*LISTS))
    assert recommended(model, "a")[0] == "b"
    assert recommended(model, "g")[:2] == ["e", "f"]
    assert set(recommended(model, "a")) == {"b", "c", "d", "e", "f", "g"}


def test_a_track_of_the_playlists_artist_comes_first_where_that_counts() -> None:
    frame = rows(*LISTS)
    frame["artist"] = np.where(frame["track_id"].isin(["a", "f"]), "same band", frame["artist"])
    assert recommended(Recommender(Params(artist=9.0)).fit(frame), "a")[0] == "f"
    assert recommended(Recommender(Params(artist=0.0)).fit(frame), "a")[0] == "b"


def test_a_playlist_of_which_nothing_is_known_gets_the_most_popular() -> None:
    model = Recommender(Params()).fit(rows(*LISTS))
    expected = ["e", "a", "b", "c", "g", "d", "f"]
    assert recommended(model) == recommended(model, "never heard of") == expected
    units = pd.DataFrame({"known": ["[]", '["e", "a"]']})
    assert SPEC.baseline(rows(*LISTS)[["track_id"]], units) == [expected, expected[2:]]


def test_a_list_is_no_longer_than_it_may_be() -> None:
    many = [f"t{number:03d}" for number in range(LONGEST + 30)]
    assert (
        len(recommended(Recommender(Params()).fit(rows(f"p1: {' '.join(many)}", "p2: t000 t001")), "t000"))
        == LONGEST
    )


def _fitted_on_arrival() -> tuple[Recommender, pd.DataFrame]:
    found = SPEC.join({"tracks": {"part-1": extract.extract("part-1")["tracks"]}}).rows
    model = SPEC.model(SPEC.parameters({}), 7)
    SPEC.task.fit(SPEC, model, found)
    return model, found


def test_a_saved_model_holds_arrays_and_numbers_and_predicts_the_same(tmp_path: Path) -> None:
    model, found = _fitted_on_arrival()
    saved_files.save(model, tmp_path / "model", SPEC.trusted_types, example=example_input(SPEC, found))
    again = saved_files.load(tmp_path / "model", recorded_files(tmp_path / "model"), SPEC.trusted_types)
    units = SPEC.task.units(SPEC, found, found)
    assert again.predict(units) == model.predict(units)
    assert {type(value) for value in vars(model).values()} == {float, int, np.ndarray}


@pytest.mark.parametrize("name", ["playlist_of", "track_of", "artist_of", "genre_of", "style_of"])
@pytest.mark.parametrize("wrong", [-1, 1 << 40])
def test_arrays_that_point_nowhere_are_refused_before_they_are_used(name: str, wrong: int) -> None:
    model = Recommender(Params()).fit(rows(*LISTS))
    getattr(model, name)[0] = wrong
    with pytest.raises(ValueError, match="another form"):
        recommended(model, "a")
    setattr(model, name, getattr(model, name)[:-1])
    with pytest.raises(ValueError, match="another form"):
        recommended(model, "a")


def test_styles_are_clusters_within_a_genre_and_their_measures_say_how_good() -> None:
    apart = rows(*(f"p{lists}: " + " ".join(f"{lists}{song}" for song in range(20)) for lists in range(1, 5)))
    number = apart["track_id"].str[1:].astype(int).to_numpy()
    apart["genre"] = np.where(apart["playlist_id"].isin(["p1", "p2"]), "r&b", "rock")
    apart["energy"] = np.where(number % 2, 0.9, 0.1) + number / 1000
    apart["tempo"] = np.where(number % 2, 170.0, 80.0)
    found = styles.styles(styles.one_per_track(apart), 2)
    assert len(set(found.tolist())) == 4, "two of each genre, numbered through"
    good = styles.measures(apart, Params(styles=2))
    assert set(good) == {
        f"{name}/{genre}" for name in ("silhouette", "davies_bouldin") for genre in ("rnb", "rock")
    }
    assert min(good["silhouette/rnb"], good["silhouette/rock"]) > 0.9
    worse = styles.measures(apart, Params(styles=7))
    assert worse["silhouette/rnb"] < good["silhouette/rnb"]
    assert worse["davies_bouldin/rock"] > good["davies_bouldin/rock"]
    assert styles.measures(apart, Params(styles=1)) == {}
    assert set(styles.styles(styles.one_per_track(apart), 50).tolist()) == {0, 50}


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"artist": -0.1}, "artist: must be finite and at least 0"),
        ({"style": float("inf")}, "style: must be finite"),
        ({"shrinkage": 0.0}, "shrinkage: must be finite and above 0"),
        ({"styles": 0}, "styles: must be 1 to 50"),
        ({"max_iter": 3}, "no such"),
    ],
)
def test_a_wrong_parameter_is_named(params: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SPEC.parameters(params)


def test_repeated_keys_of_a_raw_table_are_counted_instead_of_compared(tmp_path: Path) -> None:
    """The published file without ids lists some songs twice: row by row nobody can say which one changed."""
    frame = published(tmp_path)
    twice = pd.concat([frame, frame.head(2)], ignore_index=True)
    with pytest.raises(InputError, match="the new table holds 2 keys twice") as raised:
        diff_frames(frame, twice, SPEC.table_keys["tracks"])
    assert raised.value.where == "playlist_id, track_id"
    with pytest.raises(InputError, match="the old table holds 2 keys twice"):
        diff_frames(twice, frame, SPEC.table_keys["tracks"])
    whole = diff_frames(frame, twice, ())
    assert (whole.added, whole.removed, whole.rows_new) == (2, 0, len(twice))
    suite = json.loads((EXPECTATIONS / "songs" / "tracks.json").read_text())
    report = validate("tracks", twice, suite, SPEC.table_keys["tracks"])
    assert report.success, "a warning, no error: the join takes the last one"
    assert SPEC.join({"tracks": {"a": twice}}).dropped[LISTED_AGAIN] == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("genre", "jazz"),
        ("genre", None),
        ("track_id", None),
        ("track_id", "x" * 101),
        ("playlist_id", None),
        ("key", 12),
        ("energy", 1.5),
        ("valence", float("nan")),
        ("popularity", 101),
    ],
)
def test_the_suite_stops_a_wrong_cell(column: str, value: object) -> None:
    frame = extract.extract("part-2")["tracks"]
    broken = frame.assign(**{column: frame[column].where(frame.index != 3, value)})  # pyright: ignore[reportArgumentType]
    suite = json.loads((EXPECTATIONS / "songs" / "tracks.json").read_text())
    report = validate("tracks", broken, suite)
    assert not report.success
    assert {check.column for check in report.failures} == {column}
