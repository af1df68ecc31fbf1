# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportCallIssue=false

"""The evidence on data without a model: the digest of its rows, and that the suite holds on them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from mlops.adapters import tables
from mlops.pipelines.holdout import row_digest
from mlops.runs import names
from mlops.runs.digest import sha256
from mlops.runs.errors import NotFound, ValidationFailed
from mlops.runs.evidence import Paired
from mlops.runs.gate.holdouts import identity_of
from mlops.runs.main.state import read_json
from mlops.runs.ports import Evaluation
from mlops.runs.records import HoldoutRule
from mlops.steps.prepare import processed_tables

if TYPE_CHECKING:
    import pandas as pd

    from mlops.pipelines.spec import PipelineSpec
    from mlops.steps.workspace import Workspace


def data_evaluation(workspace: Workspace, candidate: str) -> Evaluation:
    """Return the evidence on the rows of a commit.

    Raises:
        ValidationFailed: The results of its suite are not there, or the suite does not hold.
    """
    for table in processed_tables(workspace.spec):
        path = names.validation_path(table)
        try:
            held = read_json(workspace.lake, candidate, path).get("success") is True
        except NotFound as error:
            raise ValidationFailed("the suite was not run", where=f"{candidate[:12]}:{path}") from error
        if not held:
            raise ValidationFailed("the suite does not hold", where=f"{candidate[:12]}:{path}")
    data = workspace.lake.read(candidate, names.ROWS)
    rows = tables.read_parquet(data, where=names.ROWS)
    return Evaluation(
        paired=data_evidence(workspace.spec, rows),
        predictions=b"",
        metrics=data_metrics(rows),
        read={names.ROWS: sha256(data)},
    )


def data_evidence(spec: PipelineSpec, rows: pd.DataFrame) -> Paired:
    """Return the evidence on rows by themselves: nothing is held out and nothing is compared."""
    empty = Paired(
        holdout_digest=row_digest(rows, spec.key, sorted(map(str, rows.columns))),
        rows=len(rows),
        has_champion=False,
        train_overlap=0,
        candidate_trained_until="",
        champion_trained_until="",
        holdout_from="",
        series=(),
    )
    return dataclasses.replace(empty, holdout_id=identity_of(HoldoutRule("none"), empty))


def data_metrics(rows: pd.DataFrame) -> dict[str, float]:
    """Return the numbers that a promotion of data records."""
    return {
        "columns": float(len(rows.columns)),
        "missing_values": float(rows.isna().to_numpy().sum()),
        "rows": float(len(rows)),
    }
