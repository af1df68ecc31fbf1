"""Model folders: MLflow's layout with the model in skops, opened only after every byte was checked.

``MLmodel`` names a format, a file and the types to trust, so that MLflow can load the folder by itself.
Nothing of that is believed here: the file is always `MODEL_FILE`, the format skops, and the trusted types
those that the pipeline declares in code. What a file may hold is checked by `mlops.adapters.models`.
"""

from __future__ import annotations

import hashlib
import shutil
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.adapters.models import arrays, nodes
from mlops.adapters.models.opening import check_file, opened
from mlops.adapters.tracking import guard
from mlops.adapters.tracking.guard import MODEL_FILE
from mlops.runs.errors import ConfigError, Corrupt, InputError, ModelRefused
from mlops.runs.records import ObjectRecord
from mlops.runs.saved_types import SavedType

if TYPE_CHECKING:
    import pandas as pd

#: What loading the model takes, at the versions that saved it.
REQUIREMENTS = ("numpy", "pandas", "scikit-learn", "skops")

_CHUNK_BYTES = 1 << 20
_TYPES = {"i": "long", "u": "long", "f": "double", "b": "boolean", "M": "datetime"}


def save(model: Any, folder: Path, trusted_types: Sequence[SavedType], *, example: pd.DataFrame) -> None:
    """Write a fitted Pipeline to a new folder in MLflow's layout, and prove that it can be opened again.

    Args:
        model: The fitted Pipeline.
        folder: Where to; it must not exist.
        trusted_types: The types that may be in it.
        example: Rows of model input; their columns and dtypes become the model's signature.

    Raises:
        ConfigError: The model holds a type that is not trusted, or the list a type that cannot be checked.
    """
    try:
        _write(model, folder, nodes.paths(trusted_types), example)
        check_file((folder / MODEL_FILE).read_bytes(), trusted_types, MODEL_FILE)
        arrays.check(model, MODEL_FILE)
    except InputError as error:
        shutil.rmtree(folder)
        raise ConfigError(
            f"the model cannot be saved: {error.what}",
            where="trusted_types",
            todo="add what is missing to the pipeline's trusted_types if it is safe to create",
        ) from error
    except ConfigError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _write(model: Any, folder: Path, trusted: list[str], example: pd.DataFrame) -> None:
    from mlflow import sklearn
    from mlflow.exceptions import MlflowException

    try:
        with warnings.catch_warnings():
            # What MLflow deprecates in its own code is not about this model.
            warnings.simplefilter("ignore")
            sklearn.save_model(
                model,
                str(folder),
                serialization_format="skops",
                skops_trusted_types=trusted,
                # Left to itself MLflow runs the model for seven seconds to find these.
                pip_requirements=_requirements(),
                signature=_signature(example),
            )
    except MlflowException as error:
        raise ConfigError(f"the model cannot be saved: {error}", where=str(folder)) from error


def load(folder: Path, records: Sequence[ObjectRecord], trusted_types: Sequence[SavedType]) -> Any:
    """Return the model of a folder, if the folder holds exactly the recorded bytes and only trusted types.

    ``MLmodel`` is checked as well: what is promoted must be harmless to whoever loads it with MLflow.

    Args:
        folder: The folder, on this machine.
        records: Its files, with paths relative to it.
        trusted_types: The types that may be in it.

    Raises:
        Corrupt: A file is missing, was added, or differs from its record; nothing was opened.
        InputError: The recorded bytes are no skops file, or hold something that could run code or crash.
    """
    check(folder, records)
    by_path = {record.path: record for record in records}
    extra = by_path.keys() - guard.LAYOUT
    if extra:
        raise ModelRefused("no file of a saved model", where=min(extra))
    recorded = by_path.get(MODEL_FILE)
    if recorded is None:
        raise Corrupt("holds no model", where=MODEL_FILE)
    if guard.FILE_NAME not in by_path:
        raise Corrupt("is missing", where=guard.FILE_NAME)
    described = (folder / guard.FILE_NAME).read_bytes()
    guard.check(described, nodes.paths(trusted_types), guard.FILE_NAME)
    content = (folder / MODEL_FILE).read_bytes()
    # What is opened is what was checked, even if the file has changed since.
    if hashlib.sha256(content).hexdigest() != recorded.sha256:
        raise Corrupt("is not the file that was recorded", where=MODEL_FILE)
    return opened(content, trusted_types, MODEL_FILE)


def check(folder: Path, records: Sequence[ObjectRecord]) -> None:
    """Raise `Corrupt` unless a folder holds the recorded files, byte for byte, and no others."""
    expected = {record.path: record for record in records}
    found = {path.relative_to(folder).as_posix(): path for path in _files(folder)}
    for what, names in (
        ("is missing", expected.keys() - found.keys()),
        ("is extra", found.keys() - expected),
    ):
        if names:
            raise Corrupt(f"{what}; {len(expected)} files are on record", where=min(names))
    for name, record in sorted(expected.items()):
        if found[name].stat().st_size != record.size_bytes or _sha256(found[name]) != record.sha256:
            raise Corrupt("is not the file that was recorded", where=name)


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_symlink():
            raise Corrupt("is a link", where=path.relative_to(folder).as_posix())
        if path.is_file():
            yield path


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _requirements() -> list[str]:
    from importlib import metadata

    return [f"{name}=={metadata.version(name)}" for name in REQUIREMENTS]


def _signature(example: pd.DataFrame) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types.schema import ColSpec, Schema

    columns: list[Any] = [
        ColSpec(_TYPES.get(dtype.kind, "string"), str(name)) for name, dtype in example.dtypes.items()
    ]
    return ModelSignature(inputs=Schema(columns), outputs=Schema([ColSpec("double")]))
