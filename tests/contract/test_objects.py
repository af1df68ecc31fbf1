"""Objects: what is staged, committed, read, listed, copied and removed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from mlops.adapters.lake.lake import LakeFSLake
from mlops.runs.errors import InputError, LakeError, NotFound
from mlops.runs.ports import Change, Lake, ObjectStat
from tests.contract.helpers import NOWHERE, commit_file, forked

NAMES = ["a.txt", "a b/ü+%.txt", "deep/er/x?y&z=1.json", "deep/er.json"]


class TestReadingAndWriting:
    def test_a_branch_shows_what_is_staged_and_a_commit_does_not(self, lake: Lake) -> None:
        start = lake.head("main")
        lake.create_branch("run-1", start)
        lake.write("run-1", "a.txt", b"one")

        assert lake.read("run-1", "a.txt") == b"one"
        assert lake.staged("run-1") == [Change("added", "a.txt")]
        with pytest.raises(NotFound):
            lake.read(start, "a.txt")

    @pytest.mark.parametrize("path", NAMES)
    def test_a_path_may_hold_any_character(self, lake: Lake, path: str) -> None:
        commit = forked(lake, "run-1", {path: b"content"})

        assert lake.read(commit, path) == b"content"
        assert lake.sha256(commit, path) == hashlib.sha256(b"content").hexdigest()
        assert [stat.path for stat in lake.list(commit)] == [path]

    def test_writing_again_replaces_and_an_older_commit_keeps_its_own(self, lake: Lake) -> None:
        old = forked(lake, "run-1", {"a.txt": b"one"})
        new = commit_file(lake, "run-1", "a.txt", b"two")

        assert (lake.read(old, "a.txt"), lake.read(new, "a.txt")) == (b"one", b"two")

    def test_an_empty_object_is_an_object(self, lake: Lake) -> None:
        commit = forked(lake, "run-1", {"empty": b""})

        assert lake.read(commit, "empty") == b""
        assert lake.stat(commit, "empty").size_bytes == 0

    def test_stat_tells_size_md5_and_metadata(self, lake: Lake) -> None:
        lake.create_branch("run-1", lake.head("main"))
        lake.write("run-1", "a.txt", b"one", {"sha256": "abc", "source-file": "x y"})

        md5 = hashlib.md5(b"one", usedforsecurity=False).hexdigest()
        expected = ObjectStat("a.txt", 3, md5, {"sha256": "abc", "source-file": "x y"})
        assert lake.stat("run-1", "a.txt") == expected
        assert lake.list("run-1") == [expected]

    def test_unknown_path_ref_and_branch_are_not_found(self, lake: Lake) -> None:
        with pytest.raises(NotFound):
            lake.read("main", "nothing")
        with pytest.raises(NotFound):
            lake.stat(NOWHERE, "nothing")
        with pytest.raises(NotFound):
            lake.list("run-none")
        with pytest.raises(NotFound):
            lake.write("run-none", "a.txt", b"")


class TestListing:
    def test_is_ascending_by_bytes_and_bound_by_prefix(self, lake: Lake) -> None:
        commit = forked(lake, "run-1", dict.fromkeys(["b/2", "B", "b/10", "b.txt", "bb/1", "é"], b"x"))

        assert [stat.path for stat in lake.list(commit)] == ["B", "b.txt", "b/10", "b/2", "bb/1", "é"]
        assert [stat.path for stat in lake.list(commit, "b/")] == ["b/10", "b/2"]
        assert lake.list(commit, "none/") == []


class TestRemoving:
    def test_what_is_there_goes_and_what_is_not_is_no_error(self, lake: Lake) -> None:
        commit = forked(lake, "run-1", {"a": b"1", "b": b"2"})
        lake.remove("run-1", ["a", "nothing"])

        assert [stat.path for stat in lake.list("run-1")] == ["b"]
        assert [stat.path for stat in lake.list(commit)] == ["a", "b"]
        assert lake.staged("run-1") == [Change("removed", "a")]

    def test_removing_nothing_changes_nothing(self, lake: Lake) -> None:
        lake.create_branch("run-1", lake.head("main"))
        lake.remove("run-1", [])

        assert lake.staged("run-1") == []


class TestCopying:
    def test_takes_content_and_metadata_from_a_commit(self, lake: Lake) -> None:
        lake.create_branch("run-1", lake.head("main"))
        lake.write("run-1", "a.txt", b"one", {"sha256": "abc"})
        commit = lake.commit("run-1", "one", {})
        lake.create_branch("promote-1", lake.head("main"))
        lake.copy("promote-1", "b.txt", commit, "a.txt")

        copied, original = lake.stat("promote-1", "b.txt"), lake.stat(commit, "a.txt")
        assert lake.read("promote-1", "b.txt") == b"one"
        assert (copied.checksum, copied.metadata) == (original.checksum, original.metadata)

    def test_of_an_unknown_object_is_not_found(self, lake: Lake) -> None:
        lake.create_branch("promote-1", lake.head("main"))
        with pytest.raises(NotFound):
            lake.copy("promote-1", "b.txt", lake.head("main"), "nothing")


class TestStaging:
    def test_discard_drops_all_of_it(self, lake: Lake) -> None:
        forked(lake, "run-1", {"a": b"1", "b": b"1"})
        lake.write("run-1", "a", b"2")
        lake.write("run-1", "c", b"2")
        lake.remove("run-1", ["b"])
        assert sorted(lake.staged("run-1"), key=lambda change: change.path) == [
            Change("changed", "a"),
            Change("removed", "b"),
            Change("added", "c"),
        ]
        lake.discard("run-1")

        assert lake.staged("run-1") == []
        assert [stat.path for stat in lake.list("run-1")] == ["a", "b"]
        assert lake.read("run-1", "a") == b"1"

    def test_the_same_bytes_again_are_no_change(self, lake: Lake) -> None:
        forked(lake, "run-1", {"a": b"1"})
        lake.write("run-1", "a", b"1")

        with pytest.raises(LakeError, match="no changes"):
            lake.commit("run-1", "again", {})

    def test_a_new_branch_does_not_take_over_what_is_staged_on_another(self, lake: Lake) -> None:
        lake.create_branch("run-1", lake.head("main"))
        lake.write("run-1", "a", b"1")
        lake.create_branch("run-2", lake.head("run-1"))

        assert lake.list("run-2") == []


class TestStreams:
    def test_a_file_goes_up_and_down_whole(self, served: LakeFSLake, tmp_path: Path) -> None:
        content = bytes(range(256)) * 20_000
        source, target = tmp_path / "up.bin", tmp_path / "new" / "down.bin"
        source.write_bytes(content)
        served.create_branch("run-1", served.head("main"))
        stat = served.upload("run-1", "big.bin", source, {"sha256": "abc"})
        served.download("run-1", "big.bin", target)

        assert stat == served.stat("run-1", "big.bin")
        assert target.read_bytes() == content
        assert [file.name for file in target.parent.iterdir()] == ["down.bin"]

    def test_an_open_object_can_be_sought(self, served: LakeFSLake) -> None:
        commit = forked(served, "run-1", {"a.bin": b"0123456789"})
        with served.open_read(commit, "a.bin") as file:
            file.seek(-3, 2)
            assert file.read() == b"789"
            file.seek(2)
            assert file.read(2) == b"23"

    def test_a_failed_download_leaves_no_file(self, served: LakeFSLake, tmp_path: Path) -> None:
        with pytest.raises(NotFound):
            served.download("main", "nothing", tmp_path / "x")

        assert list(tmp_path.iterdir()) == []

    def test_a_missing_local_file_is_named(self, served: LakeFSLake, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"none\.bin"):
            served.upload("main", "x", tmp_path / "none.bin")

    def test_metadata_that_http_cannot_carry_is_refused(self, served: LakeFSLake) -> None:
        served.create_branch("run-1", served.head("main"))
        for metadata in ({"Upper": "x"}, {"line": "a\nb"}, {"umlaut": "ü"}):
            with pytest.raises(InputError):
                served.write("run-1", "a", b"", metadata)

    def test_the_file_system_reads_the_same_and_creates_no_branch(self, served: LakeFSLake) -> None:
        commit = forked(served, "run-1", {"dir/a.txt": b"one"})
        files = served.connection.filesystem()

        assert files.cat_file(f"lakefs://{served.repository}/{commit}/dir/a.txt") == b"one"
        with pytest.raises(FileNotFoundError), files.open(f"{served.repository}/run-2/a", "wb") as out:
            out.write(b"x")
        assert "run-2" not in served.branches()
