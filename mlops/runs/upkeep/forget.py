"""Erasure of a run on request: delete every reference to its data and record the request.

A tag ``forgotten-<run id>`` is created first; only with it does the enforcer allow the run's record tags to
be deleted. They are moved to the commit that this tag names, which holds no data: so evaluations on a
holdout stay counted, numbers stay taken, and a revoked run stays revoked. Branches of the run are removed.

Remaining references to the rows are reported but not removed: `main`'s history cannot be changed, and raw
data does not belong to a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from mlops.runs import names
from mlops.runs.digest import document, sha256
from mlops.runs.errors import Conflict, Corrupt, Frozen, InputError, NotFound, RunAlive
from mlops.runs.json_values import items, text
from mlops.runs.main.state import MainState, champion_of, kind_of, read_json, read_main, read_optional
from mlops.runs.ports import Lake, Ports
from mlops.runs.promotion.attempts import attempts_of, is_alive, is_over, load_run
from mlops.runs.record.notes import note_metadata
from mlops.runs.records import Kind

#: What the tagged commit holds: run, reason, the tags that were moved there, the commits that held rows.
NOTE = "forgotten.json"

#: Kind of that commit.
FORGOTTEN_KIND = "forgotten"


@dataclass(frozen=True)
class Forgotten:
    """The result of an erasure, with the remaining references to the run's rows.

    Attributes:
        run_id: The run.
        commit: The commit that keeps the request.
        tags: Record tags that now name that commit.
        branches: Branches that were removed.
        kept: Remaining references to the data, a sentence each.
    """

    run_id: str
    commit: str
    tags: tuple[str, ...]
    branches: tuple[str, ...]
    kept: tuple[str, ...]


@dataclass(frozen=True)
class Request:
    """A request to forget a run, read from its commit.

    Attributes:
        run_id: The run.
        commit: The commit that keeps the request.
        tags: Record tags of the run, which name that commit from then on.
        evidence: Commits of the run's decisions, which these tags named before.
    """

    run_id: str
    commit: str
    tags: tuple[str, ...]
    evidence: tuple[str, ...]


def requests(lake: Lake, tags: Mapping[str, str]) -> dict[str, Request]:
    """Return run id to erasure request; a tag that names no request is ignored."""
    prefix = names.forgotten_tag("")
    named = {tag.removeprefix(prefix): at for tag, at in tags.items() if tag.startswith(prefix)}
    read = ((run_id, _request(lake, run_id, at)) for run_id, at in named.items())
    return {run_id: request for run_id, request in read if request is not None}


def _request(lake: Lake, run_id: str, at: str) -> Request | None:
    try:
        meta, said = lake.commit_of(at).metadata, read_json(lake, at, NOTE)
        listed = tuple(map(text, items(said["tags"]))), tuple(map(text, items(said["evidence"])))
    except (Corrupt, KeyError, NotFound, TypeError):
        return None
    own = (meta.get("kind"), meta.get("forgotten_run"), said.get("run_id"))
    return Request(run_id, at, *listed) if own == (FORGOTTEN_KIND, run_id, run_id) else None


def forget(ports: Ports, run_id: str, reason: str) -> Forgotten:
    """Delete every reference to a run's rows and record that; a repeated call finishes or returns the same.

    Raises:
        InputError: There is no such run, or `main` holds its outputs.
        RunAlive: A process is working on it.
        Frozen: A rollback is under way.
    """
    lake, state = ports.lake, read_main(ports.lake)
    _check(ports, state, run_id)
    commit = state.tags.get(names.forgotten_tag(run_id)) or _keep_request(ports, state, run_id, reason)
    request = read_json(lake, commit, NOTE)
    for tag in request["tags"]:
        _move(lake, tag, commit)
    removed = [b for b in _branches(lake, run_id) if _remove(lake, b)]
    tracker_run = ports.tracker.find(run_id)
    if tracker_run is not None:
        ports.tracker.record(tracker_run, tags={"mlops.forgotten": reason[:1000]})
    kept = (*_kept(lake, run_id, request["evidence"]), *(_TRACKED if tracker_run is not None else ()))
    return Forgotten(run_id, commit, tuple(request["tags"]), tuple(removed), kept)


_TRACKED = ("MLflow keeps its run: parameters, metrics and links, no rows",)


def _check(ports: Ports, state: MainState, run_id: str) -> None:
    if state.rollback is not None:
        raise Frozen("a rollback is under way", where=names.MAIN, todo="run `mlops reconcile` to finish it")
    parts = names.parse_run_id(run_id)
    if parts is None:
        raise InputError("not the id of a run", where=run_id, todo="`mlops log` lists runs")
    if state.champion is not None and state.champion.run_id.startswith(parts.inputs):
        raise InputError(
            f"main holds the outputs of the same inputs, as run {state.champion.run_id}",
            where=run_id,
            todo="promote another one or roll back first",
        )
    if names.forgotten_tag(run_id) in state.tags:
        return  # half of what told that the run was over may be gone by now
    for branch in attempts_of(ports.lake, run_id):
        run = load_run(ports.lake, branch)
        if run is not None and not is_over(ports.lake, state, run) and is_alive(ports, run.lease):
            raise RunAlive(f"{run.lease.owner} is working on it", where=branch, todo="wait for it")


def _keep_request(ports: Ports, state: MainState, run_id: str, reason: str) -> str:
    """Return a commit without data that holds the request, tagged ``forgotten-<run id>``."""
    lake, branch = ports.lake, names.note_branch(ports.nonce())
    tags, evidence = _records(lake, state, run_id)
    if not tags and not _branches(lake, run_id):
        raise InputError("no such run is on record", where=run_id, todo="`mlops log` lists runs")
    request = {
        "run_id": run_id,
        "reason": reason[:1000],
        "requested_at_s": ports.clock.now_s(),
        "tags": tags,
        "evidence": evidence,
    }
    *_, first = lake.log(state.head)
    tag, data, message = (
        names.forgotten_tag(run_id),
        document(request),
        f"Forget run {run_id}: {reason}"[:500],
    )
    metadata = {"kind": FORGOTTEN_KIND, "forgotten_run": run_id, "reason": reason[:1000]}
    copied = {stat.path: lake.sha256(state.head, stat.path) for stat in lake.list(state.head, names.ACTIONS)}
    digests = {**copied, NOTE: sha256(data)}
    signed = note_metadata(ports, state, tag, first.id, message, metadata, digests)
    lake.create_branch(branch, first.id)
    try:
        for path in copied:  # with the actions the tag itself is kept for good
            lake.copy(branch, path, state.head, path)
        lake.write(branch, NOTE, data)
        commit = lake.commit(branch, message, signed)
        lake.create_tag(tag, commit)
    except Conflict:
        return lake.tags(tag)[tag]
    finally:
        _remove(lake, branch)
    return commit


def _records(lake: Lake, state: MainState, run_id: str) -> tuple[list[str], list[str]]:
    """Return the tags that keep a run's rows, and the commits of its decisions."""
    evidence: dict[str, str] = {}
    promoted: list[str] = []
    on_main = {c.id for c in lake.log(state.head) if kind_of(c) is Kind.PROMOTION}
    for tag, commit in state.tags.items():
        if names.parse_decision_tag(tag) and lake.commit_of(commit).metadata.get("run_id") == run_id:
            evidence[tag] = commit
        if names.is_promotion_tag(tag) and commit not in on_main and _run_at(lake, commit) == run_id:
            promoted.append(tag)
    alone = set(map(state.tags.get, promoted))
    promoted += [tag for tag, at in state.tags.items() if names.is_version_tag(tag) and at in alone]
    revoked = [tag for tag in (names.revoked_tag(run_id),) if tag in state.tags]
    return sorted([*evidence, *promoted, *revoked]), sorted(set(evidence.values()))


