r"""Every name that has a grammar: paths, branches, tags, runs, arrivals.

lakeFS allows branches to match ``^\w[-\w]*$`` (no slash, no dot), so the parts of a name are joined by
``-`` and contain none themselves. A name whose parts are needed again has a parser that inverts it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from mlops.runs.errors import ConfigError, InputError

MAIN = "main"
CHAMPION_TAG = "champion"
HOLD_TAG = "hold"

#: What the tags start with that keep the results of validations.
VALIDATED_TAGS = "validated-"

#: What the branches of rollbacks start with.
ROLLBACK_BRANCHES = "rollback-"

# Paths are the same on every branch, never scoped by run: two promotions therefore touch the same objects.
RAW = "raw/"
PROCESSED = "processed/"
TRAIN = "processed/train.parquet"
HOLDOUT = "processed/holdout.parquet"
MODEL = "model/"
REPORTS = "reports/"
METRICS = "reports/metrics.json"
PREDICTIONS = "reports/predictions.parquet"
PAIRED = "reports/paired.json"
DECISION = "reports/decision.json"
VALIDATION = "reports/validation/"
RUN_PAGE = "reports/run.md"
CHAMPION = "champion.json"
GATE = "gate/"
POLICY = "gate/policy.yaml"
HOLDOUT_RULE = "gate/holdout.yaml"
SUITES = "gate/suites/"
ACTIONS = "_lakefs_actions/"
ENFORCER = "_lakefs_actions/gate.yaml"
ROLLBACK = "rollback.json"

#: Metadata key of the signed statement that a commit carries.
STATEMENT_KEY = "statement"

#: What a promotion replaces as a whole. `raw/` is not among it: it may be newer than the promoted run.
OUTPUTS = (PROCESSED, MODEL, REPORTS)

_REPOSITORY = re.compile(r"[a-z0-9][a-z0-9-]{2,62}")
# Counts are written in one way each, and short enough to be numbers: two names never mean the same.
_COUNT = r"[1-9][0-9]{0,8}"
_NUMBER = r"(?!0{6})(?:[0-9]{6}|[1-9][0-9]{6,8})"
_RUN_ID = re.compile(rf"[0-9a-f]{{12}}(?:n{_COUNT})?(?:r{_COUNT})?")
_RUN_PARTS = re.compile(rf"(?P<inputs>[0-9a-f]{{12}})(?:n(?P<again>{_COUNT}))?(?:r(?P<restored>{_COUNT}))?")
_RUN_BRANCH = re.compile(rf"run-(?P<run>{_RUN_ID.pattern})-a(?P<attempt>{_COUNT})")
_NONCE = r"[0-9a-z]{1,32}"
_ROLLBACK_BRANCH = re.compile(rf"{ROLLBACK_BRANCHES}(?P<number>{_NUMBER})-{_NONCE}")
_ARRIVAL = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.-]{0,63}")
_TABLE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PROMOTION_TAG = re.compile(rf"promotion-(?P<number>{_NUMBER})")
_ROLLBACK_TAG = re.compile(rf"rolledback-(?P<number>{_NUMBER})")
_SETTLED_TAG = re.compile(rf"settled-(?P<number>{_NUMBER})")
_RESUMED_TAG = re.compile(r"resumed-(?P<number>[0-9]{6,9})")
_DECISION_TAG = re.compile(rf"decision-(?P<holdout>[0-9a-f]{{12}})-(?P<look>{_COUNT})")
_REVOKED_TAG = re.compile(rf"revoked-(?P<run>{_RUN_ID.pattern})")
_RAW_PATH = re.compile(rf"raw/(?P<table>{_TABLE.pattern})/(?P<arrival>{_ARRIVAL.pattern})\.parquet")
_COMMIT = re.compile(r"[0-9a-f]{64}")


class RunBranch(NamedTuple):
    """The parts of ``run-<id>-a<attempt>``."""

    run_id: str
    attempt: int


class RunParts(NamedTuple):
    """The parts of a run's id: inputs, deliberate repetitions, returns of its outputs."""

    inputs: str
    again: int
    restored: int


