"""The guards of the gallery, and the way to disable exactly one of them.

The server's guards go by a gate without one of its named checks; a command's or the judge's by a port in
which just this is answered otherwise; the audit's by leaving one invariant out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.runs import names
from mlops.runs.audit.subject import Depth
from mlops.runs.errors import LakeDenied, ProtocolMisuse

if TYPE_CHECKING:
    from mlops.runs.ports import Judge, Lake, Ports

Files = Mapping[str, bytes]

TAGS = f"{names.ACTIONS}tags.yaml"
DIRECT = f"{names.ACTIONS}direct.yaml"

#: lakeFS keeps the rules that it has read for up to six seconds.
_RULES_KNOWN_S, _RETRY_S = 12.0, 0.25


def _same(value: Any) -> Any:
    return value


def _leave(_ports: Ports) -> None:
    return


@dataclass(frozen=True)
class Guard:
    """One guard, and its replacement while it is disabled.

    Attributes:
        name: What it is, for people.
        actions: Returns the files that judge, without it.
        server: Takes it away from the server, once all is there that the story begins with.
        ready: Returns once the server is sure to know it; a real lakeFS knows new rules only seconds later.
        ports: Returns the outside of a command that lacks it.
        judge: Returns a judge that lacks it.
        invariant: What the audit does not ask without it; empty for guards that are not the audit's.
        again: What the audit computes again, if that is the guard: a field of `Depth`; empty for others.
    """

    name: str
    actions: Callable[[Files], Files] = _same
    server: Callable[[Ports], None] = _leave
    ready: Callable[[Ports], None] = _leave
    ports: Callable[[Ports], Ports] = _same
    judge: Callable[[Judge], Judge] = _same
    invariant: str = ""
    again: str = ""

    @property
    def audits(self) -> bool:
        """Return whether it finds an anomaly afterwards, rather than stops it."""
        return bool(self.invariant or self.again)

    def depth(self, *, disabled: bool) -> Depth:
        """Return how much the audit computes again, with or without this guard: scores always, if it may."""
        asked = {"rescore": True, **({self.again: not disabled} if self.again else {})}
        return Depth(**asked)


def check(hook: str, name: str) -> Guard:
    """Return the guard that is one named check in a list of the gate's scripts."""
    return Guard(f"check {name} of the hook {hook}", actions=lambda files: _without_check(files, hook, name))


def hook(name: str) -> Guard:
    """Return the guard that is a whole hook of the gate."""
    return Guard(f"hook {name} of the gate", actions=lambda files: _without_hook(files, name))


def event(file: str, name: str) -> Guard:
    """Return the guard that is a file of actions being asked at an event."""
    pattern = rf"^  {re.escape(name)}:\n(?:    .*\n)*"
    return Guard(
        f"{name} of {file.removeprefix(names.ACTIONS)}", actions=lambda files: _cut(files, file, pattern)
    )


def protection() -> Guard:
    """Return the guard that is the protection of `main`."""
    return Guard(
        "protection of main", server=lift_protection, ready=lambda ports: _wait(ports, protected=True)
    )


def lift_protection(ports: Ports) -> None:
    """Take away the rules that protect branches, as an administrator can, and wait until they are gone."""
    ports.lake.protect([], ports.lake.protection().version)
    _wait(ports, protected=False)


def _wait(ports: Ports, *, protected: bool) -> None:
    """Return once a write to `main` that changes nothing is refused or taken, or the server had its time."""
    waited_s = 0.0
    while _is_protected(ports.lake) is not protected and waited_s < _RULES_KNOWN_S:
        ports.clock.sleep(_RETRY_S)
        waited_s += _RETRY_S


def _is_protected(lake: Lake) -> bool:
    try:
        lake.discard(names.MAIN)
    except LakeDenied:
        return True
    return False


def invariant(name: str) -> Guard:
    """Return the guard that is an invariant which the audit asks for."""
    return Guard(f"audit of {name}", invariant=name)


def rescoring() -> Guard:
    """Return the guard that is the audit's scoring again."""
    return Guard("audit --rescore", again="rescore")


def rebuilding() -> Guard:
    """Return the guard that is the audit's making rows and validation results again."""
    return Guard("audit --rebuild", again="rebuild")


def refitting() -> Guard:
    """Return the guard that is the audit's training again."""
    return Guard("audit --refit", again="refit")


def _without_check(files: Files, hook_name: str, name: str) -> Files:
    before = rf"^  - id: {re.escape(hook_name)}\n(?:(?!  - id: ).*\n)*?        local GUARDS = {{\n"
    others = r'(?:          "\w+",\n)*?'
    pattern = rf'(?P<kept>{before}{others})          "{re.escape(name)}",\n'
    return _cut(files, names.ENFORCER, pattern, kept=r"\g<kept>")


def _without_hook(files: Files, name: str) -> Files:
    return _cut(files, names.ENFORCER, rf"^  - id: {re.escape(name)}\n(?:(?!  - id: ).*\n)*")


def _cut(files: Files, path: str, pattern: str, kept: str = "") -> Files:
    text, count = re.subn(pattern, kept, files[path].decode(), flags=re.MULTILINE)
    if count != 1:
        raise ProtocolMisuse(f"found {count} times what should be left out", where=path)
    return {**files, path: text.encode()}
