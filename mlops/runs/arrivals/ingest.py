"""Ingest: write an arrival to its own branch, validate it there, and merge it into `main` if it passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mlops.runs import names
from mlops.runs.arrivals.dropped import dropped_arrivals
from mlops.runs.digest import sha256
from mlops.runs.errors import Conflict, Frozen, InputError, MainMoved, ValidationFailed
from mlops.runs.main.merge import Proposal, merge_into_main
from mlops.runs.main.record_tags import ensure_tag
from mlops.runs.main.state import MainState, read_main, since
from mlops.runs.ports import Lake, ObjectStat, Ports
from mlops.runs.records import Kind


@dataclass(frozen=True)
class Delivery:
    """One arrival as the caller delivered it.

    Attributes:
        arrival: Its name, e.g. ``2013-07``.
        tables: Table to Parquet content.
        source: Where it came from, for the record.
        origin: Where each table came from in full, as JSON, to be kept beside the validation; may be empty.
        needed: Tables that the arrival must have when it is on `main`: delivered now, or there already.
    """

    arrival: str
    tables: Mapping[str, bytes]
    source: str
    origin: bytes = b""
    needed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Validated:
    """The validation result of a delivery.

    Attributes:
        passed: Whether it may be merged into `main`.
        summary: One line, e.g. ``flights 14 of 14, weather 9 of 9``.
        reports: Path to content, to be kept on the branch.
        made_by: Further metadata for the commit with the results: digests of the code and libraries.
        warnings: What the suites expect of the data, does not hold, and does not keep it from `main`.
    """

    passed: bool
    summary: str
    reports: Mapping[str, bytes]
    made_by: Mapping[str, str] = field(default_factory=dict[str, str])
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ingested:
    """The result of an ingest.

    Attributes:
        arrival: The arrival.
        commit: The commit of `main` that holds it.
        branch: The branch it was validated on; empty where nothing had to be done.
        replaced: Paths that held another content before.
        summary: Summary of the validation.
        unchanged: Whether `main` held exactly this content already.
        warnings: What the suites warn of.
        evidence: The commit with the results of the validation; empty where nothing had to be done.
    """

    arrival: str
    commit: str
    branch: str = ""
    replaced: tuple[str, ...] = ()
    summary: str = ""
    unchanged: bool = False
    warnings: tuple[str, ...] = ()
    evidence: str = ""


def ingest(
    ports: Ports,
    delivery: Delivery,
    validate: Callable[[str, str], Validated],
    *,
    again: bool = False,
    rounds: int = 20,
) -> Ingested:
    """Validate an arrival on its own branch and merge it into `main` if it passes.

    Args:
        ports: Dependencies.
        delivery: The arrival.
        validate: Runs the suites of one commit on the tables of another: ``validate(suites_ref, data_ref)``.
        again: Whether a delivery that a rollback dropped may be re-ingested.
        rounds: How often a moved `main` is tried again.

    Returns:
        The commit of `main` that holds it. Idempotent: the same delivery again returns the same commit.

    Raises:
        ValidationFailed: It does not pass the suites; it stays on its branch with the results.
        InputError: The arrival lacks a table that it needs, or a rollback dropped this very delivery.
        Frozen: A rollback is under way.
        MainMoved: `main` moved in every round.
    """
    names.check_arrival(delivery.arrival)
    for _ in range(rounds):
        state = _unfrozen(ports)
        _refuse_incomplete(ports.lake, state, delivery)
        branch = names.ingest_branch(delivery.arrival, ports.nonce())
        ports.lake.create_branch(branch, state.head)
        written = _write(ports, branch, delivery)
        replaced = _replaced(ports.lake, state, written)
        if replaced is None:
            ports.lake.delete_branch(branch)
            return Ingested(delivery.arrival, state.head, unchanged=True)
        if not again:
            _refuse_dropped(ports.lake, state, written)
        metadata = {"kind": "ingest-data", "arrival": delivery.arrival, "source": delivery.source[:500]}
        data = ports.lake.commit(branch, f"Deliver {delivery.arrival}", metadata)
        result, evidence = _judge(ports, state, branch, data, delivery, validate)
        merged = _publish(ports, state, data, delivery, result, evidence, replaced, rounds)
        if merged:
            return Ingested(
                delivery.arrival,
                merged,
                branch,
                replaced,
                result.summary,
                warnings=result.warnings,
                evidence=evidence,
            )
    raise MainMoved(
        f"main moved in each of {rounds} rounds", where=names.MAIN, todo="run the same command again"
    )


def _unfrozen(ports: Ports) -> MainState:
    state = read_main(ports.lake)
    if state.rollback is not None:
        raise Frozen("a rollback is under way", where=names.MAIN, todo="run `mlops reconcile` to finish it")
    return state


def _refuse_incomplete(lake: Lake, state: MainState, delivery: Delivery) -> None:
    """Raise `InputError` where a table would be on `main` for other arrivals and not for this one."""
    for table in sorted(set(delivery.needed) - set(delivery.tables)):
        path = names.raw_path(table, delivery.arrival)
        if not any(stat.path == path for stat in lake.list(state.head, path)):
            raise InputError(
                f"the delivery has no table {table}, and main has none of this arrival",
                where=delivery.arrival,
                todo=f"deliver it together with the others, e.g. --file {table}=FILE",
            )


def _write(ports: Ports, branch: str, delivery: Delivery) -> list[ObjectStat]:
    written: list[ObjectStat] = []
    for table, data in delivery.tables.items():
        path = names.raw_path(table, delivery.arrival)
        ports.lake.write(branch, path, data, {"source": delivery.source[:500]})
        written.append(ports.lake.stat(branch, path))
    return written


def _replaced(lake: Lake, state: MainState, written: list[ObjectStat]) -> tuple[str, ...] | None:
    """Return the paths whose content on `main` differs; None where `main` holds all of it already."""
    present = {stat.path: stat.checksum for stat in lake.list(state.head, names.RAW)}
    if all(present.get(stat.path) == stat.checksum for stat in written):
        return None
    return tuple(s.path for s in written if s.path in present and present[s.path] != s.checksum)


def _refuse_dropped(lake: Lake, state: MainState, written: list[ObjectStat]) -> None:
    delivered = {(stat.path, stat.checksum) for stat in written}
    for dropped in dropped_arrivals(lake, state):
        if (dropped.path, dropped.checksum) in delivered:
            raise InputError(
                f"rollback {dropped.number} dropped this very delivery",
                where=dropped.path,
                todo="to re-ingest it, use --again",
            )


def _judge(
    ports: Ports,
    state: MainState,
    branch: str,
    data: str,
    delivery: Delivery,
    validate: Callable[[str, str], Validated],
) -> tuple[Validated, str]:
    """Run the suites of `main` on the committed tables and commit the results to the branch."""
    result = validate(state.head, data)
    origin = {names.ORIGIN: delivery.origin} if delivery.origin else {}
    for path, content in {**result.reports, **origin}.items():
        ports.lake.write(branch, path, content)
    outcome = "passed" if result.passed else "failed"
    metadata = {
        **result.made_by,
        "kind": "ingest-validation",
        "arrival": delivery.arrival,
        "outcome": outcome,
    }
    evidence = ports.lake.commit(branch, f"Validation {outcome}: {result.summary}"[:500], metadata)
    if not result.passed:
        raise ValidationFailed(
            result.summary,
            where=f"{branch} (arrival {delivery.arrival})",
            todo=f"see {names.VALIDATION} there",
        )
    return result, evidence


def _publish(
    ports: Ports,
    state: MainState,
    data: str,
    delivery: Delivery,
    result: Validated,
    evidence: str,
    replaced: tuple[str, ...],
    rounds: int,
) -> str:
    """Merge the validated data; return the commit of `main`, or None where it must be validated again."""
    metadata = {
        "arrival": delivery.arrival,
        "source": delivery.source[:500],
        "evidence_commit": evidence,
        "validation": result.summary,
        "replaced": " ".join(replaced),
        **({"origin_sha256": sha256(delivery.origin)} if delivery.origin else {}),
    }
    message = f"{'Replace' if replaced else 'Ingest'} {delivery.arrival} from {delivery.source}"[:500]
    digests = {names.raw_path(t, delivery.arrival): sha256(content) for t, content in delivery.tables.items()}
    proposal = Proposal(Kind.INGEST, data, message, digests, metadata)
    onto = state
    for _ in range(rounds):
        try:
            merged = merge_into_main(ports, onto, proposal)
        except Conflict:
            return ""  # the same arrival was delivered by somebody else: judge again what it replaces now
        except MainMoved:
            moved = _unfrozen(ports)
            if not since(ports.lake, moved.head, state.head).reached or ports.lake.diff(
                state.head, moved.head, names.GATE
            ):
                return ""  # the fork was dropped, or other suites judge now
            onto = moved
        else:
            ensure_tag(ports.lake, names.validated_tag(evidence), evidence)  # else a sweep would lose it
            return merged
    return ""
