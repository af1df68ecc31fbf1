"""Stores: a value is there whole or not at all; servers that refuse or are away give one clear error."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import BinaryIO
from unittest import mock

import dagster as dg
import pytest

from mlops.adapters.lake.lake import Connection
from mlops.orchestration.lake import (
    AccessRefused,
    BranchGone,
    ConfigurationFault,
    DataStore,
    LakeFSResource,
    NotStored,
    StorageError,
    StorageUnavailable,
    TextIOManager,
    branch_per_run,
)
from mlops.orchestration.lake.branches import RunBranch
from mlops.orchestration.lake.chains import alone
from mlops.orchestration.lake.lakefs_resource import ENDPOINT, KEY_ID, SECRET
from mlops.orchestration.lake.values import Dump, Stored

ROOT = Path(__file__).parents[3]
RUN = alone("run-1")
QUIET = {"telemetry": {"enabled": False}}


def text(value: str) -> Dump:
    def dump(file: BinaryIO) -> None:
        file.write(value.encode())

    return dump


def write(store: DataStore, path: str, value: str) -> Stored:
    return store.store_of(RUN).write(path, text(value), title=f"Write {path}", metadata={})


def read(store: DataStore, path: str) -> str:
    return bytes(store.store_of(RUN).read(path).content).decode()


def fail_in_the_middle(file: BinaryIO) -> None:
    file.write(b"half")
    raise RuntimeError("in the middle")


class TestWriting:
    def test_what_fails_in_the_middle_leaves_nothing(self, either: DataStore) -> None:
        write(either, "other", "whole")
        with pytest.raises(RuntimeError, match="in the middle"):
            either.store_of(RUN).write("a/value", fail_in_the_middle, title="", metadata={})
        # Another step's commit takes along whatever was uploaded.
        write(either, "other", "later")
        with pytest.raises(NotStored):
            read(either, "a/value")
        if not either.repository:
            assert [path.name for path in Path(either.location).rglob("*") if path.is_file()] == ["other"]

    def test_what_fails_in_the_middle_leaves_what_was_there(self, either: DataStore) -> None:
        write(either, "a/value", "before")
        with pytest.raises(RuntimeError, match="in the middle"):
            either.store_of(RUN).write("a/value", fail_in_the_middle, title="", metadata={})
        write(either, "other", "later")
        assert read(either, "a/value") == "before"

    def test_a_value_that_is_written_again_replaces_it(self, either: DataStore) -> None:
        write(either, "value", "one")
        again = write(either, "value", "two")
        assert read(either, "value") == "two"
        assert again.size_bytes == 3

    def test_a_value_that_is_being_read_stays_what_it_was(self, either: DataStore) -> None:
        write(either, "value", "before")
        reading = either.store_of(RUN).read("value")
        write(either, "value", "behind")
        assert bytes(reading.content) == b"before"
        assert read(either, "value") == "behind"

    def test_the_same_bytes_again_are_no_error(self, either: DataStore) -> None:
        first = write(either, "value", "one")
        again = write(either, "value", "one")
        assert (again.checksum, again.commit) == (first.checksum, first.commit)

    def test_steps_at_the_same_time_share_one_branch(self, either: DataStore) -> None:
        begin = threading.Barrier(6)
        failures: list[BaseException] = []

        def step(number: int) -> None:
            # Each step has resources of its own, as a process has.
            own = DataStore(location=either.location, lakefs=LakeFSResource())
            try:
                begin.wait()
                for turn in range(5):
                    write(own, f"step-{number}/{turn}", f"{number} {turn}")
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=step, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        for number in range(6):
            for turn in range(5):
                assert read(either, f"step-{number}/{turn}") == f"{number} {turn}"

    @pytest.mark.parametrize("when", ["writing", "committing"])
    def test_a_process_that_is_killed_leaves_nothing_that_is_read(self, either: DataStore, when: str) -> None:
        if when == "committing" and not either.repository:
            pytest.skip("a folder has no commits")
        base = either.opened(RUN)[1] if either.repository else ""
        command = [sys.executable, "-m", "tests.orchestration.lake.killed_writer", either.location, when]
        done = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
        with pytest.raises(NotStored):
            read(either, "value")
        if base:
            assert either.branch_of(RUN).head() == base
        # The step is executed again, on the same branch.
        write(either, "value", "second attempt")
        assert read(either, "value") == "second attempt"

    def test_a_commit_that_does_not_hold_the_value_is_noticed(self, store: DataStore) -> None:
        older = write(store, "value", "one").commit
        with (
            mock.patch.object(RunBranch, "commit", return_value=older),
            pytest.raises(StorageError, match="is not what this step wrote"),
        ):
            write(store, "value", "two")


class TestBranches:
    def test_it_is_created_from_the_head_of_the_source_branch_and_stays_there(self, store: DataStore) -> None:
        other, later = alone("run-0"), DataStore(location=store.location, lakefs=LakeFSResource())
        base = store.opened(RUN)[1]
        store.store_of(other).write("value", text("new"), title="Write", metadata={})
        assert store.branch_of(other).merge("Merge", {})
        write(store, "own", "mine")
        assert later.opened(RUN)[1] == base
        with pytest.raises(NotStored):
            read(later, "value")
        assert bytes(store.store_of(None).read("value").content) == b"new"

    def test_commits_say_which_run_made_them(self, store: DataStore) -> None:
        commit = store.lakefs.repository(store.repository).ref(write(store, "value", "1").commit).get_commit()
        assert commit.message == "Write value"
        assert commit.metadata == {"dagster_root_run_id": "run-1", "dagster_run_id": "run-1"}

    def test_a_merge_is_repeated_without_harm(self, store: DataStore) -> None:
        write(store, "value", "one")
        branch = store.branch_of(RUN)
        merged = branch.merge("Merge", {})
        assert merged
        assert branch.merge("Merge", {}) == merged
        branch.delete()
        branch.delete()
        assert branch.merge("Merge", {}) == merged

    def test_a_run_that_changed_nothing_is_merged_as_nothing(self, store: DataStore) -> None:
        store.opened(RUN)
        assert store.branch_of(RUN).merge("Merge", {}) is None

    def test_a_branch_that_was_merged_is_not_created_again(self, store: DataStore) -> None:
        write(store, "value", "one")
        branch, base = store.opened(RUN)
        merged = branch.merge("Merge", {})
        branch.delete()
        with pytest.raises(BranchGone, match=f"merged as {str(merged)[:12]}: launch a new run"):
            branch.open(base)

    def test_a_branch_that_was_deleted_is_not_created_again(self, store: DataStore) -> None:
        branch, base = store.opened(RUN)
        branch.delete()
        with pytest.raises(BranchGone, match="was deleted"):
            branch.open(base)
        with pytest.raises(BranchGone):
            branch.merge("Merge", {})


class TestServers:
    def test_a_healthy_one_tells_its_version(self, store: DataStore) -> None:
        assert store.lakefs.check_health(store.repository)

    def test_a_repository_that_is_not_there_is_named(self, environment: Connection) -> None:
        with pytest.raises(NotStored, match="lakefs://nothing-here"):
            LakeFSResource().check_health("nothing-here")
        with pytest.raises(NotStored, match="nothing-here"):
            DataStore(location="lakefs://nothing-here", lakefs=LakeFSResource()).opened(RUN)

    def test_a_wrong_key_is_one_clear_error_without_the_key(
        self, repository: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setenv(SECRET, "wrong-and-secret")
        wrong = LakeFSResource()
        store = DataStore(location=f"lakefs://{repository}", lakefs=wrong)
        with pytest.raises(AccessRefused, match="does not accept the key: check LAKECTL_") as refused:
            wrong.check_health()
        assert refused.value.__cause__ is None
        assert "\n" not in str(refused.value)

        @dg.asset
        def value() -> str:
            return "text"

        with dg.DagsterInstance.ephemeral(settings=QUIET) as instance:
            resources = {"io_manager": TextIOManager(store=store)}
            with pytest.raises(AccessRefused):
                dg.materialize([value], resources=resources, instance=instance)
            done = dg.materialize([value], resources=resources, instance=instance, raise_on_error=False)
            events = "".join(str(entry) for entry in instance.all_logs(done.run_id))
        assert "does not accept the key" in events
        for said in (events, caplog.text, repr(wrong), repr(store)):
            assert "wrong-and-secret" not in said
            assert os.environ[KEY_ID] not in said

    def test_a_key_in_variables_of_other_names_is_nowhere_on_record(
        self, repository: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        key_id, secret = os.environ[KEY_ID], os.environ[SECRET]
        for name, value in (("MY_KEY", key_id), ("MY_SECRET", secret)):
            monkeypatch.setenv(name, value)
        for name in (KEY_ID, SECRET):
            monkeypatch.delenv(name)
        lakefs = LakeFSResource(access_key_id=dg.EnvVar("MY_KEY"), secret_access_key=dg.EnvVar("MY_SECRET"))
        store = DataStore(location=f"lakefs://{repository}", lakefs=lakefs)

        @dg.asset
        def value() -> str:
            return "text"

        @dg.asset
        def again(value: str) -> str:
            return value

        with dg.DagsterInstance.ephemeral(settings=QUIET) as instance:
            merged = branch_per_run([value, again])
            resources = {"store": store, "io_manager": TextIOManager(store=store)}
            done = dg.materialize([value, again, merged], resources=resources, instance=instance)
            run = instance.get_run_by_id(done.run_id)
            events = "".join(str(entry) for entry in instance.all_logs(done.run_id))
        assert "MATERIALIZATION" in events
        for said in (events, caplog.text, repr(run), repr(store)):
            assert secret not in said
            assert key_id not in said

    def test_one_that_does_not_answer_is_said_to(
        self, environment: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
        with pytest.raises(StorageUnavailable, match=r"http://127\.0\.0\.1:9 does not answer"):
            LakeFSResource().check_health()

    @pytest.mark.parametrize(
        ("variables", "said"),
        [
            ({}, ENDPOINT),
            ({ENDPOINT: "127.0.0.1:8000"}, "http"),
            ({ENDPOINT: "http://me:pass@127.0.0.1"}, "holds a key"),
            ({ENDPOINT: "http://127.0.0.1:9"}, f"set {KEY_ID} and {SECRET}"),
        ],
    )
    def test_what_is_not_configured_is_named(
        self, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
    ) -> None:
        for name in (ENDPOINT, KEY_ID, SECRET):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(ConfigurationFault, match=said) as fault:
            LakeFSResource().check_health()
        assert "pass" not in str(fault.value)

    def test_the_file_system_reads_and_makes_no_branch(self, store: DataStore) -> None:
        stored = write(store, "value", "one")
        assert store.lakefs.fs().cat_file(stored.uri) == b"one"
        with (
            pytest.raises(FileNotFoundError),
            store.lakefs.fs().open(f"lakefs://{store.repository}/new/value", "wb") as file,
        ):
            file.write(b"one")

    @pytest.mark.parametrize("location", ["s3://bucket/x", "lakefs://", ""])
    def test_a_location_of_another_kind_is_refused(self, location: str) -> None:
        with pytest.raises(ConfigurationFault, match="`location`"):
            DataStore(location=location, lakefs=LakeFSResource()).store_of(RUN)

    def test_a_prefix_goes_before_every_path(self, repository: str) -> None:
        store = DataStore(location=f"lakefs://{repository}/team/x", lakefs=LakeFSResource())
        assert write(store, "value", "one").uri.endswith("/team/x/value")
        assert read(store, "value") == "one"

    def test_a_folder_may_be_given_as_an_address(self, tmp_path: Path) -> None:
        store = DataStore(location=(tmp_path / "a b").as_uri(), lakefs=LakeFSResource())
        assert write(store, "value", "one").uri == (tmp_path / "a b" / "value").as_uri()

    def test_nothing_is_written_to_lakefs_outside_a_run(self, store: DataStore) -> None:
        with pytest.raises(StorageError, match="inside a run"):
            store.store_of(None).write("value", text("one"), title="", metadata={})
