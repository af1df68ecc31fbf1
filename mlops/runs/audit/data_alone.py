"""Checks of promotions and policies of data without a model: no model is left out, and the suite holds.

A repository holds models or data alone. Which it is follows from the policy on `main` before a change, never
from the change itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from mlops.runs import names
from mlops.runs.audit.subject import PromotionSubject
from mlops.runs.decisions import Policy
from mlops.runs.errors import ConfigError
from mlops.runs.main.state import champion_of, parse_json, read_optional

#: Returns the policy that the content of ``gate/policy.yaml`` describes.
ParsePolicy = Callable[[bytes], Policy]

_NEEDED = (names.ROWS, names.PROFILE)
_VALIDATED = names.validation_path("processed")


def model_or_data(policy: Policy, subject: PromotionSubject) -> Iterator[str]:
    """Yield how a promotion contradicts the policy that was in force in whether there is a model."""
    champion, replaced = subject.champion, subject.replaced
    if policy.has_model and not champion.has_model:
        yield f"it brought no model, although the policy judges a model by its {policy.metric}"
    if champion.has_model and not policy.has_model:
        yield "it brought a model, although the policy judges data without a model"
    if replaced is not None and replaced.has_model != champion.has_model:
        kinds = ("a model", "data alone") if replaced.has_model else ("data alone", "a model")
        yield f"it replaced {kinds[0]}, promotion {replaced.number}, by {kinds[1]}"
    if not policy.has_model:
        yield from _suite_holds(subject)


def same_kind(parse: ParsePolicy, subject: PromotionSubject) -> Iterator[str]:
    """Yield whether a policy judges another kind of pipeline than the one that `main` holds."""
    if subject.before.champion is None:
        return
    try:
        policy = parse(subject.read(names.POLICY))
    except ConfigError:
        return  # what depends on the policy says so
    champion = champion_of(subject.before.champion, subject.before.commit)
    if champion.has_model != policy.has_model:
        held = "a model" if champion.has_model else "data without a model"
        yield f"it set the metric {policy.metric}, although main held {held}"


def _suite_holds(subject: PromotionSubject) -> Iterator[str]:
    """Yield how the recorded validation does not show that the suite in force holds on the rows."""
    lake, fork = subject.lake, subject.champion.raw_commit
    suite = read_optional(lake, subject.before.commit, names.PROCESSED_SUITE)
    if suite is None or suite != read_optional(lake, fork, names.PROCESSED_SUITE):
        yield "its rows were validated by another suite than the one that was in force"
        return
    lacking = [path for path in (*_NEEDED, _VALIDATED) if path not in subject.outputs]
    if lacking:
        yield f"it brought no {lacking[0]}"
        return
    listed = parse_json(suite, names.PROCESSED_SUITE).get("expectations", [])
    yield from _report(parse_json(subject.read(_VALIDATED), _VALIDATED), len(listed), subject.paired.rows)


def _report(report: dict[str, Any], listed: int, rows: int) -> Iterator[str]:
    checks = report.get("checks", [])
    if not listed or {report.get("listed"), report.get("run"), len(checks)} != {listed}:
        yield f"{_VALIDATED} does not have a result for each of the {listed} expectations of the suite"
    if report.get("rows") != rows:
        yield f"{_VALIDATED} is about {report.get('rows')} rows, not {rows}"
    broken = [c for c in checks if c.get("severity") != "warning" and c.get("success") is not True]
    if broken or report.get("success") is not True:
        yield f"the suite does not hold: {broken[0].get('name') if broken else 'no success'}"
