"""``mlops audit`` as a user sees it: silent about what is lawful, a line for everything that is not."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mlops.adapters.lake.credentials import Credentials
from mlops.adapters.tracking import tracker as tracking
from mlops.cli.session import Dependencies
from mlops.runs import names
from mlops.runs.errors import LakeUnavailable
from mlops.runs.rollback.rollback import freeze, plan_rollback
from mlops.runs.upkeep.reconcile import model_uri
from mlops.steps import run
from mlops.steps.workspace import Workspace
from tests.cli.conftest import NOWHERE, PIPELINE, Answer, Mlops, _run
from tests.cli.served import Served, served_in
from tests.orchestration import tiny
from tests.support.auditing import MemoryWitness
from tests.support.memory_lake import Entry, MemoryLake

AUDIT_FAILED = 41


class _Seeing(MemoryWitness):
    """The tracker in memory, which also tells what it saw."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.tracker, name)


@pytest.fixture(scope="module")
def trained() -> Workspace:
    """Two promotions by a whole small pipeline, in memory."""
    workspace = tiny.tiny_workspace("2020-01", "2020-02", "2020-03")
    ports = replace(workspace.ports, tracker=_Seeing(workspace.ports.tracker))  # type: ignore[arg-type]
    workspace = Workspace(workspace.spec, workspace.lake, ports, workspace.links)
    for shrinkage in (2000.0, 500.0):
        run.run_all(workspace, workspace.spec.parameters({"shrinkage": shrinkage}))
    return workspace


