"""Paths in a repository.

They are the same on every branch, never scoped by run: two promotions therefore touch the same objects.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from mlops.runs.names.identifiers import ARRIVAL, TABLE, check_arrival, checked

RAW = "raw/"
PROCESSED = "processed/"
TRAIN = "processed/train.parquet"
HOLDOUT = "processed/holdout.parquet"
#: All rows of a pipeline without a model: nothing is held out of them.
ROWS = "processed/rows.parquet"
MODEL = "model/"
#: Models of earlier origins, where a holdout is several periods: what each judges was not known to it.
FOLDS = "model/folds/"
FOLD_INDEX = "model/folds/index.json"
REPORTS = "reports/"
METRICS = "reports/metrics.json"
PREDICTIONS = "reports/predictions.parquet"
PAIRED = "reports/paired.json"
DECISION = "reports/decision.json"
VALIDATION = "reports/validation/"
#: Profiles of the tables of an arrival, and the page that shows them.
PROFILES = "reports/profiles/"
ORIGIN = "reports/origin.json"
RUN_PAGE = "reports/run.md"
#: What a task tells about predictions beyond their losses, and the page that shows it.
DETAILS = "reports/details.json"
DETAILS_PAGE = "reports/details.md"
#: The profile of the rows of a pipeline without a model, and the page that shows it.
PROFILE = "reports/profile.json"
PROFILE_PAGE = "reports/profile.md"
CHAMPION = "champion.json"
GATE = "gate/"
POLICY = "gate/policy.yaml"
HOLDOUT_RULE = "gate/holdout.yaml"
SUITES = "gate/suites/"
#: The suite that judges processed rows.
PROCESSED_SUITE = "gate/suites/processed.json"
ACTIONS = "_lakefs_actions/"
ENFORCER = "_lakefs_actions/gate.yaml"
ROLLBACK = "rollback.json"

#: What a promotion replaces as a whole. `raw/` is not among it: it may be newer than the promoted run.
OUTPUTS = (PROCESSED, MODEL, REPORTS)

_RAW_PATH = re.compile(rf"raw/(?P<table>{TABLE.pattern})/(?P<arrival>{ARRIVAL.pattern})\.parquet")


class RawPath(NamedTuple):
    """The parts of ``raw/<table>/<arrival>.parquet``."""

    table: str
    arrival: str


def raw_path(table: str, arrival: str) -> str:
    """Return where an arrival of a table lies."""
    return f"raw/{checked(TABLE.pattern, table)}/{check_arrival(arrival)}.parquet"


def parse_raw_path(path: str) -> RawPath | None:
    """Return the parts of an arrival's path, or None for any other path."""
    match = _RAW_PATH.fullmatch(path)
    if match is None or ".." in match["arrival"]:
        return None
    return RawPath(match["table"], match["arrival"])


def validation_path(table: str) -> str:
    """Return where the validation result of a table lies."""
    return f"{VALIDATION}{checked(TABLE.pattern, table)}.json"


def suite_path(table: str) -> str:
    """Return where the suite that judges a table lies."""
    return f"{SUITES}{checked(TABLE.pattern, table)}.json"
