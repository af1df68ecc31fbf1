"""Model files that no honest run writes: a saved model whose schema or arrays somebody has edited."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline

from mlops.adapters.models import opening
from mlops.runs.errors import InputError
from mlops.runs.saved_types import TREE, SavedType, functions, losses, objects, partials

_BOOSTING = "sklearn.ensemble._hist_gradient_boosting"

#: Rows with a categorical column (category codes) and two numbers.
ROWS = pd.DataFrame(
    {
        "kind": [n % 3 for n in range(60)],
        "a": [float(n) for n in range(60)],
        "b": [float(n % 7) for n in range(60)],
    }
)
TARGET = np.array([(n % 3) * 5.0 + n for n in range(60)])

LINE = objects("sklearn.linear_model._base.LinearRegression", "sklearn.pipeline.Pipeline")
BOOSTED = (
    *objects(
        "sklearn._loss.link.IdentityLink",
        "sklearn._loss.link.Interval",
        "sklearn._loss.loss.HalfSquaredError",
        "sklearn.compose._column_transformer.ColumnTransformer",
        f"{_BOOSTING}.binning._BinMapper",
        f"{_BOOSTING}.gradient_boosting.HistGradientBoostingRegressor",
        f"{_BOOSTING}.predictor.TreePredictor",
        "sklearn.pipeline.Pipeline",
        "sklearn.preprocessing._encoders.OrdinalEncoder",
        "sklearn.preprocessing._function_transformer.FunctionTransformer",
    ),
    *functions("sklearn.utils.validation.check_array"),
    *partials("sklearn.utils.validation.check_array"),
    *losses("sklearn._loss._loss.CyHalfSquaredError"),
)
CLASSIFIER = (
    *objects(
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.MultinomialLogit",
        "sklearn._loss.loss.HalfMultinomialLoss",
        f"{_BOOSTING}.binning._BinMapper",
        f"{_BOOSTING}.gradient_boosting.HistGradientBoostingClassifier",
        f"{_BOOSTING}.predictor.TreePredictor",
        "sklearn.pipeline.Pipeline",
        "sklearn.preprocessing._label.LabelEncoder",
    ),
    *losses("sklearn._loss._loss.CyHalfMultinomialLoss"),
)
FOREST = (
    *objects("sklearn.ensemble._forest.RandomForestRegressor", "sklearn.tree._classes.DecisionTreeRegressor"),
    TREE,
)

Schema = dict[str, Any]
Files = dict[str, bytes]


def line() -> bytes:
    """Return a saved line in a pipeline."""
    return skops.io.dumps(Pipeline([("line", LinearRegression())]).fit(ROWS[["a", "b"]], TARGET))


def boosted() -> bytes:
    """Return saved boosted trees with one categorical column."""
    trees = HistGradientBoostingRegressor(
        max_iter=3, min_samples_leaf=3, categorical_features=[0], early_stopping=False, random_state=1
    )
    return skops.io.dumps(Pipeline([("trees", trees)]).fit(ROWS.to_numpy(), TARGET))


def classifier() -> bytes:
    """Return saved boosted trees for three classes."""
    trees = HistGradientBoostingClassifier(
        max_iter=3, min_samples_leaf=3, early_stopping=False, random_state=1
    )
    classes = np.array(["edm", "pop", "rock"], dtype=object)[[n % 3 for n in range(60)]]
    return skops.io.dumps(Pipeline([("trees", trees)]).fit(ROWS.to_numpy(), classes))


def forest() -> bytes:
    """Return a saved random forest."""
    return skops.io.dumps(RandomForestRegressor(n_estimators=2, random_state=1).fit(ROWS.to_numpy(), TARGET))


def edited(content: bytes, change: Callable[[Schema, Files], None]) -> bytes:
    """Return a model file with its schema and members changed."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        files = {name: file.read(name) for name in file.namelist()}
    schema = json.loads(files.pop("schema.json"))
    change(schema, files)
    return packed({**files, "schema.json": json.dumps(schema).encode()})


def packed(files: Files, method: int = zipfile.ZIP_STORED) -> bytes:
    """Return a ZIP archive of these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, data in files.items():
            file.writestr(name, data)
    return out.getvalue()


def nodes(schema: Any, name: str) -> Iterator[Schema]:
    """Yield the nodes of a class, in the order of the file."""
    if isinstance(schema, dict):
        if schema.get("__class__") == name:
            yield schema
        for value in schema.values():
            yield from nodes(value, name)
    elif isinstance(schema, list):
        for value in schema:
            yield from nodes(value, name)


def attributes(node: Schema) -> Schema:
    """Return the attributes of an object's node."""
    return node["content"]["content"]


def give(node: Schema, name: str, value: Schema) -> None:
    """Give an object one more attribute, or another value for one."""
    state = node["content"]
    if name not in state["content"]:
        state["key_types"]["content"].append(
            {"__class__": "str", "__module__": "builtins", "__loader__": "TypeNode", "__id__": 7}
        )
    state["content"][name] = value
    # Lists of keys that are equal are one object in the file; this one is no longer equal.
    state["key_types"]["__id__"] = 10**6 + len(state["content"])
    del state["__id__"]


def plain(value: Any) -> Schema:
    """Return the node of a number, a text, a truth value or nothing."""
    return {
        "__class__": "str",
        "__module__": "builtins",
        "__loader__": "JsonNode",
        "content": json.dumps(value),
        "is_json": True,
    }


def sequence(kind: str, *items: Schema) -> Schema:
    """Return the node of a list or a tuple."""
    loader = {"list": "ListNode", "tuple": "TupleNode"}[kind]
    return {"__class__": kind, "__module__": "builtins", "__loader__": loader, "content": list(items)}


def mapping(**items: Schema) -> Schema:
    """Return the node of a dictionary."""
    text = {"__class__": "str", "__module__": "builtins", "__loader__": "TypeNode"}
    keys = sequence("list", *(text for _ in items))
    return {
        "__class__": "dict",
        "__module__": "builtins",
        "__loader__": "DictNode",
        "key_types": keys,
        "content": items,
    }


def called(module: str, name: str, *args: Schema) -> Schema:
    """Return the node by which skops calls a function with arguments from the file."""
    return {
        "__class__": name,
        "__module__": module,
        "__loader__": "ConstructorFromReduceNode",
        "content": sequence("tuple", *args),
    }


def array(files: Files, member: str) -> np.ndarray:
    """Return an array of a model file."""
    return np.load(io.BytesIO(files[member]))


def put(files: Files, member: str, value: np.ndarray) -> None:
    """Replace an array of a model file."""
    out = io.BytesIO()
    np.save(out, value)
    files[member] = out.getvalue()


def by_skops(allowed: tuple[SavedType, ...]) -> list[str]:
    """Return what somebody who trusts skops alone passes as trusted."""
    return sorted({kind.path for kind in allowed} | {"functools.partial"})


def refused(content: bytes, allowed: tuple[SavedType, ...], match: str) -> None:
    """Assert that a file is not opened, and why."""
    with pytest.raises(InputError, match=match):
        opening.opened(content, allowed, "model.skops")


def run_in_a_process(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own, which may die of it."""
    command = [sys.executable, "-W", "ignore", "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)
