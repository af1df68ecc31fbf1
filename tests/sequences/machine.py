"""The machine: any command at any time, killed or not, held against the model."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from mlops.runs import names
from tests.sequences.checked import (
    BETTER,
    POLICIES,
    REASON,
    SHRINKAGE,
    VALIDATION_FAILED,
    Checked,
    Kill,
    kills,
    levels,
)
from tests.sequences.deliveries import ARRIVALS, write
from tests.sequences.model import DONE, INPUT, NOT_FOUND, ON_HOLD, REFUSED, Content, Run
from tests.sequences.shop import PIPELINE, Answer, policy_files


class Sequences(Checked):
    """Plays commands on a fresh repository and holds each answer against the model."""

    @initialize(kill=kills, arrivals=st.sampled_from((2, 2, 2, 0)))
    def init(self, kill: Kill, arrivals: int) -> None:
        self.play.files = policy_files(self.code_policy)
        answer = self.do("init", PIPELINE, kill=kill)
        self.say(answer.code == DONE, "init fails")
        self.model.step(policy=self.code_policy)
        for arrival in ARRIVALS[:arrivals]:
            self.ingest(arrival, "normal", again=False, kill=None)
        self.check()

    @rule(
        arrival=st.sampled_from(ARRIVALS),
        content=st.sampled_from(("normal", "normal", "normal", "corrected")),
        again=st.booleans(),
        kill=kills,
    )
    def ingest(self, arrival: str, content: Content, again: bool, kill: Kill) -> None:
        model, options = self.model, ("--again",) if again else ()
        files = () if content == "normal" else ("--file", f"points={self.file(arrival, content)}")
        there, barred = model.tree.get(arrival) == content, model.dropped_before(arrival, content)
        answer = self.do("ingest", PIPELINE, arrival, *files, *options, kill=kill)
        if not there and barred and not again:
            self.say(answer.code == INPUT, "a dropped delivery came back unasked")
        else:
            self.say(answer.code == DONE, "an arrival is refused")
            if not there:
                model.step(arrival=arrival, tree={**model.tree, arrival: content})
        self.check()

    @rule(arrival=st.sampled_from(ARRIVALS), kill=kills)
    def broken_delivery(self, arrival: str, kill: Kill) -> None:
        file = f"points={self.file(arrival, 'broken')}"
        answer = self.do("ingest", PIPELINE, arrival, "--file", file, kill=kill)
        self.say(answer.code == VALIDATION_FAILED, "a broken delivery is not refused")
        self.check()

    @rule(level=levels, kill=kills, between=st.sampled_from(("", "", f"sweep {PIPELINE} --yes")))
    def run(self, level: int, kill: Kill, between: str) -> None:
        level = self.level(level)
        answer = self.do(
            "run", PIPELINE, "--param", f"shrinkage={SHRINKAGE[level]}", kill=kill, between=between
        )
        self.ended(answer, level, 0)

    @rule(level=levels, swept=st.booleans())
    def run_undisturbed(self, level: int, swept: bool) -> None:
        if swept:
            self.say(self.do("sweep", PIPELINE, "--yes").code == DONE, "sweep fails")
        self.run(level, kill=None, between="")

    @rule(level=levels, kill=kills)
    def run_again(self, level: int, kill: Kill) -> None:
        level = self.level(level)
        answer = self.do("run", PIPELINE, "--param", f"shrinkage={SHRINKAGE[level]}", "--again", kill=kill)
        run_id = str(answer.document.get("run_id", ""))
        if kill is not None and run_id:
            self.take_over_unheard(run_id, level)
        self.ended(answer, level, _repetition(run_id), unasked=False)

    def take_over_unheard(self, answered: str, level: int) -> None:
        """Take over a repetition that had ended when it was killed: the next one was asked for then."""
        lake, model = self.play.lake, self.model
        decided = {lake.commit_of(c).metadata.get("run_id", "") for c in lake.tags("decision-").values()}
        numbers = {
            lake.commit_of(commit).metadata["run_id"]: names.event_number(tag)
            for tag, commit in lake.tags("promotion-").items()
        }
        for run_id in decided - {"", answered, *model.runs}:  # a forgotten one has no run id
            number = numbers.get(run_id)
            unheard = Answer(DONE if number else REFUSED, {"number": number}, "", 0, ())
            self.take_over(unheard, run_id, None)
            self.levels[run_id] = level
            self.keys[(*sorted(model.tree.items()), level, _repetition(run_id))] = run_id

    def level(self, asked: int) -> int:
        champion = self.model.champion
        best = self.levels.get(champion.family, 0) + 1 if champion else 1  # the worst loses to the baseline
        return min(best, len(SHRINKAGE) - 1) if asked == BETTER else asked

    def ended(self, answer: Answer, level: int, again: int, *, unasked: bool = True) -> None:
        """Hold the end of a run against how it ended before, or take its verdict over."""
        model = self.model
        if len(model.tree) < 2:
            self.say(answer.code in {INPUT, REFUSED}, "a run without rows to judge by is not refused")
            self.check()
            return
        key = (*sorted(model.tree.items()), level, again)
        # A repetition that is not answered with its run is not the run that it repeats.
        run_id = str(answer.document.get("run_id") or (self.keys.get(key, "") if unasked else ""))
        if not unasked and not run_id and model.forgotten(self.keys.get(key, "")[:12]):
            self.say(answer.code == REFUSED and not answer.evaluated, "forgotten inputs are repeated")
            self.check()
            return
        known = model.runs.get(run_id)
        if unasked and known is None and key in self.keys:
            known = model.runs.get(self.keys[key])
        self.take_over(answer, run_id or self.run_id_of(answer), known)
        if run_id:
            self.levels[run_id] = level
            self.say(self.keys.setdefault(key, run_id) == run_id, "the same inputs make another run")
        self.check()

    def run_id_of(self, answer: Answer) -> str:
        """Return the run that a command without an answer was about: the newest that was decided on."""
        decisions = self.play.lake.tags("decision-").values()
        commits = [self.play.lake.commit_of(commit) for commit in decisions]
        fresh = [c for c in commits if c.metadata.get("run_id", "") not in {"", *self.model.runs}]
        return max(fresh, key=lambda c: c.created_at_s).metadata["run_id"] if fresh else ""

    def take_over(self, answer: Answer, run_id: str, known: Run | None, root: int = 0) -> None:
        """Hold the end of a run against what is known of it."""
        model, code = self.model, answer.code
        inputs = run_id[:12]
        if (known is None and model.forgotten(inputs)) or (known and known.outcome == "forgotten"):
            self.say(code == REFUSED and not answer.evaluated, "a forgotten run is decided on")
            return
        if known is not None and known.outcome in {"promoted", "refused", "revoked"}:
            self.say(not answer.evaluated, f"run {run_id} is over, and was scored again")
            self.say(code == (DONE if known.outcome == "promoted" else REFUSED), f"{known} is told otherwise")
            if known.outcome == "promoted":
                self.say(answer.document["number"] == known.number, f"{known} is told otherwise")
            return
        if code == DONE:
            self.say(not model.hold, "something is promoted although promotions are on hold")
            number = answer.document["number"]
            self.say(number == model.next_number, f"number {number} is not the next one")
            run = model.runs.setdefault(run_id, Run(run_id, "waiting"))
            model.promote(run, number, root)
        elif code == REFUSED:
            model.runs[run_id] = Run(run_id, "refused", root=root)
        else:
            self.say(code == ON_HOLD and model.hold, "a run ends in an error")
            if run_id:
                model.runs.setdefault(run_id, Run(run_id, "waiting", root=root))

    @precondition(lambda self: self.model.promotions)
    @rule(
        to=st.one_of(st.none(), st.none(), st.integers(1, 9)),
        forward=st.booleans(),
        kill=kills,
        between=st.sampled_from(("", f"reconcile {PIPELINE}", f"sweep {PIPELINE} --yes")),
    )
    def rollback(self, to: int | None, forward: bool, kill: Kill, between: str) -> None:
        model = self.model
        options = (*(("--to", str(to)) if to else ()), *(("--forward",) if forward else ()))
        answer = self.do("rollback", PIPELINE, *options, *REASON, kill=kill, between=between)
        barred = to is not None and to in model.standing and model.forgotten(model.promotions[to].inputs)
        if to is not None and (barred or to not in model.standing):
            self.say(answer.code == INPUT, "a rollback to what main does not stand on")
        else:
            self.say(answer.code == DONE, "a rollback fails")
            target = model.target(to)
            if target is not None:
                model.roll_back(target, forward=forward)
        self.check()

    @precondition(lambda self: self.model.hold)
    @rule(kill=kills)
    def resume(self, kill: Kill) -> None:
        answer = self.do("resume", PIPELINE, *REASON, kill=kill)
        self.say(answer.code == DONE, "resume fails")
        self.model.hold = False
        self.check()

    @precondition(lambda self: self.model.promotions)
    @rule(index=st.integers(0, 8), again=st.booleans(), kill=kills)
    def restore(self, index: int, again: bool, kill: Kill) -> None:
        model = self.model
        number = sorted(model.promotions)[index % len(model.promotions)]
        old = model.promotions[number]
        options = ("--again",) if again else ()
        root, last = old.root, next(iter(model.returns(old.family)[::-1]), None)
        stands = last is not None and last is model.champion
        told = last is not None and (stands or (last.outcome == "refused" and not again))
        same = model.champion is not None and model.champion.root == root
        answer = self.do("restore", PIPELINE, str(number), *options, *REASON, kill=None if again else kill)
        if old.outcome == "forgotten":
            # By name, as its inputs, or because nothing is promoted while the hold lasts.
            refused = answer.code in {INPUT, REFUSED, ON_HOLD} and not answer.evaluated
            self.say(refused, "a forgotten promotion is restored")
        elif model.forgotten(old.inputs):
            self.say(
                answer.code in {REFUSED, INPUT, ON_HOLD} and not answer.evaluated, "inputs were forgotten"
            )
        elif told and last is not None:
            self.take_over(answer, last.run_id, last)
        elif model.hold:
            self.say(answer.code == ON_HOLD and not answer.evaluated, "restored although on hold")
        elif same:
            self.say(answer.code == INPUT and not answer.evaluated, "main holds that model already")
        else:
            run_id = answer.document.get("run_id", "")
            fresh = (run_id and run_id not in model.runs) or model.runs[run_id].outcome == "waiting"
            self.say(fresh, f"restored as {run_id or 'nothing'}, which is over")
            self.take_over(answer, run_id, model.runs.get(run_id), root)
        self.check()

    @precondition(lambda self: self.model.rollbacks)
    @rule(arrival=st.sampled_from(ARRIVALS), kill=kills)
    def write_off(self, arrival: str, kill: Kill) -> None:
        model = self.model
        outstanding = {entry for entry in model.outstanding if entry[1] == arrival}
        done = any(entry[1] == arrival for entry in model.written_off)
        answer = self.do("write-off", PIPELINE, arrival, *REASON, kill=kill)
        self.say(answer.code == (DONE if outstanding or done else INPUT), "write-off answers wrongly")
        model.written_off |= outstanding
        self.check()

    @precondition(lambda self: self.model.runs)
    @rule(index=st.integers(0, 8), kill=kills)
    def forget(self, index: int, kill: Kill) -> None:
        model = self.model
        run = sorted(model.runs.values(), key=lambda run: run.run_id)[index % len(model.runs)]
        barred = model.champion is not None and model.champion.inputs == run.inputs
        answer = self.do("forget", PIPELINE, run.run_id, *REASON, kill=kill)
        self.say(answer.code == (INPUT if barred else DONE), "forget answers wrongly")
        if not barred:
            run.outcome = "forgotten"
            model.erased = True
        self.check()

    @precondition(lambda self: self.model.runs)
    @rule(index=st.integers(0, 8), kill=kills)
    def promote(self, index: int, kill: Kill) -> None:
        model = self.model
        run = sorted(model.runs.values(), key=lambda run: run.run_id)[index % len(model.runs)]
        answer = self.do("promote", PIPELINE, run.run_id, kill=kill)
        if run.outcome == "forgotten" or model.forgotten(run.inputs):
            self.say(answer.code in {NOT_FOUND, DONE, REFUSED}, "promoting what was forgotten")
        elif run.outcome == "waiting" and answer.code == UNLAWFUL:
            pass  # its fork was dropped
        else:
            self.take_over(answer, run.run_id, run, run.root)
        self.check()

    @precondition(lambda self: self.model.promotions)
    @rule(which=st.sampled_from(("sweep", "sweep", "collect", "reconcile", "init")), kill=kills)
    def upkeep(self, which: str, kill: Kill) -> None:
        if which == "sweep":
            answer = self.do("sweep", PIPELINE, "--yes", kill=kill)
        elif which == "collect":
            self.shop.clock.pass_days(2)
            self.model.collected = True
            answer = self.do("lake", "gc")
        elif which == "init":
            self.play.files = policy_files(self.model.policy)
            answer = self.do("init", PIPELINE, kill=kill)
            self.play.files = policy_files(self.code_policy)
        else:
            answer = self.do("reconcile", PIPELINE, kill=kill)
        self.say(answer.code == DONE, f"{which} fails")
        self.check()

    @rule(policy=st.sampled_from(POLICIES), kill=kills)
    def apply_policy(self, policy: str, kill: Kill) -> None:
        self.code_policy, self.play.files = policy, policy_files(policy)
        answer = self.do("policy", "apply", PIPELINE, *REASON, kill=kill)
        self.say(answer.code == DONE, "policy apply fails")
        if self.model.policy != policy:
            self.model.step(policy=policy)
        self.check()

    def file(self, arrival: str, content: str) -> Path:
        return write(self.shop.folder, arrival, content)


UNLAWFUL = 16


def _repetition(run_id: str) -> int:
    """Return the number of a repetition; 0 of a first run."""
    return int(run_id.partition("n")[2] or 0)
