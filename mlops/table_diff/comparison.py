# pyarrow makes most functions of `compute` when it is imported, so that no type checker sees them.
# pyright: reportAttributeAccessIssue=false

"""Compare two versions of a table: rows added, removed and changed, and columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from mlops.table_diff.codes import combined, common_type, numbered, value_codes

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops.table_diff.codes import Codes

#: Names under which people know Arrow's types.
_TYPE_NAMES = {"halffloat": "float16", "float": "float32", "double": "float64"} | dict.fromkeys(
    ("string", "large_string", "string_view"), "str"
)


class NotComparable(ValueError):
    """The rows of two tables cannot be matched by the key that was asked for."""

    def __init__(self, message: str, where: str) -> None:
        super().__init__(message)
        self.where = where


@dataclass(frozen=True)
class TableDiff:
    """The differences between two tables, row by row.

    Attributes:
        rows_old: Rows of the old table.
        rows_new: Rows of the new one.
        added: Rows whose key only the new table has.
        removed: Rows whose key only the old one has.
        changed: Rows of both in which at least one value differs; 0 where rows are matched as a whole.
        changed_by_column: Column of both tables to the rows in which it differs; only those above 0.
        columns_added: Columns that only the new table has.
        columns_removed: Columns that only the old one has.
        types_changed: Column to its old and its new type, where these differ.
    """

    rows_old: int
    rows_new: int
    added: int
    removed: int
    changed: int
    changed_by_column: Mapping[str, int] = field(default_factory=dict[str, int])
    columns_added: tuple[str, ...] = ()
    columns_removed: tuple[str, ...] = ()
    types_changed: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])

    @property
    def empty(self) -> bool:
        """Return whether nothing differs."""
        schema = self.columns_added or self.columns_removed or self.types_changed
        return not (self.added or self.removed or self.changed or schema)

    def to_json(self) -> dict[str, Any]:
        """Return the value as JSON types."""
        return asdict(self)


@dataclass(frozen=True)
class Comparison:
    """Two tables compared, and where the rows are that differ.

    Attributes:
        diff: What differs, counted.
        key: The columns by which rows were matched; empty where they were matched as a whole.
        columns_with_other_values: Columns that differ in a changed row; where rows were matched as a whole
            and both tables have as many, those that do not hold the same values as often.
        added: Positions in the new table of the rows that only it has.
        removed: Positions in the old table of the rows that only it has.
        changed_from: Positions in the old table of the rows that changed.
        changed_to: Positions of the same rows in the new table.
    """

    diff: TableDiff
    key: tuple[str, ...]
    columns_with_other_values: tuple[str, ...]
    added: pa.Array
    removed: pa.Array
    changed_from: pa.Array
    changed_to: pa.Array


def compare(old: pa.Table, new: pa.Table, key: Sequence[str] = ()) -> Comparison:
    """Compare two tables; missing values equal each other.

    Args:
        old: The earlier version.
        new: The later version.
        key: Columns that together identify a row; empty where the caller knows none.

    Raises:
        NotComparable: A table lacks a key column, or holds a key twice, or key columns changed their type.
    """
    import pyarrow.compute as pc

    shared = [name for name in old.column_names if name in new.column_names]
    codes = {name: value_codes(old.column(name), new.column(name)) for name in shared}
    if key:
        _check_key(old, new, key)
        rows = combined([codes[name] for name in key], old.num_rows, new.num_rows)
        _check_unique(rows, key)
    else:
        key, rows = _stored_key(old, new, codes)
        rows = rows or numbered(combined(list(codes.values()), old.num_rows, new.num_rows))
    left, right = _matched(rows)
    others = [name for name in shared if name not in key] if key else []
    differs = {name: pc.not_equal(codes[name][0].take(left), codes[name][1].take(right)) for name in others}
    counts = {name: mask.true_count for name, mask in differs.items()}
    changed = _any(list(differs.values()), len(left))
    return Comparison(
        diff=TableDiff(
            rows_old=old.num_rows,
            rows_new=new.num_rows,
            added=new.num_rows - len(right),
            removed=old.num_rows - len(left),
            changed=changed.true_count,
            changed_by_column={name: count for name, count in counts.items() if count},
            **_schema_changes(old.schema, new.schema, shared),
        ),
        key=tuple(key),
        columns_with_other_values=tuple(
            name for name in shared if (counts.get(name) if key else _as_often(codes[name]) is False)
        ),
        added=_unmatched(rows[1], rows[0]),
        removed=_unmatched(rows[0], rows[1]),
        changed_from=left.filter(changed),
        changed_to=right.filter(changed),
    )


def _check_key(old: pa.Table, new: pa.Table, key: Sequence[str]) -> None:
    for which, table in (("old", old), ("new", new)):
        lacking = [name for name in key if name not in table.column_names]
        if lacking:
            raise NotComparable(f"the {which} table lacks the key {', '.join(lacking)}", where="diff")
    for name in key:
        was, is_now = old.schema.field(name).type, new.schema.field(name).type
        if common_type(was, is_now) is None:
            said = (
                f"the keys cannot be compared: {name} is {type_name(was)} before, {type_name(is_now)} after"
            )
            raise NotComparable(said, where=", ".join(key))


def _check_unique(rows: Codes, key: Sequence[str]) -> None:
    for which, codes in zip(("old", "new"), rows, strict=True):
        repeated = len(codes) - len(codes.unique())
        if repeated:
            raise NotComparable(f"the {which} table holds {repeated} keys twice", where=", ".join(key))


def _stored_key(
    old: pa.Table, new: pa.Table, codes: Mapping[str, Codes]
) -> tuple[tuple[str, ...], Codes | None]:
    """Return the index that pandas recorded in both files, and its codes, if it identifies rows of both."""
    was, is_now = index_columns(old.schema), index_columns(new.schema)
    if not was or was != is_now or not all(name in codes for name in was):
        return (), None
    rows = combined([codes[name] for name in was], old.num_rows, new.num_rows)
    unique = all(len(side.unique()) == len(side) for side in rows)
    return (was, rows) if unique else ((), None)


def index_columns(schema: pa.Schema) -> tuple[str, ...]:
    """Return the named index that pandas recorded in a Parquet file; empty where there is none."""
    try:
        names = (schema.pandas_metadata or {})["index_columns"]
    except (KeyError, TypeError, ValueError):
        return ()
    # pandas makes up names of levels without one, and describes an index that only counts rows by a map.
    named = isinstance(names, list) and all(
        isinstance(name, str) and not name.startswith("__index_level_") for name in names
    )
    return tuple(names) if named else ()


def _matched(rows: Codes) -> tuple[pa.Array, pa.Array]:
    """Return the positions of the rows that both tables have, in the same order."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pc.index_in(rows[0], value_set=rows[1])
    left = pc.indices_nonzero(found.is_valid()).cast(pa.int64())
    return left, found.drop_null().cast(pa.int64())


def _unmatched(codes: pa.Array, others: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    return pc.indices_nonzero(pc.invert(pc.is_in(codes, value_set=others)))


def _any(masks: Sequence[pa.Array], length: int) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pa.repeat(False, length)
    for mask in masks:
        found = pc.or_(found, mask)
    return found


def _as_often(codes: Codes) -> bool | None:
    """Return whether a column holds the same values as often in both; None for tables of different length."""
    old, new = codes
    return old.sort().equals(new.sort()) if len(old) == len(new) else None


def _schema_changes(old: pa.Schema, new: pa.Schema, shared: Sequence[str]) -> dict[str, Any]:
    types = {name: (type_name(old.field(name).type), type_name(new.field(name).type)) for name in shared}
    return {
        "columns_added": tuple(name for name in new.names if name not in old.names),
        "columns_removed": tuple(name for name in old.names if name not in new.names),
        "types_changed": {name: pair for name, pair in types.items() if pair[0] != pair[1]},
    }


def type_name(type_: pa.DataType) -> str:
    """Return the name of a type as people know it, such as float64."""
    return _TYPE_NAMES.get(str(type_), str(type_))
