"""Action files: `_lakefs_actions/*` read, checked and matched as lakeFS does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops.lakeserver.hooks import globs
from mlops.lakeserver.hooks.golang.go_yaml import (
    Decoder,
    compose,
    is_merge,
    merged_mappings,
    refuse_duplicates,
)
from mlops.lakeserver.hooks.golang.go_yaml_scalars import Timestamp, YamlError, resolve_plain, scalar
from mlops.lakeserver.hooks.interface import EVENT_TYPES, ActionFileInvalid

_NAME = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_\-. ]+")
_HOOK_ID = re.compile(r"[_a-zA-Z][\-_a-zA-Z0-9]{1,255}")
_REQUIRED: dict[str, tuple[tuple[str, ...], ...]] = {
    "webhook": (("url",),),
    "airflow": (("url",), ("dag_id",), ("username",), ("password",)),
    "lua": (("script", "script_path"),),
}
_INVALID = "invalid action"


@dataclass(frozen=True)
class Hook:
    """One step of an action."""

    id: str
    type: str
    description: str = ""
    condition: str = ""
    properties: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Action:
    """One action file. `on` maps an event type to its branch patterns; no pattern means every branch."""

    name: str
    description: str = ""
    on: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hooks: tuple[Hook, ...] = ()

    def matches(self, event_type: str, branch_id: str) -> bool:
        """Return whether this action runs for the event.

        Raises:
            ActionFileInvalid: a branch pattern is malformed.
        """
        patterns = self.on.get(event_type)
        if not patterns:
            return patterns is not None
        try:
            return any(globs.match(pattern, branch_id) for pattern in patterns)
        except globs.BadPattern as error:
            raise ActionFileInvalid(str(error)) from None


def parse_action(text: bytes) -> Action:
    """Return the action of one file.

    Raises:
        ActionFileInvalid: the text is not YAML, not of an action's shape, or breaks one of lakeFS's rules.
    """
    try:
        action = _Reader().action(compose(text))
    except YamlError as error:
        raise ActionFileInvalid(str(error)) from None
    _validate(action)
    return action


def parse_actions(files: Iterable[tuple[str, bytes]]) -> tuple[Action, ...]:
    """Return the actions of (path, text) pairs, in their order.

    Raises:
        ActionFileInvalid: files are invalid (each is named), or two actions have one name.
    """
    actions, problems = [], []
    for path, text in files:
        try:
            actions.append(parse_action(text))
        except ActionFileInvalid as error:
            problems.append(f"parsing file {path}: {error.message}")
    if problems:
        raise ActionFileInvalid(error_list(problems))
    names: set[str] = set()
    for action in actions:
        if action.name in names:
            raise ActionFileInvalid(f"action name '{action.name}' already loaded: {_INVALID}")
        names.add(action.name)
    return tuple(actions)


def error_list(problems: list[str]) -> str:
    """Several errors as lakeFS writes them in one message."""
    count = "1 error" if len(problems) == 1 else f"{len(problems)} errors"
    return f"{count} occurred:\n\t" + "\n\t".join(f"* {problem}" for problem in problems) + "\n\n"


def _validate(action: Action) -> None:
    if not action.name:
        raise ActionFileInvalid(f"'name' is required: {_INVALID}")
    if not _NAME.fullmatch(action.name):
        raise ActionFileInvalid(f"'name' is invalid: {_INVALID}")
    if not action.on:
        raise ActionFileInvalid(f"'on' is required: {_INVALID}")
    for event, branches in action.on.items():
        if event not in EVENT_TYPES:
            raise ActionFileInvalid(f"event '{event}' is not supported: {_INVALID}")
        if branches and event.endswith("-tag"):
            raise ActionFileInvalid("'branches' is not supported in tag event types. invalid event parameter")
    ids: set[str] = set()
    for index, hook in enumerate(action.hooks):
        _validate_hook(index, hook, ids)
        ids.add(hook.id)


def _validate_hook(index: int, hook: Hook, ids: set[str]) -> None:
    if not _HOOK_ID.fullmatch(hook.id):
        raise ActionFileInvalid(f"hook[{index}] missing ID: {_INVALID}")
    if hook.id in ids:
        raise ActionFileInvalid(f"hook[{index}] duplicate ID '{hook.id}': {_INVALID}")
    groups = _REQUIRED.get(hook.type)
    if groups is None:
        raise ActionFileInvalid(f"hook[{index}] type '{hook.id}' unknown: {_INVALID}")
    where = f"hook[{index}] type '{hook.type}': "
    if hook.properties is None:
        raise ActionFileInvalid(f"{where}missing hook properties: {_INVALID}")
    for keys in groups:
        if not any(key in hook.properties for key in keys):
            wanted = "' or '".join(keys)
            raise ActionFileInvalid(f"{where}'{wanted}' must be supplied in properties: {_INVALID}")


class _Reader:
    """Nodes to an Action, collecting lakeFS's complaints about values of the wrong kind."""

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._errors: list[tuple[int, str]] = []

    def action(self, node: Any) -> Action:
        fields = {} if node is None else self._struct(node, "actions.Action")
        action = Action(
            name=self._string(fields.get("name")),
            description=self._string(fields.get("description")),
            on=self._on(fields.get("on")),
            hooks=self._hooks(fields.get("hooks")),
        )
        if self._errors:
            texts = (text for _, text in sorted(self._errors, key=lambda error: error[0]))
            raise YamlError("yaml: unmarshal errors:\n  " + "\n  ".join(texts))
        return action

    def _hooks(self, node: Any) -> tuple[Hook, ...]:
        hooks = []
        for item in self._items(node, "[]actions.ActionHook"):
            fields = self._struct(item, "actions.ActionHook")
            hooks.append(
                Hook(
                    id=self._string(fields.get("id")),
                    type=self._string(fields.get("type"), "actions.HookType"),
                    description=self._string(fields.get("description")),
                    condition=self._string(fields.get("if")),
                    properties=self._properties(fields.get("properties")),
                )
            )
        return tuple(hooks)

    def _on(self, node: Any) -> dict[str, tuple[str, ...]]:
        result: dict[str, tuple[str, ...]] = {}
        for key, value in self._pairs(node, "map[graveler.EventType]*actions.ActionOn"):
            event = self._string(key, "graveler.EventType")
            fields = self._struct(value, "actions.ActionOn")
            branches = self._items(fields.get("branches"), "[]string")
            result[event] = tuple(self._string(item) for item in branches)
        return result

    def _properties(self, node: Any) -> dict[str, Any] | None:
        if _is_null(node):
            return None
        pairs = self._pairs(node, "actions.Properties")
        return {self._string(key): self._decoder.value(value) for key, value in pairs}

    def _struct(self, node: Any, kind: str) -> dict[str, Any]:
        return {key.value: value for key, value in self._pairs(node, kind) if key.id == "scalar"}

    def _pairs(self, node: Any, kind: str) -> list[tuple[Any, Any]]:
        if _is_null(node):
            return []
        if node.id != "mapping":
            self._wrong(node, kind)
            return []
        self._decoder.enter(node)
        try:
            refuse_duplicates(node)
            pairs = [(key, value) for key, value in node.value if not is_merge(key)]
            seen = {key.value for key, _ in pairs if key.id == "scalar"}
            for key, value in node.value:
                for other in merged_mappings(value) if is_merge(key) else ():
                    for inner, item in self._pairs(other, kind):
                        if inner.value not in seen:
                            seen.add(inner.value)
                            pairs.append((inner, item))
            return pairs
        finally:
            self._decoder.leave()

    def _items(self, node: Any, kind: str) -> list[Any]:
        if _is_null(node):
            return []
        if node.id != "sequence":
            self._wrong(node, kind)
            return []
        return [item for item in node.value if not _is_null(item)]

    def _string(self, node: Any, kind: str = "string") -> str:
        if _is_null(node):
            return ""
        if node.id != "scalar":
            self._wrong(node, kind)
            return ""
        value = scalar(node)
        return value if node.tag.endswith(":binary") else node.value

    def _wrong(self, node: Any, kind: str) -> None:
        tag, value = {"mapping": "!!map", "sequence": "!!seq"}.get(node.id, ""), ""
        if not tag:
            meaning = resolve_plain(node.value) if node.tag == "?" else node.value
            names = {bool: "bool", int: "int", float: "float", Timestamp: "timestamp"}
            tag = "!!" + names.get(type(meaning), "str")
            value = f" `{node.value[:7]}...`" if len(node.value) > 10 else f" `{node.value}`"
        line = node.start_mark.line + 1
        self._errors.append((line, f"line {line}: cannot unmarshal {tag}{value} into {kind}"))


def _is_null(node: Any) -> bool:
    return node is None or (
        node.id == "scalar"
        and (node.tag.endswith(":null") or (node.tag == "?" and resolve_plain(node.value) is None))
    )
