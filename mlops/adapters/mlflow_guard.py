"""What an ``MLmodel`` file may ask of MLflow's loader: skops, known types, no code.

MLflow takes the serialization format and skops's trusted types from the model's own ``MLmodel``. Whoever
could write that file could therefore have a pickle loaded, or any type trusted. A model that comes out of a
lake is held to this list before MLflow sees it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mlops.runs.errors import InputError

FILE_NAME = "MLmodel"

#: Types a saved model may have beyond skops's own: estimators, arrays, and the pipelines of this project.
TRUSTED = re.compile(r"(?:sklearn|numpy|scipy\.sparse|mlops\.pipelines)\.[\w.]+|functools\.partial")
_FLAVORS = frozenset({"sklearn", "python_function"})
_LOADER = "mlflow.sklearn"
_FILE = re.compile(r"\w[\w.-]*\.skops")


def check(content: bytes, where: str) -> None:
    """Raise `InputError` where an ``MLmodel`` would make MLflow do more than read a skops file."""
    value = _parsed(content, where)
    flavors = value.get("flavors")
    if not isinstance(flavors, Mapping) or "sklearn" not in flavors or not _FLAVORS.issuperset(flavors):
        raise _refused("flavors other than sklearn and its python_function", where)
    sklearn, pyfunc = flavors["sklearn"], flavors.get("python_function")
    if not isinstance(sklearn, Mapping) or not isinstance(pyfunc, Mapping | None):
        raise _refused("a flavor of another form", where)
    if sklearn.get("serialization_format") != "skops":
        raise _refused("a format other than skops", where)
    _check_names(sklearn.get("pickled_model"), pyfunc, where)
    if sklearn.get("code") or (pyfunc and pyfunc.get("code")):
        raise _refused("code of its own", where)
    for name in sklearn.get("skops_trusted_types") or []:
        if not isinstance(name, str) or not TRUSTED.fullmatch(name):
            raise _refused(f"the type {name!r}", where)


def _check_names(file: object, pyfunc: Mapping[str, Any] | None, where: str) -> None:
    if not isinstance(file, str) or not _FILE.fullmatch(file):
        raise _refused("a model file of another name than *.skops", where)
    if pyfunc is not None and (pyfunc.get("loader_module") != _LOADER or pyfunc.get("model_path") != file):
        raise _refused("another loader than mlflow.sklearn", where)


def _parsed(content: bytes, where: str) -> Mapping[str, Any]:
    import yaml

    try:
        value = yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"not YAML ({type(error).__name__})", where=where) from error
    if not isinstance(value, Mapping):
        raise InputError("not an MLmodel file", where=where)
    return value


def _refused(what: str, where: str) -> InputError:
    return InputError(f"the model asks for {what}", where=where, todo="models are read as skops files only")
