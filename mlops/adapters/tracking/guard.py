"""Check of an ``MLmodel`` file: it may make MLflow load one skops file with listed types, nothing else.

MLflow takes format, file, loader module, code folders and trusted types from the model's own ``MLmodel``.
Whoever could write that file could therefore have any code run. A model that comes out of a lake is compared
with what this project saves before MLflow sees it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from mlops.adapters.policy import yaml_subset
from mlops.runs.errors import InputError, ModelRefused

FILE_NAME = "MLmodel"
MODEL_FILE = "model.skops"

#: Every file of a saved model's folder.
LAYOUT = frozenset({FILE_NAME, MODEL_FILE, "conda.yaml", "python_env.yaml", "requirements.txt"})

_MAX_BYTES = 1 << 20
#: Keys that MLflow writes for every model, and the values that make its loader do nothing by them.
_INERT: Mapping[str, object] = {
    "is_signature_from_type_hint": False,
    "model_id": None,
    "prompts": None,
    "type_hint_from_example": False,
}
_TEXTS = frozenset({"mlflow_version", "model_uuid", "utc_time_created", "artifact_path", "run_id"})
_OTHERS = frozenset({"flavors", "signature", "model_size_bytes"})
_SKLEARN: Mapping[str, object] = {
    "code": None,
    "pickled_model": MODEL_FILE,
    "serialization_format": "skops",
}
_PYFUNC: Mapping[str, object] = {
    "loader_module": "mlflow.sklearn",
    "model_path": MODEL_FILE,
    "predict_fn": "predict",
}
_ENVIRONMENT: Mapping[str, object] = {"conda": "conda.yaml", "virtualenv": "python_env.yaml"}


def check(content: bytes, trusted: Collection[str], where: str) -> None:
    """Raise `InputError` if an ``MLmodel`` would make MLflow do more than read the skops file.

    Args:
        content: The file.
        trusted: Names of the types and functions that the pipeline trusts.
        where: Its name, for errors.
    """
    value = _parsed(content, where)
    flavors = value.get("flavors")
    if not isinstance(flavors, Mapping) or flavors.keys() - {"python_function"} != {"sklearn"}:
        raise _refused("flavors other than sklearn and its python_function", where)
    sklearn, pyfunc = flavors["sklearn"], flavors.get("python_function", {})
    if not isinstance(sklearn, Mapping) or not isinstance(pyfunc, Mapping):
        raise _refused("a flavor of another form", where)
    if sklearn.get("serialization_format") != "skops":
        raise _refused("a format other than skops", where)
    _check_top(value, where)
    _check_exactly(sklearn, _SKLEARN, ("sklearn_version", "skops_trusted_types"), where)
    if pyfunc:
        _check_exactly(pyfunc, _PYFUNC, ("env", "python_version"), where)
        _check_environment(pyfunc.get("env"), where)
    for name in sklearn.get("skops_trusted_types") or []:
        if not isinstance(name, str) or name not in trusted:
            raise _refused(f"the type {name!r}, which the pipeline does not trust", where)


def _check_top(value: Mapping[str, Any], where: str) -> None:
    for key, found in value.items():
        inert = key in _INERT and found is _INERT[key]
        text = key in _TEXTS and isinstance(found, str | None)
        if not (inert or text or key in _OTHERS):
            raise _refused(f"{key!r}: {found!r}"[:80], where)
    signature = value.get("signature") or {}
    if not isinstance(signature, Mapping) or signature.keys() - {"inputs", "outputs", "params"}:
        raise _refused("a signature of another form", where)
    if not all(isinstance(part, str | None) for part in signature.values()):
        raise _refused("a signature of another form", where)


def _check_exactly(
    flavor: Mapping[str, Any], wanted: Mapping[str, object], others: tuple[str, ...], where: str
) -> None:
    for key, found in flavor.items():
        if key not in wanted and key not in others:
            raise _refused(f"{key!r} in a flavor", where)
        if key in wanted and found != wanted[key]:
            raise _refused(f"the {key} {found!r}"[:80], where)
    missing = [key for key, value in wanted.items() if value is not None and key not in flavor]
    if missing:
        raise _refused(f"no {missing[0]}", where)


def _check_environment(value: object, where: str) -> None:
    if value is None:
        return
    if not isinstance(value, Mapping) or any(_ENVIRONMENT.get(key) != found for key, found in value.items()):
        raise _refused("an environment of its own", where)


def _parsed(content: bytes, where: str) -> Mapping[str, Any]:
    import yaml

    if len(content) > _MAX_BYTES:
        raise InputError(f"an MLmodel file of {len(content)} bytes is not read", where=where)
    try:
        yaml_subset.check_bounds(content.decode("utf-8"))
        value = yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise InputError(f"not YAML ({type(error).__name__})", where=where) from error
    if not isinstance(value, Mapping):
        raise InputError("not an MLmodel file", where=where)
    return value


def _refused(what: str, where: str) -> ModelRefused:
    return ModelRefused(
        f"the model asks for {what}", where=where, todo="only models as this project saves them are read"
    )
