"""What a call looks at and what it changes: two calls that share neither may come in either order."""

from __future__ import annotations

from dataclasses import dataclass

from mlops.runs import names
from tests.model.lake import ModelLake
from tests.model.program import KINDS, Call, Node

#: Calls that only look, and what kind of thing they look at.
_LOOKS = {
    "tags": "tag",
    "branches": "branch",
    "protection": "rules",
    "staged": "staged",
    "sleep": "wait",
    "tracker.version_of": "tracker",
    "tracker.alias": "tracker",
    "head": "branch",
    "commit_of": "branch",
    "read": "branch",
    "main_and_tags": "both",
}


@dataclass(frozen=True)
class Merging:
    """How far lakeFS is with an actor's merge.

    Attributes:
        head: The head of `main` that was read.
        stale: Whether `main` has moved since.
        proposed: The merge commit, once the enforcer has let it pass.
    """

    head: str
    stale: bool = False
    proposed: str = ""


def looked_kinds(node: Node, merging: Merging | None) -> frozenset[str]:
    """Return what kinds of things the next (part of a) call looks at."""
    stage = merging is not None
    known = node.looked.get(stage)
    if known is None:
        kinds = (k for k in KINDS if heeds(node, merging, k) or _of_family(node, merging, k))
        known = node.looked[stage] = frozenset(kinds)
    return known


def _of_family(node: Node, merging: Merging | None, kind: str) -> bool:
    call, looked = node.call, looks_at(node, merging)
    if call is None:
        return False
    family, _, prefix = kind.partition(" ")
    if family == "branch":
        return looked == "branch"
    if family != "tag":
        return False
    if not looked:
        return changed_by(call).startswith(f"tag {prefix}")
    if call.name in {"tags", "main_and_tags"}:
        return any(p.startswith(prefix) or prefix.startswith(p) for p in call.args[0])
    return looked == "tag"


def kind_of_change(what: str) -> str:
    """Return the kind of thing of a change."""
    return next((k for k in KINDS if what == k or (" " in k and what.startswith(k))), what.partition(" ")[0])


def looks_at(node: Node, merging: Merging | None) -> str:
    """Return what kind of thing the next (part of a) call looks at; nothing where it may change something."""
    call = node.call
    if call is None:
        return ""
    if call.name == "merge":
        if merging is None:
            return "main"
        return "" if merging.proposed else "tag"
    kind = _LOOKS.get(call.name, "")
    if kind == "staged":
        return kind
    return "main" if kind == "branch" and call.args[0] == names.MAIN else kind


def in_vain(call: Call, lake: ModelLake) -> bool:
    """Tell whether a call that might change something is refused as things are."""
    if call.name == "create_tag":
        return call.args[0] in lake._tags
    if call.name == "discard":
        return not lake._staged[names.MAIN] and not lake.is_protected(names.MAIN)
    return call.name == "delete_tag" and call.args[0] not in lake._tags


def looked_at(kind: str) -> set[str]:
    return {"wait": {"rules", "main"}, "both": {"main"}}.get(kind, {kind})


def heeds(node: Node, merging: Merging | None, what: str) -> bool:
    """Tell whether what a call looks at may look different after a change of ``what``."""
    kind, call = looks_at(node, merging), node.call
    if call is None:
        return False
    if not kind:  # a call in vain: it might be made when it is not
        return what == changed_by(call) or (call.name == "discard" and what == "rules")
    if kind == "tag" and call.name == "tags":
        return what.startswith("tag ") and what[4:].startswith(call.args[0])
    if kind == "both":
        return what == "main" or (what.startswith("tag ") and what[4:].startswith(call.args[0]))
    if kind == "branch":
        return what.startswith(f"branch {call.args[0]}")
    return what.partition(" ")[0] in looked_at(kind)


def changed_by(call: Call) -> str:
    """Return what a successful call changes: main, rules, tracker, ``tag …`` or ``branch …``."""
    if call.name in {"protect", "expire"}:
        return "rules"
    if call.name.startswith("tracker."):
        return "tracker"
    if call.name in {"create_tag", "delete_tag"}:
        return f"tag {call.args[0]}"
    branch = call.args[1] if call.name == "merge" else call.args[0]
    if branch == names.MAIN and call.name in {"discard", "write"}:
        return "staged"
    return "main" if branch == names.MAIN else f"branch {branch}"


def used_by(call: Call) -> str:
    """Return what a call changes that most actors never change or look at; nothing for all other calls."""
    what = changed_by(call)
    return what if what in {"rules", "tracker", "staged"} else ""
