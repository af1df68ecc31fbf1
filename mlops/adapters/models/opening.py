"""Opening a skops file: bounds, then listed nodes, then the file itself, then its arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlops.adapters.models import arrays, catalogue, nodes
from mlops.adapters.models.archive import Archive
from mlops.runs.errors import ConfigError, InputError
from mlops.runs.saved_types import SavedType


def opened(content: bytes, allowed: Sequence[SavedType], where: str) -> Any:
    """Return the model of a skops file; only listed types are imported or called.

    Args:
        content: The file.
        allowed: The pipeline's types.
        where: Name of the file, for errors.

    Raises:
        ConfigError: The list itself names a type whose arrays cannot be checked.
        InputError: The file is no skops file, holds something that is not listed, or an array that would
            lead compiled code out of its memory.
    """
    import skops.io

    check_file(content, allowed, where)
    try:
        model = skops.io.loads(content, trusted=nodes.paths(allowed))
    # skops passes on whatever its parts raise on a file of another form.
    except Exception as error:
        raise InputError(
            f"cannot be opened as skops: {type(error).__name__}: {error}",
            where=where,
            todo="it was saved by other versions of the code or of scikit-learn",
        ) from error
    arrays.check(model, where)
    return model


def check_file(content: bytes, allowed: Sequence[SavedType], where: str) -> None:
    """Raise unless a skops file holds only what a list admits; skops is not asked.

    Raises:
        ConfigError: The list itself names a type whose arrays cannot be checked.
        InputError: The file is no skops file, or holds something that is not listed.
    """
    unknown = catalogue.unknown(allowed)
    if unknown:
        raise ConfigError(
            f"the pipeline trusts {', '.join(unknown)}, whose arrays cannot be checked",
            where="trusted_types",
            todo="choose a model whose types are in mlops/adapters/models/catalogue.py",
        )
    nodes.check(Archive(content, where), frozenset(allowed), where)
