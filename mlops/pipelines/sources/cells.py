# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false

"""Bounds on what a source delivers: at least one row, and no cell that nobody meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.runs.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

#: A longer text in one cell is a broken file: an unclosed quote, a blob in the wrong column.
MAX_CELL_BYTES = 1 << 20


def check_cells(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return the frame if it has rows and no cell is too large.

    Raises:
        InputError: It has no rows, or a cell holds more than `MAX_CELL_BYTES`.
    """
    from pandas.api import types

    if frame.empty:
        raise InputError("the table has no rows", where=where)
    for position, name in enumerate(frame.columns):
        column = frame.iloc[:, position]
        if not (types.is_object_dtype(column) or types.is_string_dtype(column)):
            continue
        # A character is at most 4 bytes: only texts that could be too long are encoded.
        for row, value in enumerate(column):
            if isinstance(value, (str, bytes)) and len(value) * 4 > MAX_CELL_BYTES:
                size = len(value if isinstance(value, bytes) else value.encode("utf-8", "replace"))
                if size > MAX_CELL_BYTES:
                    raise InputError(
                        f"row {row} of column {name} holds {size:,} bytes in one cell; at most "
                        f"{MAX_CELL_BYTES:,} are taken",
                        where=where,
                        todo="correct the file or the query; large objects belong into files of their own",
                    )
    return frame
