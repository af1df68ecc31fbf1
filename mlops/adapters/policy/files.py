"""``gate/policy.yaml`` and ``gate/holdout.yaml``: the files of the gate configuration, parsed strictly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

from mlops.adapters.policy import yaml_subset
from mlops.runs import names
from mlops.runs.decisions import Policy
from mlops.runs.errors import ConfigError, bounded
from mlops.runs.records import HoldoutRule

if TYPE_CHECKING:
    from pydantic import BaseModel

Schema = TypeVar("Schema", bound="BaseModel")

_UNKNOWN = "extra_forbidden"


def parse_policy(data: bytes, *, name: str = names.POLICY) -> Policy:
    """Return the policy that ``gate/policy.yaml`` describes; keys left out have the defaults of `Policy`.

    Args:
        data: Content of the file.
        name: What the file is called in errors.

    Raises:
        ConfigError: The file cannot be read, or a key or value is wrong; names it, with its line.
    """
    from mlops.adapters.policy.schema import PolicyFile

    return _validated(PolicyFile, yaml_subset.read(data, name)).value()


def parse_holdout_rule(data: bytes, *, name: str = names.HOLDOUT_RULE) -> HoldoutRule:
    """Return the rule that ``gate/holdout.yaml`` describes.

    Args:
        data: Content of the file.
        name: What the file is called in errors.

    Raises:
        ConfigError: The file cannot be read, or a key or value is wrong; names it, with its line.
    """
    from mlops.adapters.policy.schema import (
        HashFile,
        KeysFile,
        NewestPeriodFile,
        NothingFile,
        RollingOriginFile,
    )

    document = yaml_subset.read(data, name)
    kinds = {
        "newest_period": NewestPeriodFile,
        "hash": HashFile,
        "keys": KeysFile,
        "rolling_origin": RollingOriginFile,
        "none": NothingFile,
    }
    content = _mapping(document)
    kind = content.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        found = f"found {bounded(repr(kind), 80)}" if "kind" in content else "it is missing"
        raise ConfigError(f"kind must be one of {', '.join(kinds)}; {found}", where=document.at(("kind",)))
    return _validated(kinds[kind], document).value()


def _mapping(document: yaml_subset.Document) -> dict[str, Any]:
    if not isinstance(document.value, dict):
        raise ConfigError("must be a map of keys to values", where=document.at(()))
    return document.value


def _validated(schema: type[Schema], document: yaml_subset.Document) -> Schema:
    """Return the validated document, or raise an error that names the first problem, unknown keys first."""
    from pydantic import ValidationError

    content = _mapping(document)
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        flaws = sorted(error.errors(include_url=False), key=lambda flaw: flaw["type"] != _UNKNOWN)
    known = _known_keys(schema, flaws[0]["loc"])
    raise ConfigError(
        "; ".join(_described(flaw, schema) for flaw in flaws),
        where=document.at(flaws[0]["loc"]),
        todo=f"the keys there are {', '.join(known)}" if flaws[0]["type"] == _UNKNOWN else "",
    )


def _described(flaw: Mapping[str, Any], schema: type[BaseModel]) -> str:
    """Return the description and the place of one problem."""
    *outer, last = flaw["loc"] or ("",)
    inside = f" in {_path(outer)}" if outer else ""
    if flaw["type"] == _UNKNOWN:
        nearest = get_close_matches(str(last), _known_keys(schema, flaw["loc"]), n=1)
        guess = f"; did you mean '{nearest[0]}'?" if nearest else ""
        return f"unknown key '{bounded(str(last), 80)}'{inside}{guess}"
    if flaw["type"] == "missing":
        return f"the key '{last}'{inside} is missing"
    if flaw["type"] == "value_error":
        return str(flaw["ctx"]["error"])
    expected = flaw["msg"][:1].lower() + flaw["msg"][1:]
    if flaw["type"] == "string_pattern_mismatch":
        expected = "must be a column: up to 64 of a-z, A-Z, 0-9 and _, not starting with a digit"
    return f"{_path(flaw['loc'])}: {expected}, found {bounded(repr(flaw['input']), 80)}"


def _known_keys(schema: type[BaseModel], place: Sequence[str | int]) -> list[str]:
    from mlops.adapters.policy.schema import GuardEntry

    return list((GuardEntry if len(place) > 1 else schema).model_fields)


def _path(place: Sequence[str | int]) -> str:
    """Return a place as it would be written: ``guards[0].tolerance``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.removeprefix(".")
