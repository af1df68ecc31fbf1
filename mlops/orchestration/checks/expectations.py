"""Expectations as asset checks: one for each expectation of the suites that a pipeline ships.

Checks have names before any lake is asked, so they are those of the shipped suites; the suites on `main` are
what judges. Where the two differ, the checks say so: an expectation that is no longer on `main` was not run,
and one that is only there is part of the check of its table.

An event of Dagster costs several milliseconds, and a suite has dozens of expectations. In a run of
``mlops run`` the check of each table is a step's; the single expectations are reported when the run has
ended. A run that was launched from the pages reports them in the same step.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops.adapters.validation.listed import Listed, listed
from mlops.runs import json_values, names
from mlops.runs.digest import sha256
from mlops.runs.errors import MlopsError
from mlops.runs.main.state import read_json
from mlops.steps.prepare import PROCESSED_SUITE, processed_tables
from mlops.steps.repository.shipped_files import expectations

if TYPE_CHECKING:
    from mlops.pipelines.spec import PipelineSpec
    from mlops.runs.ports import Lake

#: Broken rows that a check shows, at most.
MAX_EXAMPLES = 3
_NOT_RUN = "not run: the suite on main does not have this expectation"

Report = Mapping[str, Any]


@dataclass(frozen=True)
class Suite:
    """A shipped suite and the tables that it judges.

    Attributes:
        tables: Names of the validation reports: of one raw table, or of training and holdout rows.
        checks: Name of the asset check to the expectation.
    """

    tables: tuple[str, ...]
    checks: Mapping[str, Listed]


def processed_suite(spec: PipelineSpec) -> Suite:
    """Return the suite of the processed rows; without checks where the pipeline ships none."""
    return Suite(tuple(processed_tables(spec)), _checks(_shipped(spec, PROCESSED_SUITE)))


def raw_suites(spec: PipelineSpec) -> list[Suite]:
    """Return the suites of the raw tables; the checks of each begin with the name of the table."""
    return [Suite((table,), _checks(_shipped(spec, table), f"{table}_")) for table in spec.tables]


def check_specs(suite: Suite, asset: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """Return a check for each expectation of a suite; those of severity error block."""
    return [
        dg.AssetCheckSpec(
            name,
            asset=asset,
            blocking=each.severity == "error",
            description=f"{each.expects} ({each.severity})",
        )
        for name, each in suite.checks.items()
    ]


def check_results(suite: Suite, asset: dg.AssetKey, reports: Sequence[Report]) -> list[dg.AssetCheckResult]:
    """Return the result of each expectation.

    Args:
        suite: The shipped suite.
        asset: The asset that the checks are of.
        reports: The stored validation reports of all or some assets' tables, in any order.
    """
    of_tables = [report for table in suite.tables for report in reports if report["table"] == table]
    return [_result(name, each, asset, of_tables) for name, each in suite.checks.items()]


def differences(suite: Suite, report: Report) -> list[str]:
    """Return what the suite on `main` has otherwise than the shipped one, a line for each expectation."""
    shipped = {each.name: each for each in suite.checks.values()}
    found = {check["name"]: check for check in report["checks"]}
    return [
        *(f"only on main: {check['expects']}" for name, check in found.items() if name not in shipped),
        *(f"no longer on main: {each.expects}" for name, each in shipped.items() if name not in found),
        *(
            f"on main: {found[name]['expects']}; shipped: {each.expects}"
            for name, each in shipped.items()
            if name in found and found[name]["expects"] != each.expects
        ),
    ]


def stored_reports(lake: Lake, commit: str, tables: Sequence[str]) -> list[Report]:
    """Return the validation reports of tables in a commit, of those that have one there."""
    held = {stat.path for stat in lake.list(commit, names.VALIDATION)}
    paths = [names.validation_path(table) for table in tables]
    return [read_json(lake, commit, path) for path in paths if path in held]


def report_expectations(
    instance: dg.DagsterInstance, spec: PipelineSpec, lake: Lake, commit: str, asset: dg.AssetKey
) -> None:
    """Record in Dagster what each expectation of the processed rows gave, after the run that it is about.

    Args:
        instance: Where Dagster keeps events.
        spec: The pipeline.
        lake: Its repository.
        commit: A commit of the run's branch after validation.
        asset: The asset of the processed rows.
    """
    suite = processed_suite(spec)
    record_results(instance, check_results(suite, asset, stored_reports(lake, commit, suite.tables)))


def record_results(instance: dg.DagsterInstance, results: Sequence[dg.AssetCheckResult]) -> None:
    """Record results of checks outside a step; each names its asset and its check."""
    for result in results:
        instance.report_runless_asset_event(evaluation_of(result))


def evaluation_of(result: dg.AssetCheckResult) -> dg.AssetCheckEvaluation:
    """Return the event of a result that names its asset and its check."""
    assert result.asset_key is not None and result.check_name is not None  # noqa: S101, PT018 - set by us
    return dg.AssetCheckEvaluation(
        asset_key=result.asset_key,
        check_name=result.check_name,
        passed=bool(result.passed),
        metadata=result.metadata,
        severity=result.severity,
        description=result.description,
    )


def _shipped(spec: PipelineSpec, suite: str) -> tuple[Listed, ...]:
    try:
        path = names.suite_path(suite).removeprefix(f"{names.GATE}suites/")
        return listed(suite, json_values.parse(expectations(spec.name).joinpath(path).read_text("utf-8")))
    except (MlopsError, OSError, ValueError):
        # A pipeline without readable suites has runs that fail on their own account, and says why there.
        return ()


def _checks(found: Sequence[Listed], prefix: str = "") -> dict[str, Listed]:
    plain = [re.sub(r"\W+", "_", prefix + each.name, flags=re.ASCII).strip("_") for each in found]
    # Columns may differ in characters that a name in Dagster cannot have.
    shared = {name for name, count in Counter(plain).items() if count > 1}
    return {
        f"{name}_{sha256(each.name.encode())[:8]}" if name in shared else name: each
        for name, each in zip(plain, found, strict=True)
    }


def _result(name: str, each: Listed, asset: dg.AssetKey, reports: Sequence[Report]) -> dg.AssetCheckResult:
    found = {
        report["table"]: (report, check)
        for report in reports
        for check in report["checks"]
        if check["name"] == each.name
    }
    if not found:
        return dg.AssetCheckResult(
            passed=False,
            asset_key=asset,
            check_name=name,
            severity=dg.AssetCheckSeverity.WARN,
            description=_NOT_RUN if reports else "not run: nothing was validated",
            metadata={"expects": each.expects, "severity": each.severity},
        )
    checks = [check for _, check in found.values()]
    broken = {table: check for table, (_, check) in found.items() if not check["success"]}
    blocks = any(check["severity"] == "error" for check in (broken.values() or checks))
    return dg.AssetCheckResult(
        passed=not broken,
        asset_key=asset,
        check_name=name,
        severity=dg.AssetCheckSeverity.ERROR if blocks else dg.AssetCheckSeverity.WARN,
        description="; ".join(f"{table}: {_observed(check)}" for table, check in broken.items()) or "holds",
        metadata=_metadata(each, found, broken),
    )


def _metadata(
    each: Listed, found: Mapping[str, tuple[Report, Report]], broken: Mapping[str, Report]
) -> dict[str, Any]:
    check = next(iter(broken.values()), None) or next(iter(found.values()))[1]
    counted = [
        dg.TableRecord(
            {"table": table, "rows": report["rows"], "broken rows": one["count"], "observed": _observed(one)}
        )
        for table, (report, one) in found.items()
    ]
    examples = [{"table": table, **row} for table, one in broken.items() for row in one["examples"]]
    return {
        "severity": check["severity"],
        "expects": check["expects"],
        "observed": "; ".join(f"{table}: {_observed(one)}" for table, (_, one) in found.items()),
        "rows": sum(report["rows"] for report, _ in found.values()),
        "broken rows": sum(one["count"] for _, one in found.values()),
        "tables": dg.MetadataValue.table(counted),
        **({"examples": dg.MetadataValue.json(examples[:MAX_EXAMPLES])} if examples else {}),
        **({"shipped suite expects": each.expects} if check["expects"] != each.expects else {}),
    }


def _observed(check: Report) -> str:
    if check["success"]:
        return "as expected"
    count = check["count"]
    return check["observed"] or (f"{count} row{'s' * (count != 1)}" if count else "not as expected")
