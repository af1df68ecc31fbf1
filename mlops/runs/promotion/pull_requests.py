"""Pull requests for runs that wait for review: a page of the lake for people, from which nothing is decided.

The state of a run is told by its decision, the record tags and `main`. A request that is missing or stale is
opened or ended by whoever comes next. Merging one on the page is refused by the enforcer: such a merge names
no head that it was checked against.
"""

from __future__ import annotations

from mlops.runs import names
from mlops.runs.approval import requires_review
from mlops.runs.errors import LakeError, LakeUnavailable, NotFound
from mlops.runs.main.state import MainState, read_optional
from mlops.runs.ports import Lake, Ports, PullRequest
from mlops.runs.promotion.attempts import is_over, load_run, promotion_of
from mlops.runs.promotion.decision import Decided

_TITLE = 200


def request_review(ports: Ports, decided: Decided) -> str:
    """Open the pull request of a run that waits for review, unless it is open; return its id.

    A request of an earlier attempt of the run is closed. The id is empty where the lake refused.
    """
    lake, run = ports.lake, decided.run
    try:
        for pull in _of_runs(lake):
            if pull.source == run.branch:
                return pull.id
            if pull.source.startswith(names.run_branch_prefix(run.run_id)):
                lake.end_pull_request(pull.id, merged=False)
        title, description = described(lake.repository, decided)
        pull_id = lake.open_pull_request(run.branch, names.MAIN, title, description)
    except LakeUnavailable:
        raise
    except LakeError as error:
        ports.tell(f"no pull request was opened: {error.what}")
        return ""
    ports.tell(f"{run.branch}: pull request {pull_id} waits for review")
    return pull_id


def described(repository: str, decided: Decided) -> tuple[str, str]:
    """Return title and description, in Markdown, of the pull request of a run."""
    run, verdict = decided.run, decided.decision.verdict
    first, *_ = verdict.findings
    title = f"Promote run {run.run_id}: {first.sentence}"
    reasons = [f"- `{finding.reason}`: {finding.sentence}" for finding in verdict.findings]
    command = f"{repository} {run.run_id}"
    lines = [
        first.sentence,
        "",
        *reasons,
        "",
        f"The report is `{names.RUN_PAGE}` at commit `{decided.evidence_commit}`.",
        "",
        "Promote it, or reject it, with one of these commands:",
        "",
        f"    mlops approve {command} --comment TEXT",
        f"    mlops reject {command} --reason TEXT",
        "",
        "The gate refuses a merge on this page: it says neither who approved nor what is replaced.",
    ]
    return title if len(title) <= _TITLE else f"{title[: _TITLE - 1]}…", "\n".join(lines)


def settle_pull_requests(ports: Ports, state: MainState) -> list[str]:
    """End the pull requests of runs that are over; return a line for each.

    Nothing is asked where the policy on `main` does not ask for review.
    """
    lake = ports.lake
    if not requires_review(read_optional(lake, state.head, names.POLICY)):
        return []
    done: list[str] = []
    for pull in _of_runs(lake):
        merged = _ended(lake, state, pull.source)
        if merged is not None:
            lake.end_pull_request(pull.id, merged=merged)
            done.append(f"pull request {pull.id} of {pull.source} is {'merged' if merged else 'closed'}")
    return done


def _ended(lake: Lake, state: MainState, branch: str) -> bool | None:
    """Return whether the run of a branch was promoted; None while it is not over."""
    try:
        run = load_run(lake, branch)
    except NotFound:
        return False
    if run is None or not is_over(lake, state, run):
        return None
    return promotion_of(lake, state, run) is not None


def _of_runs(lake: Lake) -> list[PullRequest]:
    return [
        pull
        for pull in lake.pull_requests()
        if pull.into == names.MAIN and names.parse_run_branch(pull.source) is not None
    ]