class Look(NamedTuple):
    """The parts of ``decision-<holdout>-<k>``: the k-th look at a holdout, counted from 1."""

    holdout: str
    look: int


class RawPath(NamedTuple):
    """The parts of ``raw/<table>/<arrival>.parquet``."""

    table: str
    arrival: str


def check_repository(name: str) -> str:
    """Return ``name`` if lakeFS accepts it as a repository's, else raise `ConfigError`."""
    if not _REPOSITORY.fullmatch(name):
        raise ConfigError("not a repository name: 3 to 63 of a-z, 0-9 and -, no - first", where=repr(name))
    return name


def check_arrival(name: str) -> str:
    """Return ``name`` if it can name an arrival, else raise `InputError`."""
    if not _ARRIVAL.fullmatch(name) or ".." in name:
        raise InputError(
            "not an arrival name: up to 64 of letters, digits, '_', '-' and '.', e.g. 2013-07",
            where=repr(name),
        )
    return name


def is_commit_id(text: str) -> bool:
    """Return whether ``text`` is a whole commit id (64 hexadecimal digits), not a name that may move."""
    return _COMMIT.fullmatch(text) is not None


def run_id(inputs_digest: str, again: int = 0, restored: int = 0) -> str:
    """Return the id of the run with these inputs.

    Args:
        inputs_digest: Digest of the inputs, of which the first twelve digits count.
        again: Counts deliberate repetitions of it.
        restored: Counts how often its outputs were brought back, by a run that computes none of its own.
    """
    repeated = f"n{again}" if again else ""
    return inputs_digest[:12] + repeated + (f"r{restored}" if restored else "")


def parse_run_id(run: str) -> RunParts | None:
    """Return the parts of a run's id, or None for any other text."""
    match = _RUN_PARTS.fullmatch(run)
    if match is None:
        return None
    return RunParts(match["inputs"], int(match["again"] or 0), int(match["restored"] or 0))


def run_branch(run: str, attempt: int) -> str:
    """Return the branch of one attempt of a run."""
    return f"run-{run}-a{attempt}"


def parse_run_branch(branch: str) -> RunBranch | None:
    """Return the parts of a run branch, or None for any other branch."""
    match = _RUN_BRANCH.fullmatch(branch)
    return RunBranch(match["run"], int(match["attempt"])) if match else None


def run_branch_prefix(run: str) -> str:
    """Return what the branches of all attempts of a run start with."""
    return f"run-{run}-a"


def ingest_branch(arrival: str, nonce: str) -> str:
    """Return the branch on which an arrival is validated."""
    return f"ingest-{_flat(arrival)}-{_checked(_NONCE, nonce)}"


def promote_branch(run: str, nonce: str) -> str:
    """Return the branch on which a run that lost a race is laid on the new head of `main`."""
    return f"promote-{run}-{_checked(_NONCE, nonce)}"


def rollback_branch(number: int, nonce: str) -> str:
    """Return a branch that leads `main` to rollback ``number``: its freeze, the new commit, or a reset."""
    return f"{ROLLBACK_BRANCHES}{number:06d}-{_checked(_NONCE, nonce)}"


def rollback_number(branch: str) -> int | None:
    """Return the number of the rollback that a branch was made for, or None for any other branch."""
    match = _ROLLBACK_BRANCH.fullmatch(branch)
    return int(match["number"]) if match else None


def policy_branch(nonce: str) -> str:
    """Return the branch that carries a change of what judges to `main`."""
    return f"policy-{_checked(_NONCE, nonce)}"


def note_branch(nonce: str) -> str:
    """Return the branch on which a note is committed before a tag names it."""
    return f"note-{_checked(_NONCE, nonce)}"


def rehearsal_branch(nonce: str) -> str:
    """Return the branch on which a rollback is tried out."""
    return f"rehearsal-{_checked(_NONCE, nonce)}"


def setup_branch(nonce: str) -> str:
    """Return the branch from which a repository is set up."""
    return f"setup-{_checked(_NONCE, nonce)}"


def promotion_tag(number: int) -> str:
    """Return the record tag of promotion ``number``."""
    return f"promotion-{number:06d}"


