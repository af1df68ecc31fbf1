"""The columns of a request: types of the training rows, bounds and categories of the suite on `main`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.runs.errors import InputError, bounded

if TYPE_CHECKING:
    import pandas as pd

#: Kind of a numpy type to the word for it in the schema, which is MLflow's.
_TYPES = {"i": "long", "u": "long", "f": "double", "b": "boolean", "M": "datetime"}
_MOST_NAMED = 5


@dataclass(frozen=True)
class Column:
    """One column of a request.

    Attributes:
        name: Its name.
        type: ``long``, ``double``, ``boolean``, ``datetime`` or ``string``, as MLflow calls them.
        dtype: Type of the column in the training rows, e.g. ``int64``.
        nullable: Whether a value may be missing.
        minimum: Smallest value; None where the suite names none.
        maximum: Largest value; None where the suite names none.
        strict_minimum: Whether the smallest value itself is too small.
        strict_maximum: Whether the largest value itself is too large.
        values: The only values; empty where the suite names none.
    """

    name: str
    type: str
    dtype: str
    nullable: bool
    minimum: float | None = None
    maximum: float | None = None
    strict_minimum: bool = False
    strict_maximum: bool = False
    values: tuple[Any, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the column as JSON Schema describes it."""
        kinds = {"long": "integer", "double": "number", "boolean": "boolean"}
        kind = kinds.get(self.type, "string")
        found: dict[str, Any] = {"type": [kind, "null"] if self.nullable else kind}
        if self.type == "datetime":
            found["format"] = "date-time"
        low = "exclusiveMinimum" if self.strict_minimum else "minimum"
        high = "exclusiveMaximum" if self.strict_maximum else "maximum"
        found |= {
            key: value for key, value in ((low, self.minimum), (high, self.maximum)) if value is not None
        }
        return found | ({"enum": [*self.values, *([None] if self.nullable else [])]} if self.values else {})


