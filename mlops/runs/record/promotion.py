"""Verification of a promotion before its model is loaded or restored, or `main` is rolled back to it."""

from __future__ import annotations

from mlops.runs import names
from mlops.runs.errors import Corrupt, Untrusted
from mlops.runs.main.state import champion_of, read_optional
from mlops.runs.ports import Commit, Lake
from mlops.runs.promotion.promoted import Promoted, Verify
from mlops.runs.record.checks import requires_signatures
from mlops.runs.record.links import read_link
from mlops.runs.statements import Trust

_AUDIT = "run `mlops audit`, and choose another promotion"


def check_promotion(lake: Lake, commit: Commit, trust: Trust | None) -> None:
    """Check that a promotion is signed by a trusted key, or is older than the first signature.

    Its record, ``champion.json``, must be the signed one and name the signed objects, and the commit must
    hold objects of that size and checksum. Their content is read by whoever uses it.

    Args:
        lake: The repository.
        commit: The promotion's commit.
        trust: The trusted keys; None requires no signature.

    Raises:
        Untrusted: It is not signed by a trusted key.
        Corrupt: It is not signed although it must be, or differs from what was signed.
    """
    where = f"promotion {commit.metadata.get('number', '?')} at {commit.id[:12]}"
    if names.STATEMENT_KEY not in commit.metadata:
        if _must_be_signed(lake, commit):
            raise Corrupt("has no signed statement", where=where, todo=_AUDIT)
        return
    try:
        statement = read_link(commit, lake.repository, trust).statement
    except Untrusted as error:
        raise Untrusted(error.what, where=where, todo=error.todo) from error
    except Corrupt as error:
        raise Corrupt(error.what, where=where, todo=_AUDIT) from error
    stated = {subject.name: subject.sha256 for subject in statement.subjects}
    data = lake.read(commit.id, names.CHAMPION)
    champion = champion_of(data, commit.id)
    named = {record.path: record.sha256 for record in champion.objects}
    if stated != {**named, names.CHAMPION: lake.sha256(commit.id, names.CHAMPION)}:
        raise Corrupt("differs from its signed statement", where=where, todo=_AUDIT)
    listed = {record.path: (record.size_bytes, record.checksum) for record in champion.objects}
    held = {s.path: (s.size_bytes, s.checksum) for p in names.OUTPUTS for s in lake.list(commit.id, p)}
    if listed != held:
        raise Corrupt("holds other objects than its record says", where=where, todo=_AUDIT)


def signed_by(trust: Trust) -> Verify:
    """Return a check that accepts what `check_promotion` accepts, by these trusted keys."""

    def verify(lake: Lake, promoted: Promoted) -> None:
        check_promotion(lake, promoted.commit, trust)

    return verify


def _must_be_signed(lake: Lake, commit: Commit) -> bool:
    """Return whether the policy required a signature of this commit, or an earlier change has one."""
    if requires_signatures(read_optional(lake, commit.id, names.POLICY)):
        return True
    return any(names.STATEMENT_KEY in before.metadata for before in lake.log(commit.id))
