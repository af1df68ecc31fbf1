"""The second process of the race: trains and decides, waits for the word, promotes.

It is started early, so that its imports (seconds) are done by the time it is needed. One JSON value a line:
``{"params": {...}}`` comes in and ``{"decided": {...}}`` goes out; ``{"go": true}`` comes in and
``{"ended": {...}}`` goes out.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from mlops import settings as settings_table
from mlops.runs.decisions import Verdict
from mlops.runs.promotion.promote import Promotion
from mlops.steps import run as running
from mlops.steps.opening import open_workspace


def main(state_dir: str, pipeline: str) -> None:
    """Serve one race and end."""
    import mlflow.sklearn  # noqa: F401 - warmed up now, used by the steps
    import sklearn.ensemble  # noqa: F401

    workspace = open_workspace(settings_table.load(state_dir=Path(state_dir)), pipeline)
    _say({"ready": True})
    params = workspace.spec.params(**_hear()["params"])
    run = running.evaluate(workspace, running.open_(workspace, params))
    _say({"decided": {"run_id": run.run_id, "fork": run.fork}})
    _hear()
    _say({"ended": summary(running.promote(workspace, run))})


def summary(promotion: Promotion) -> dict[str, Any]:
    """Return how a run ended, as JSON types."""
    return {
        "run_id": promotion.run.run_id,
        "number": promotion.number,
        "decided_again": promotion.decided_again,
        "sentence": first_sentences(promotion.decision.verdict),
        "merge_commit": promotion.merge_commit,
    }


def first_sentences(verdict: Verdict) -> str:
    """Return the deciding sentence of a verdict, and how many more reasons there are."""
    first, more = verdict.findings[0].sentence, len(verdict.findings) - 1
    return f"{first} (and {more} more)" if more else first


def _say(value: dict[str, Any]) -> None:
    print(json.dumps(value), flush=True)  # noqa: T201 - standard output is this process's protocol


def _hear() -> dict[str, Any]:
    return json.loads(sys.stdin.readline())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