@dataclass(frozen=True)
class RequestSchema:
    """The columns of a request, in the order in which the model takes them."""

    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the columns."""
        return tuple(column.name for column in self.columns)

    def to_json(self) -> dict[str, Any]:
        """Return one row as JSON Schema describes it."""
        return {
            "type": "object",
            "properties": {column.name: column.to_json() for column in self.columns},
            "required": [column.name for column in self.columns if not column.nullable],
            "additionalProperties": False,
        }

    def checked(self, values: Mapping[str, Sequence[Any]], *, first_row: int = 0) -> dict[str, list[Any]]:
        """Return the values of a request with the types of the schema; a missing value is None.

        Args:
            values: Column name to its values, all of one length. A column whose values may be missing can be
                left out.
            first_row: Number of the first row in errors.

        Raises:
            InputError: A column is unknown or missing, or a value is of another type or not allowed.
        """
        unknown = [name for name in values if name not in self.names]
        if unknown:
            raise InputError(f"unknown column{'s' if len(unknown) > 1 else ''} {_named(unknown)}")
        missing = [c.name for c in self.columns if c.name not in values and not c.nullable]
        if missing:
            raise InputError(f"missing column{'s' if len(missing) > 1 else ''} {_named(missing)}")
        rows = max((len(column) for column in values.values()), default=0)
        return {
            column.name: _checked(column, values.get(column.name, [None] * rows), first_row)
            for column in self.columns
        }

    def frame(self, values: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
        """Return checked values as a frame with the types of the training rows."""
        import pandas as pd

        columns: dict[str, Any] = {}
        for column in self.columns:
            found = values[column.name]
            if column.type == "datetime":
                columns[column.name] = pd.to_datetime(
                    pd.Series(found, dtype="str"), utc="UTC" in column.dtype, format="ISO8601"
                ).astype(column.dtype)  # pyright: ignore[reportArgumentType, reportCallIssue]
            else:
                columns[column.name] = pd.Series(found, dtype=column.dtype)  # pyright: ignore[reportArgumentType, reportCallIssue]
        return pd.DataFrame(columns, columns=list(self.names))


def schema_of(rows: pd.DataFrame, suite: Mapping[str, Any]) -> RequestSchema:
    """Return the schema of a model's requests.

    Args:
        rows: Rows of model input as they were judged; only their columns and types are used.
        suite: The suite of the processed rows, as Great Expectations stores it. What blocks there is asked of
            requests too: no missing values, bounds and categories that hold for all rows.
    """
    rules = _rules(suite)
    return RequestSchema(tuple(_column(str(name), rows[name].dtype, rules) for name in rows.columns))


def _rules(suite: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    found = [
        (str(entry.get("type")), entry.get("kwargs", {}))
        for entry in suite.get("expectations", [])
        if entry.get("severity", "critical") == "critical"
    ]
    return [(kind, kwargs) for kind, kwargs in found if kwargs.get("mostly", 1) in (1, None)]


def _column(name: str, dtype: Any, rules: list[tuple[str, Mapping[str, Any]]]) -> Column:
    own = {kind: kwargs for kind, kwargs in rules if kwargs.get("column") == name}
    bounds = own.get("expect_column_values_to_be_between", {})
    kind = _TYPES.get(getattr(dtype, "kind", "O"), "string")
    return Column(
        name=name,
        type=kind,
        dtype=str(dtype),
        # Whole numbers and truth values have no way to say that one is missing.
        nullable=kind not in ("long", "boolean") and "expect_column_values_to_not_be_null" not in own,
        minimum=bounds.get("min_value"),
        maximum=bounds.get("max_value"),
        strict_minimum=bool(bounds.get("strict_min")),
        strict_maximum=bool(bounds.get("strict_max")),
        values=tuple(own.get("expect_column_values_to_be_in_set", {}).get("value_set", ())),
    )


def _checked(column: Column, values: Sequence[Any], first_row: int) -> list[Any]:
    found = _checked_at_once(column, values)
    return _checked_one_by_one(column, values, first_row) if found is None else found


def _checked_at_once(column: Column, values: Sequence[Any]) -> list[Any] | None:
    """Return the values of a column that is well in order; None where each has to be looked at."""
    present = [value for value in values if value is not None]
    if not present or not set(map(type, present)) <= _PLAIN.get(column.type, frozenset()):
        return None
    if len(present) < len(values) and not column.nullable:
        return None
    if column.type in ("long", "double") and not _within(column, present):
        return None
    if column.values and not set(present) <= set(column.values):
        return None
    return list(values)


def _within(column: Column, numbers: Sequence[float]) -> bool:
    """Return whether all numbers are finite, of usual size and within the bounds of a column."""
    least, most = min(numbers), max(numbers)
    # The sum of a number that is none is none either, wherever the comparisons have placed it.
    if not (least > -_PLAIN_LIMIT and most < _PLAIN_LIMIT and math.isfinite(sum(numbers))):
        return False
    low = -math.inf if column.minimum is None else column.minimum
    high = math.inf if column.maximum is None else column.maximum
    above = least > low if column.strict_minimum else least >= low
    return above and (most < high if column.strict_maximum else most <= high)


def _checked_one_by_one(column: Column, values: Sequence[Any], first_row: int) -> list[Any]:
    read = _READERS[column.type]
    found: list[Any] = []
    for position, value in enumerate(values, first_row):
        if value is None or (isinstance(value, float) and math.isnan(value)):
            if not column.nullable:
                raise _refused(column, position, "may not be missing")
            found.append(None)
            continue
        typed = read(value)
        if typed is None:
            raise _refused(column, position, f"must be {column.type}, not {_shown(value)}")
        _check_allowed(column, position, typed)
        found.append(typed)
    return found


def _check_allowed(column: Column, position: int, value: Any) -> None:
    if column.values and value not in column.values:
        raise _refused(column, position, f"must be one of {_named(column.values)}, not {_shown(value)}")
    low, high = column.minimum, column.maximum
    if low is not None and (value <= low if column.strict_minimum else value < low):
        raise _refused(
            column, position, f"must be {'above' if column.strict_minimum else 'at least'} {low}, not {value}"
        )
    if high is not None and (value >= high if column.strict_maximum else value > high):
        raise _refused(
            column, position, f"must be {'below' if column.strict_maximum else 'at most'} {high}, not {value}"
        )


def _long(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not value.is_integer():
        return None
    number = int(value)
    return number if -(2**63) <= number < 2**63 else None


def _double(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _datetime(value: Any) -> str | None:
    from datetime import datetime

    if not isinstance(value, str):
        return None
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return None
    return value


#: Types whose values need no conversion, and the size of numbers from which on each is looked at.
_PLAIN = {
    "long": frozenset({int}),
    "double": frozenset({int, float}),
    "boolean": frozenset({bool}),
    "string": frozenset({str}),
}
_PLAIN_LIMIT = 2.0**62

_READERS = {"long": _long, "double": _double, "boolean": _boolean, "string": _string, "datetime": _datetime}


def _refused(column: Column, position: int, what: str) -> InputError:
    return InputError(f"row {position}, column {column.name}: {what}")


def _named(values: Sequence[Any]) -> str:
    more = f" and {len(values) - _MOST_NAMED} more" if len(values) > _MOST_NAMED else ""
    return ", ".join(_shown(value) for value in values[:_MOST_NAMED]) + more


def _shown(value: Any) -> str:
    return bounded(repr(value), 60)
