"""Frames between the server and a Lua worker: two lengths, a JSON header, raw bytes."""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

from mlops.lakeserver import json_text

_LENGTHS = struct.Struct("!II")
MAX_HEADER_BYTES = 64 << 20
MAX_PAYLOAD_BYTES = 256 << 20
# A mapping of an action file is an object with a list of pairs here.
_MAX_DEPTH = 400


class BrokenFrame(EOFError):
    """The other side is gone, or speaks something else."""


def write_frame(stream: BinaryIO, header: dict[str, Any], payload: bytes = b"") -> None:
    """Write a frame.

    Raises:
        OSError: the other side is gone.
    """
    text = json.dumps(header, separators=(",", ":")).encode()
    stream.write(b"".join((_LENGTHS.pack(len(text), len(payload)), text, payload)))
    stream.flush()


def read_frame(stream: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """Return the next frame.

    Raises:
        BrokenFrame: the stream ended, or a length is absurd.
    """
    lengths = _exactly(stream, _LENGTHS.size)
    header_bytes, payload_bytes = _LENGTHS.unpack(lengths)
    if header_bytes > MAX_HEADER_BYTES or payload_bytes > MAX_PAYLOAD_BYTES:
        raise BrokenFrame(f"frame of {header_bytes} + {payload_bytes} bytes")
    try:
        header = json_text.loads(_exactly(stream, header_bytes).decode(), max_depth=_MAX_DEPTH)
    except ValueError as error:
        raise BrokenFrame(f"frame with a header that cannot be read: {error}") from None
    if not isinstance(header, dict):
        raise BrokenFrame("frame without a header")
    return header, _exactly(stream, payload_bytes)


def _exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if data is None or len(data) < count:
        raise BrokenFrame("the other side is gone")
    return data
