"""The page of policy and holdout keys, from the schema that the files are checked against."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, get_args

from infra.docs.markdown import code, prose, table

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

_INTRODUCTION = """# Policy and holdout keys

Generated from the schema that the files are checked against. An unknown key, a value out of its range or a
YAML feature beyond maps, lists and scalars is an error that names the line.

Both files lie in `expectations/<pipeline>/` in the code and in `gate/` on `main`. They reach `main` by
`mlops init` and change only by `mlops policy apply PIPELINE --reason TEXT`.
"""

_POLICY = """
## policy.yaml

Decides when a candidate replaces the champion. Tolerances and gains are in units of the metric.

`mae`, `rmse` and `bias` are the metrics of a regression. A classification records `log_loss`, `brier` and
`error_rate`, a ranking `miss_at_<k>`, `one_minus_ndcg_at_<k>` and `one_minus_recall_at_<k>`, quantiles
`pinball` and `pinball_<percent>`. A metric that the pipeline does not record is refused by `mlops init` and
`mlops policy apply`.

"""

_GUARD = """
### An entry of `guards`

Each entry names something that must not get worse than the champion by more than a tolerance, with the
uncertainty included.

"""

_NEWEST = """
## holdout.yaml, kind `newest_period`

Holds out all rows of the newest period of a time column. Training data ends before it.

"""

_ROLLING = """
## holdout.yaml, kind `rolling_origin`

Holds out the rows of several newest periods that have rows, for time series that are too short for one period
to hold enough clusters. Each period judges models that were trained on everything before it; the model that
is promoted is the newest of them, trained on everything before the newest period. It needs a pipeline whose
rows have a time and are judged one by one.

"""

_HASH = """
## holdout.yaml, kind `hash`

Holds out a stable share of the keys: a row stays in the holdout when new data arrives, and with `by` so do
all rows with the same values of these columns.

"""

_KEYS = """
## holdout.yaml, kind `keys`

Holds out the rows with listed values of one column, e.g. the customers of a panel.

"""


def page() -> str:
    """Return the page."""
    from mlops.adapters.policy.schema import (
        GuardEntry,
        HashFile,
        KeysFile,
        NewestPeriodFile,
        PolicyFile,
        RollingOriginFile,
    )
    from mlops.runs.decisions import Guard, Policy
    from mlops.runs.records import HoldoutRule

    return "".join((
        _INTRODUCTION,
        _POLICY + keys(PolicyFile, Policy),
        _GUARD + keys(GuardEntry, Guard),
        _NEWEST + keys(NewestPeriodFile, HoldoutRule),
        _ROLLING + keys(RollingOriginFile, HoldoutRule),
        _HASH + keys(HashFile, HoldoutRule),
        _KEYS + keys(KeysFile, HoldoutRule),
    ))  # fmt: skip


def keys(schema: type[BaseModel], value: type) -> str:
    """Return a table of the keys of a file; meanings are those of the value that the file is read into."""
    meanings = attributes(value)
    rows = [
        (code(name), _values(field), _default(field), _meaning(field, meanings[name]))
        for name, field in schema.model_fields.items()
    ]
    return table(("Key", "Values", "Default", "Meaning"), rows)


def attributes(value: type) -> dict[str, str]:
    """Return attribute to description from the ``Attributes`` section of a class's docstring."""
    _, _, section = (value.__doc__ or "").partition("Attributes:\n")
    found = re.findall(r"^ {8}(\w+): ((?:.*\n?)(?: {12}.*\n?)*)", section, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}


def _meaning(field: FieldInfo, text: str) -> str:
    # A file has one schema for each value of `kind`, so its other values need no words there.
    fixed = get_args(field.annotation)
    return "Selects this rule." if len(fixed) == 1 else prose(field.description or text)


def _values(field: FieldInfo) -> str:
    """Return which values are accepted."""
    bounds = [_bound(rule) for rule in field.metadata]
    return ", ".join(filter(None, [_kind(field.annotation), *bounds]))


def _kind(annotation: Any) -> str:
    choices = get_args(annotation)
    if hasattr(annotation, "__members__"):
        return " or ".join(code(str(member.value)) for member in annotation)
    if choices and all(isinstance(choice, str) for choice in choices):
        return " or ".join(map(code, choices))
    if type(None) in choices:
        return _kind(choices[0])
    if getattr(annotation, "__origin__", None) is list:
        return "a list"
    return {bool: "true or false", float: "number", int: "whole number", str: "name of a column"}[annotation]


def _bound(rule: Any) -> str:
    words = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most", "max_length": "at most"}
    found = [f"{word} {getattr(rule, key):,}" for key, word in words.items() if hasattr(rule, key)]
    return ", ".join(found)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, bool):
        return code(str(value).lower())
    return "none" if value in ("", [], None) else code(str(value))
