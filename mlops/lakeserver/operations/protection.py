"""Branch protection: rules that name branches which change by merges alone."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache

from mlops.lakeserver.errors import BadRequest, Forbidden, MalformedRule, PreconditionFailed
from mlops.lakeserver.grammar.branch_patterns import matches
from mlops.lakeserver.grammar.wildcards import MAX_PATTERN_CHARS, BadPattern
from mlops.lakeserver.operations.lake import Lake, of_any_name
from mlops.lakeserver.store import Transaction
from mlops.lakeserver.store.records import Repository

WRITE_REFUSED = "cannot write to protected branch"
COMMIT_REFUSED = "cannot commit to protected branch"
RESET_REFUSED = "protected branch"


@lru_cache(maxsize=4096)
def _is_named(rules: str, branch: str) -> bool:
    malformed: BadPattern | None = None
    for rule in json.loads(rules):
        try:
            if matches(rule["pattern"], branch):
                return True
        except BadPattern as error:
            malformed = error
    if malformed is not None:
        # As in lakeFS, nothing can be written until the rule is corrected.
        raise MalformedRule(f"branch protection rule: {malformed}")
    return False


def is_protected(repo: Repository, branch: str) -> bool:
    """Return whether a rule names the branch.

    Raises:
        MalformedRule: no rule does, but one is malformed.
    """
    return bool(repo.protection) and _is_named(repo.protection, branch)


def check_unprotected(repo: Repository, branch: str, message: str = WRITE_REFUSED) -> None:
    """Check that no rule names the branch.

    Raises:
        Forbidden: one does.
    """
    if is_protected(repo, branch):
        raise Forbidden(message)


def get_rules(lake: Lake, name: str) -> tuple[list[dict[str, str]], str]:
    """Return the rules of a repository, and what to pass as `expected` to replace just these."""
    rules = of_any_name(lake.store.database.reader.execute, name).protection
    return (json.loads(rules) if rules else []), _checksum(rules)


def set_rules(lake: Lake, name: str, patterns: list[str], expected: str | None) -> None:
    """Replace the rules by `patterns`.

    Raises:
        BadRequest: a pattern is too long.
        PreconditionFailed: `expected` is given and is not what `get_rules` returns now.
    """
    if any(len(pattern) > MAX_PATTERN_CHARS for pattern in patterns):
        raise BadRequest(f"a pattern is longer than {MAX_PATTERN_CHARS} characters")
    rules = json.dumps([{"pattern": pattern} for pattern in patterns], ensure_ascii=False)

    def work(tx: Transaction) -> None:
        current = of_any_name(tx.execute, name)
        if expected is not None and expected != _checksum(current.protection):
            raise PreconditionFailed("Precondition failed")
        tx.execute("UPDATE repositories SET protection = ? WHERE rid = ?", (rules, current.rid))

    lake.store.write(work)


def _checksum(rules: str) -> str:
    return hashlib.sha256(rules.encode()).hexdigest() if rules else ""