def rollback_tag(number: int) -> str:
    """Return the record tag of rollback ``number``: it holds the head that was left."""
    return f"rolledback-{number:06d}"


def settled_tag(number: int) -> str:
    """Return the tag that says that the reset of rollback ``number`` is over, for good."""
    return f"settled-{number:06d}"


def decision_tag(holdout: str, look: int) -> str:
    """Return the record tag of the ``look``-th decision on a holdout (digest, first 12 digits count)."""
    return f"decision-{holdout[:12]}-{look}"


def revoked_tag(run: str) -> str:
    """Return the tag that bars a run which was rolled back."""
    return f"revoked-{run}"


def restored_tag(run: str) -> str:
    """Return the tag by which somebody asked for old outputs to return as ``run``; it holds the reason."""
    return f"restored-{run}"


def forgotten_tag(run: str) -> str:
    """Return the tag by which somebody asked for a run to be forgotten."""
    return f"forgotten-{run}"


def written_off_tag(number: int, arrival: str) -> str:
    """Return the tag by which an arrival that rollback ``number`` dropped is written off."""
    return f"writtenoff-{number:06d}-{check_arrival(arrival)}"


def validated_tag(evidence_commit: str) -> str:
    """Return the tag that keeps the results of an arrival's validation, at the commit that holds them."""
    return f"{VALIDATED_TAGS}{evidence_commit[:12]}"


def resumed_tag(number: int) -> str:
    """Return the tag by which somebody lifted the hold after rollback ``number``, the newest one then."""
    return f"resumed-{number:06d}"


def resumed_number(tag: str) -> int | None:
    """Return the number of the rollback after which a tag says that promotions go on; None for any other."""
    match = _RESUMED_TAG.fullmatch(tag)
    return int(match["number"]) if match else None


def event_number(tag: str) -> int | None:
    """Return the number in a promotion's or rollback's record tag, or None for any other tag."""
    match = _PROMOTION_TAG.fullmatch(tag) or _ROLLBACK_TAG.fullmatch(tag)
    return int(match["number"]) if match else None


def settled_number(tag: str) -> int | None:
    """Return the number of the rollback that a tag says is over, or None for any other tag."""
    match = _SETTLED_TAG.fullmatch(tag)
    return int(match["number"]) if match else None


def is_promotion_tag(tag: str) -> bool:
    """Return whether ``tag`` records a promotion."""
    return _PROMOTION_TAG.fullmatch(tag) is not None


def is_rollback_tag(tag: str) -> bool:
    """Return whether ``tag`` records a rollback."""
    return _ROLLBACK_TAG.fullmatch(tag) is not None


def parse_decision_tag(tag: str) -> Look | None:
    """Return the parts of a decision's record tag, or None for any other tag."""
    match = _DECISION_TAG.fullmatch(tag)
    return Look(match["holdout"], int(match["look"])) if match else None


def parse_revoked_tag(tag: str) -> str | None:
    """Return the run that a tag revokes, or None for any other tag."""
    match = _REVOKED_TAG.fullmatch(tag)
    return match["run"] if match else None


def raw_path(table: str, arrival: str) -> str:
    """Return where an arrival of a table lies."""
    return f"raw/{_checked(_TABLE.pattern, table)}/{check_arrival(arrival)}.parquet"


def parse_raw_path(path: str) -> RawPath | None:
    """Return the parts of an arrival's path, or None for any other path."""
    match = _RAW_PATH.fullmatch(path)
    if match is None or ".." in match["arrival"]:
        return None
    return RawPath(match["table"], match["arrival"])


def validation_path(table: str) -> str:
    """Return where the validation result of a table lies."""
    return f"{VALIDATION}{_checked(_TABLE.pattern, table)}.json"


def suite_path(table: str) -> str:
    """Return where the suite that judges a table lies."""
    return f"{SUITES}{_checked(_TABLE.pattern, table)}.json"


def _flat(text: str) -> str:
    return re.sub(r"[^0-9A-Za-z_]", "_", text)


def _checked(pattern: str, text: str) -> str:
    if not re.fullmatch(pattern, text):
        raise InputError(f"does not match {pattern}", where=repr(text))
    return text
