"""What commands should leave: main, the record and how runs ended, as plain values.

The model does not guess verdicts: whether a new candidate is better is the gate's to say, and is taken over
from the answer. Everything that follows from it is predicted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Content = Literal["normal", "corrected"]
Tree = dict[str, Content]
Outcome = Literal["waiting", "promoted", "refused", "revoked", "forgotten"]

DONE, INPUT, REFUSED, NOT_FOUND, ON_HOLD = 0, 3, 5, 13, 32


@dataclass
class Run:
    """A run that was decided on.

    Attributes:
        run_id: Its id.
        outcome: How it ended; ``waiting`` where it is to be promoted and promotions are on hold.
        number: Its promotion's number; 0 without one.
        root: Number of the promotion that its model comes from; its own number, unless it restores one.
        promoted: Whether it ever was.
    """

    run_id: str
    outcome: Outcome
    number: int = 0
    root: int = 0

    @property
    def inputs(self) -> str:
        return self.run_id[:12]

    @property
    def family(self) -> str:
        """The run whose outputs it has: its own id without the count of returns."""
        return self.run_id.partition("r")[0]


@dataclass
class Step:
    """A commit that main stands on: a promotion, an ingest, or something else.

    Attributes:
        at: When it was made, in commands.
        number: Of a promotion; 0 otherwise.
        arrival: Of an ingest; empty otherwise.
        tree: The raw data it left.
        policy: The policy it left.
    """

    at: int
    number: int
    arrival: str
    tree: Tree
    policy: str


@dataclass
class Rollback:
    """A rollback on record: when, and what it dropped."""

    at: int
    number: int
    dropped: Tree


@dataclass
class Model:
    """Main and its record."""

    steps: list[Step] = field(default_factory=list)
    promotions: dict[int, Run] = field(default_factory=dict)
    rollbacks: list[Rollback] = field(default_factory=list)
    runs: dict[str, Run] = field(default_factory=dict)
    written_off: set[tuple[int, str]] = field(default_factory=set)
    hold: bool = False
    collected: bool = False
    #: Whether a run was ever forgotten; one that a rollback drops later counts as revoked.
    erased: bool = False
    now: int = 0

    @property
    def tree(self) -> Tree:
        return self.steps[-1].tree

    @property
    def policy(self) -> str:
        return self.steps[-1].policy

    @property
    def standing(self) -> list[int]:
        """Numbers of the promotions that main stands on, oldest first."""
        return [step.number for step in self.steps if step.number]

    @property
    def champion(self) -> Run | None:
        return self.promotions[self.standing[-1]] if self.standing else None

    @property
    def next_number(self) -> int:
        return max([0, *self.promotions, *(rollback.number for rollback in self.rollbacks)]) + 1

    @property
    def outstanding(self) -> set[tuple[int, str]]:
        """Rollback and arrival of what was dropped and neither came back nor was written off."""
        return {
            (rollback.number, arrival)
            for rollback in self.rollbacks
            for arrival in rollback.dropped
            if (rollback.number, arrival) not in self.written_off
            and not any(step.arrival == arrival and step.at > rollback.at for step in self.steps)
        }

    def dropped_before(self, arrival: str, content: Content) -> bool:
        """Tell whether a rollback dropped this very delivery."""
        return any(rollback.dropped.get(arrival) == content for rollback in self.rollbacks)

    def forgotten(self, inputs: str) -> bool:
        return any(run.inputs == inputs and run.outcome == "forgotten" for run in self.runs.values())

    def step(self, *, number: int = 0, arrival: str = "", tree: Tree | None = None, policy: str = "") -> None:
        before = self.steps[-1] if self.steps else Step(0, 0, "", {}, "")
        tree = dict(before.tree if tree is None else tree)
        self.steps.append(Step(self.now, number, arrival, tree, policy or before.policy))

    def promote(self, run: Run, number: int, root: int = 0) -> None:
        run.outcome, run.number, run.root = "promoted", number, root or number
        self.promotions[number] = run
        self.step(number=number)

    def target(self, to: int | None) -> int | None:
        """Return the promotion that a rollback leads to; None where there is nothing to do."""
        if to is not None:
            return to
        below = [n for n in self.standing[:-1] if not self.forgotten(self.promotions[n].inputs)]
        return None if self.hold or not below else below[-1]

    def roll_back(self, target: int, *, forward: bool) -> bool:
        """Go back to a promotion; return whether anything changed."""
        place = next(n for n, step in enumerate(self.steps) if step.number == target)
        kept, left = self.steps[place], self.steps[place + 1 :]
        same_content = not any(step.number or step.tree != kept.tree for step in left)
        if not left or (same_content and (forward or self.policy == kept.policy)):
            return False
        number = self.next_number
        dropped = {a: c for a, c in self.tree.items() if kept.tree.get(a) != c}
        policy = self.policy
        for step in left:
            if step.number:
                self.promotions[step.number].outcome = "revoked"
        self.rollbacks.append(Rollback(self.now, number, dropped))
        del self.steps[place + 1 :]
        if forward:
            self.step(policy=policy)
        self.hold = True
        return True

    def returns(self, family: str) -> list[Run]:
        """Return the runs that brought old outputs back, the first return first."""
        found = [run for run in self.runs.values() if "r" in run.run_id and run.family == family]
        return sorted(found, key=lambda run: int(run.run_id.partition("r")[2]))
