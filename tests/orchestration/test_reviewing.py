"""Review with real models: the steps, the report, and a comparison that is made again."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from mlops.runs import names
from mlops.runs.ports import Author
from mlops.steps import run as running
from mlops.steps.report.make import make_report
from mlops.steps.review.acts import approve, reject
from tests.orchestration import tiny

MONTHS = ("2020-01", "2020-02", "2020-03")


def test_two_runs_wait_and_the_second_is_compared_with_the_first(tmp_path: Path) -> None:
    files = tiny.gate_files()
    files[names.POLICY] += b"promotion: review\n"
    made = tiny.memory_workspace(tiny.SPEC, files, *MONTHS)
    ports = dataclasses.replace(made.ports, author=lambda: Author("claimed:Bob"))
    workspace = dataclasses.replace(made, ports=ports)
    shrunk = running.run_all(workspace, tiny.SPEC.parameters({"shrinkage": 2000.0}))
    plain = running.run_all(workspace, tiny.SPEC.parameters({}))
    third = running.run_all(workspace, tiny.SPEC.parameters({"shrinkage": 1000.0}))
    assert (shrunk.waiting, plain.waiting, third.waiting) == (True, True, True)
    page = make_report(workspace, plain.evidence_commit, tmp_path).decode()
    assert f"mlops approve {tiny.SPEC.name} {plain.run.run_id} --comment TEXT" in page

    first = approve(workspace, shrunk.run.run_id, "a beginning")
    second = approve(workspace, plain.run.run_id, "better")
    found = reject(workspace, third.run.run_id, "not needed any more")

    assert (first.number, first.decided_again, second.number, second.decided_again) == (1, 0, 2, 1)
    assert second.decision.compared_to.number == 1
    assert found.reason == "not needed any more"
    tracker = workspace.ports.tracker
    assert tracker.runs[third.run.run_id]["mlops.review"].endswith("not needed any more")  # type: ignore[attr-defined]
    assert workspace.lake.pull_requests() == []
