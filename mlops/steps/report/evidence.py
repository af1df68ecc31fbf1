"""Everything that the report of a run is made from, read at commits by id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.adapters import tables
from mlops.adapters.policy.files import parse_policy
from mlops.runs import json_values, names
from mlops.runs.decisions import Decision, Policy
from mlops.runs.errors import Corrupt, InputError, NotFound
from mlops.runs.evidence import Footprint, Paired
from mlops.runs.main.state import champion_of, parse_json, read_json, read_optional
from mlops.runs.promotion.step_commits import run_of
from mlops.runs.records import Champion, Run

if TYPE_CHECKING:
    import pandas as pd

    from mlops.adapters.lake.lake import LakeFSLake
    from mlops.pipelines.spec import PipelineSpec
    from mlops.steps.workspace import Workspace


@dataclass(frozen=True)
class Other:
    """The champion that the run was compared with.

    Attributes:
        champion: Its record.
        commit: The commit of `main` at which it was read.
        run: Its run; None where its evidence is gone.
        footprint: Size and speed of its model; None where they were not measured.
    """

    champion: Champion
    commit: str
    run: Run | None
    footprint: Footprint | None


@dataclass(frozen=True)
class Evidence:
    """All that is on record about a decided run.

    Attributes:
        spec: Its pipeline.
        commit: Its evidence commit.
        run: The run.
        decision: Its decision.
        policy: The policy that it was judged by.
        paired: Its losses.
        details: What its task tells beyond the losses.
        predictions: Everybody's predictions of the holdout; None without a model.
        validations: Table to the result of its suite.
        profile: The profile of its rows; None with a model.
        other: The champion that it was compared with; None where there was none.
        raw_changes: Path to change of the raw data since the champion's; None where that cannot be told.
        rows: The training rows, or all rows where there is no model: the columns that are compared.
        other_rows: Those of the champion; None where there was none, or where they are the same.
    """

    spec: PipelineSpec
    commit: str
    run: Run
    decision: Decision
    policy: Policy
    paired: Paired
    details: Mapping[str, Any]
    predictions: pd.DataFrame | None
    validations: Mapping[str, Mapping[str, Any]]
    profile: Mapping[str, Any] | None
    other: Other | None
    raw_changes: Mapping[str, str] | None
    rows: pd.DataFrame | None
    other_rows: pd.DataFrame | None
    columns: tuple[Sequence[str], Sequence[str] | None]


def read_evidence(workspace: Workspace, commit: str) -> Evidence:
    """Return the evidence at a commit.

    Raises:
        NotFound: The commit holds no decision.
        Corrupt: What it holds cannot be read.
    """
    lake, spec = workspace.lake, workspace.spec
    decision = Decision.from_json(read_json(lake, commit, names.DECISION))
    run = run_of(lake.commit_of(commit))
    other = _other(lake, decision)
    path = names.TRAIN if spec.has_model else names.ROWS
    rows, columns = _rows(lake, spec, commit, path)
    same = other is not None and _checksum(lake, other.commit, path) == _checksum(lake, commit, path)
    before = _rows(lake, spec, other.commit, path) if other is not None and not same else (None, None)
    details, profile = (read_optional(lake, commit, p) for p in (names.DETAILS, names.PROFILE))
    return Evidence(
        spec=spec,
        commit=commit,
        run=run,
        decision=decision,
        policy=parse_policy(lake.read(decision.compared_to.commit or run.fork, names.POLICY)),
        paired=Paired.from_json(read_json(lake, commit, names.PAIRED)),
        details=parse_json(details, names.DETAILS) if details else {},
        predictions=_predictions(lake, commit) if spec.has_model else None,
        validations=_validations(lake, commit),
        profile=parse_json(profile, names.PROFILE) if profile else None,
        other=other,
        raw_changes=_raw_changes(lake, run, other),
        rows=rows,
        other_rows=before[0],
        columns=(columns or (), columns if same else before[1]),
    )


def _other(lake: LakeFSLake, decision: Decision) -> Other | None:
    commit = decision.compared_to.commit
    data = read_optional(lake, commit, names.CHAMPION) if decision.compared_to.number else None
    if data is None:
        return None
    champion = champion_of(data, commit)
    try:
        run = run_of(lake.commit_of(champion.evidence_commit))
    except (Corrupt, NotFound):
        run = None  # it was forgotten, or collected as garbage
    paired = read_optional(lake, commit, names.PAIRED)
    footprint = Paired.from_json(parse_json(paired, names.PAIRED)).footprint if paired else None
    return Other(champion, commit, run, footprint)


def _raw_changes(lake: LakeFSLake, run: Run, other: Other | None) -> dict[str, str] | None:
    if other is None:
        return None
    try:
        return {c.path: c.type for c in lake.diff(other.champion.raw_commit, run.fork, names.RAW)}
    except NotFound:
        return None


def _predictions(lake: LakeFSLake, commit: str) -> pd.DataFrame | None:
    data = read_optional(lake, commit, names.PREDICTIONS)
    return tables.read_parquet(data, where=names.PREDICTIONS) if data is not None else None


def _validations(lake: LakeFSLake, commit: str) -> dict[str, Mapping[str, Any]]:
    paths = [stat.path for stat in lake.list(commit, names.VALIDATION) if stat.path.endswith(".json")]
    found = {
        path.removeprefix(names.VALIDATION).removesuffix(".json"): json_values.parse(lake.read(commit, path))
        for path in paths
    }
    return {name: value for name, value in found.items() if isinstance(value, dict) and "checks" in value}


def _checksum(lake: LakeFSLake, commit: str, path: str) -> str:
    try:
        return lake.stat(commit, path).checksum
    except NotFound:
        return ""


def _rows(
    lake: LakeFSLake, spec: PipelineSpec, commit: str, path: str
) -> tuple[pd.DataFrame | None, Sequence[str] | None]:
    """Return the columns that are compared, and the names of all columns; None where there are no rows."""
    import pyarrow.parquet as pq

    try:
        with lake.open_read(commit, path) as file:
            there: list[str] = list(pq.read_schema(file).names)
        wanted = [c for c in (*spec.model_input, spec.target) if c in there] if spec.has_model else there
        with lake.open_read(commit, path) as file:
            return tables.read_parquet(file, where=path, columns=list(dict.fromkeys(wanted))), there
    except (InputError, NotFound, OSError):
        return None, None
