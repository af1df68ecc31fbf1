"""Checks of the statement of every commit of `main`: signed, for this commit and its content."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mlops.runs import names
from mlops.runs.audit.findings import Check
from mlops.runs.audit.subject import PromotionSubject
from mlops.runs.errors import Corrupt, NotFound, Untrusted
from mlops.runs.record.links import Link, read_link
from mlops.runs.records import Kind
from mlops.runs.statements import Trust

#: The invariant: every change of `main` is signed and names the one before it.
SIGNED = "I16"

UNSIGNED = "find out who changed main without the signing key; roll back to a promotion before it"
ADD_KEY = "if a colleague made it, add their key: `mlops signing trust FILE`; else roll back to before it"

_REQUIRED = re.compile(rb"""^["']?signatures["']?\s*:\s*["']?required["']?\s*(?:#.*)?$""", re.MULTILINE)
_SHOWN = 3


def requires_signatures(policy: bytes | None) -> bool:
    """Return whether the content of ``gate/policy.yaml`` requires signed changes."""
    return policy is not None and _REQUIRED.search(policy) is not None


@dataclass(frozen=True)
class _Statements:
    """The statements of commits, verified with the trusted keys."""

    trust: Trust | None

    def link(self, subject: PromotionSubject) -> Link:
        return read_link(subject.commit, subject.lake.repository, self.trust)

    def signed(self, subject: PromotionSubject) -> Iterator[str]:
        if names.STATEMENT_KEY in subject.meta:
            try:
                self.link(subject)
            except Untrusted:
                return  # asked for separately: something else is to be done about it
            except Corrupt as error:
                yield error.what
        elif subject.before.signed:
            yield "it has no signed statement, but earlier changes have one"
        elif requires_signatures(subject.before.policy) or _requires_itself(subject):
            yield "it has no signed statement, which the policy requires"

    def trusted(self, subject: PromotionSubject) -> Iterator[str]:
        if names.STATEMENT_KEY in subject.meta:
            try:
                self.link(subject)
            except Untrusted as error:
                yield error.what
            except Corrupt:
                return

    def content(self, subject: PromotionSubject) -> Iterator[str]:
        """Prove that the changed objects are the signed ones, byte for byte."""
        if names.STATEMENT_KEY not in subject.meta:
            return
        try:
            statement = self.link(subject).statement
        except Corrupt:
            return
        stated = {s.name: s.sha256 for s in statement.subjects}
        gone = {change.path for change in subject.changes if change.type == "removed"}
        came = {change.path for change in subject.changes} - gone
        other = sorted(path for path, digest in stated.items() if _sha256(subject, path) != digest)
        other += sorted(came - stated.keys())
        other += sorted(gone ^ set(statement.predicate.get("removed", ())))
        if other:
            more = f" and {len(other) - _SHOWN} more" if len(other) > _SHOWN else ""
            yield f"differs from its signed statement: {', '.join(other[:_SHOWN])}{more}"


def _requires_itself(subject: PromotionSubject) -> bool:
    return subject.kind is Kind.SETUP and requires_signatures(subject.read_optional(names.POLICY))


def _sha256(subject: PromotionSubject, path: str) -> str:
    try:
        return subject.sha256(path)
    except NotFound:
        return ""


def statement_checks(trust: Trust | None) -> tuple[Check, ...]:
    """Return the checks of the statement of every commit."""
    statements = _Statements(trust)
    return (
        Check(SIGNED, UNSIGNED, statements.signed),
        Check(SIGNED, ADD_KEY, statements.trusted),
        Check(SIGNED, UNSIGNED, statements.content),
    )
