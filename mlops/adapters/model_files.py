"""Model folders: MLflow's layout with the model in skops, opened only after every byte was checked.

``MLmodel`` names a format, a file and the types to trust, so that MLflow can load the folder by itself.
Nothing of that is believed here: the file is always `MODEL_FILE`, the format skops, and the trusted types
those that the pipeline declares in code.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.runs.errors import ConfigError, Corrupt, InputError
from mlops.runs.model import ObjectRecord

if TYPE_CHECKING:
    import pandas as pd

MODEL_FILE = "model.skops"

#: What loading the model takes, at the versions that saved it.
REQUIREMENTS = ("numpy", "pandas", "scikit-learn", "skops")

_CHUNK_BYTES = 1 << 20
_TYPES = {"i": "long", "u": "long", "f": "double", "b": "boolean", "M": "datetime"}


def save(model: Any, folder: Path, trusted_types: Sequence[str], *, example: pd.DataFrame) -> None:
    """Write a fitted Pipeline to a new folder in MLflow's layout, and prove that it can be opened again.

    Args:
        model: The fitted Pipeline.
        folder: Where to; it must not exist.
        trusted_types: The types beyond skops's own that may be in it.
        example: Rows of model input; their columns and dtypes become the model's signature.

    Raises:
        ConfigError: The model holds a type that is not trusted.
    """
    from mlflow import sklearn
    from mlflow.exceptions import MlflowException

    _check_types(model, trusted_types)
    try:
        with warnings.catch_warnings():
            # What MLflow deprecates in its own code is not about this model.
            warnings.simplefilter("ignore")
            sklearn.save_model(
                model,
                str(folder),
                serialization_format="skops",
                skops_trusted_types=list(trusted_types),
                # Left to itself MLflow runs the model for seven seconds to find these.
                pip_requirements=_requirements(),
                signature=_signature(example),
            )
    except MlflowException as error:
        raise ConfigError(f"the model cannot be saved: {error}", where=str(folder)) from error


def load(folder: Path, records: Sequence[ObjectRecord], trusted_types: Sequence[str]) -> Any:
    """Return the model of a folder, if the folder holds exactly the recorded bytes and only trusted types.

    Args:
        folder: The folder, on this machine.
        records: Its files, with paths relative to it.
        trusted_types: The types beyond skops's own that may be in it.

    Raises:
        Corrupt: A file is missing, was added, or differs from its record; nothing was opened.
        InputError: The recorded bytes are no skops file, or hold a type that is not trusted.
    """
    check(folder, records)
    recorded = {record.path: record for record in records}.get(MODEL_FILE)
    if recorded is None:
        raise Corrupt("holds no model", where=MODEL_FILE)
    content = (folder / MODEL_FILE).read_bytes()
    # What is opened is what was checked, even if the file has changed since.
    if hashlib.sha256(content).hexdigest() != recorded.sha256:
        raise Corrupt("is not the file that was recorded", where=MODEL_FILE)
    return _opened(content, trusted_types)


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


def _opened(content: bytes, trusted_types: Sequence[str]) -> Any:
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        return skops.io.loads(content, trusted=list(trusted_types))
    except UntrustedTypesFoundException as error:
        raise InputError(f"holds types that nobody trusts: {error}", where=MODEL_FILE) from error
    # skops passes on whatever its parts raise on a file of another form.
    except Exception as error:
        raise InputError(
            f"cannot be opened as skops: {type(error).__name__}: {error}",
            where=MODEL_FILE,
            todo="it was saved by other versions of the code or of scikit-learn",
        ) from error


def _check_types(model: Any, trusted_types: Sequence[str]) -> None:
    import skops.io

    untrusted = sorted(set(skops.io.get_untrusted_types(data=skops.io.dumps(model))) - set(trusted_types))
    if untrusted:
        raise ConfigError(
            f"the model holds types that the pipeline does not trust: {', '.join(untrusted)}",
            todo="add them to its trusted_types if they are safe to create",
        )


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
