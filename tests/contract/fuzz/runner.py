"""Sends sequences to both servers, compares, and finds the shortest sequence that shows a difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from mlops.adapters.lake import servers
from mlops.lakeserver import Credentials
from tests.contract.fuzz.differences import known
from tests.contract.fuzz.normalise import Normal, Symbols, normal
from tests.contract.fuzz.wire import Operation, Side

_REPLAYS = 150
DEFAULT_USER = Credentials("", "").user

#: Hooks after an operation run when its answer was sent.
_LATE = {"listRepositoryRuns", "listRunHooks", "getRun", "getRunHookOutput"}
_PATIENCE = 40


@dataclass(frozen=True)
class Difference:
    """Two answers to one request, after the requests before it."""

    operation: Operation
    real: Normal
    embedded: Normal

    @property
    def signature(self) -> tuple[object, ...]:
        """What stays the same while the sequence is made shorter."""
        answers = (self.real, self.embedded)
        return self.operation.name, *((answer.status, answer.message) for answer in answers)


@dataclass
class Pair:
    """Both servers, and what was sent to them.

    Attributes:
        requests: how many requests each of them got.
        seen: how often each documented difference was met.
    """

    real: Side
    embedded: Side
    requests: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    _repositories: int = 0

    def run(self, operations: Sequence[Operation], label: str) -> Difference | None:
        """Send a sequence about a new repository; return the first difference that is not documented."""
        self._repositories += 1
        for side in (self.real, self.embedded):
            side.begin(f"fuzz-{label}-{self._repositories}")
        symbols = [Symbols(user) for user in (servers.ADMIN, DEFAULT_USER)]
        for operation in operations:
            answers, symbols = self._answers(operation, symbols)
            if answers[0] == answers[1]:
                continue
            entry = known(operation, *answers)
            if entry is None:
                return Difference(operation, *answers)
            self.seen[entry.name] += 1
            if entry.diverges:
                return None
        return None

    def _answers(self, operation: Operation, symbols: list[Symbols]) -> tuple[list[Normal], list[Symbols]]:
        """The answers of both; what hooks did after the fact is asked for again while it differs."""
        patience = _PATIENCE if operation.name in _LATE else 1
        answers: list[Normal] = []
        named = symbols
        while patience and (not answers or answers[0] != answers[1]):
            patience -= 1
            self.requests += 1
            named = [names.copy() for names in symbols] if operation.name in _LATE else symbols
            answers = [
                normal(operation, side.send(operation), names)
                for side, names in zip((self.real, self.embedded), named, strict=True)
            ]
        return answers, named

    def shrunk(self, operations: Sequence[Operation], found: Difference, label: str) -> list[Operation]:
        """Return the shortest part of a sequence, found by dropping requests, that shows the difference."""
        at = [operation.number for operation in operations].index(found.operation.number)
        kept, size = list(operations[: at + 1]), max(at // 2, 1)
        first = 1 if at else 0  # the repository is always made
        replays = 0
        while size and replays < _REPLAYS:
            start = len(kept) - 1 - size
            while start + size > first and replays < _REPLAYS:
                shorter = kept[: max(start, first)] + kept[start + size :]
                again = self.run(shorter, label)
                replays += 1
                if again is not None and again.signature == found.signature:
                    end = [operation.number for operation in shorter].index(again.operation.number)
                    kept = shorter[: end + 1]
                start = min(start, len(kept)) - size
            size //= 2
        return kept


def explain(operations: Sequence[Operation], found: Difference) -> str:
    """Return the requests to send, and what each server answers to the last."""
    lines = ["", "the servers differ after:", *(f"  {operation}" for operation in operations)]
    for name, answer in (("lakeFS", found.real), ("embedded", found.embedded)):
        lines.append(f"  {name:8} {answer.status} {answer.body!r:.1500}")
    if found.real.headers != found.embedded.headers:
        lines += [f"  lakeFS   {found.real.headers}", f"  embedded {found.embedded.headers}"]
    return "\n".join(lines)
