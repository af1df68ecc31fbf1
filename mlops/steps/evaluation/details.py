# pandas ships no precise types: what an expression gives is guessed, often wrongly.
# pyright: reportArgumentType=false

"""Details of predictions beyond their losses, as the task gives them: plain values, and a page for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mlops.runs.digest import document
from mlops.runs.evidence import Contender
from mlops.steps.evaluation.paired_losses import CLUSTER, TARGET, predicted_by

if TYPE_CHECKING:
    import pandas as pd

    from mlops.pipelines.tasks import Task

_BAR = 20


def details_of(task: Task, predictions: pd.DataFrame) -> dict[str, Any]:
    """Return what a task tells about everybody's predictions, by contender; empty where it tells nothing.

    Args:
        task: What is predicted.
        predictions: A table of `Scored`, all rows.
    """
    found: dict[str, Any] = {}
    for who in Contender:
        predicted = predicted_by(task, predictions, who)
        if not bool(predicted.isna().any(axis=None)):
            found[str(who)] = dict(task.details(predictions[TARGET], predicted, predictions[CLUSTER]))
    return {who: values for who, values in found.items() if values}


def details_page(title: str, details: Mapping[str, Any]) -> bytes:
    """Return ``reports/details.md``: tables for a classifier, else the values as they are.

    Args:
        title: The pipeline's title.
        details: Contender to its details, as `details_of` returns them.
    """
    heading = f"# {title}: what else the predictions show"
    if any("confusion" not in values for values in details.values()):
        return "\n".join([heading, "", "```json", document(details).decode(), "```", ""]).encode()
    lines = [
        heading,
        "",
        "None of this decides. AUC and F1 are means over the classes; the intervals hold 95 % of a bootstrap "
        "that draws whole clusters.",
        "",
        *_measures(details),
        *(line for who, values in details.items() for line in _contender(who, values)),
    ]
    return "\n".join(lines).encode()


def _measures(details: Mapping[str, Any]) -> Iterator[str]:
    yield from ("| contender | AUC | F1 |", "|---|---|---|")
    for who, values in details.items():
        yield f"| {who} | {_estimate(values['auc'])} | {_estimate(values['f1'])} |"
    yield ""


def _estimate(values: Mapping[str, float | None]) -> str:
    if values["value"] is None:
        return "not defined: the holdout has one class alone"
    return f"{values['value']:.3f} ({values['low']:.3f} to {values['high']:.3f})"


def _contender(who: str, values: Mapping[str, Any]) -> Iterator[str]:
    classes = [name.replace("|", "\\|") for name in values["classes"]]
    yield from (f"## {who.capitalize()}", "", "Rows by true class (down) and predicted class (across):", "")
    yield from (f"| | {' | '.join(classes)} |", f"|---|{'---:|' * len(classes)}")
    for name, row in zip(classes, values["confusion"], strict=True):
        yield f"| **{name}** | {' | '.join(f'{count:,}' for count in row)} |"
    yield from ("", "How often the predicted class is right, by the probability that it was given:", "")
    yield from ("| given | rows | mean given | right | |", "|---|---:|---:|---:|---|")
    for found in values["calibration"]:
        given = f"{found['above']:.0%} to {found['above'] + 0.1:.0%}"
        bar = "█" * round(found["right"] * _BAR)
        yield f"| {given} | {found['rows']:,} | {found['predicted']:.1%} | {found['right']:.1%} | {bar} |"
    yield ""
