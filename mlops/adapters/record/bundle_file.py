"""Write and read the file that carries an exported record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops.runs.errors import Corrupt, InputError, system_reason

#: A record of some hundred thousand changes is smaller than this.
_MAX_SIZE_BYTES = 1 << 30


def write_bundle(file: Path, bundle: Mapping[str, Any]) -> None:
    """Write an exported record as JSON.

    Raises:
        InputError: The file cannot be written.
    """
    try:
        file.write_text(json.dumps(bundle, sort_keys=True, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot be written: {system_reason(error)}", where=str(file)) from error


def read_bundle(file: Path) -> Any:
    """Return the JSON value of a file; nothing about it is verified yet.

    Raises:
        InputError: The file cannot be read.
        Corrupt: It is not JSON, or larger than a record can be.
    """
    try:
        if file.stat().st_size > _MAX_SIZE_BYTES:
            raise Corrupt("larger than a record can be", where=str(file))
        return json.loads(file.read_bytes())
    except OSError as error:
        raise InputError(f"cannot be read: {system_reason(error)}", where=str(file)) from error
    except (ValueError, RecursionError) as error:
        raise Corrupt(f"not JSON: {error}", where=str(file)) from error
