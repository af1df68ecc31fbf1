"""What the enforcer asks of a promotion: the record, and the verdict derived again."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from mlops.adapters.policy.files import parse_policy
from mlops.runs import names
from mlops.runs.decisions import Interval, Outcome, Policy, Verdict
from mlops.runs.digest import sha256
from mlops.runs.errors import ConfigError, MainMoved, MlopsError, Unlawful
from mlops.runs.evidence import Paired
from mlops.runs.gate import verdict as gate
from mlops.runs.gate.rules import rules_in_force
from mlops.runs.names import OUTPUTS
from mlops.runs.statements import open_envelope
from tests.support.enforcer_merge import Guard, Merge, is_ancestor, read_optional
from tests.support.memory_lake import MemoryLake

_RUN = re.compile(r"[0-9a-f]{12}(n[1-9][0-9]{0,8})?(r[1-9][0-9]{0,8})?")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_OVERRIDABLE = {"no_gain", "gain_too_small", "not_significant", "worse_than_baseline", "guard_failed"}


def _not_on_hold(m: Merge) -> None:
    m.refuse_unless(names.HOLD_TAG not in m.lake.tags(), "on-hold: promotions are stopped")


def _not_revoked(m: Merge) -> None:
    run = m.meta.get("run_id", "")
    m.refuse_unless(_RUN.fullmatch(run), "a promotion names its run")
    tags = m.lake.tags()
    m.refuse_unless(f"revoked-{run}" not in tags, f"run {run} was rolled back")
    if "r" in run:
        m.refuse_unless(f"restored-{run}" in tags, f"nobody asked for old outputs to return as {run}")
    else:
        m.refuse_unless(f"revoked-{run[:12]}" not in tags, f"run {run} repeats one that was rolled back")
    m.refuse_unless(f"forgotten-{run}" not in tags, f"run {run} was forgotten")


def _not_rejected(m: Merge) -> None:
    run = m.meta["run_id"]
    m.refuse_unless(names.rejected_tag(run) not in m.lake.tags(), f"run {run} was rejected on review")


def _replaces_champion(m: Merge) -> None:
    current = read_optional(m.lake, m.head, names.CHAMPION)
    before = json.loads(current) if current is not None else {"number": 0, "run_id": ""}
    old = sha256(current) if current is not None else ""
    decided, new = m.after(names.DECISION)["compared_to"], m.after(names.CHAMPION)["compared_to"]
    if decided["champion_sha256"] != old:
        raise MainMoved("the decision was made against another champion")
    replaces = (new["champion_sha256"], new["commit"]) == (old, m.head)
    m.refuse_unless(replaces, "champion.json does not replace the champion on main")
    for to in (decided, new):
        same = (to["number"], to["run_id"]) == (before["number"], before["run_id"])
        m.refuse_unless(same, "the promotion misnames the champion it replaces")


def _same_promotion(m: Merge) -> None:
    champion, decision, run = m.after(names.CHAMPION), m.after(names.DECISION), m.meta["run_id"]
    same = (
        champion["number"] == int(m.meta["number"])
        and champion["run_id"] == decision["run_id"] == run
        and champion["evidence_commit"] == m.meta.get("evidence_commit")
        and champion["inputs_digest"] == decision["inputs_digest"]
        and champion["trained_until"] == decision["trained_until"]
    )
    m.refuse_unless(same, "champion.json, decision.json and the metadata name different promotions")
    m.refuse_unless(champion["inputs_digest"][:12] == run[:12], f"run {run} is not named for its inputs")


def _promotes(m: Merge) -> None:
    verdict = m.after(names.DECISION)["verdict"]
    outcome = "refuse" if m.meta.get("override") == "true" else "promote"
    promotes = verdict["outcome"] in {"promote", outcome} and verdict["what_if"] is False
    m.refuse_unless(promotes, "the decision does not promote")


def _evidence_decided_on(m: Merge) -> None:
    paired = read_optional(m.lake, m.commit.id, names.PAIRED)
    same = paired is not None and sha256(paired) == m.after(names.DECISION)["paired_sha256"]
    m.refuse_unless(same, "reports/paired.json is not what was decided on")


def _policy_in_force(m: Merge) -> None:
    if sha256(m.lake.read(m.head, names.POLICY)) != m.after(names.DECISION)["policy_sha256"]:
        raise MainMoved("the decision was made by another policy")


def _fork_on_main(m: Merge) -> None:
    behind = is_ancestor(m.lake, m.after(names.CHAMPION)["raw_commit"], m.head)
    m.refuse_unless(behind, "the run forked from a commit that is not behind main's head")


def _outputs(lake: MemoryLake, ref: str) -> dict[str, tuple[int, str]]:
    return {s.path: (s.size_bytes, s.checksum) for p in OUTPUTS for s in lake.list(ref, p)}


def _objects(m: Merge) -> None:
    champion, decision = m.after(names.CHAMPION), m.after(names.DECISION)
    found = _outputs(m.lake, m.commit.id)
    digests = {
        names.DECISION: sha256(m.lake.read(m.commit.id, names.DECISION)),
        names.PAIRED: decision["paired_sha256"],
        names.PREDICTIONS: decision["predictions_sha256"],
    }
    count = len(found)
    footprint = m.after(names.PAIRED).get("footprint")
    size = sum(o["size_bytes"] for o in champion["objects"] if o["path"].startswith(names.MODEL))
    fits = footprint is None or footprint["model_size_bytes"] == size
    m.refuse_unless(fits, f"the model has {size} bytes, not as many as its evidence says")
    for record in champion["objects"]:
        path = record["path"]
        judged = found.pop(path, None) == (record["size_bytes"], record["checksum"])
        fine = judged and digests.get(path, record["sha256"]) == record["sha256"]
        m.refuse_unless(fine, f"{path} is not what was judged")
    listed = len(champion["objects"])
    m.refuse_unless(listed == count, f"champion.json lists {listed} objects, there are {count}")


def _identity(m: Merge) -> Any:
    """Return what evaluations are counted by: by older enforcers, the bytes of the holdout."""
    by_identity = rules_in_force(m.lake, m.head).by_identity
    return m.after(names.PAIRED).get("holdout_id" if by_identity else "holdout_digest")


def _decision_on_record(m: Merge) -> None:
    holdout, look = _identity(m), m.after(names.DECISION)["verdict"]["look"]
    said = re.fullmatch(r"[0-9a-f]{64}", str(holdout)) and _NUMBER.fullmatch(str(look))
    m.refuse_unless(said, "the decision does not say which look at which holdout it is")
    tag, tags = names.decision_tag(holdout, look), m.lake.tags()
    m.refuse_unless(tag in tags, f"the decision is not on record as {tag}")
    before = m.after(names.DECISION).get("continues") or names.decision_tag(holdout, look - 1)
    goes_on = re.fullmatch(rf"decision-[0-9a-f]{{12}}-{look - 1}", before)
    m.refuse_unless(look == 1 or goes_on, f"goes on from another number than look {look - 1}")
    earlier = look == 1 or before in tags
    m.refuse_unless(earlier, f"look {look} leaves out the one before it")
    promoted = _outputs(m.lake, m.commit.id)
    for ref in (tag, m.meta.get("evidence_commit", "")):
        m.refuse_unless(_outputs(m.lake, ref) == promoted, f"is not what is on record at {ref}")


def _holds(m: Merge, ref: str, prefix: str = names.MODEL) -> bool:
    return bool(m.lake.list(ref, prefix))


def same_kind(m: Merge, policy: Policy) -> None:
    """Refuse what would turn a repository of models into one of data alone, or the other way round."""
    if read_optional(m.lake, m.head, names.CHAMPION) is not None:
        same = policy.has_model == _holds(m, m.head)
        m.refuse_unless(same, f"main holds {'data without a model' if policy.has_model else 'a model'}")


def _kind_of_pipeline(m: Merge) -> None:
    policy = read_policy(m.lake.read(m.head, names.POLICY))
    same_kind(m, policy)
    brings = "brings none" if policy.has_model else "brings one"
    m.refuse_unless(policy.has_model == _holds(m, m.commit.id), f"the promotion {brings}")
    if not policy.has_model:
        _suites_hold(m)


def _suites_hold(m: Merge) -> None:
    fork = m.after(names.CHAMPION)["raw_commit"]
    suite, then = (read_optional(m.lake, ref, names.PROCESSED_SUITE) for ref in (m.head, fork))
    m.refuse_unless(suite is not None, f"{names.PROCESSED_SUITE} is missing")
    m.refuse_unless(suite == then, "the rows were validated by another suite than the one on main")
    for path in (names.ROWS, names.PROFILE):
        m.refuse_unless(_holds(m, m.commit.id, path), f"a version of the data needs {path}")
    report, listed = m.after(names.validation_path("processed")), len(json.loads(suite or "")["expectations"])
    m.refuse_unless(report, f"{names.validation_path('processed')} is missing")
    counts = {report["listed"], report["run"], len(report["checks"])}
    m.refuse_unless(listed and counts == {listed}, "not every expectation of the suite was asked")
    m.refuse_unless(report["rows"] == m.after(names.PAIRED)["rows"], "the suite was asked about other rows")
    for check in report["checks"]:
        fine = check["severity"] == "warning" or check["success"] is True
        m.refuse_unless(fine, f"the suite does not hold: {check['name']}")
    m.refuse_unless(report["success"] is True, "the suite does not hold")


RECORD: dict[str, Guard] = {
    "not_on_hold": _not_on_hold,
    "not_revoked": _not_revoked,
    "not_rejected": _not_rejected,
    "replaces_champion": _replaces_champion,
    "same_promotion": _same_promotion,
    "promotes": _promotes,
    "evidence_decided_on": _evidence_decided_on,
    "policy_in_force": _policy_in_force,
    "fork_on_main": _fork_on_main,
    "objects": _objects,
    "decision_on_record": _decision_on_record,
    "kind_of_pipeline": _kind_of_pipeline,
}


@lru_cache(maxsize=64)
def read_policy(data: bytes) -> Policy:
    try:
        return parse_policy(data)
    except ConfigError as error:
        raise Unlawful(f"{names.POLICY}: {error.what}") from error


def _instant(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def agree(derived: Interval, stated: Interval) -> bool:
    """Tell whether two intervals are the same, numbers to nine digits."""
    return all(
        math.isclose(mine, theirs, rel_tol=1e-9) if isinstance(mine, float) else mine == theirs
        for mine, theirs in zip(vars(derived).values(), vars(stated).values(), strict=True)
    )


def verdict(m: Merge) -> None:
    policy = read_policy(m.lake.read(m.head, names.POLICY))
    try:
        paired = Paired.from_json(m.after(names.PAIRED))
    except MlopsError as error:
        raise Unlawful(f"the evidence: {error}") from error
    stated = m.after(names.DECISION)["verdict"]
    champion = m.before(names.CHAMPION)
    if policy.has_model:
        _same_champion(m, paired, champion)
        rule = rules_in_force(m.lake, m.head).interval
        m.refuse_unless({paired.interval, stated.get("interval")} == {rule}, "intervals of another rule")
    derived = gate.decide(paired, policy, look=stated["look"])
    level = math.isclose(derived.level, stated["level"], rel_tol=1e-9)
    m.refuse_unless(level, f"look {stated['look']} has the level {derived.level}, not {stated['level']}")
    _approved(m, policy)
    if not _overridden(m, policy, derived):
        m.refuse_unless(derived.outcome is Outcome.PROMOTE, f"nothing is promoted: {derived.sentence}")
    same = [dataclasses.asdict(bound) for bound in derived.bounds] == stated["bounds"]
    m.refuse_unless(same, "misstates size or prediction time")
    small = [dataclasses.asdict(slice_) for slice_ in derived.not_judged]
    m.refuse_unless(small == stated["not_judged"], "misnames slices that are not judged")
    intervals = [Interval(**i) for i in stated["intervals"]]
    same = len(intervals) == len(derived.intervals)
    m.refuse_unless(same, f"the policy asks for {len(derived.intervals)} comparisons, not {len(intervals)}")
    for mine, theirs in zip(derived.intervals, intervals, strict=True):
        m.refuse_unless(agree(mine, theirs), f"{mine.name} by the evidence, another in the decision")


def _approver(m: Merge) -> str:
    """Return the person who approved, as a policy lists names; empty where nobody did."""
    said = re.match(r"(?:claimed|proven):(?=[^ ])", m.meta.get("approved_by", ""))
    return m.meta["approved_by"][said.end() :] if said else ""


def _approved(m: Merge, policy: Policy) -> None:
    name, run = _approver(m), m.meta["run_id"]
    asked = not policy.asks_for_review or name
    m.refuse_unless(asked, f"the policy asks for review; `mlops approve` promotes run {run}")
    m.refuse_unless(name or not m.meta.get("approved_by"), "approved_by does not say who approved")
    if names.STATEMENT_KEY in m.meta:
        said = open_envelope(m.meta[names.STATEMENT_KEY], None).statement.predicate.get("approval") or {}
        stated = (said.get("by"), str(said.get("override", False)).lower())
        same = stated == (m.meta.get("approved_by"), m.meta.get("override", "false"))
        m.refuse_unless(same, "the statement names another approval than the merge's metadata")


def _overridden(m: Merge, policy: Policy, derived: Verdict) -> bool:
    if m.meta.get("override") != "true":
        return False
    name = _approver(m)
    m.refuse_unless(name in policy.override_by, f"the policy does not let {name or 'nobody'} override")
    m.refuse_unless(m.meta.get("comment", "").strip(), "an override needs a reason")
    m.refuse_unless(policy.has_model, "what the suites refuse cannot be overridden")
    stated = m.after(names.DECISION)["verdict"]
    m.refuse_unless(stated["outcome"] == "refuse", "there is no refusal to override")
    for reason in (*(f["reason"] for f in stated["findings"]), *(str(f.reason) for f in derived.findings)):
        m.refuse_unless(reason in _OVERRIDABLE, f"a refusal by {reason} cannot be overridden")
    return True


def _same_champion(m: Merge, paired: Paired, champion: Any) -> None:
    if champion and not paired.has_champion and m.meta.get("replace_unscorable", "").strip():
        return
    compared = paired.has_champion == (champion is not None)
    m.refuse_unless(compared, "the candidate was not compared with the champion on main")
    if champion:
        trained_until = champion["trained_until"], paired.champion_trained_until
        same = trained_until[0] == trained_until[1] or len(set(map(_instant, trained_until))) == 1
        m.refuse_unless(same, "the champion was trained until another time than the evidence says")
