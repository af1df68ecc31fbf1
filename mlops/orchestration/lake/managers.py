"""The base of all IO managers: where a value lies, how it is read and written, what is recorded of it.

`dagster.UPathIOManager` is not used. Its base path is fixed where a branch changes with every run; it joins
the dimensions of a partition key with ``/`` and leaves ``..`` and dots as they are, so that ``a/b`` with
``c`` shares a file with ``a`` and ``b/c``, and ``../x`` leads out of the asset's folder; it opens the final
name and writes to it piece by piece, so that a step that is killed leaves half a file under a name that is
read later; and it removes a file to make a folder of its name.
"""

# Annotations are not postponed here: Dagster reads those of resource dependencies as they stand.

import typing
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, BinaryIO

import dagster as dg
from dagster import MultiPartitionKey, MultiPartitionsDefinition
from pydantic import Field

from mlops.orchestration.lake import chains, describing, paths
from mlops.orchestration.lake.errors import NotStored, StorageError, ValueRefused
from mlops.orchestration.lake.stores import DataStore
from mlops.orchestration.lake.values import Content, Store

Context = dg.InputContext | dg.OutputContext


class StoredIOManager(dg.ConfigurableIOManager):
    """Stores each output as one file of a `DataStore`, and loads inputs from there.

    A format of your own names its extension and implements `dump` and `load`.
    """

    store: dg.ResourceDependency[DataStore]
    preview_rows: int = Field(
        default=5, ge=0, le=100, description="Rows of a table shown in Dagster's pages; 0: none, for secrets"
    )

    #: With its dot. A method, for fields of a resource are its configuration.
    @abstractmethod
    def extension(self) -> str:
        """Return the extension of files, with its dot."""

    @abstractmethod
    def dump(self, value: Any, file: BinaryIO) -> None:
        """Write a value to a stream that cannot seek.

        Raises:
            ValueRefused: The format cannot hold the value without loss.
        """

    @abstractmethod
    def load(self, content: Content, wanted: Any) -> Any:
        """Return the value that was written.

        Args:
            content: All bytes of the file; ``bytes(content)`` where a library wants them so.
            wanted: The type that the asset's argument is annotated with; `typing.Any` where there is none.
        """

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Store an output and record address, size, checksum, rows, schema, preview and link of it."""
        path = self._output_path(context)
        stored = self._store(context).write(
            path,
            lambda file: self.dump(obj, file),
            title=f"Materialize {_title(context)}",
            metadata=_commit_metadata(context),
        )
        context.add_output_metadata(
            {**describing.of_file(stored), **describing.of_value(obj, self.preview_rows)}
        )

    def load_input(self, context: dg.InputContext) -> Any:
        """Load an input: the value of an asset or op, or partition keys to values where there are several."""
        wanted = _wanted(context)
        if not (context.has_asset_key and context.has_asset_partitions):
            return self._load(context, self._whole_path(context), wanted)
        keys = context.asset_partition_keys
        if len(keys) == 1:
            return self._load(context, self._partition_path(context, keys[0]), wanted)
        skipping = bool((context.definition_metadata or {}).get("allow_missing_partitions"))
        found: dict[str, Any] = {}
        for key in keys:
            try:
                found[key] = self._load(context, self._partition_path(context, key), _inner(wanted))
            except NotStored:
                if not skipping:
                    raise
        return found

    def _load(self, context: dg.InputContext, path: str, wanted: Any) -> Any:
        loaded = self._store(context).read(path)
        value = self.load(loaded.content, wanted)
        if context.has_asset_key and not _several(context):
            context.add_input_metadata(describing.of_input(loaded))
        return value

    def _store(self, context: Context) -> Store:
        return self.store.store_of(_run(context))

    def _output_path(self, context: dg.OutputContext) -> str:
        if not context.has_asset_partitions:
            return self._whole_path(context)
        keys = context.asset_partition_keys
        if len(keys) != 1:
            raise StorageError(
                f"{_title(context)}: one output for {len(keys)} partitions; launch the backfill with one run "
                "for each partition, or return nothing and write the partitions in the asset"
            )
        return self._partition_path(context, keys[0])

    def _whole_path(self, context: Context) -> str:
        if context.has_asset_key:
            return paths.asset_path(context.asset_key.path, None, self.extension())
        return paths.step_path(context.get_identifier(), self.extension())

    def _partition_path(self, context: Context, key: str) -> str:
        dimensions = _dimensions(key, context.asset_partitions_def)
        return paths.asset_path(context.asset_key.path, dimensions, self.extension())


def refused(value: Any, accepted: str) -> ValueRefused:
    """Return the error for a value of a type that a format does not hold."""
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    return ValueRefused(f"this IO manager stores {accepted}, not {kind}")


def _dimensions(key: str, definition: dg.PartitionsDefinition[Any]) -> Mapping[str, str]:
    if isinstance(definition, MultiPartitionsDefinition) and not isinstance(key, MultiPartitionKey):
        key = definition.get_partition_key_from_str(key)
    if isinstance(key, MultiPartitionKey):
        return key.keys_by_dimension
    return {paths.DIMENSION: key}


def _run(context: Context) -> chains.Run | None:
    try:
        step = context.step_context
    except dg.DagsterInvariantViolationError:
        # Outside a run, or in a context that a test has built.
        return chains.alone(context.run_id) if isinstance(context, dg.OutputContext) else None
    return chains.run_of(step.dagster_run, step.instance)


def _title(context: dg.OutputContext) -> str:
    if not context.has_asset_key:
        return "/".join(context.get_identifier()[1:])
    partition = f" [{context.partition_key}]" if context.has_partition_key else ""
    return context.asset_key.to_user_string() + partition


def _commit_metadata(context: dg.OutputContext) -> dict[str, str]:
    found = {"dagster_step": context.step_key}
    if context.has_asset_key:
        found["dagster_asset"] = context.asset_key.to_user_string()
    if context.has_partition_key:
        found["dagster_partition"] = context.partition_key
    return found


def _wanted(context: dg.InputContext) -> Any:
    try:
        found = context.dagster_type.typing_type
    except dg.DagsterInvariantViolationError:
        return Any
    return Any if found is None else found


def _inner(wanted: Any) -> Any:
    """Return the type of one partition, where an argument is a dictionary of them."""
    arguments = typing.get_args(wanted)
    return arguments[1] if len(arguments) == 2 else Any


def _several(context: dg.InputContext) -> bool:
    return context.has_asset_partitions and len(context.asset_partition_keys) > 1
