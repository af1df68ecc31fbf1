"""The ZIP archive of a skops file, read within bounds: its members, its schema and its arrays."""

from __future__ import annotations

import io
import json
import math
import re
import zipfile
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mlops.runs.errors import InputError, ModelRefused

if TYPE_CHECKING:
    import numpy as np

SCHEMA = "schema.json"

MAX_MEMBERS = 200_000
MAX_TOTAL_BYTES = 1 << 30
MAX_SCHEMA_BYTES = 128 << 20
#: skops stores without compression; a compressed file is accepted up to what real arrays reach.
MAX_RATIO = 200
_RATIO_FROM_BYTES = 1 << 20

_ARRAY = re.compile(r"[0-9]{1,20}\.npy")
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1
#: Kinds of array elements: truth values, whole and floating-point numbers, text, bytes, times.
_KINDS = frozenset("biufUSmM")
_MAX_HEADER_BYTES = 10_000


class Archive:
    """The members of a skops file, all of them checked.

    Attributes:
        schema: The description of the model.
        arrays: Member name to array, for every array in the file.
    """

    def __init__(self, content: bytes, where: str) -> None:
        """Read an archive.

        Args:
            content: The file.
            where: Its name, for errors.

        Raises:
            InputError: It is no ZIP file, exceeds a bound, or holds anything but a schema and arrays.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as file:
                _check_members(file.infolist(), where)
                self.schema: Mapping[str, Any] = _schema(file.read(SCHEMA), where)
                names = (name for name in file.namelist() if name != SCHEMA)
                self.arrays: Mapping[str, np.ndarray] = {
                    name: _array(file.read(name), name) for name in names
                }
        except InputError:
            raise
        # A damaged archive or header raises whatever zipfile, zlib, ast and numpy do.
        except Exception as error:
            raise InputError(
                f"cannot be opened as skops: {type(error).__name__}: {error}",
                where=where,
                todo="it was saved by other versions of the code or of scikit-learn",
            ) from error


def refused(what: str, where: str) -> ModelRefused:
    """Return the error for a file with content that no pipeline saves."""
    return ModelRefused(f"the model file {what}", where=where, todo="it was not opened")


def _check_members(members: list[zipfile.ZipInfo], where: str) -> None:
    names = [member.filename for member in members]
    if len(names) > MAX_MEMBERS:
        raise refused(f"has {len(names)} members; at most {MAX_MEMBERS} are read", where)
    if len(set(names)) != len(names):
        raise refused("has two members of the same name", where)
    if SCHEMA not in names:
        raise refused(f"has no {SCHEMA}", where)
    total = sum(member.file_size for member in members)
    if total > MAX_TOTAL_BYTES:
        raise refused(f"unpacks to {total} bytes; at most {MAX_TOTAL_BYTES} are read", where)
    for member in members:
        _check_member(member, where)


def _check_member(member: zipfile.ZipInfo, where: str) -> None:
    name = member.filename
    if name != SCHEMA and not _ARRAY.fullmatch(name):
        raise refused(f"has a member {name!r}, which is no array", where)
    if member.compress_type not in _METHODS or member.flag_bits & _ENCRYPTED:
        raise refused(f"has a member {name} that is packed in another way than deflate", where)
    large = member.file_size > _RATIO_FROM_BYTES
    if large and member.file_size > MAX_RATIO * max(member.compress_size, 1):
        raise refused(f"has a member {name} that grows more than {MAX_RATIO}-fold when unpacked", where)
    if name == SCHEMA and member.file_size > MAX_SCHEMA_BYTES:
        raise refused(f"has a schema of {member.file_size} bytes", where)


def _schema(data: bytes, where: str) -> Mapping[str, Any]:
    try:
        value = json.loads(data, object_pairs_hook=_unique)
    except RecursionError as error:
        raise refused("has a schema that is nested too deeply", where) from error
    if not isinstance(value, dict):
        raise refused("has a schema of another form", where)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key occurs twice in the schema")
    return value


def _array(data: bytes, name: str) -> np.ndarray:
    """Return an array whose header promises exactly the bytes that follow it; it cannot be written to."""
    import numpy as np

    begins = _header_bytes(data, name)
    shape, fortran, dtype = _promised(data[:begins])
    _check_dtype(dtype, name)
    if any(length < 0 for length in shape) or math.prod(shape) * dtype.itemsize != len(data) - begins:
        raise refused(f"has an array of shape {shape} in {len(data)} bytes", name)
    return np.ndarray(shape, dtype, data, begins, order="F" if fortran else "C")


def _header_bytes(data: bytes, name: str) -> int:
    """Return where the content of an array begins: after magic, version, length and header."""
    from numpy.lib import format as npy

    version = npy.read_magic(io.BytesIO(data))
    length_bytes = {(1, 0): 2, (2, 0): 4}.get(version)
    if length_bytes is None:
        raise refused(f"has an array of format {version}", name)
    begins = npy.MAGIC_LEN + length_bytes
    return begins + int.from_bytes(data[npy.MAGIC_LEN : begins], "little")


# A model of trees is hundreds of arrays with a handful of headers; numpy compiles each header that it reads.
@lru_cache(maxsize=256)
def _promised(header: bytes) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Return shape, whether in Fortran's order, and type that a header promises."""
    from numpy.lib import format as npy

    file = io.BytesIO(header)
    first = npy.read_magic(file) == (1, 0)
    read = npy.read_array_header_1_0 if first else npy.read_array_header_2_0
    return read(file, max_header_size=_MAX_HEADER_BYTES)


def _check_dtype(dtype: np.dtype, name: str) -> None:
    if dtype.fields is None and dtype.subdtype is None:
        if dtype.kind in _KINDS and dtype.itemsize > 0:
            return
    elif dtype in _records():
        return
    raise refused(f"has an array of the type {dtype}"[:200], name)


def _records() -> tuple[np.dtype, ...]:
    """Return the only record types that are read: the nodes of scikit-learn's two kinds of trees."""
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
    from sklearn.tree._tree import NODE_DTYPE

    return (PREDICTOR_RECORD_DTYPE, NODE_DTYPE)
