"""A command that is played, killed or not, and what must hold after it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from mlops.runs import names
from tests.sequences.deliveries import CHECKSUMS
from tests.sequences.model import DONE, NOT_FOUND, Model
from tests.sequences.shop import PIPELINE, Answer, Play, Shop, policy_files

#: From the worst model to the best.
SHRINKAGE = ("2000.0", "600.0", "300.0", "150.0", "60.0", "0.0")
#: One that is better than the champion, rather than a certain one.
BETTER = -1
POLICIES = ("0", "0.25")
REASON = ("--reason", "for the test")
NOT_PROVED, AUDIT_FAILED, VALIDATION_FAILED = 43, 41, 4

#: Roughly how often a command calls lake and tracker: it is killed at a part of that.
_CALLS = {"init": 30, "ingest": 40, "run": 180, "rollback": 90, "resume": 40, "restore": 220, "policy": 40}

kills = st.one_of(st.none(), st.none(), st.none(), st.tuples(st.floats(0, 1), st.booleans()))
levels = st.sampled_from((BETTER, BETTER, BETTER, *range(len(SHRINKAGE))))
Kill = tuple[float, bool] | None


class Checked(RuleBasedStateMachine):
    """Plays commands on a fresh repository, and asserts what must hold after each."""

    shop: ClassVar[Shop]

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.play: Play = self.stack.enter_context(self.shop.play())
        self.model = Model()
        self.code_policy = POLICIES[0]
        self.keys: dict[tuple[Any, ...], str] = {}
        self.levels: dict[str, int] = {}
        self.failed = False
        self.evaluated: set[tuple[str, str, str]] = set()

    def teardown(self) -> None:
        with self.stack:
            if self.model.steps and not self.failed:
                self.audit_is_clean("--from-start")  # so far each went on where the one before ended

    # --- how a command is played

    def do(self, *arguments: str, kill: Kill = None, between: str = "") -> Answer:
        """Play a command; one that is killed is played again, after whatever comes ``between``."""
        self.model.now += 1
        if kill is not None:
            at = 1 + int(kill[0] * _CALLS.get(arguments[0], 40))
            answer = self.play(*arguments, kill=at, after=kill[1])
            self.count(answer)
            if answer.code is not None:
                return answer
            self.audited_after_a_kill()
            if between:
                self.say(self.play(*between.split()).code == DONE, f"{between} fails after a kill")
        answer = self.play(*arguments)
        self.count(answer)
        return answer

    def say(self, holds: object, what: str) -> None:
        """Assert with the commands played so far."""
        self.failed = self.failed or not holds
        assert holds, f"{what}\n" + "\n".join(self.play.said)

    def count(self, answer: Answer) -> None:
        """Assert that nothing was scored twice against the same champion by the same policy, or itself."""
        for run_id, champion, _ in answer.evaluated:
            self.say(run_id != champion, f"run {run_id} competes with itself")
            key = (run_id, champion, self.model.policy)
            self.say(key not in self.evaluated, f"run {run_id} was scored against {champion} before")
            if answer.code is not None:
                self.evaluated.add(key)

    # --- what must hold after each command

    def check(self) -> None:
        """Assert that main, record, status, audit and store are what the model says."""
        self.main_is_right()
        self.status_is_right()
        found = self.play("lake", "verify")
        self.say(found.code == DONE, f"the store is not whole: {found.document}")
        self.audit_is_clean()

    def main_is_right(self) -> None:
        lake, model = self.play.lake, self.model
        raw = {s.path: s.checksum for s in lake.list(names.MAIN, names.RAW)}
        wanted = {names.raw_path("points", a): CHECKSUMS[a, c] for a, c in model.tree.items()}
        self.say(raw == wanted, f"main holds {sorted(raw)}, not {model.tree}")
        self.say(lake.read(names.MAIN, names.POLICY) == policy_files(model.policy)[names.POLICY], "policy")
        tags = lake.tags()
        numbers = sorted(n for n in map(names.event_number, tags) if n)
        self.say(
            numbers == list(range(1, model.next_number)), f"numbers {numbers}, not to {model.next_number - 1}"
        )
        self.say((names.HOLD_TAG in tags) == model.hold, f"hold is {names.HOLD_TAG in tags}")
        revoked = {tag.removeprefix("revoked-") for tag in tags if names.parse_revoked_tag(tag)}
        dropped = {run.run_id for n, run in model.promotions.items() if n not in model.standing}
        self.say(revoked >= dropped, f"not revoked: {dropped - revoked}")

    def status_is_right(self) -> None:
        answer = self.play("status", PIPELINE)
        self.say(answer.code == DONE, "status fails")
        entry, model = answer.document["pipelines"][0], self.model
        champion = entry["champion"] and (entry["champion"]["number"], entry["champion"]["run_id"])
        expected = (model.champion.number, model.champion.run_id) if model.champion else None
        self.say(champion == expected, f"status: champion {champion}, not {expected}")
        self.say(entry["on_hold"] == model.hold and not entry["frozen"], "status: hold or frozen")
        dropped = {
            (d["rollback"], names.parse_raw_path(d["path"]).arrival) for d in entry["dropped_arrivals"]
        }
        self.say(dropped == model.outstanding, f"status: dropped {dropped}, not {model.outstanding}")
        open_ = {run["run_id"] for run in entry["unfinished"]}
        over = {run.run_id for run in model.runs.values() if run.outcome != "waiting"}
        self.say(not open_ & over, f"status: unfinished although over: {open_ & over}")

    def audit_is_clean(self, *options: str) -> None:
        answer = self.play("audit", PIPELINE, *options)
        if answer.code == DONE:
            return
        explained = answer.code == NOT_PROVED and self.model.erased and self.model.collected
        self.say(explained, f"the audit finds {answer.document.get('findings')}")

    def audited_after_a_kill(self) -> None:
        """Assert that the audit finds nothing but what reconcile puts right."""
        answer = self.play("audit", PIPELINE)
        if answer.code in {DONE, NOT_FOUND}:
            return
        findings = [f for f in answer.document.get("findings", ()) if "reconcile" not in f["todo"]]
        self.say(answer.code == AUDIT_FAILED and not findings, f"after a kill the audit finds {findings}")