class Desk:
    """Commands on a copy of that repository, on a server that refuses nothing any more."""

    def __init__(self, trained: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
        lake, tracker = copy.deepcopy((trained.lake, trained.ports.tracker))
        lake.enforcer = lake.hook = None  # type: ignore[attr-defined]
        ports = replace(trained.ports, lake=lake, tracker=tracker)
        self.workspace = Workspace(trained.spec, lake, ports, trained.links)
        self._capsys = capsys

    @property
    def lake(self) -> MemoryLake:
        assert isinstance(self.workspace.lake, MemoryLake)
        return self.workspace.lake

    def unprotected(self) -> MemoryLake:
        self.lake.protect([], self.lake.protection().version)
        return self.lake

    def __call__(self, *arguments: str) -> Answer:
        dependencies = Dependencies(
            ensure_lake=lambda *_: Credentials(NOWHERE),
            find_lake=lambda *_: Credentials(NOWHERE),
            open_workspace=lambda *_: self.workspace,
        )
        return _run(self._capsys, arguments, dependencies)

    def audit(self, *options: str) -> Answer:
        return self("audit", PIPELINE, *options)

    def says(self, invariant: str, words: str, commit: str = "") -> None:
        """Assert that the audit fails with a line about a commit that names an invariant and what to do."""
        answer = self.audit()
        assert answer.code == AUDIT_FAILED
        place = commit[:12] or names.MAIN
        lines = [line for line in answer.out.splitlines() if line.startswith(f"{place} {invariant}: ")]
        assert any(words in line and "; " in line for line in lines), answer.out
        assert "does not hold" in answer.error


@pytest.fixture
def line(trained: Workspace, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(trained, capsys)


def test_a_lawful_history_exits_with_zero_and_tells_what_was_not_proved(line: Desk) -> None:
    answer = line.audit()

    assert answer.code == 0
    commits = len(list(line.lake.log(names.MAIN)))
    assert answer.out.splitlines()[0] == f"{commits} commits audited, nothing found"
    limits = [row for row in answer.out.splitlines() if row.startswith("not proved by this audit: ")]
    assert len(limits) == len(answer.out.splitlines()) - 1
    assert any("--rescore" in row for row in limits)


def test_scoring_again_leaves_less_open(line: Desk) -> None:
    without, scored = line.audit("--json"), line.audit("--rescore", "--json")

    assert (without.code, scored.code) == (0, 0)
    assert scored.document["rescored"] is True
    assert scored.document["audited"] == without.document["audited"]
    assert len(scored.document["limits"]) == len(without.document["limits"]) - 1


def test_progress_goes_to_standard_error_and_one_document_to_standard_output(line: Desk) -> None:
    answer = line.audit("--json")

    assert answer.document["command"] == "audit"
    assert answer.document["findings"] == []
    assert answer.document["finished"] is True
    assert answer.err.splitlines()[0].startswith(f"auditing repository {PIPELINE}")
    total = answer.document["audited"] + 1
    assert f"{total} of {total}: tags, protection, MLflow" in answer.err


def test_it_goes_on_where_the_last_one_ended(line: Desk) -> None:
    first = line.audit("--json").document["audited"]
    assert line.audit("--json").document["audited"] == 0
    tiny.arrive(line.workspace, "2020-04")
    assert line.audit("--json").document["audited"] == 1
    assert line.audit("--from-start", "--json").document["audited"] == first + 1


@pytest.mark.parametrize("since", ["1", "promotion-000001"])
def test_only_what_came_after_a_promotion(line: Desk, since: str) -> None:
    answer = line.audit("--since", since, "--json")

    assert answer.document["audited"] == 1
    assert answer.document["since"] == line.lake.tags()["promotion-000001"]


def test_a_ref_that_is_not_on_main_is_named(line: Desk) -> None:
    branch = next(iter(line.lake.branches("run-")))
    assert "is not in the history of main" in line.audit("--since", branch).error
    assert "no promotion or rollback has this number" in line.audit("--since", "99").error
    assert line.audit("--since", "nothing-here").code not in {0, AUDIT_FAILED}


def test_each_finding_is_one_line_with_commit_invariant_what_and_what_to_do(line: Desk) -> None:
    lake = line.unprotected()
    lake.write(names.MAIN, names.METRICS, b"{}")
    commit = lake.commit(names.MAIN, "by hand", {})

    answer = line.audit()
    as_json = line.audit("--json")

    assert (answer.code, as_json.code) == (AUDIT_FAILED, AUDIT_FAILED)
    document = as_json.document
    assert document["error"]
    assert document["exit_code"] == AUDIT_FAILED
    proved = [f for f in document["findings"] if f["proved"]]
    assert {(f["commit"], f["invariant"]) for f in proved} >= {(commit, "I3"), (commit, "I5"), (commit, "I6")}
    assert all(f["what"] and f["todo"] for f in proved)
    lines = answer.out.splitlines()[: len(document["findings"])]
    for row, finding in zip(lines, document["findings"], strict=True):
        place = finding["commit"][:12] or names.MAIN
        assert row.startswith(f"{place} {finding['invariant']}: ")
        assert finding["what"] in row
    assert f"{len(proved) - 1} more" in answer.error


def test_what_was_found_so_far_is_shown_where_the_lake_goes_away(line: Desk) -> None:
    lake = line.unprotected()
    lake.write(names.MAIN, names.METRICS, b"{}")
    lake.commit(names.MAIN, "by hand", {})

    def gone() -> None:
        raise LakeUnavailable("no answer", where=NOWHERE)

    lake.protection = gone  # type: ignore[method-assign,assignment]
    answer = line.audit()

    assert answer.code == LakeUnavailable.exit_code
    assert "made by no merge" in answer.out
    assert "did not finish" in answer.out


def test_what_was_found_so_far_is_shown_where_the_user_stops_it(line: Desk) -> None:
    lake = line.unprotected()
    lake.write(names.MAIN, names.METRICS, b"{}")
    lake.commit(names.MAIN, "by hand", {})

    def stopped() -> None:
        raise KeyboardInterrupt

    lake.protection = stopped  # type: ignore[method-assign,assignment]
    answer = line.audit()

    assert answer.code == 130
    assert "made by no merge" in answer.out
    assert "interrupted" in answer.error


# --- each promise of the audit, broken by hand


def _spoiled(path: str, data: bytes) -> Callable[[Desk], str]:
    def spoil(line: Desk) -> str:
        commit = line.lake.tags()["promotion-000002"]
        tree = line.lake._trees[commit]
        line.lake._trees[commit] = {**tree, path: Entry(data, tree[path].metadata)}
        return commit

    return spoil


def _staged(line: Desk) -> str:
    line.unprotected().write(names.MAIN, "raw/stray", b"x")
    line.lake.protect([names.MAIN], line.lake.protection().version)
    return ""


def _unprotected(line: Desk) -> str:
    line.unprotected()
    return ""


def _moved_back(line: Desk) -> str:
    tags = line.lake.tags()
    line.unprotected().hard_reset(names.MAIN, tags["promotion-000001"])
    line.lake.protect([names.MAIN], line.lake.protection().version)
    return tags["promotion-000002"]


def _frozen(line: Desk) -> str:
    plan = plan_rollback(line.workspace.ports, "half way", to=1)
    assert plan is not None
    return freeze(line.workspace.ports, plan)


def _tag_gone(tag: str) -> Callable[[Desk], str]:
    def spoil(line: Desk) -> str:
        commit = line.lake.tags()[tag]
        line.lake.delete_tag(tag)
        return commit

    return spoil


def _tag_moved(tag: str, to: str) -> Callable[[Desk], str]:
    def spoil(line: Desk) -> str:
        tags = line.lake.tags()
        line.lake.delete_tag(tag)
        line.lake.create_tag(tag, tags[to])
        return tags[tag] if names.is_promotion_tag(tag) else tags[to]

    return spoil


def _squatted(tag: str) -> Callable[[Desk], str]:
    def spoil(line: Desk) -> str:
        head = line.lake.head(names.MAIN)
        line.lake.create_tag(tag, head)
        return head

    return spoil


def _decision_gone(line: Desk) -> str:
    commit = line.lake.tags()["promotion-000002"]
    evidence = line.lake.commit_of(commit).metadata["evidence_commit"]
    for tag, at in line.lake.tags("decision-").items():
        if at == evidence:
            line.lake.delete_tag(tag)
    return commit


def _barred(line: Desk) -> str:
    commit = line.lake.tags()["promotion-000002"]
    line.lake.create_tag(names.revoked_tag(line.lake.commit_of(commit).metadata["run_id"]), commit)
    return commit


def _alias(line: Desk) -> str:
    tracker, lake = line.workspace.ports.tracker, line.lake
    first = tracker.version_of(PIPELINE, model_uri(PIPELINE, lake.tags()["promotion-000001"]))
    tracker.set_alias(PIPELINE, "champion", first)
    return ""


def _no_version(line: Desk) -> str:
    commit = line.lake.tags()["promotion-000002"]
    line.workspace.ports.tracker.versions.pop((PIPELINE, model_uri(PIPELINE, commit)))  # type: ignore[attr-defined]
    return commit


BROKEN: dict[str, tuple[Callable[[Desk], str], str, str]] = {
    "a holdout of other rows": (_spoiled(names.HOLDOUT, b"rows"), "I3", "not what was judged"),
    "losses that do not follow": (_spoiled(names.PAIRED, b"{}"), "I9", "paired"),
    "something staged": (_staged, "I13", "staged on main"),
    "no protection": (_unprotected, "I3", "not protected"),
    "main moved back by hand": (_moved_back, "I12", "the tracker saw promotion 2 on main"),
    "a rollback under way": (_frozen, "I13", "a rollback is under way"),
    "a record tag deleted": (_tag_gone("promotion-000002"), "I12", "not tagged"),
    "a record tag moved": (_tag_moved("promotion-000002", "promotion-000001"), "I12", "another commit"),
    "the champion's tag moved": (
        _tag_moved("champion", "promotion-000001"),
        "I11",
        "the tag champion names",
    ),
    "a number that was squatted": (_squatted("promotion-000003"), "I12", "promotion-000003 names a commit"),
    "a rollback that never was": (_squatted("rolledback-000003"), "I12", "no readable record"),
    "a rollback that is over and never was": (_squatted("settled-000003"), "I12", "not on record"),
    "a run barred by nobody": (_squatted("revoked-abcdefabcdef"), "I7", "that no rollback dropped"),
    "a hold by nobody": (_squatted("hold"), "I12", "no rollback placed the hold"),
    "a look that nobody took": (_squatted("decision-abcdefabcdef-1"), "I9", "not this decision"),
    "a decision off the record": (_decision_gone, "I9", "its decision is not on record"),
    "a promoted run that is barred": (_barred, "I7", "was rolled back, and main is based on it"),
    "another alias": (_alias, "I11", "the alias champion"),
    "no registered version": (_no_version, "I15", "no registered version"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_found(line: Desk, name: str) -> None:
    spoil, invariant, words = BROKEN[name]
    line.says(invariant, words, spoil(line))


# --- on a server, with MLflow


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A repository of this test's own, with MLflow's own store."""
    real = tracking.MLflowTracker
    with served_in(tmp_path) as served:
        served.enter(monkeypatch)
        monkeypatch.setattr(tracking, "MLflowTracker", real)
        monkeypatch.setattr(
            tiny, "SPEC", replace(tiny.SPEC, baseline=lambda _train, rows: 3 * rows["x"].to_numpy())
        )
        yield served


@pytest.mark.slow
def test_on_a_server_with_mlflow(job: Served, real: Mlops) -> None:
    assert real("ingest", PIPELINE, "2020-01..2020-02").code == 0
    assert real("run", PIPELINE, "--param", "shrinkage=2000").code == 0
    assert real("run", PIPELINE).code == 0
    clean = real("audit", PIPELINE, "--rescore", "--json")
    assert (clean.code, clean.document["findings"]) == (0, []), clean.out
    assert real("rollback", PIPELINE, "--reason", "it was wrong").code == 0
    assert real("audit", PIPELINE).code == 0

    lake = job.lake
    lake.protect([], lake.protection().version)
    lake.write(names.MAIN, "raw/points/stray.parquet", b"x")
    answer = real("audit", PIPELINE)
    assert answer.code == AUDIT_FAILED
    assert "1 changes are staged on main" in answer.out
    assert "main is not protected" in answer.out

    said = real("reconcile", PIPELINE, "--json").document["done"]
    assert any("raw/points/stray.parquet" in row for row in said), said
    assert "protected main" in said
    assert (lake.staged(names.MAIN), real("audit", PIPELINE).code) == ([], 0)
