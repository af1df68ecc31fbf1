"""The verdict as the server derives it: that of the Python gate, number by number, on generated decisions."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from mlops.lakeserver.hooks.engine import Event, HookEngine, HookFailed
from mlops.runs import names
from mlops.runs.digest import document
from mlops.runs.errors import LakeError, Unlawful
from mlops.runs.evidence import IntervalRule
from mlops.runs.gate import verdict as gate
from tests.support.verdicts import Case, action_of, cases

if TYPE_CHECKING:
    from mlops.adapters.lake.lake import LakeFSLake

HEAD, MERGED = "1" * 64, "2" * 64
GENERATED, SAMPLED = 500, 40


@dataclass
class Files:
    """What hooks may see: commits with files."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def get_object(self, _repository: str, ref: str, path: str) -> tuple[int, bytes]:
        data = self.commits[ref].get(path)
        return (404, b'{"message":"not found"}') if data is None else (200, data)

    def stat_object(self, _repository: str, ref: str, path: str) -> tuple[int, dict[str, Any]]:
        data = self.commits[ref].get(path)
        if data is None:
            return 404, {"message": "not found"}
        return 200, {"path": path, "path_type": "object", "size_bytes": len(data)}

    def list_objects(
        self, _repository: str, ref: str, _after: str, prefix: str, _delimiter: str, _amount: int
    ) -> tuple[int, dict[str, Any]]:
        rows = [
            {"path": path, "path_type": "object"} for path in self.commits[ref] if path.startswith(prefix)
        ]
        return 200, {"results": rows, "pagination": {"has_more": False, "next_offset": ""}}


class Server:
    """The hook engine of the embedded server, with the verdict's script alone."""

    def __init__(self) -> None:
        self.files = Files()
        self.engine = HookEngine(
            self.files,  # type: ignore[arg-type] - the script asks for no more than this
            _Forgetful(),
            clock=lambda: datetime.now(UTC),
            new_id=lambda: "run",
        )
        self.action = {f"{names.ACTIONS}gate.yaml": action_of("verdict")}

    def judge(self, before: Mapping[str, bytes], after: Mapping[str, bytes], **metadata: str) -> str:
        """Return what the server has against a promotion; nothing where it has nothing."""
        self.files.commits = {HEAD: dict(before), MERGED: {**before, **after}, "source": self.action}
        commit = {"parents": [HEAD], "metadata": {"kind": "promotion", **metadata}}
        event = Event(
            "pre-merge", "flights", "main", source_ref="source", commit_id=MERGED, commit=_full(commit)
        )
        try:
            self.engine.run(event, "source")
        except HookFailed as refused:
            return refused.message
        return ""


def _full(commit: Mapping[str, Any]) -> dict[str, Any]:
    return {"message": "", "meta_range_id": "", "creation_date": 0, "version": 1, **commit}


class _Forgetful:
    def record(self, *_: Any, **__: Any) -> None:
        return

    def __getattr__(self, _name: str) -> Any:
        return self.record


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.engine.close()


def test_it_agrees_with_the_gate(server: Server) -> None:
    promoted, refused = 0, 0
    for case in cases(GENERATED):
        found = server.judge(case.files_before(), case.files())
        assert (found == "") is case.promotes, f"{case.seed}: {found or case.verdict.sentence}"
        assert "runtime error" not in found, f"{case.seed}: {found}"
        promoted, refused = promoted + case.promotes, refused + (not case.promotes)
    assert min(promoted, refused) >= GENERATED // 5, (promoted, refused)


def altered(case: Case) -> tuple[str, dict[str, bytes]]:
    """Return what was changed by a millionth (or at all) in a decision, and its files."""
    files = case.files()
    decision = json.loads(files[names.DECISION])
    dice = random.Random(case.seed)
    interval = dice.choice(decision["verdict"]["intervals"])
    key = dice.choice(sorted(interval.keys() - {"holds"}))
    value = interval[key]
    if isinstance(value, str):
        interval[key] = f"{value}x"
    else:
        interval[key] = value + 1 if isinstance(value, int) or value == 0 else value * (1 + 1e-6)
    return f"{interval['name']} {key} {value}", {**files, names.DECISION: document(decision)}


