"""Schedules: off by default, on by a setting; each evaluated, and its job executed on a lake in memory."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from mlops.orchestration.building import build, job_name
from mlops.orchestration.schedules.declare import KINDS, SCHEDULE_TAG, schedules
from mlops.orchestration.workspaces import Workspaces
from mlops.runs import names
from mlops.runs.audit.audit import Version
from mlops.runs.errors import AuditFailed, ConfigError, LakeUnavailable
from mlops.runs.rollback.rollback import rollback
from mlops.runs.upkeep.reconcile import reconcile
from mlops.settings import load
from mlops.steps import run
from mlops.steps.workspace import Workspace
from tests.orchestration.tiny import SPEC, arrive, tiny_workspace
from tests.support.auditing import MemoryWitness
from tests.support.fakes import MemoryTracker

Instance = dg.DagsterInstance
PLAIN = "tiny_line"


@pytest.fixture(autouse=True)
def _own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLOPS_STATE_DIR", str(tmp_path))


class SeenTracker(MemoryTracker):
    """A tracker whose entries an audit can look at."""

    def seen_runs(self) -> Mapping[str, Mapping[str, str]]:
        return MemoryWitness(self).seen_runs()

    def seen_versions(self, model: str) -> Sequence[Version]:
        return MemoryWitness(self).seen_versions(model)


@pytest.fixture(scope="module")
def prototype() -> Workspace:
    """Two promotions, and an arrival after them."""
    made = tiny_workspace("2020-01", "2020-02")
    made = replace(made, ports=replace(made.ports, tracker=SeenTracker()))
    run.run_all(made, SPEC.parameters({"shrinkage": 300.0}))
    run.run_all(made, SPEC.parameters({}))
    arrive(made, "2020-03")
    return made


@pytest.fixture
def promoted(prototype: Workspace) -> Workspace:
    return copy.deepcopy(prototype)


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance in memory, which all tests share: each looks at its own run alone."""
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def definitions(workspace: Workspace | None, **settings: object) -> dg.Definitions:
    def open_(_name: str, _tell: object) -> Workspace:
        if workspace is None:
            raise LakeUnavailable("no lakeFS answers", where="http://nowhere")
        return workspace

    workspaces = Workspaces(open_)
    return dg.Definitions.merge(build(SPEC, workspaces), schedules(SPEC, workspaces, load(**settings)))


def evaluated(made: dg.Definitions, kind: str, instance: dg.DagsterInstance) -> list[dg.RunRequest] | str:
    schedule = made.resolve_schedule_def(f"{PLAIN}_{kind}_schedule")
    with dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=datetime(2026, 1, 1, tzinfo=UTC),
        resources={"workspaces": made.resources["workspaces"]},  # type: ignore[index]
        repository_def=made.get_repository_def(),
    ) as context:
        found = schedule.evaluate_tick(context)
    return found.skip_message or list(found.run_requests or [])


def executed(
    made: dg.Definitions, kind: str, instance: dg.DagsterInstance, *, raises: bool = True
) -> tuple[dict[str, str], dict[str, object]]:
    """Return the tags of the run of a job and the metadata of its step."""
    job = made.resolve_job_def(f"{PLAIN}_{kind}")
    done = job.execute_in_process(instance=instance, raise_on_error=raises)
    tags = instance.get_run_by_id(done.run_id).tags  # type: ignore[union-attr]
    outputs = [
        event.event_specific_data.metadata  # type: ignore[union-attr]
        for event in done.all_events
        if event.event_type_value == "STEP_OUTPUT"
    ]
    metadata = {name: value.value for name, value in outputs[0].items()} if outputs else {}
    return dict(tags), metadata


class TestOnAndOff:
    def test_all_are_off_by_default(self) -> None:
        made = definitions(None)
        found = [made.resolve_schedule_def(f"{PLAIN}_{kind}_schedule") for kind in KINDS]

        assert {schedule.default_status for schedule in found} == {dg.DefaultScheduleStatus.STOPPED}
        assert {schedule.execution_timezone for schedule in found} == {"UTC"}
        dg.Definitions.validate_loadable(made)

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_time_in_the_settings_switches_one_on(self, kind: str) -> None:
        settings = {f"schedule_{kind}": "15 4 * * *", "schedule_time_zone": "Europe/Berlin"}
        made = definitions(None, **settings)
        on = [k for k in KINDS if _status(made, k) is dg.DefaultScheduleStatus.RUNNING]

        schedule = made.resolve_schedule_def(f"{PLAIN}_{kind}_schedule")
        assert on == [kind]
        assert (schedule.cron_schedule, schedule.execution_timezone) == ("15 4 * * *", "Europe/Berlin")

    def test_only_those_of_the_named_pipelines_are_on(self) -> None:
        for only, status in (("flights", "STOPPED"), (f"flights, {SPEC.name}", "RUNNING")):
            made = definitions(None, schedule_audit="0 5 * * *", schedule_pipelines=only)
            assert _status(made, "audit") is dg.DefaultScheduleStatus[status]

    @pytest.mark.parametrize(
        "settings",
        [
            {"schedule_audit": "every day"},
            {"schedule_audit": "99 5 * * *"},
            {"schedule_time_zone": "Middle/Earth"},
        ],
    )
    def test_a_time_or_zone_that_is_none_is_refused(self, settings: dict[str, object]) -> None:
        with pytest.raises(ConfigError):
            definitions(None, **settings)


