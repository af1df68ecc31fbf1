"""Bundles: the signed record of a repository in one file, which can be verified offline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops.runs import names
from mlops.runs.errors import Corrupt, NotFound
from mlops.runs.json_values import items, mapping, text
from mlops.runs.main.state import MainState
from mlops.runs.ports import Lake, Ports
from mlops.runs.record.findings import NOTED
from mlops.runs.record.links import MAIN_CHANGE, Link, links_of, place_of
from mlops.runs.record.notes import NOTE, read_note
from mlops.runs.statements import Sealed, Trust, open_envelope

FORMAT = "mlops-lake-record-v1"


@dataclass(frozen=True)
class Verified:
    """The result of verifying a bundle.

    Attributes:
        repository: The repository.
        changes: How many changes of `main` are in the chain.
        notes: How many notes.
        head: Hash of the newest statement.
        commit: The commit that carries it.
        keys: Ids of the keys that signed, ascending.
    """

    repository: str
    changes: int
    notes: int
    head: str
    commit: str
    keys: tuple[str, ...]


def export_record(ports: Ports, state: MainState) -> dict[str, Any]:
    """Return the bundle of a repository: every statement in order, and the notes.

    Raises:
        NotFound: The repository has no signed statement yet.
    """
    lake = ports.lake
    links = sorted(links_of(lake, ports.trust, state), key=lambda link: link.sequence)
    if not links:
        raise NotFound("no change of main is signed yet", where=lake.repository)
    return {
        "format": FORMAT,
        "repository": lake.repository,
        "exported_at_s": ports.clock.now_s(),
        "changes": [_entry(link) for link in links],
        "notes": _notes(lake, ports.trust, state.tags),
    }


def _entry(link: Link) -> dict[str, str]:
    return {"commit": link.commit, "statement_sha256": link.sha256, "envelope": link.envelope}


def _notes(lake: Lake, trust: Trust | None, tags: Mapping[str, str]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for tag, at in sorted(tags.items()):
        if tag.startswith(NOTED):
            commit = lake.commit_of(at)
            try:
                read_note(commit, lake.repository, trust, tag)
            except Corrupt:
                continue  # from before there were signatures; the audit names any other
            found.append({"tag": tag, "commit": at, "envelope": commit.metadata[names.STATEMENT_KEY]})
    return found


def verify_bundle(value: Any, trust: Trust, where: str) -> Verified:
    """Verify a bundle with the trusted keys and return its content.

    Raises:
        Untrusted: A statement is not signed by a trusted key.
        Corrupt: It is not a bundle, or a statement is missing, out of order, or about something else.
    """
    bundle = mapping(value)
    if bundle.get("format") != FORMAT:
        raise Corrupt("not an exported record", where=where, todo="make one by `mlops export-record`")
    try:
        repository = text(bundle["repository"])
        changes = [mapping(entry) for entry in items(bundle["changes"])]
        notes = [mapping(entry) for entry in items(bundle["notes"])]
        opened = [_opened(entry, MAIN_CHANGE, repository, trust, where) for entry in changes]
        beside = [_opened(entry, NOTE, repository, trust, where) for entry in notes]
        commits = [text(entry["commit"]) for entry in changes]
        tags = [text(entry["tag"]) for entry in notes]
    except (KeyError, TypeError) as error:
        raise Corrupt(f"not an exported record: {error}", where=where) from error
    _check_chain(opened, where)
    _check_notes(opened, dict(zip(tags, beside, strict=True)), where)
    keys = sorted({sealed.key_id for sealed in [*opened, *beside]})
    return Verified(repository, len(opened), len(beside), opened[-1].payload_sha256, commits[-1], tuple(keys))


def _opened(entry: Mapping[str, Any], kind: str, repository: str, trust: Trust, where: str) -> Sealed:
    place = f"{where}: commit {text(entry['commit'])[:12]}"
    sealed = open_envelope(text(entry["envelope"]), trust, where=place)
    statement = sealed.statement
    if statement.predicate_type != kind or statement.predicate.get("repository") != repository:
        raise Corrupt("its statement is about something else", where=place)
    if entry.get("statement_sha256", sealed.payload_sha256) != sealed.payload_sha256:
        raise Corrupt("its statement has another hash than the record says", where=place)
    return sealed


def _check_chain(opened: list[Sealed], where: str) -> None:
    if not opened:
        raise Corrupt("holds no change of main", where=where)
    before = ""
    for position, sealed in enumerate(opened, 1):
        sequence, previous = place_of(sealed)
        if sequence != position:
            raise Corrupt(f"change {position} of the record is missing or out of its place", where=where)
        if previous != before:
            raise Corrupt(f"change {position} does not follow change {position - 1}", where=where)
        before = sealed.payload_sha256


def _check_notes(opened: list[Sealed], notes: Mapping[str, Sealed], where: str) -> None:
    hashes = {"", *(sealed.payload_sha256 for sealed in opened)}
    for tag, sealed in notes.items():
        said = sealed.statement.predicate
        if said.get("subject") != tag:
            raise Corrupt(f"{tag} is another note, about {said.get('subject')}", where=where)
        if said.get("after") not in hashes:
            raise Corrupt(f"{tag} followed a change that is missing from the record", where=where)