def test_a_number_that_is_a_millionth_off_is_refused(server: Server) -> None:
    for case in cases(GENERATED):
        if case.promotes:
            what, files = altered(case)
            assert server.judge(case.files_before(), files), f"{case.seed}: {what}"


def former(case: Case) -> Case:
    """Return a case whose evidence claims the former rule, decided by it."""
    paired = replace(case.paired, interval=IntervalRule.CR1)
    verdict = gate.decide(paired, case.policy, look=case.verdict.look)
    return replace(case, paired=paired, verdict=verdict)


def test_evidence_by_the_former_rule_of_intervals_is_refused(server: Server) -> None:
    claimed = [case for case in map(former, cases(SAMPLED)) if case.promotes]
    assert len(claimed) > 5
    for case in claimed:
        found = server.judge(case.files_before(), case.files())
        assert "not computed by the rule cr2" in found, f"{case.seed}: {found}"


def test_a_slice_that_is_too_small_must_be_named(server: Server) -> None:
    found = [case for case in cases(GENERATED) if case.promotes and case.verdict.not_judged]
    assert len(found) > 5
    for case in found:
        files = case.files()
        decision = json.loads(files[names.DECISION])
        decision["verdict"]["not_judged"][0]["rows"] += 1
        told = server.judge(case.files_before(), {**files, names.DECISION: document(decision)})
        assert "which is not judged" in told, f"{case.seed}: {told}"
        decision["verdict"]["not_judged"] = []
        told = server.judge(case.files_before(), {**files, names.DECISION: document(decision)})
        assert "too small to judge" in told, f"{case.seed}: {told}"


def test_a_champion_that_cannot_be_scored_is_passed_over_on_purpose_alone(server: Server) -> None:
    case = next(c for c in cases(GENERATED) if c.promotes and not c.paired.has_champion)
    champion = {names.CHAMPION: document({"trained_until": "2013-10-31T00:00:00"})}
    before = {**case.files_before(), **champion}
    assert "not compared" in server.judge(before, case.files())
    assert server.judge(before, case.files(), replace_unscorable="its library is gone") == ""


@pytest.mark.parametrize(
    "line", ["kind: rolling_origin", 'kind: "rolling_origin"', "kind:   'rolling_origin'"]
)
def test_a_rolling_origin_must_be_judged_by_its_periods(server: Server, line: str) -> None:
    case = next(c for c in cases(GENERATED) if c.promotes and not c.paired.folds)
    rule = f"# several periods\n{line}\ncolumn: at\nperiod: week\nperiods: 3\n".encode()
    before = {**case.files_before(), names.HOLDOUT_RULE: rule}
    assert "not of the periods of a rolling origin" in server.judge(before, case.files())
    folded = next(c for c in cases(GENERATED) if c.promotes and c.paired.folds)
    assert server.judge({**folded.files_before(), names.HOLDOUT_RULE: rule}, folded.files()) == ""
    assert server.judge({**case.files_before(), names.HOLDOUT_RULE: b"kind: hash\n"}, case.files()) == ""


def test_servers_agree_too(served: LakeFSLake) -> None:
    """The same by merges over HTTP; a case whose sums are no JSON numbers at all is left to the engine."""
    lake = served
    lake.create_branch("gate", lake.head(names.MAIN))
    lake.write("gate", names.ENFORCER, action_of("verdict"))
    lake.write("gate", names.POLICY, b"metric: mae\n")
    lake.merge(lake.commit("gate", "gate", {}), names.MAIN, "gate", {"kind": "policy"})
    for case in list(cases(SAMPLED)):
        base, source = f"base{case.seed}", f"try{case.seed}"
        lake.create_branch(base, lake.head(names.MAIN))
        for path, data in case.files_before().items():
            lake.write(base, path, data)
        stale = [stat.path for stat in lake.list(base, names.CHAMPION)]
        if stale and not case.paired.has_champion:
            lake.remove(base, stale)
        head = lake.merge(lake.commit(base, base, {}, allow_empty=True), names.MAIN, base, {"kind": "policy"})
        lake.create_branch(source, head)
        for path, data in case.files().items():
            lake.write(source, path, data)
        commit = lake.commit(source, source, {})
        if case.promotes:
            lake.merge(commit, names.MAIN, source, {"kind": "promotion"})
        else:
            with pytest.raises((Unlawful, LakeError)):
                lake.merge(commit, names.MAIN, source, {"kind": "promotion"})
