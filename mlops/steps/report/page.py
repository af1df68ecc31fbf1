"""The page of a report, from its evidence: the first screen, and the sections below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.runs.evidence import loss_of
from mlops.steps.report import figures, numbers
from mlops.steps.report.explanations import explained
from mlops.steps.report.first_screen import first_screen
from mlops.steps.report.markup import document, key, pairs, plot, section, table, text
from mlops.steps.report.numbers import describe_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops.runs.evidence import Footprint
    from mlops.steps.explain.effects import Explanation
    from mlops.steps.report.evidence import Evidence
    from mlops.steps.report.importance import Importance

_SLICES = 12
_EVERY = ("", "severity", "expected")
_HISTOGRAMS = 6


def page(
    evidence: Evidence, explanation: Explanation | None = None, importances: Sequence[Importance] = ()
) -> bytes:
    """Return the report; equal arguments give equal bytes."""
    word = "passed" if evidence.decision.verdict.promotes else "refused"
    body = "\n".join(
        (
            first_screen(evidence),
            section("Why it differs from the champion", explained(explanation)),
            section("Gain in each cluster", _clusters(evidence)),
            section("Errors", _errors(evidence)),
            section("Worst slices", _slices(evidence)),
            section("Importance of columns", _importance(evidence, importances)),
            section("Size and speed", _footprint(evidence)),
            section("Validation", _validation(evidence)),
            section("Drift of the data", _drift(evidence)),
            section("Rows", _profile(evidence)),
            section("Model card" if evidence.spec.has_model else "Data card", _card(evidence)),
        )
    )
    return document(f"{evidence.spec.title}: run {evidence.run.run_id} {word}", body)


def _clusters(evidence: Evidence) -> str:
    found = numbers.by_cluster(evidence)
    if found is None:
        return ""
    better = sum(value > 0 for value in found.gains)
    loss = loss_of(evidence.policy.metric).replace("_", " ")
    said = (
        f"Mean {loss} of the {found.against} less the candidate's, by {evidence.spec.cluster or 'cluster'}: "
        f"better in {better} of {len(found.gains)}. The verdict rests on these differences."
    )
    unit = evidence.spec.unit if evidence.policy.metric != "rmse" else ""
    return plot(figures.clusters(found, unit), said)


def _errors(evidence: Evidence) -> str:
    losses, parts = numbers.losses(evidence), numbers.residuals(evidence)
    calibrated = numbers.calibration(evidence)
    loss = loss_of(evidence.policy.metric).replace("_", " ")
    drawn = [
        plot(figures.losses(losses, loss), f"{loss.capitalize()} of single predictions.") if losses else "",
        plot(figures.residuals(parts, evidence.spec.unit), "Residuals by tenths of the predictions.")
        if parts
        else "",
        plot(figures.calibration(calibrated), "Calibration of what was predicted.") if calibrated else "",
    ]
    if not any(drawn):
        return ""
    shown = "".join(f"<div>{each}</div>" for each in drawn if each)
    return f'{key(*numbers.contenders(evidence))}<div class="two">{shown}</div>'


def _slices(evidence: Evidence) -> str:
    found = numbers.slices(evidence)
    if not found:
        return ""
    other = "champion" if evidence.paired.has_champion else "baseline"
    rows = [
        (row.name, f"{row.rows:,}", f"{row.candidate:,.4g}", f"{row.champion:,.4g}", f"{row.gain:+,.3g}")
        for row in found
    ]
    headings = ("slice", "rows", "candidate", other, "gain")
    shown = table(headings, rows[:_SLICES], right=(1, 2, 3, 4))
    more = (
        f"<details><summary>All {len(rows)}</summary>{table(headings, rows, right=(1, 2, 3, 4))}</details>"
        if len(rows) > _SLICES
        else ""
    )
    loss = loss_of(evidence.policy.metric).replace("_", " ")
    return f"<p class='soft'>Mean {text(loss)}, the smallest gain first.</p>{shown}{more}"


def _importance(evidence: Evidence, found: Sequence[Importance]) -> str:
    if not found:
        return ""
    metric = evidence.policy.metric
    said = (
        f"By how much the candidate's {metric} grows where the values of one column are exchanged among rows "
        "of the holdout, with intervals by cluster. Columns that say the same share their importance."
    )
    return plot(figures.importance(found, metric, evidence.spec.unit), said)


def _footprint(evidence: Evidence) -> str:
    mine = evidence.paired.footprint
    if mine is None:
        return ""
    before = evidence.other.footprint if evidence.other else None
    rows = [
        ("size of the model, bytes", _size(mine), _size(before)),
        ("prediction of 1,000 rows, ms", _speed(mine), _speed(before)),
    ]
    told = table(("", "candidate", "champion"), rows, right=(1, 2))
    return f"{told}<p class='soft'>Measured on {text(mine.machine)}.</p>"


def _size(found: Footprint | None) -> str:
    return f"{found.model_size_bytes:,}" if found else "not measured"


def _speed(found: Footprint | None) -> str:
    return f"{found.prediction_ms_per_1000_rows:,.3g}" if found else "not measured"


def _validation(evidence: Evidence) -> str:
    parts: list[str] = []
    for name, report in sorted(evidence.validations.items()):
        checks = report["checks"]
        broken = [check for check in checks if not check.get("success")]
        word = "failed" if not report.get("success") else "warning" if broken else "ok"
        said = {"ok": "all hold", "warning": f"hold, with {len(broken)} warnings", "failed": "failed"}[word]
        if word == "warning" and len(broken) == 1:
            said = "hold, with 1 warning"
        rows = [
            (
                c.get("severity", ""),
                c.get("expects", ""),
                str(c.get("observed", "")),
                f"{c.get('count', 0):,}",
            )
            for c in broken
        ]
        every = [(_mark(c), c.get("severity", ""), c.get("expects", "")) for c in checks]
        parts.append(
            f'<h3>{text(name)}: <span class="{word}">{len(checks)} expectations, {said}</span></h3>'
            + (table(("severity", "expected", "observed", "rows"), rows, right=(3,)) if rows else "")
            + f"<details><summary>All expectations</summary>{table(_EVERY, every)}</details>"
        )
    return "\n".join(parts)


def _mark(check: dict[str, object]) -> str:
    return "ok" if check.get("success") else "FAILED" if check.get("severity") == "error" else "warning"


def _drift(evidence: Evidence) -> str:
    if evidence.other is None:
        return ""
    if evidence.other_rows is None:
        return "<p>The rows are the same as the champion's.</p>" if evidence.columns[1] is not None else ""
    found = numbers.drifted(evidence)
    if not found:
        return ""
    rows = [
        (
            c.name,
            "none" if c.psi is None else f"{c.psi:.3f}",
            c.test,
            "" if c.statistic is None else f"{c.statistic:,.3g}",
            "" if c.corrected is None else f"{c.corrected:.2g}",
            f"{c.missing[0]:.1%}",
            f"{c.missing[1]:.1%}",
            "yes" if c.drifted else "",
        )
        for c in found
    ]
    headings = ("column", "PSI", "test", "statistic", "p (Holm)", "missing before", "missing now", "drifted")
    drawn = "".join(
        f"<div>{plot(figures.drift(f'drift{place}', c.name, *numbers.shares(evidence, c.name)), '')}</div>"
        for place, c in enumerate(found[:_HISTOGRAMS])
        if c.psi
    )
    said = (
        "Rows that the champion was trained on against the candidate's, on at most "
        f"{numbers.DRIFT_ROWS:,} evenly spaced rows of each. A population stability index (PSI) below 0.1 is "
        "usually called stable, from 0.25 on a shift."
    )
    colors = key("candidate's data", "champion's data")
    return (
        f"<p>{said}</p>{colors}<div class='small'>{drawn}</div>{table(headings, rows, right=(1, 3, 4, 5, 6))}"
    )


def _profile(evidence: Evidence) -> str:
    profile = evidence.profile
    if profile is None:
        return ""
    rows = [
        (c["name"], c["kind"], f"{c['missing']:,}", f"{c['distinct']:,}", *map(_value, _middle(c)))
        for c in profile["columns"]
    ]
    headings = ("column", "kind", "missing", "distinct", "minimum", "median", "maximum")
    return f"<p>{profile['rows']:,} rows, {profile['duplicates']:,} repeated.</p>" + table(
        headings, rows, right=(2, 3, 4, 5, 6)
    )


def _middle(column: dict[str, object]) -> tuple[object, object, object]:
    quantiles = column.get("quantiles") or {}
    middle = quantiles.get("0.5") if isinstance(quantiles, dict) else None
    return column.get("minimum"), middle, column.get("maximum")


def _value(value: object) -> str:
    return "" if value is None else describe_value(value)


def _card(evidence: Evidence) -> str:
    spec, decision, inputs = evidence.spec, evidence.decision, evidence.run.inputs
    train = len(evidence.rows) if evidence.rows is not None else 0
    metrics = [(k, describe_value(v)) for k, v in sorted(decision.metrics.items()) if "/" not in k]
    params = ", ".join(f"{name} = {value}" for name, value in sorted(inputs.params.items()))
    rows = [
        ("predicts" if spec.has_model else "is", text(spec.title)),
        ("target", text(f"{spec.target}{f', in {spec.unit}' if spec.unit else ''}") if spec.target else ""),
        ("task", text(spec.task.name)),
        ("takes", text(", ".join(spec.model_input))),
        ("never takes", "; ".join(f"<code>{text(k)}</code>: {text(v)}" for k, v in spec.excluded.items())),
        ("training rows" if spec.has_model else "rows", f"{train:,}"),
        ("trained until", text(decision.trained_until)),
        ("holdout", _holdout(evidence)),
        ("parameters", text(params)),
        ("seed", str(inputs.seed)),
        ("data commit", f"<code>{evidence.run.fork}</code>"),
        ("evidence commit", f"<code>{evidence.commit}</code>"),
        ("code digest", f"<code>{inputs.code_digest}</code>"),
        ("libraries digest", f"<code>{inputs.lock_digest}</code>"),
        (
            "not judged",
            text(f"{len(decision.verdict.not_judged)} slices, too small")
            if decision.verdict.not_judged
            else "",
        ),
    ]
    return (
        pairs(row for row in rows if row[1])
        + "<h3>Metrics</h3>"
        + table(("metric", "value"), metrics, right=(1,))
    )


def _holdout(evidence: Evidence) -> str:
    if not evidence.spec.has_model:
        return ""
    begins = f", from {evidence.paired.holdout_from}" if evidence.paired.holdout_from else ""
    return text(f"{evidence.paired.rows:,} rows{begins}; in no training set of either model")
