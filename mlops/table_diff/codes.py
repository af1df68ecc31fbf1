# pyarrow makes most functions of `compute` when it is imported, so that no type checker sees them.
# pyright: reportAttributeAccessIssue=false

"""Codes of values: integers that are equal where values are, for columns of any type and for rows.

Missing values equal each other, be they null or not a number. Numbers of different types are equal by value.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import pyarrow as pa

    #: One code for each row of the old and of the new table.
    Codes: TypeAlias = tuple[pa.Array, pa.Array]


def combined(columns: Sequence[Codes], rows_old: int, rows_new: int) -> Codes:
    """Return one code for the values of several columns together; without a column, no row equals another."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not columns:
        return pa.array(range(rows_old)), pa.array(range(rows_old, rows_old + rows_new))
    together = pa.repeat(pa.scalar(0, pa.int64()), rows_old + rows_new)
    for old, new in columns:
        column = pa.concat_arrays([old, new])
        values = pc.max(column).as_py() or 0
        # Both factors are at most the number of rows, since codes are given anew after each column.
        together = pc.add(pc.multiply(together, values + 1), column)
        together = together.dictionary_encode().indices.cast(pa.int64())
    return together.slice(0, rows_old), together.slice(rows_old)


def numbered(rows: Codes) -> Codes:
    """Number equal rows of a table, so that each matches at most one row of the other table."""
    old, new = (list(_occurrences(codes.to_pylist())) for codes in rows)
    return _by_equality(old, new)


def _occurrences(codes: Sequence[int]) -> Iterator[tuple[int, int]]:
    seen: Counter[int] = Counter()
    for code in codes:
        yield code, seen[code]
        seen[code] += 1


def value_codes(old: pa.ChunkedArray, new: pa.ChunkedArray) -> Codes:
    """Return one code for each value of a column in both tables."""
    import pyarrow as pa
    import pyarrow.compute as pc

    common = common_type(old.type, new.type)
    try:
        if common is None:
            return _by_equality(old.to_pylist(), new.to_pylist())
        chunks = [
            *old.cast(_plain(old.type)).cast(common).chunks,
            *new.cast(_plain(new.type)).cast(common).chunks,
        ]
        values = pa.concat_arrays([pa.nulls(0, common), *chunks])
        if pa.types.is_floating(common):
            # Not a number is missing, as null is; adding 0 makes the two zeros one.
            values = pc.if_else(
                pc.is_nan(values), pa.scalar(None, common), pc.add(values, pa.scalar(0, common))
            )
        codes = pc.dictionary_encode(values, null_encoding="encode").indices.cast(pa.int64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return _by_equality(old.to_pylist(), new.to_pylist())
    return codes.slice(0, len(old)), codes.slice(len(old))


def _by_equality(old: Sequence[Any], new: Sequence[Any]) -> Codes:
    """Return codes of values that Arrow cannot encode, by Python's equality; of lists, by text."""
    import pyarrow as pa

    given: dict[Any, int] = {}

    def code(value: Any) -> int:
        key = repr(value) if isinstance(value, list | dict) else value
        if isinstance(value, float) and math.isnan(value):
            key = None
        return given.setdefault(key, len(given))

    return pa.array(map(code, old), pa.int64()), pa.array(map(code, new), pa.int64())


def _plain(type_: pa.DataType) -> pa.DataType:
    """Return the type of the values where a column is stored as indices into a dictionary."""
    import pyarrow as pa

    return type_.value_type if pa.types.is_dictionary(type_) else type_


def common_type(old: pa.DataType, new: pa.DataType) -> pa.DataType | None:
    """Return a type in which values of both can be compared; None where there is none."""
    import pyarrow as pa

    try:
        schemas = [pa.schema([("value", _plain(type_))]) for type_ in (old, new)]
        return pa.unify_schemas(schemas, promote_options="permissive").field("value").type
    except pa.ArrowException:
        return None
