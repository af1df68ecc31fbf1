"""Evaluations are counted by what a holdout is, and go on from those that were counted by its bytes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from mlops.runs import names
from mlops.runs.errors import Corrupt
from mlops.runs.evidence import Paired
from mlops.runs.gate.holdouts import HOLDOUT_KEY, identity_of
from mlops.runs.gate.rules import Rules
from mlops.runs.main.policy import apply_policy
from mlops.runs.main.state import read_json
from mlops.runs.promotion.promote import Promotion
from mlops.runs.records import HoldoutRule
from mlops.steps import run as running
from mlops.steps.arrivals import ingest
from mlops.steps.workspace import Workspace
from tests.orchestration.tiny import SPEC, arrive, tiny_workspace
from tests.support.auditing import findings, texts
from tests.support.fakes import paired
from tests.support.protocol import GATE_FILES, World, new_world

MONTH = HoldoutRule("newest_period", "day", "month")
WEEK = HoldoutRule("newest_period", "day", "week")
DAY = HoldoutRule("newest_period", "day", "day")
SHARE = HoldoutRule("hash", fraction=0.2)


def begins(time: str) -> Paired:
    return replace(paired(12.0, None), holdout_from=time)


def rows(count: int) -> Paired:
    return replace(paired(12.0, None), holdout_from="", rows=count)


@pytest.mark.parametrize(
    ("rule", "one", "other", "same"),
    [
        (MONTH, begins("2013-03-01T00:00:00-05:00"), begins("2013-03-02T05:00:00-05:00"), True),
        (MONTH, begins("2013-03-31T23:00:00-04:00"), begins("2013-04-01T01:00:00-04:00"), False),
        (MONTH, begins("2013-03-01"), begins("2014-03-01"), False),
        (WEEK, begins("2013-03-04"), begins("2013-03-10T23:59:59"), True),
        (WEEK, begins("2013-03-03"), begins("2013-03-04"), False),
        (DAY, begins("2013-03-03T01:00:00"), begins("2013-03-03T09:00:00"), True),
        (DAY, begins("2013-03-03"), begins("2013-03-04"), False),
        (SHARE, rows(1030), rows(2000), True),
        (SHARE, rows(1030), rows(2060), False),
    ],
)
def test_a_holdout_is_the_same_whatever_its_rows_hold(
    rule: HoldoutRule, one: Paired, other: Paired, same: bool
) -> None:
    other = replace(other, holdout_digest="b" * 64)
    assert (identity_of(rule, one) == identity_of(rule, other)) is same


def test_rules_select_different_holdouts() -> None:
    evidence = begins("2013-03-04")
    assert len({identity_of(rule, evidence) for rule in (MONTH, WEEK, DAY, SHARE)}) == 4
    assert identity_of(SHARE, rows(10)) != identity_of(replace(SHARE, fraction=0.1), rows(10))


def test_a_holdout_without_a_beginning_is_named() -> None:
    with pytest.raises(Corrupt, match="which is no time"):
        identity_of(MONTH, begins("once"))


# --- the whole pipeline


def run(workspace: Workspace, **params: float) -> Promotion:
    return running.run_all(workspace, SPEC.parameters(params))


def redeliver(workspace: Workspace, arrival: str, frame: pd.DataFrame) -> None:
    ingest.deliver(workspace, arrival, "file:points.csv", {"points": frame})


def test_another_delivery_of_the_same_month_keeps_the_count() -> None:
    workspace = tiny_workspace("2020-01", "2020-02", "2020-03")
    first = run(workspace, shrinkage=2000.0)
    frame = dict(SPEC.source({}).extract("2020-03"))["points"]
    redeliver(workspace, "2020-03", frame.assign(y=frame["y"] + 1e-9))
    second = run(workspace, shrinkage=500.0)
    redeliver(workspace, "2020-03", frame.iloc[:-1])
    third = run(workspace)
    assert [p.decision.verdict.look for p in (first, second, third)] == [1, 2, 3]
    assert len({identity(workspace, p) for p in (first, second, third)}) == 1
    arrive(workspace, "2020-04")
    assert run(workspace, shrinkage=1.0).decision.verdict.look == 1


def identity(workspace: Workspace, ended: Promotion) -> str:
    commit = workspace.lake.commit_of(ended.evidence_commit)
    evidence = Paired.from_json(read_json(workspace.lake, commit.id, names.PAIRED))
    assert commit.metadata[HOLDOUT_KEY] == evidence.holdout_id
    assert commit.metadata["decision_tag"].split("-")[1] == evidence.holdout_id[:12]
    return evidence.holdout_id


def test_an_evaluation_that_was_counted_for_another_holdout_is_found(tmp_path: Any) -> None:
    from mlops.steps.audit.audit import audit_pipeline
    from mlops.steps.evaluation import judge

    workspace = tiny_workspace("2020-01", "2020-02", "2020-03")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(judge, "identity_of", lambda *_: "f" * 64)
        commit = run(workspace).merge_commit
    found = [f for step in audit_pipeline(workspace, tmp_path) for f in step.findings]
    assert [(f.commit, f.invariant, f.what) for f in found if f.proved] == [
        (commit, "I9", "its evaluation was counted for another holdout than the one it was made on")
    ]


# --- histories that were begun by older versions


@pytest.fixture
def old() -> World:
    """A refused and a promoted run, judged by a gate that counted evaluations by bytes."""
    made = new_world("2013-01", "2013-02", gate={**GATE_FILES, names.ENFORCER: b"name: promotion gate\n"})
    made.judge.identity = "b" * 64
    made.run(mae=25.0)
    made.run(mae=14.0)
    assert sorted(made.lake.tags("decision-")) == [f"decision-{'a' * 12}-{k}" for k in (1, 2)]
    return made


def test_an_old_history_audits_clean(old: World) -> None:
    assert texts(findings(old)) == []


def test_the_count_goes_on_where_the_old_one_ended(old: World) -> None:
    apply_policy(old.ports, GATE_FILES, "count by what a holdout is")
    old.judge.holdout = "c" * 64  # delivered again since, so its bytes are others
    ended = old.run(mae=12.0)
    assert ended.merge_commit
    assert (ended.decision.verdict.look, ended.decision.continues) == (3, f"decision-{'a' * 12}-2")
    again = old.run(mae=10.0)
    assert (again.decision.verdict.look, again.decision.continues) == (4, "")
    assert texts(findings(old)) == []


def test_an_evaluation_that_leaves_the_old_ones_out_is_found(old: World) -> None:
    apply_policy(old.ports, GATE_FILES, "count by what a holdout is")
    old.run(mae=12.0)
    lake: Any = old.lake
    lake.hook = None
    lake.delete_tag(f"decision-{'a' * 12}-2")
    whats = [f.what for f in findings(old) if f.proved]
    assert "evaluation 1 of holdout bbbbbbbbbbbb is missing from the record" in whats


def test_evidence_by_bytes_is_refused_and_found_once_the_gate_counts_by_identity() -> None:
    from mlops.runs.errors import Unlawful
    from mlops.runs.promotion import decision

    world = new_world("2013-01", "2013-02")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(decision, "rules_in_force", lambda *_: Rules(by_identity=False))
        with pytest.raises(Unlawful, match="which look at which holdout"):
            world.run(mae=14.0)
        world.lake.enforcer = None  # type: ignore[attr-defined]
        commit = world.run(mae=14.0).merge_commit
    assert (
        "I9",
        commit,
        "its evaluation was counted by the bytes of the holdout, not by what the holdout is",
    ) in {(f.invariant, f.commit, f.what) for f in findings(world)}
