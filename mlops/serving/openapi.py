"""The OpenAPI document of what is served, with the columns of every pipeline's rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlops import __version__
from mlops.serving.service import Served

_ERROR = {
    "type": "object",
    "properties": {"error_code": {"type": "string"}, "message": {"type": "string"}},
    "required": ["error_code", "message"],
}
_REFUSALS = {
    "400": "A column or a value is not as the schema says",
    "401": "No valid key",
    "408": "The body took too long",
    "413": "The body is too large",
    "415": "The body is neither JSON nor CSV",
    "429": "Too many requests wait; ask again after Retry-After seconds",
    "503": "The model did not answer in time",
}


def document_of(served: Mapping[str, Served]) -> dict[str, Any]:
    """Return the document.

    Args:
        served: Pipeline to what it serves.
    """
    paths: dict[str, Any] = {
        "/ping": {"get": _plain("Answer whether a model is served")},
        "/health": {"get": _plain("Answer whether a model is served")},
        "/version": {"get": _plain("Return the version of MLflow whose protocol this is")},
        "/v1/models": {"get": _json("List what is served")},
    }
    for name, found in served.items():
        paths[f"/v1/models/{name}"] = {"get": _json(f"Describe what {name} serves")}
        paths[f"/v1/models/{name}/invocations"] = {"post": _invocations(name, found)}
    if len(served) == 1:
        paths["/invocations"] = {"post": _invocations(*next(iter(served.items())))}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Champions of main", "version": __version__},
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": _ERROR, **{f"{n}-row": s.schema.to_json() for n, s in served.items()}},
        },
        "security": [{"key": []}],
    }


def _invocations(name: str, served: Served) -> dict[str, Any]:
    row = {"$ref": f"#/components/schemas/{name}-row"}
    body = {
        "type": "object",
        "properties": {"dataframe_records": {"type": "array", "items": row, "minItems": 1}},
        "required": ["dataframe_records"],
    }
    answer = {
        "type": "object",
        "properties": {"predictions": {"type": "array", "items": {"type": ["number", "string", "boolean"]}}},
        "required": ["predictions"],
    }
    return {
        "summary": f"Predict with promotion {served.number} of {name}",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": body}, "text/csv": {"schema": {"type": "string"}}},
        },
        "responses": {"200": _content("One prediction per row", answer), **_refusals()},
    }


def _refusals() -> dict[str, Any]:
    return {
        status: _content(text, {"$ref": "#/components/schemas/Error"}) for status, text in _REFUSALS.items()
    }


def _content(description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _json(summary: str) -> dict[str, Any]:
    return {"summary": summary, "responses": {"200": _content(summary, {"type": "object"})}}


def _plain(summary: str) -> dict[str, Any]:
    return {
        "summary": summary,
        "responses": {
            "200": {"description": summary, "content": {"text/plain": {"schema": {"type": "string"}}}}
        },
    }
