"""An MLmodel may say what this project saves: everything else is an order to MLflow's loader."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from mlops.adapters.tracking import guard
from mlops.runs.errors import InputError

TRUSTED = ["sklearn.pipeline.Pipeline"]


def honest() -> dict[str, Any]:
    """Return what MLflow writes for a model of this project."""
    return {
        "flavors": {
            "python_function": {
                "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
                "loader_module": "mlflow.sklearn",
                "model_path": "model.skops",
                "predict_fn": "predict",
                "python_version": "3.11.7",
            },
            "sklearn": {
                "code": None,
                "pickled_model": "model.skops",
                "serialization_format": "skops",
                "sklearn_version": "1.9.1",
                "skops_trusted_types": TRUSTED,
            },
        },
        "is_signature_from_type_hint": False,
        "mlflow_version": "3.17.2",
        "model_id": None,
        "model_size_bytes": 577144,
        "model_uuid": "f0d707d89aa6404a9a2a74a53872956c",
        "prompts": None,
        "signature": {"inputs": "[]", "outputs": "[]", "params": None},
        "type_hint_from_example": False,
        "utc_time_created": "2026-11-27 19:08:38.926361",
    }


def check(value: object) -> None:
    guard.check(yaml.safe_dump(value).encode(), TRUSTED, "MLmodel")


def test_what_this_project_saves_is_accepted() -> None:
    check(honest())


@pytest.mark.parametrize(
    ("flavor", "key", "value"),
    [
        ("python_function", "loader_module", "os"),
        ("python_function", "loader_module", "mlflow.pyfunc.model"),
        ("python_function", "loader_module", None),
        ("python_function", "model_path", "sub/model.skops"),
        ("python_function", "model_path", "model.pkl"),
        ("python_function", "model_path", None),
        ("python_function", "code", "code"),
        ("python_function", "config", {"x": 1}),
        ("python_function", "data", "data"),
        ("python_function", "predict_fn", "fit"),
        ("python_function", "streamable", True),
        ("python_function", "env", {"conda": "../conda.yaml"}),
        ("python_function", "env", {"container": "evil"}),
        ("python_function", "env", "setup.sh"),
        ("sklearn", "pickled_model", "../model.skops"),
        ("sklearn", "pickled_model", "MODEL.skops"),
        ("sklearn", "pickled_model", ["model.skops"]),
        ("sklearn", "serialization_format", "cloudpickle"),
        ("sklearn", "serialization_format", None),
        ("sklearn", "code", "code"),
        ("sklearn", "model_code_path", "model.py"),
        ("sklearn", "skops_trusted_types", ["numpy.testing._private.utils.runstring"]),
        ("sklearn", "skops_trusted_types", ["sklearn.pipeline"]),
        ("sklearn", "skops_trusted_types", [1]),
    ],
)
def test_an_order_in_a_flavor_is_refused(flavor: str, key: str, value: object) -> None:
    model = honest()
    if value is None and key != "serialization_format":
        del model["flavors"][flavor][key]
    else:
        model["flavors"][flavor][key] = value
    with pytest.raises(InputError, match="the model asks for"):
        check(model)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("flavors", {}),
        ("flavors", {"sklearn": {}, "pytorch": {"model_data": "data"}}),
        ("prompts", ["prompts:/evil/1"]),
        ("model_id", "m-1"),
        ("metadata", {"mlflow.model.isExternal": True}),
        ("saved_input_example_info", {"artifact_path": "../x"}),
        ("auth_policy", {}),
        ("resources", {}),
        ("is_signature_from_type_hint", True),
        ("type_hint_from_example", "list[dict]"),
        ("signature", {"inputs": [1]}),
        ("signature", {"evil": "[]"}),
        ("artifact_path", ["x"]),
    ],
)
def test_an_order_beside_the_flavors_is_refused(key: str, value: object) -> None:
    with pytest.raises(InputError, match="the model asks for"):
        check({**honest(), key: value})


@pytest.mark.parametrize(
    "content", [b"", b"- a", b"a: b: c", b"\xff\xfe\x00", b"[" * 100_000, b"a" * (2 << 20)]
)
def test_what_is_no_mlmodel_is_refused(content: bytes) -> None:
    with pytest.raises(InputError, match="MLmodel"):
        guard.check(content, TRUSTED, "MLmodel")
