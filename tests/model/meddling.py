"""Rules that stand against people: what they could do by hand, and what happens where a rule is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlops.runs import names
from mlops.runs.digest import document
from mlops.runs.main.state import promotions, read_main
from mlops.runs.ports import Lake
from mlops.runs.promotion import promote
from mlops.runs.records import RollbackRecord
from tests.model import programs as p
from tests.model.guards import without
from tests.model.rule import Rule
from tests.model.scenarios import Scenario
from tests.support.forgeries import FORGERIES

_RUNS = ("run-",)


def _merge_a_fork(lake: Lake) -> str:
    """Fork what a run has trained, and merge it without asking anybody."""
    runs = lake.branches("run-").values()
    trained = [c for c in runs if lake.commit_of(c).metadata.get("lease_owner") == "A"]
    if not trained:
        return ""
    lake.create_branch("fix", trained[0])
    return lake.merge(trained[0], names.MAIN, "it looks good", {})


def _merging(path: str, data: bytes, **metadata: str) -> Callable[[Lake], str]:
    """Return what merges a change of one object into `main`, as somebody says that it should be."""

    def act(lake: Lake) -> str:
        head = lake.head(names.MAIN)
        lake.create_branch("fix", head)
        lake.write("fix", path, data)
        source = lake.commit("fix", "a small change", {})
        return lake.merge(source, names.MAIN, "fix", {"expected_head": head, **metadata})

    return act


def _merge_unsigned(lake: Lake) -> str:
    """Require signatures, and then merge an arrival without one."""
    required = _merging(names.POLICY, _SIGNED, kind="policy", reason="from now on")
    arrival = _merging("raw/flights/fix.parquet", b"fix", kind="ingest", arrival="fix")
    required(lake)
    lake.delete_branch("fix")
    return arrival(lake)


def _commit_on_main(lake: Lake) -> None:
    lake.write(names.MAIN, "notes.txt", b"checked")
    lake.commit(names.MAIN, "a note", {})


def _remove_a_record(lake: Lake) -> None:
    lake.delete_tag("promotion-000001")


def _move_the_champion_tag(lake: Lake) -> None:
    lake.delete_tag(names.CHAMPION_TAG)
    lake.create_tag(names.CHAMPION_TAG, lake.tags("promotion-")["promotion-000001"])


def _roll_back_by_hand(lake: Lake) -> str:
    """Ask for a rollback that names nothing of what it drops."""
    state = read_main(lake)
    target = list(promotions(lake, state.head))[-1]
    record = RollbackRecord(state.next_number, state.head, target.id, 1, "it was wrong", (), {}, 0)
    said = {"kind": "rollback", "number": str(record.number), "to_commit": target.id, "reason": "wrong"}
    return _merging(names.ROLLBACK, document(record.to_json()), **said)(lake)


def _go_forward_by_hand(lake: Lake) -> str:
    """Bring back the content of the first promotion, without a word to anybody about what is dropped."""
    state = read_main(lake)
    target, new = list(promotions(lake, state.head))[-1], state.champion
    dropped = (new.run_id,) if new else ()
    record = RollbackRecord(state.next_number, state.head, target.id, 1, "it was wrong", dropped, {}, 0, True)
    lake.create_branch("fix", state.head)
    lake.write("fix", names.ROLLBACK, document(record.to_json()))
    recorded = lake.commit("fix", "record", {})
    content = lake.commit_tree("fix", target.id, "content", {"record_commit": recorded})
    metadata = {
        "kind": "rollback",
        "forward": "true",
        "expected_head": state.head,
        "number": str(record.number),
        "to_commit": target.id,
        "to_number": "1",
        "record_commit": recorded,
        "reason": record.reason,
    }
    return lake.merge(content, names.MAIN, "roll back", metadata)


def _in_its_place(path: str, data: bytes | None, *, listed: bool) -> Callable[[p.Forged], None]:
    """Return what puts another object among the outputs (None: the same JSON, written otherwise)."""

    def spoil(forged: p.Forged) -> None:
        lake = forged.lake
        lake.write(forged.branch, path, lake.read(forged.branch, path) + b"\n" if data is None else data)
        if listed:
            commit = lake.commit(forged.branch, "another object", {}, allow_empty=True)
            listing = promote.records(lake, commit, names.OUTPUTS)
            forged.champion["objects"] = [vars(record) for record in listing]

    return spoil


def _leave_out_the_model(forged: p.Forged) -> None:
    """Promote what was judged, but without the model."""
    lake = forged.lake
    lake.remove(forged.branch, [stat.path for stat in lake.list(forged.branch, names.MODEL)])
    commit = lake.commit(forged.branch, "no model", {}, allow_empty=True)
    forged.champion["objects"] = [vars(record) for record in promote.records(lake, commit, names.OUTPUTS)]


def _person(act: Callable[[Lake], Any], **options: Any) -> Scenario:
    return Scenario("a person", (p.by_hand("H", act, **options),))


def _forger(spoil: Callable[[p.Forged], Any], mae: float = 11.0) -> Scenario:
    return Scenario("somebody who forges a promotion", (p.forging("H", mae, spoil),))


def _all_but_one(*off: str) -> tuple[Any, ...]:
    return tuple(without(*(other for other in off if other != one)) for one in off)


def _said(name: str) -> Callable[[p.Forged], None]:
    return FORGERIES[name][0]


def _as_it_is(_forged: p.Forged) -> None:
    """Merge what the gate has refused."""


_STRICTER = b"metric: mae\nalpha: 0.04\n"
_SIGNED = b"metric: mae\nsignatures: required\n"
_RECORDED = ("evidence_decided_on", "objects", "decision_on_record")

MEDDLING = (
    Rule(
        "merges are judged",
        without(enforcer=False),
        Scenario(
            "a trained run and a person who forks it",
            (p.run("A", 11.0, shares=_RUNS), p.by_hand("H", _merge_a_fork, shares=_RUNS)),
        ),
        "half-written main",
    ),
    Rule(
        "each kind of commit changes its own paths",
        without("lawful_paths", "ingest"),
        _person(_merging("model/mae", b"14.0", kind="ingest", arrival="fix")),
        "half-written main",
        _all_but_one("lawful_paths", "ingest"),
    ),
    Rule(
        "a commit of main is of one of five kinds",
        without("kind", "lawful_paths"),
        _person(_merging("notes.txt", b"checked", kind="hotfix")),
        "unlawful commit",
        _all_but_one("kind", "lawful_paths"),
    ),
    Rule(
        "what judges changes by a commit of its own kind",
        without("lawful_paths", "ingest"),
        _person(_merging(names.POLICY, _STRICTER, kind="ingest", arrival="fix")),
        "unlawful commit",
        _all_but_one("lawful_paths", "ingest"),
    ),
    Rule(
        "a repository is set up once",
        without("setup"),
        _person(_merging(names.POLICY, _STRICTER, kind="setup")),
        "unlawful commit",
    ),
    Rule(
        "what judges changes with a reason",
        without("policy"),
        _person(_merging(names.POLICY, _STRICTER, kind="policy")),
        "unexplained change",
    ),
    Rule(
        "a change is signed where the policy requires that",
        without("signed"),
        _person(_merge_unsigned),
        "unsigned change",
    ),
    Rule("main is protected", without(protects=False), _person(p.reset_to(1)), "unrecorded drop"),
    Rule(
        "nothing is committed on main itself",
        without("pre-commit", protects=False),
        _person(_commit_on_main),
        "unlawful commit",
        (without("pre-commit"), without(protects=False)),
    ),
    Rule("records are kept", without("pre-delete-tag"), _person(_remove_a_record), "lost record"),
    Rule(
        "the champion tag is where main's champion is",
        without("pre-create-tag"),
        _person(_move_the_champion_tag),
        "misplaced tag",
    ),
    Rule(
        "a rollback names what it drops",
        without("freeze"),
        Scenario(
            "a person who rolls back, and somebody who finishes it",
            (p.by_hand("H", _roll_back_by_hand), p.reconciling("C", after=("H",))),
        ),
        "unrecorded drop",
    ),
    Rule(
        "a forward rollback bars what it drops",
        without("forward"),
        _person(_go_forward_by_hand),
        "unbarred drop",
    ),
    Rule(
        "the verdict follows from the evidence",
        without("verdict"),
        _forger(_said("a worse model")),
        "unearned promotion",
    ),
    Rule(
        "what the gate refused is not promoted",
        without("promotes", "verdict"),
        _forger(_as_it_is, 13.0),
        "unearned promotion",
        _all_but_one("promotes", "verdict"),
    ),
    Rule(
        "the evidence is what was decided on",
        without(*_RECORDED),
        _forger(_in_its_place(names.PAIRED, None, listed=True)),
        "unjudged outputs",
        _all_but_one(*_RECORDED),
    ),
    Rule(
        "the objects are those that were judged",
        without("objects", "decision_on_record"),
        _forger(_in_its_place("model/mae", b"1.0", listed=False)),
        "half-written main",
        _all_but_one("objects", "decision_on_record"),
    ),
    Rule(
        "the outputs are those on record with the decision",
        without("decision_on_record"),
        _forger(_in_its_place("model/mae", b"1.0", listed=True)),
        "unjudged outputs",
    ),
    Rule(
        "a model is promoted where the policy judges one",
        without("kind_of_pipeline", "decision_on_record"),
        _forger(_leave_out_the_model),
        "unjudged outputs",
        _all_but_one("kind_of_pipeline", "decision_on_record"),
    ),
    Rule(
        "everything names the same promotion",
        without("same_promotion"),
        _forger(_said("another run in the record")),
        "misnamed promotion",
    ),
    Rule(
        "each event has a number of its own",
        without("sequence"),
        _forger(lambda forged: _number(forged, 1)),
        "number used twice",
    ),
)


def _number(forged: p.Forged, number: int) -> None:
    forged.champion["number"] = number
    forged.metadata["number"] = str(number)
