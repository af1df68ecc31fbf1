"""The asset at the end of a run: its branch is merged, or left where a check failed."""

# Annotations are not postponed here: Dagster reads those of an asset as they stand.

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster import AssetCheckKey

from mlops.orchestration.lake.branches import RunBranch
from mlops.orchestration.lake.chains import Run, run_of
from mlops.orchestration.lake.errors import StorageError
from mlops.orchestration.lake.stores import DataStore

_LOOK_AGAIN_S = 0.2


def branch_per_run(
    assets: Iterable[Any],
    *,
    key: dg.AssetKey | str | Sequence[str] = "merged",
    store: str = "store",
    delete_merged: bool = True,
    delete_abandoned: bool = False,
    checks_timeout_s: float = 3600.0,
) -> dg.AssetsDefinition:
    """Return an asset that ends each run's branch: merged where every check passed, else abandoned.

    The run's branch opens by itself when one of its assets is first stored or loaded. This asset comes after
    all of them. It waits for the checks of the run, those that do not block included. Where none failed with
    severity ERROR, the branch is merged into the store's source branch, without a merge strategy. Otherwise
    the step fails and nothing is merged. Where a step fails, a blocking check among them, this one does not
    start, and the branch stays for a retry from failure, which goes on with it.

    Args:
        assets: The assets whose runs are merged: definitions, specs or keys.
        key: Key of the asset.
        store: Key of the `DataStore` among the resources. In a local folder there is nothing to merge.
        delete_merged: Whether a merged branch is deleted; its commits stay in the history.
        delete_abandoned: Whether a branch that failed a check is deleted, and with it what the run wrote.
        checks_timeout_s: Longest wait for the checks of the run, seconds.
    """
    given = list(assets)

    @dg.asset(
        key=dg.AssetKey.from_coercible(key),
        deps=given,
        required_resource_keys={store},
        kinds={"lakefs"},
        partitions_def=_partitions(given),
        # Among steps that can start, checks come first.
        op_tags={"dagster/priority": "-1000"},
        description="What the run wrote, merged into the source branch after every check passed.",
    )
    def merge(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        data: DataStore = getattr(context.resources, store)
        if not data.repository:
            return dg.MaterializeResult(metadata={"location": data.location, "merged": False})
        run = run_of(context.run, context.instance)
        branch = data.branch_of(run)
        if data.known_base(run) is None:
            return dg.MaterializeResult(metadata={"merged": False, "reason": "the run has stored nothing"})
        failed = _wait_for_checks(run, checks_timeout_s)
        if failed:
            raise _abandoned(data, branch, failed, delete=delete_abandoned)
        return dg.MaterializeResult(metadata=_merged(context, data, branch, delete=delete_merged))

    return merge


def _partitions(assets: Sequence[Any]) -> dg.PartitionsDefinition[Any] | None:
    """Return the partitions that all assets share; None where they differ or have none."""
    found = [asset.partitions_def for asset in assets if getattr(asset, "partitions_def", None) is not None]
    return found[0] if found and all(one == found[0] for one in found) else None


def _merged(
    context: dg.AssetExecutionContext, data: DataStore, branch: RunBranch, *, delete: bool
) -> dict[str, Any]:
    title = f"Merge the Dagster run {branch.root_run_id}"
    commit = branch.merge(title, {"dagster_run_id": context.run.run_id, "dagster_job": context.run.job_name})
    if delete:
        branch.delete()
    found: dict[str, Any] = {
        "repository": data.repository,
        "branch": branch.name,
        "into": data.source_branch,
        "merged": commit is not None,
    }
    return found | {"commit": commit, "link": _commit_page(data, commit)} if commit else found


def _abandoned(data: DataStore, branch: RunBranch, failed: Sequence[str], *, delete: bool) -> dg.Failure:
    if delete:
        branch.delete()
    checks = ", ".join(failed)
    kept = "it was deleted" if delete else f"it is kept: {data.lakefs.address}/repositories/{data.repository}"
    return dg.Failure(
        f"{branch.name} is not merged into {data.source_branch}, for a check failed: {checks}; {kept}",
        metadata={"branch": branch.name, "failed_checks": checks},
        allow_retries=False,
    )


def _commit_page(data: DataStore, commit: str) -> dg.MetadataValue[str]:
    return dg.MetadataValue.url(f"{data.lakefs.address}/repositories/{data.repository}/commits/{commit}")


@dataclass(frozen=True)
class _Checks:
    """The checks of a run and of those that it retries.

    Attributes:
        missing: Checks that this run is to evaluate and has not yet.
        failed: Checks whose newest evaluation failed with severity ERROR, or that an earlier run left out.
        step_failed: Whether a step of the run failed, so that missing checks may never be evaluated.
    """

    missing: list[str]
    failed: list[str]
    step_failed: bool


def _wait_for_checks(run: Run, timeout_s: float) -> list[str]:
    """Return the failed checks of a run when all of them are evaluated."""
    end = time.monotonic() + timeout_s
    while (checks := _checks(run)).missing and not checks.failed:
        if checks.step_failed or time.monotonic() >= end:
            return [f"{name} (not evaluated)" for name in checks.missing]
        time.sleep(_LOOK_AGAIN_S)
    return checks.failed


def _checks(run: Run) -> _Checks:
    """Read the checks from the events of the chain; a later run replaces what an earlier one found."""
    stops: dict[AssetCheckKey, bool | None] = {}
    for run_id in reversed(run.chain):
        planned, evaluated = _events(run, run_id)
        stops |= {**dict.fromkeys(planned), **evaluated}
    open_ = {key for key, stop in stops.items() if stop is None}
    now = open_ & _events(run, run.run_id)[0]
    failed = [_named(key) for key, stop in stops.items() if stop]
    failed += [f"{_named(key)} (not evaluated)" for key in open_ - now]
    return _Checks(sorted(map(_named, now)), sorted(failed), _step_failed(run))


def _events(run: Run, run_id: str) -> tuple[set[AssetCheckKey], dict[AssetCheckKey, bool]]:
    """Return the checks that a run planned, and of those that it evaluated whether they forbid a merge."""
    planned, evaluated = set[AssetCheckKey](), dict[AssetCheckKey, bool]()
    kinds = {
        dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
        dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    }
    for record in _instance(run).all_logs(run_id, of_type=kinds):
        event = record.dagster_event
        if event is None:
            continue
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
            planned.add(event.asset_check_planned_data.asset_check_key)
        else:
            result = event.asset_check_evaluation_data
            severe = result.severity is dg.AssetCheckSeverity.ERROR
            evaluated[result.asset_check_key] = severe and not result.passed
    return planned, evaluated


def _step_failed(run: Run) -> bool:
    return bool(_instance(run).all_logs(run.run_id, of_type={dg.DagsterEventType.STEP_FAILURE}))


def _instance(run: Run) -> dg.DagsterInstance:
    if run.instance is None:
        raise StorageError("a branch is merged inside a run alone: it has the checks")
    return run.instance


def _named(key: AssetCheckKey) -> str:
    return f"{key.asset_key.to_user_string()}: {key.name}"
