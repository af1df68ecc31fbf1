"""A sensor that asks for a run when objects have arrived below a prefix of a branch."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import dagster as dg

from mlops.orchestration.lake.errors import ConfigurationFault, NotStored, StorageUnavailable, lake_calls
from mlops.orchestration.lake.stores import DataStore

#: Tag of the runs that a sensor asks for.
COMMIT_TAG = "lakefs/commit"
#: More paths than this are not listed in one evaluation.
MAX_PATHS = 10_000


@dataclass(frozen=True)
class NewObjects:
    """Objects that were added or changed since the last evaluation.

    Attributes:
        commit: The commit that holds them.
        paths: Their paths, ascending; the first `MAX_PATHS` of them.
    """

    commit: str
    paths: tuple[str, ...]


def new_objects_sensor(
    name: str,
    prefix: str,
    *,
    target: Any,
    store: str = "store",
    requests: Callable[[NewObjects], Iterable[dg.RunRequest]] | None = None,
    interval_s: int = 30,
) -> dg.SensorDefinition:
    """Return a sensor that compares the source branch with the commit that it saw last.

    The key of a run is the commit, so that no commit is processed twice: not by two daemons, and not after
    the branch was reset to an earlier commit. What else changes on the branch, such as merged runs, is no
    reason for a run. While the server does not answer, the evaluation is skipped and nothing is missed. The
    sensor is off until it is switched on.

    Args:
        name: Name of the sensor.
        prefix: Below which objects are watched, such as ``landing/``. Runs must not write there.
        target: Job or assets to run.
        store: Key of the `DataStore` among the resources; it must be on lakeFS.
        requests: Makes the runs for new objects; by default there is one, with the commit as a tag.
        interval_s: Least time between two evaluations, seconds.
    """
    if not prefix:
        raise ConfigurationFault("`prefix` is empty: every merged run would start another one")

    @dg.sensor(
        name=name,
        target=target,
        required_resource_keys={store},
        minimum_interval_seconds=interval_s,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=f"Asks for a run when objects have arrived below {prefix} on lakeFS.",
    )
    def on_new_objects(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        data: DataStore = getattr(context.resources, store)
        try:
            found = _new_objects(data, prefix, context.cursor)
        except StorageUnavailable as error:
            return dg.SkipReason(str(error))
        if not found.paths:
            return dg.SensorResult(
                skip_reason=f"nothing new below {prefix} at {found.commit[:12]}", cursor=found.commit
            )
        asked = list((requests or _one_request)(found))
        return dg.SensorResult(run_requests=asked, cursor=found.commit)

    return on_new_objects


def _one_request(found: NewObjects) -> list[dg.RunRequest]:
    return [dg.RunRequest(run_key=found.commit, tags={COMMIT_TAG: found.commit})]


def _new_objects(data: DataStore, prefix: str, seen: str | None) -> NewObjects:
    """Return what is new below a prefix since a commit; everything there where it is None or gone."""
    if not data.repository:
        raise ConfigurationFault("a sensor of new objects needs a store on lakeFS")
    repository = data.lakefs.repository(data.repository)
    where = f"lakefs://{data.repository}/{data.source_branch}"
    with lake_calls(where, data.lakefs.address):
        head = repository.branch(data.source_branch).get_commit().id
        if head == seen:
            return NewObjects(head, ())
        if seen:
            try:
                return NewObjects(head, _changed(repository, seen, head, prefix, data.lakefs.address))
            except NotStored:
                pass  # the commit was collected: look at all objects again
        paths = (entry.path for entry in repository.ref(head).objects(prefix=prefix))
        return NewObjects(head, tuple(islice(paths, MAX_PATHS)))


def _changed(repository: Any, seen: str, head: str, prefix: str, address: str) -> tuple[str, ...]:
    with lake_calls(f"commit {seen[:12]}", address):
        # Two dots: what differs between the commits themselves, whatever history lies between.
        changes = repository.ref(seen).diff(head, prefix=prefix, type="two_dot")
        paths = (change.path for change in changes if change.type in ("added", "changed"))
        return tuple(islice(paths, MAX_PATHS))
