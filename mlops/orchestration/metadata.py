"""Metadata of each step for Dagster: commits, row counts, digests, the verdict, and links."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops.orchestration.checks.expectations import Report, Suite, differences
from mlops.runs import json_values, names
from mlops.runs.digest import tree_digest
from mlops.runs.errors import Corrupt, NotFound, bounded
from mlops.runs.main.state import read_json
from mlops.runs.promotion.decision import current
from mlops.runs.records import Run, Step
from mlops.runs.upkeep.reconcile import model_uri
from mlops.steps.prepare import PROCESSED_SUITE
from mlops.steps.run import record_of

if TYPE_CHECKING:
    from mlops.runs.decisions import Decision
    from mlops.runs.ports import Commit, Lake
    from mlops.runs.promotion.promote import Promotion
    from mlops.steps.workspace import Workspace

Metadata = dict[str, Any]


def raw(workspace: Workspace, run: Run) -> Metadata:
    """Return the inputs of a run: the commit of `main` that it forked from, and the arrivals there."""
    stats = workspace.lake.list(run.fork, names.RAW)
    arrivals = sorted({parsed.arrival for s in stats if (parsed := names.parse_raw_path(s.path))})
    return {
        "run": run.run_id,
        "branch": run.branch,
        "commit": run.fork,
        "arrivals": len(arrivals),
        "newest arrival": arrivals[-1] if arrivals else "none",
        "raw digest": run.inputs.raw_digest,
        "inputs digest": run.inputs.digest,
        "parameters": dg.MetadataValue.json(dict(run.inputs.params)),
        **_links({"changes": workspace.links.compare(names.MAIN, run.branch)}),
    }


def arrival(workspace: Workspace, name: str, commit: Commit) -> Metadata:
    """Return where an arrival came from, what its validation gave, and pages about both.

    Args:
        workspace: The pipeline's workspace.
        name: Name of the arrival.
        commit: The commit of `main` that ingested it.
    """
    lake, evidence = workspace.lake, commit.metadata.get("evidence_commit", "")
    stats = lake.list(commit.id, names.RAW)
    files = [stat for stat in stats if (at := names.parse_raw_path(stat.path)) and at.arrival == name]
    counts = _rows_of(lake, evidence)
    pages = {f"rows of {at.table}": workspace.links.object(commit.id, file.path)
             for file in files if (at := names.parse_raw_path(file.path))}  # fmt: skip
    return {
        "commit": commit.id,
        "source": commit.metadata.get("source", ""),
        "validation": commit.metadata.get("validation", ""),
        "digest": tree_digest((file.path, file.checksum) for file in files),
        "size_bytes": sum(file.size_bytes for file in files),
        **({"evidence commit": evidence} if evidence else {}),
        **({"dagster/row_count": sum(counts.values())} if counts else {}),
        **{f"rows of {table}": rows for table, rows in counts.items()},
        **_links({"validation": workspace.links.validation(evidence)} if evidence else {}),
        **_links({"commit": workspace.links.commit(commit.id), **pages}),
    }


def _rows_of(lake: Lake, evidence: str) -> dict[str, int]:
    """Return table to rows as the record of an arrival's origin counts them; empty where there is none."""
    try:
        tables = read_json(lake, evidence, names.ORIGIN)["tables"] if evidence else {}
    except (NotFound, Corrupt):
        return {}
    return {table: int(origin["rows"]) for table, origin in tables.items()}


def processed(workspace: Workspace, run: Run) -> Metadata:
    """Return how many rows were joined, split and left out."""
    commit = record_of(workspace, run, Step.PROCESSED)
    counts = json_values.parse(commit.metadata.get("rows", "{}"))
    dropped = json_values.parse(commit.metadata.get("dropped", "{}"))
    return {
        "commit": commit.id,
        **counts,
        **{f"left out: {reason}": rows for reason, rows in dropped.items()},
        "dagster/row_count": sum(counts.get(name, 0) for name in ("train rows", "holdout rows", "data rows")),
        "digest": _digest(workspace, commit.id, names.PROCESSED),
        **_links({"rows": workspace.links.objects(commit.id, names.PROCESSED)}),
    }


