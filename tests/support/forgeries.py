"""What somebody could try to bring to `main` as a promotion, and the words with which it is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlops.runs import names
from mlops.runs.decisions import Decision, Policy
from mlops.runs.errors import LakeError, MainMoved, Unlawful
from mlops.runs.evidence import Paired
from mlops.runs.gate import verdict as gate
from mlops.runs.main.state import read_main
from tests.support.fakes import paired as losses
from tests.support.forging import Candidate, request_to_forget, with_verdict

NOWHERE = "0" * 64

OWN_ACTION = b"name: own\non: {pre-merge: {branches: [other]}}\nhooks: []\n"

Forge = Callable[[Candidate], None]


def _set(**metadata: str) -> Forge:
    return lambda candidate: candidate.metadata.update(metadata)


def _without(key: str) -> Forge:
    return lambda candidate: candidate.metadata.pop(key) and None


def _write(path: str, data: bytes = b"x") -> Forge:
    return lambda candidate: candidate.lake.write(candidate.branch, path, data)


def _champion_says(**fields: Any) -> Forge:
    return lambda candidate: candidate.champion.update(fields)


def _decision_says(**fields: Any) -> Forge:
    return lambda candidate: candidate.rewrite_decision(**fields)


def _verdict_says(**fields: Any) -> Forge:
    return lambda candidate: candidate.rewrite_decision(verdict={**candidate.verdict, **fields})


def _replaces(**fields: Any) -> Forge:
    return lambda candidate: candidate.champion["compared_to"].update(fields)


def _tagged(tag: Callable[[Candidate], str]) -> Forge:
    return lambda candidate: candidate.lake.create_tag(tag(candidate), candidate.head)


def _forgotten(candidate: Candidate) -> None:
    run_id = candidate.run.run_id
    candidate.lake.create_tag(names.forgotten_tag(run_id), request_to_forget(candidate.lake, run_id))


def _numbered(number: int) -> Forge:
    def forge(candidate: Candidate) -> None:
        candidate.champion["number"] += number
        candidate.metadata["number"] = str(candidate.champion["number"])

    return forge


def _listed_twice(candidate: Candidate) -> None:
    candidate.champion["objects"][-1] = candidate.champion["objects"][0]


def _forked_elsewhere(candidate: Candidate) -> None:
    candidate.champion["raw_commit"] = candidate.run.head


def _renamed(candidate: Candidate) -> None:
    candidate.decision["inputs_digest"] = "f" * 64
    candidate.champion["inputs_digest"] = "f" * 64
    candidate.decide_anew()
    candidate.record()


def _other_predictions(candidate: Candidate) -> None:
    candidate.rewrite_decision(predictions_sha256=NOWHERE)


def _anew(edit: Callable[[Candidate], None] | None = None, /, **evidence: Any) -> Forge:
    """Return a forgery that takes another look, changes what comes of it, and keeps the rest consistent."""

    def forge(candidate: Candidate) -> None:
        candidate.decide_anew(**{"series": _losses()["series"], **evidence})
        if edit is not None:
            edit(candidate)
        candidate.record()

    return forge


def _first_interval(**changes: Callable[[float], float]) -> Forge:
    def edit(candidate: Candidate) -> None:
        interval = candidate.verdict["intervals"][0]
        interval.update({key: change(interval[key]) for key, change in changes.items()})

    return _anew(edit)


def _narrower(candidate: Candidate) -> None:
    """Half the critical value, with the interval that follows from it."""
    for interval in candidate.verdict["intervals"]:
        interval["critical"] /= 2
        half = interval["critical"] * interval["std_error"]
        interval.update(lower=interval["difference"] - half, upper=interval["difference"] + half)


def _level_of_the_first_look(candidate: Candidate) -> None:
    look = candidate.verdict["look"]
    candidate.decision["verdict"] = Decision.to_json(
        with_verdict(candidate.decision, gate.decide(Paired.from_json(candidate.paired), Policy(), look=1))
    )["verdict"]
    candidate.verdict["look"] = look


def _one_left_out(candidate: Candidate) -> None:
    candidate.verdict["intervals"].pop()


def _better_losses(candidate: Candidate) -> None:
    for series in candidate.paired["series"]:
        series["candidate"] = [value * 0.9 for value in series["candidate"]]


def _losses(mine: float = 12.0, theirs: float | None = 14.0) -> dict[str, Any]:
    """Return evidence in which the candidate's days differ from the champion's: nothing is certain."""
    evidence = losses(mine, theirs).to_json()
    for series in evidence["series"]:
        series["candidate"] = [x + 30 * (i % 3 - 1) for i, x in enumerate(series["candidate"])]
    return evidence


def _of(mine: float, theirs: float | None = 14.0) -> dict[str, Any]:
    evidence = _losses(mine, theirs)
    return {"series": evidence["series"], "has_champion": evidence["has_champion"]}


def _few_days() -> dict[str, Any]:
    evidence = _losses()
    for series in evidence["series"]:
        for key in ("clusters", "n", "candidate", "champion", "baseline"):
            series[key] = series[key][:5]
    return {"series": evidence["series"], "rows": 500}


def _not_finite() -> dict[str, Any]:
    evidence = _losses()
    evidence["series"][1]["baseline"] = [None] * 28
    return {"series": evidence["series"]}


def _without_the_baseline() -> dict[str, Any]:
    evidence = _losses()
    for series in evidence["series"]:
        series["baseline"] = []
    return {"series": evidence["series"]}


def _negative() -> dict[str, Any]:
    evidence = _losses()
    evidence["series"][0]["candidate"][0] = -1.0
    return {"series": evidence["series"]}


def _trained_later(candidate: Candidate) -> None:
    late = "2013-03-01T00:00:00+00:00"
    candidate.paired["candidate_trained_until"] = candidate.decision["trained_until"] = late
    candidate.decide_anew()
    candidate.record()


def _unrecorded(candidate: Candidate) -> None:
    candidate.decide_anew()
    candidate.record(tag=False)


def _skipping_a_look(candidate: Candidate) -> None:
    look = read_main(candidate.lake).next_look(candidate.paired["holdout_id"]) + 1
    verdict = gate.decide(Paired.from_json(candidate.paired), Policy(), look=look)
    candidate.decision["verdict"] = Decision.to_json(with_verdict(candidate.decision, verdict))["verdict"]
    candidate.record()


def _another_record(candidate: Candidate) -> None:
    """Keep the look that was recorded, but change what was decided at it."""
    candidate.decision["metrics"] = {"candidate_mae": 0.1}
    candidate.record(tag=False)


FORGERIES: dict[str, tuple[Forge, type[LakeError], str]] = {
    "no expected head": (_without("expected_head"), Unlawful, "expected_head"),
    "another head": (_set(expected_head=NOWHERE), MainMoved, "checked against"),
    "no kind": (_without("kind"), Unlawful, "none of the five"),
    "unknown kind": (_set(kind="hotfix"), Unlawful, "none of the five"),
    "an ingest that changes a model": (_set(kind="ingest", arrival="2013-03"), Unlawful, "may not change"),
    "raw data with a promotion": (_write("raw/flights/2013-09.parquet"), Unlawful, "may not change"),
    "another gate": (_write(names.POLICY), Unlawful, "may not change"),
    "another action": (_write(f"{names.ACTIONS}own.yaml", OWN_ACTION), Unlawful, "may not change"),
    "no run": (_without("run_id"), Unlawful, "run"),
    "no number": (_without("number"), Unlawful, "number"),
    "an old number": (_set(number="1"), Unlawful, "number"),
    "a number with a fraction": (_set(number="2.5"), Unlawful, "number"),
    "a number written otherwise": (_set(number="0x7"), Unlawful, "number"),
    "a number that leaves one out": (_numbered(1), Unlawful, "leaves out"),
    "a number that is taken": (
        _tagged(lambda c: names.rollback_tag(c.champion["number"])),
        Unlawful,
        "taken",
    ),
    "on hold": (_tagged(lambda _: names.HOLD_TAG), Unlawful, "stopped"),
    "revoked": (_tagged(lambda c: names.revoked_tag(c.run.run_id)), Unlawful, "rolled back"),
    "forgotten": (_forgotten, Unlawful, "forgotten"),
    "compared to another champion": (
        _decision_says(compared_to={"number": 0, "run_id": "", "commit": "", "champion_sha256": NOWHERE}),
        MainMoved,
        "another champion",
    ),
    "replaces another champion": (_replaces(champion_sha256=NOWHERE), Unlawful, "does not replace"),
    "laid on another head": (_replaces(commit=NOWHERE), Unlawful, "does not replace"),
    "misnames the champion": (_replaces(number=0), Unlawful, "misnames"),
    "refused by the gate": (_verdict_says(outcome="refuse"), Unlawful, "does not promote"),
    "a what-if verdict": (_verdict_says(what_if=True), Unlawful, "does not promote"),
    "another policy": (_decision_says(policy_sha256=NOWHERE), MainMoved, "another policy"),
    "another evidence commit": (_champion_says(evidence_commit=NOWHERE), Unlawful, "different promotions"),
    "another run in the record": (_champion_says(run_id="0" * 12), Unlawful, "different promotions"),
    "other inputs in the record": (_champion_says(inputs_digest=NOWHERE), Unlawful, "different promotions"),
    "other inputs throughout": (_renamed, Unlawful, "not named for its inputs"),
    "forked from a commit that is not behind": (_forked_elsewhere, Unlawful, "not behind"),
    "changed losses": (_write(names.PAIRED, b"{}"), Unlawful, "paired.json"),
    "other predictions": (_other_predictions, Unlawful, "judged"),
    "a changed model": (_write("model/mae", b"1.0"), Unlawful, "judged"),
    "one object more": (_write("model/extra"), Unlawful, "objects"),
    "an object listed twice": (_listed_twice, Unlawful, "judged"),
    "a decision that is not on record": (_unrecorded, Unlawful, "not on record"),
    "a look that leaves one out": (_skipping_a_look, Unlawful, "leaves out"),
    "another decision than the recorded one": (_another_record, Unlawful, "not what is on record"),
    "a larger gain": (_first_interval(difference=lambda x: x + 1e-6), Unlawful, "by the evidence"),
    "a smaller error": (_first_interval(std_error=lambda x: x / 2), Unlawful, "by the evidence"),
    "a higher lower end": (_first_interval(lower=lambda x: x + 1e-6), Unlawful, "by the evidence"),
    "a narrower interval": (_anew(_narrower), Unlawful, "level|by the evidence"),
    "the level of the first look": (_anew(_level_of_the_first_look), Unlawful, "level"),
    "a comparison left out": (_anew(_one_left_out), Unlawful, "comparisons"),
    "fabricated losses under the old verdict": (_anew(_better_losses), Unlawful, "by the evidence"),
    "a worse model": (_anew(**_of(15.0)), Unlawful, "nothing is promoted"),
    "a gain that may be chance": (_anew(**_of(13.99)), Unlawful, "nothing is promoted"),
    "no comparison with the champion": (_anew(**_of(12.0, None)), Unlawful, "not compared"),
    "rows that were trained on": (_anew(train_overlap=3), Unlawful, "of the holdout"),
    "trained into the holdout": (_trained_later, Unlawful, "trained until"),
    "a champion trained at another time": (
        _anew(champion_trained_until="2012-12-31T00:00:00+00:00"),
        Unlawful,
        "another time",
    ),
    "too few days": (_anew(**_few_days()), Unlawful, "(?i)cannot tell from 5 clusters"),
    "rows left out": (_anew(rows=9999), Unlawful, "cover"),
    "losses that are not finite": (_anew(**_not_finite()), Unlawful, "(?i)not finite"),
    "no baseline": (_anew(**_without_the_baseline()), Unlawful, "baseline"),
    "negative losses": (_anew(**_negative()), Unlawful, "negative"),
}