def _run_at(lake: Lake, commit: str) -> str:
    data = read_optional(lake, commit, names.CHAMPION)
    return champion_of(data, commit).run_id if data is not None else ""


def _move(lake: Lake, tag: str, commit: str) -> None:
    if lake.tags(tag).get(tag) == commit:
        return
    with suppress(NotFound):
        lake.delete_tag(tag)
    with suppress(Conflict):  # another process is doing the same
        lake.create_tag(tag, commit)


def _branches(lake: Lake, run_id: str) -> list[str]:
    return [*attempts_of(lake, run_id), *lake.branches(f"promote-{run_id}-")]


def _remove(lake: Lake, branch: str) -> bool:
    try:
        lake.delete_branch(branch)
    except NotFound:
        return False
    return True


def _kept(lake: Lake, run_id: str, evidence: Iterable[str]) -> list[str]:
    """Return the remaining references to the run's rows."""
    state = read_main(lake)
    rows = {_rows_at(lake, commit) for commit in evidence} - {()}
    refs = {**{b: c for b, c in lake.branches().items() if b != names.MAIN}, **state.tags}
    holding: dict[str, list[str]] = {}
    for ref, commit in refs.items():
        holding.setdefault(commit, []).append(ref)
    same = sorted(ref for commit, named in holding.items() if _rows_at(lake, commit) in rows for ref in named)
    kept = [
        f"main's history keeps promotion {commit.metadata.get('number')} at {commit.id[:12]}"
        for commit in lake.log(state.head)
        if kind_of(commit) is Kind.PROMOTION and commit.metadata.get("run_id") == run_id
    ]
    if rows and _rows_at(lake, state.head) in rows:
        kept.append("main holds the same training rows, of another run")
    if same:
        kept.append(f"the same training rows are at {', '.join(same[:20])}{' and more' * (len(same) > 20)}")
    kept.append("raw/ on main and in its history keeps the delivered data")
    return kept


def _rows_at(lake: Lake, commit: str) -> tuple[str, ...]:
    try:
        return tuple(stat.checksum for stat in lake.list(commit, names.PROCESSED))
    except NotFound:
        return ()