def model(workspace: Workspace, run: Run) -> Metadata:
    """Return the training data and the address of the model."""
    commit = record_of(workspace, run, Step.TRAINED)
    return {
        "commit": commit.id,
        "train rows": int(commit.metadata.get("train_rows", "0")),
        **({"trained until": until} if (until := commit.metadata.get("trained_until", "")) else {}),
        "digest": _digest(workspace, commit.id, names.MODEL),
        "uri": model_uri(workspace.lake.repository, commit.id),
        **_links({"model": workspace.links.objects(commit.id, names.MODEL)}),
    }


def evaluation(workspace: Workspace, run: Run) -> Metadata:
    """Return the verdict on record, its sentence and its numbers."""
    decided = current(workspace.ports, run)
    return {
        **_verdict(decided.decision),
        "evidence commit": decided.evidence_commit,
        **_finite(decided.decision.metrics),
        **_links({"report": workspace.links.report(decided.evidence_commit)}),
    }


def promotion(workspace: Workspace, ended: Promotion) -> Metadata:
    """Return the outcome of the run: the commit of `main`, or the final refusal."""
    found: Metadata = {
        **_verdict(ended.decision),
        "evidence commit": ended.evidence_commit,
        "decided again": ended.decided_again,
        **_links({"report": workspace.links.report(ended.evidence_commit)}),
    }
    if ended.pull_request:
        found |= _links({"review": workspace.links.pull_request(ended.pull_request)})
    if ended.merge_commit:
        found |= {
            "number": ended.number,
            "commit": ended.merge_commit,
            **_links({"on main": workspace.links.commit(ended.merge_commit)}),
        }
    if ended.merge_commit and workspace.spec.has_model:
        found |= {
            "uri": model_uri(workspace.lake.repository, ended.merge_commit),
            **_links({"registered model": workspace.links.mlflow_model(workspace.lake.repository)}),
        }
    return found


def check_name(table: str) -> str:
    """Return the name of the check that holds a table, raw or processed, against its suite."""
    rows = re.sub(r"\W", "_", table.removeprefix(f"{PROCESSED_SUITE}_"), flags=re.ASCII)
    return "rows_meet_expectations" if table == PROCESSED_SUITE else f"{rows}_rows_meet_expectations"


def check_result(report: Report, suite: Suite, asset: dg.AssetKey) -> dg.AssetCheckResult:
    """Return the result of a whole suite on a table, from its stored report.

    An expectation of severity error that does not hold stops the run; of severity warning, it is shown.

    Args:
        report: The report.
        suite: The suite as it is shipped; where the one on `main` differs, the result says so.
        asset: The asset that the table is of.
    """
    broken = [check for check in report["checks"] if not check["success"]]
    columns = ("success", "severity", "expects", "observed", "count")
    records = [dg.TableRecord({name: check[name] for name in columns}) for check in report["checks"]]
    differs = differences(suite, report) if suite.checks else []
    said = "; ".join(check["name"] for check in broken) or f"all {report['run']} hold"
    if differs:
        said += f". The suite on main is not the shipped one: {'; '.join(differs)}"
    return dg.AssetCheckResult(
        passed=not broken,
        asset_key=asset,
        check_name=check_name(report["table"]),
        severity=dg.AssetCheckSeverity.WARN if report["success"] else dg.AssetCheckSeverity.ERROR,
        description=bounded(said, 2000),
        metadata={
            "suite": report["suite"],
            "rows": report["rows"],
            "expectations": report["run"],
            "broken": len(broken),
            "results": dg.MetadataValue.table(records),
            **({"differs from the shipped suite": dg.MetadataValue.json(differs)} if differs else {}),
        },
    )


def _verdict(decision: Decision) -> Metadata:
    return {
        "verdict": str(decision.verdict.outcome),
        "sentence": decision.verdict.sentence,
        "reasons": ", ".join(str(finding.reason) for finding in decision.verdict.findings),
        "compared to promotion": decision.compared_to.number,
    }


def _finite(metrics: Mapping[str, float]) -> Metadata:
    return {name: value for name, value in sorted(metrics.items()) if value == value}  # noqa: PLR0124 - NaN


def _digest(workspace: Workspace, commit: str, prefix: str) -> str:
    return tree_digest((stat.path, stat.checksum) for stat in workspace.lake.list(commit, prefix))


def _links(pages: Mapping[str, str]) -> Metadata:
    return {f"page: {name}": dg.MetadataValue.url(page) for name, page in pages.items() if page}
