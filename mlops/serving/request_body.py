"""The body of a request as columns: the JSON forms and the CSV that MLflow's scoring protocol defines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from mlops.runs.errors import InputError
from mlops.serving.request_schema import RequestSchema

FORMS = ("dataframe_split", "dataframe_records", "inputs", "instances")

Columns = dict[str, list[Any]]


def read_json(body: bytes, schema: RequestSchema) -> Columns:
    """Return the columns of a JSON body, their values as they were sent.

    Args:
        body: One of ``{"dataframe_split": {"columns": […], "data": [[…]]}}``,
            ``{"dataframe_records": [{…}]}``, ``{"inputs": {column: […]}}`` and ``{"instances": [{…}]}``; the
            last two may also hold rows without names, in the order of the model's columns.
        schema: The columns of the model.

    Raises:
        InputError: It is no JSON, or of another form.
    """
    try:
        document = json.loads(body, parse_constant=lambda _: None)
    except RecursionError as error:
        raise InputError("the body is nested too deeply") from error
    except ValueError as error:
        raise InputError(f"the body is no JSON: {error}") from error
    given = [form for form in FORMS if isinstance(document, Mapping) and form in document]
    if len(given) != 1:
        raise InputError(f"the body must be a JSON object with exactly one of {', '.join(FORMS)}")
    content = document[given[0]]
    found = _split(content) if given[0] == "dataframe_split" else _rows_or_columns(content, schema)
    return _of_one_length(found)


def read_csv(body: bytes, schema: RequestSchema) -> Columns:
    """Return the columns of a CSV body with a heading; an empty cell is a missing value.

    Args:
        body: The text in UTF-8.
        schema: The columns of the model, by whose types the cells are read.

    Raises:
        InputError: It is no UTF-8, or a row has another number of cells than the heading.
    """
    try:
        rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"the body is no CSV: {error}") from error
    if not rows:
        raise InputError("the body is empty; a CSV begins with the names of the columns")
    types = {column.name: column.type for column in schema.columns}
    heading, *cells = rows
    columns = _transposed(heading, [row for row in cells if row])
    return {
        name: [typed_cell(value, types.get(name, "string")) for value in found]
        for name, found in columns.items()
    }


def _split(content: Any) -> Columns:
    if not isinstance(content, Mapping) or not {"columns", "data"} <= content.keys():
        raise InputError("dataframe_split must be an object with columns and data")
    names, rows = content["columns"], content["data"]
    if not isinstance(names, list) or not isinstance(rows, list):
        raise InputError("columns and data of dataframe_split must be lists")
    return _transposed(names, rows)


def _rows_or_columns(content: Any, schema: RequestSchema) -> Columns:
    if isinstance(content, Mapping):
        return {
            str(name): values if isinstance(values, list) else [values] for name, values in content.items()
        }
    if not isinstance(content, list) or not content:
        raise InputError("there are no rows in the body")
    if all(isinstance(row, list) for row in content):
        return _transposed(list(schema.names), content)
    if not all(isinstance(row, Mapping) for row in content):
        raise InputError("every row must be an object with a value per column")
    names = dict.fromkeys(name for row in content for name in row)
    return {name: [row.get(name) for row in content] for name in names}


def _transposed(names: Sequence[Any], rows: Sequence[Any]) -> Columns:
    if not all(isinstance(name, str) for name in names):
        raise InputError("names of columns must be texts")
    if len(set(names)) != len(names):
        raise InputError("a column is named twice")
    for position, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(names):
            raise InputError(f"row {position} must have {len(names)} values, one for each column")
    return {name: [row[at] for row in rows] for at, name in enumerate(names)}


def _of_one_length(columns: Columns) -> Columns:
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise InputError("the columns have different numbers of values")
    if not lengths or lengths == {0}:
        raise InputError("there are no rows in the body")
    return columns


def typed_cell(text: str, kind: str) -> Any:
    """Return the value of a CSV cell; one of another type stays text, which a schema refuses."""
    if text == "":
        return None
    if kind == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    if kind in ("long", "double"):
        try:
            return int(text) if kind == "long" else float(text)
        except ValueError:
            return text
    return text
