"""Recommendations by command: lists of ids, titles and tables, by the champion, from the promoted rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra.docs.json_output import documents
from mlops.adapters.lake.credentials import Credentials
from mlops.cli.session import Dependencies
from mlops.pipelines import pipeline
from mlops.pipelines.tasks.ranking import Ranking
from mlops.runs import names
from mlops.runs.main.state import champion_of
from mlops.steps import recommend as steps
from mlops.steps import run as running
from mlops.steps.workspace import Workspace
from tests.cli.conftest import NOWHERE, Answer, _run
from tests.orchestration.test_songs import songs_workspace
from tests.orchestration.tiny import arrive

SPEC = pipeline("songs")


@pytest.fixture(scope="module")
def promoted() -> Workspace:
    workspace = songs_workspace("part-1")
    assert running.run_all(workspace, SPEC.parameters({})).number == 1
    # What arrives later is on main, and not in what was promoted.
    arrive(workspace, "part-2")
    return workspace


class Recommend:
    """The command on a workspace, with a list as a file."""

    def __init__(self, workspace: Workspace, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        self.workspace, self._capsys, self._folder = workspace, capsys, folder

    def __call__(
        self, content: str | bytes, *options: str, name: str = "list.txt", pipeline: str = "songs"
    ) -> Answer:
        file = self._folder / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        dependencies = Dependencies(
            ensure_lake=lambda *_: Credentials(NOWHERE), open_workspace=lambda *_: self.workspace
        )
        arguments = ("recommend", pipeline, "--playlist", str(file), *options)
        return _run(self._capsys, arguments, dependencies)


@pytest.fixture
def recommend(promoted: Workspace, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Recommend:
    return Recommend(promoted, capsys, tmp_path)


def playlist(workspace: Workspace) -> tuple[list[str], set[str]]:
    """Return what is known of the largest playlist of the promoted rows, and what is hidden from it."""
    train, hidden = (workspace.frames.read(names.MAIN, path) for path in (names.TRAIN, names.HOLDOUT))
    largest = train["playlist_id"].value_counts().index[0]
    known, wanted = (rows[rows["playlist_id"] == largest]["track_id"].tolist() for rows in (train, hidden))
    return known, set(wanted)


def test_songs_of_a_playlist_give_others_with_their_titles(recommend: Recommend) -> None:
    known, _ = playlist(recommend.workspace)
    answer = recommend("\n".join(known), "--json", "-n", "25")
    assert answer.code == 0, answer.err
    document = answer.document
    assert document["number"] == 1
    assert [song["id"] for song in document["known"]] == sorted(known)
    recommended = [song["id"] for song in document["recommended"]]
    assert len(set(recommended)) == len(recommended) == 25
    assert not set(recommended) & set(known)
    rows = (
        recommend.workspace.frames.read(names.MAIN, names.TRAIN)
        .drop_duplicates("track_id")
        .set_index("track_id")
    )
    for rank, song in enumerate(document["recommended"], 1):
        assert song["rank"] == rank
        if song["id"] in rows.index:
            assert song["track_name"] == rows.loc[song["id"], "track_name"]
            assert song["artist"] == rows.loc[song["id"], "artist"]
    assert (document["unknown"], document["ambiguous"]) == ([], [])


def test_they_are_those_of_the_evidence(recommend: Recommend) -> None:
    predictions = recommend.workspace.frames.read(names.MAIN, names.PREDICTIONS).set_index("playlist_id")
    train = recommend.workspace.frames.read(names.MAIN, names.TRAIN)
    chosen = predictions.index[0]
    known = train[train["playlist_id"] == chosen]["track_id"].tolist()
    document = recommend("\n".join(known), "--json", "-n", "10").document
    assert [song["id"] for song in document["recommended"]] == json.loads(
        predictions.loc[chosen, "candidate"]
    )


def test_titles_with_or_without_the_artist_and_tables_name_the_same_songs(recommend: Recommend) -> None:
    ids = playlist(recommend.workspace)[0][:5]
    rows = (
        recommend.workspace.frames.read(names.MAIN, names.TRAIN)
        .drop_duplicates("track_id")
        .set_index("track_id")
    )
    titles, artists = rows.loc[ids, "track_name"].tolist(), rows.loc[ids, "artist"].tolist()
    by_id = recommend("\r\n".join(ids), "--json").document
    for content, name in (
        ("\n\n".join(titles), "list.txt"),
        ("\n".join(f"{a} - {t}".upper() for t, a in zip(titles, artists, strict=True)), "list.txt"),
        ("﻿track_id,added\n" + "\n".join(f"{track},2020" for track in ids), "list.csv"),
        (
            "artist,track_name\n" + "\n".join(f'"{a}","{t}"' for t, a in zip(titles, artists, strict=True)),
            "list.CSV",
        ),
    ):
        answer = recommend(content, "--json", name=name)
        assert answer.code == 0, answer.err
        assert answer.document == by_id, name


def test_songs_that_are_not_there_are_named_in_one_line_and_left_out(recommend: Recommend) -> None:
    ids = playlist(recommend.workspace)[0][:2]
    answer = recommend("\n".join([*ids, "Nobody's Song", "another"]), "-n", "3")
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert "recommends 3 items beside 2 known items" in lines[0]
    assert lines[1] == "unknown: Nobody's Song, another"
    assert [line.split()[0] for line in lines[2:]] == ["1", "2", "3"]


def test_a_title_of_several_songs_is_not_guessed() -> None:
    items = {
        name: steps.Item(name, {"track_name": "Intro", "artist": artist})
        for name, artist in (("1", "A"), ("2", "B"))
    }
    by_name = steps._by_name(items, Ranking("playlist", "track", titles=("track_name", "artist")))
    assert steps._named("intro", items, by_name) == ["1", "2"]
    assert steps._named("Intro - B", items, by_name) == ["2"]


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("", "list.txt", "names nothing"),
        (" \n\n", "list.txt", "names nothing"),
        ("Nobody's Song", "list.txt", "none of the 1 items is known: Nobody's Song"),
        (b"\xff\xfe\x00", "list.txt", "is not UTF-8"),
        ("x" * ((1 << 20) + 1), "list.txt", "holds more than 1,048,576 bytes"),
        ("song\nOne", "list.csv", "has no column track_id or track_name"),
        ("artist\nOne", "list.csv", "has no column track_id or track_name"),
        ('track_id\n"one', "list.csv", "cannot be read as CSV"),
        ("\n".join(f"s{number}" for number in range(10_001)), "list.txt", "names 10,001 items"),
    ],
)
def test_a_wrong_list_is_one_line_and_an_exit_code(
    recommend: Recommend, content: str | bytes, name: str, message: str
) -> None:
    answer = recommend(content, name=name)
    assert answer.code == 3
    assert message in answer.error
    assert answer.out == ""


def test_a_list_that_is_not_there_is_named(recommend: Recommend, tmp_path: Path) -> None:
    recommend("x")
    (tmp_path / "list.txt").unlink()
    (tmp_path / "list.txt").mkdir()
    arguments = ("recommend", "songs", "--playlist", str(tmp_path / "list.txt"))
    for target in (arguments, (*arguments[:3], str(tmp_path / "nowhere"))):
        answer = _run(recommend._capsys, target, None)
        assert answer.code == 3
        assert "cannot be read" in answer.error


def test_other_tasks_recommend_nothing(recommend: Recommend) -> None:
    answer = recommend("x", pipeline="bike-sharing")
    assert answer.code == 2
    assert "its task is regression: only a pipeline whose task is ranking recommends" in answer.error
    assert recommend("x", "-n", "0").code == 2
    assert recommend("x", "-n", "201").code == 2


def test_rows_that_are_not_the_promoted_ones_are_refused(
    recommend: Recommend, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = recommend.workspace.lake
    champion = champion_of(lake.read(names.MAIN, names.CHAMPION), names.MAIN)
    assert {names.TRAIN, names.HOLDOUT} <= {record.path for record in champion.objects}
    read = lake.read
    swapped = {names.TRAIN: names.HOLDOUT}
    monkeypatch.setattr(lake, "read", lambda ref, path: read(ref, swapped.get(path, path)))
    answer = recommend(playlist(recommend.workspace)[0][0])
    assert answer.code == 40
    assert "processed/train.parquet: is not the object that was promoted" in answer.error


def test_nothing_was_promoted_yet(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    answer = Recommend(songs_workspace("part-1"), capsys, tmp_path)("x")
    assert "main holds no champion" in answer.error
    assert answer.code == 13


def test_the_keys_of_its_document_are_described(recommend: Recommend) -> None:
    document = recommend(playlist(recommend.workspace)[0][0], "--json").document
    described = documents()
    assert set(document) == {*described["every"], *described["recommend"]}