def _status(made: dg.Definitions, kind: str) -> dg.DefaultScheduleStatus:
    return made.resolve_schedule_def(f"{PLAIN}_{kind}_schedule").default_status


class TestEvaluation:
    @pytest.mark.parametrize("kind", KINDS)
    def test_asks_for_one_run_that_says_what_started_it(
        self, instance: Instance, promoted: Workspace, kind: str
    ) -> None:
        (request,) = evaluated(definitions(promoted), kind, instance)

        assert request.tags[SCHEDULE_TAG] == kind  # type: ignore[union-attr]

    @pytest.mark.parametrize("kind", ["rehearsal", "drift"])
    def test_skips_while_nothing_is_promoted(self, instance: Instance, kind: str) -> None:
        assert (
            evaluated(definitions(tiny_workspace("2020-01")), kind, instance)
            == "nothing has been promoted yet"
        )

    def test_does_not_retrain_while_promotions_are_stopped(
        self, instance: Instance, promoted: Workspace
    ) -> None:
        rollback(promoted.ports, "it was wrong")
        reconcile(promoted.ports)

        assert "promotions are stopped" in evaluated(definitions(promoted), "retrain", instance)

    @pytest.mark.parametrize("kind", KINDS)
    def test_skips_with_the_reason_while_the_lake_is_down(self, instance: Instance, kind: str) -> None:
        assert "no lakeFS answers" in evaluated(definitions(None), kind, instance)

    def test_retraining_is_the_pipelines_own_job(self, promoted: Workspace) -> None:
        schedule = definitions(promoted).resolve_schedule_def(f"{PLAIN}_retrain_schedule")

        assert schedule.job_name == job_name(SPEC)


class TestJobs:
    def test_an_audit_that_finds_nothing_says_so(self, instance: Instance, promoted: Workspace) -> None:
        tags, metadata = executed(definitions(promoted), "audit", instance)

        assert tags["mlops/audit"] == "nothing found"
        assert metadata["audited commits"] == sum(1 for _ in promoted.lake.log("main"))

    def test_an_audit_that_finds_something_fails_and_keeps_what_it_found(
        self, instance: Instance, promoted: Workspace
    ) -> None:
        promoted.lake.protect([], promoted.lake.protection().version)
        promoted.lake.delete_tag(names.promotion_tag(2))
        made = definitions(promoted)
        with pytest.raises(AuditFailed):
            executed(made, "audit", instance)
        tags, _ = executed(made, "audit", instance, raises=False)

        assert "findings" in tags["mlops/audit"]
        assert not tags["mlops/audit"].startswith("0 ")

    def test_a_sweep_only_lists_unless_the_settings_say_otherwise(
        self, instance: Instance, promoted: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        branches = promoted.lake.branches()
        tags, metadata = executed(definitions(promoted), "sweep", instance)

        assert promoted.lake.branches() == branches
        assert metadata["would be removed"] == len(branches) - 1
        assert tags["mlops/sweep"] == f"{len(branches) - 1} would be removed, 0 stay"

        monkeypatch.setenv("MLOPS_SCHEDULE_SWEEP_REMOVES", "true")
        tags, _ = executed(definitions(promoted), "sweep", instance)
        assert list(promoted.lake.branches()) == ["main"]
        assert tags["mlops/sweep"] == f"{len(branches) - 1} removed, 0 stay"

    def test_a_rehearsal_leaves_nothing_behind(self, instance: Instance, promoted: Workspace) -> None:
        before = (promoted.lake.branches(), promoted.lake.tags())
        tags, metadata = executed(definitions(promoted), "rehearsal", instance)

        assert (promoted.lake.branches(), promoted.lake.tags()) == before
        assert tags["mlops/rehearsal"].startswith("promotion 1 in ")
        assert metadata["mae"] > 0  # type: ignore[operator]

    def test_drift_is_of_the_newest_arrival_against_the_champions(
        self, instance: Instance, promoted: Workspace
    ) -> None:
        tags, metadata = executed(definitions(promoted), "drift", instance)

        assert tags["mlops/drift"].startswith("2020-03: ")
        assert metadata["arrival"] == "2020-03"
        assert "PSI" in str(metadata["report"])
