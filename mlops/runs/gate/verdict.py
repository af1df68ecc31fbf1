"""The verdict on a candidate, as a function of the paired losses and the policy alone.

The same evidence, policy and evaluation number give the same verdict, so anybody can derive it again.
Comparisons come in one order: the deciding metric against the champion; against the baseline, if the policy
asks for that or there is no champion; then the guards as the policy lists them, values of a guarded column
ascending. What makes evidence unfit is in `mlops.runs.gate.checks`, how intervals are computed in
`mlops.runs.gate.intervals`.

Every further evaluation on a holdout gives chance another try. The k-th is made at the level
``alpha / (k (k + 1))``, and these levels add up to at most ``alpha`` for any number of evaluations.
"""

from __future__ import annotations

from mlops.runs.decisions import Finding, Interval, Outcome, Policy, Power, Reason, Verdict
from mlops.runs.errors import ProtocolMisuse
from mlops.runs.evidence import Contender, IntervalRule, Paired, loss_of
from mlops.runs.gate import wording as text
from mlops.runs.gate.checks import Comparison, not_judged, plan, refusals
from mlops.runs.gate.footprint import bounds, exceeded
from mlops.runs.gate.intervals import difference
from mlops.runs.gate.power import power_of

#: Far beyond any real count, and small enough for the level of the last look to stay above zero.
MAX_LOOK = 10**9


def decide(paired: Paired, policy: Policy, *, look: int, what_if: bool = False) -> Verdict:
    """Return the verdict on a candidate; anything that `Paired.from_json` accepts gets one.

    A candidate is promoted if its gain over the champion exceeds ``min_gain`` and the gain's interval lies
    above zero; if its gain over the baseline does so too, with zero for ``min_gain``; and if the interval of
    every guarded increase over the champion ends below its tolerance. The first model has only the baseline
    to beat: there is nothing yet that could get worse. Data without a model is promoted if the evidence is of
    data alone: that the suites hold on it is checked before and kept beside it. A refusal carries every
    reason found; evidence that is refused itself is not compared, and leaves no intervals.

    Args:
        paired: The measured losses.
        policy: The policy.
        look: Number of the evaluation on this holdout, from 1 to `MAX_LOOK`.
        what_if: Whether the policy is not the one in force; such a verdict promotes nothing.

    Raises:
        ProtocolMisuse: ``look`` or the policy's ``alpha`` is out of range.
    """
    level = level_of(policy.alpha, look)
    comparisons = plan(paired, policy)
    refused = refusals(paired, policy, comparisons)
    results = [] if refused else [(c, _compare(paired, c, level)) for c in comparisons]
    power: list[Power] = []
    for comparison, interval in results:
        refused += _against(comparison, interval)
        if interval and _may_be_chance(comparison, interval):
            power.append(power_of(interval))
    measured = bounds(paired, policy) if results else ()
    refused += exceeded(measured)
    return Verdict(
        outcome=Outcome.REFUSE if refused else Outcome.PROMOTE,
        findings=tuple(refused) or tuple(_in_favour(paired, policy, results, look)),
        intervals=tuple(interval for _, interval in results if interval),
        look=look,
        level=level,
        what_if=what_if,
        interval=paired.interval,
        not_judged=not_judged(paired, policy) if results else (),
        power=tuple(power),
        bounds=measured,
    )


def level_of(alpha: float, look: int) -> float:
    """Return the share of the error level ``alpha`` that the ``look``-th evaluation may spend.

    Raises:
        ProtocolMisuse: ``look`` is not between 1 and `MAX_LOOK`, or ``alpha`` not in (0, 0.5].
    """
    if not 0 < alpha <= 0.5:
        raise ProtocolMisuse(f"an error level is above 0 and at most 0.5, not {alpha}")
    if not 1 <= look <= MAX_LOOK:
        raise ProtocolMisuse(f"evaluations on a holdout are counted from 1, not {look}")
    return alpha / (look * (look + 1))


def _compare(paired: Paired, comparison: Comparison, level: float) -> Interval | None:
    """Return the interval of one comparison, or None where its numbers are too large to compute with."""
    series = paired.get(loss_of(comparison.metric), comparison.slice)
    if series is None:
        raise ProtocolMisuse("evidence is compared that was not checked", where=comparison.name)
    pair = (comparison.against, Contender.CANDIDATE)
    left, right = reversed(pair) if comparison.guard else pair
    found = difference(series, comparison.metric, left, right, level, paired.interval)
    if not found.finite:
        return None
    enough = found.value > comparison.bound and found.value > 0 and found.lower > 0
    return Interval(
        name=comparison.name,
        against=str(comparison.against),
        candidate=found.left if comparison.guard else found.right,
        other=found.right if comparison.guard else found.left,
        difference=found.value,
        lower=found.lower,
        upper=found.upper,
        clusters=found.clusters,
        level=level,
        bound=comparison.bound,
        holds=found.upper < comparison.bound if comparison.guard else enough,
        rows=found.rows,
        std_error=found.std_error,
        critical=found.critical,
        freedom=0.0 if paired.interval == IntervalRule.CR1 else found.freedom,
    )


def _against(comparison: Comparison, interval: Interval | None) -> list[Finding]:
    """Return the reasons of one comparison to refuse the candidate."""
    if interval is None:
        return [Finding(Reason.NOT_FINITE, text.not_computable(comparison))]
    if interval.holds:
        return []
    if comparison.guard:
        return [Finding(Reason.GUARD_FAILED, text.guard_failed(comparison, interval))]
    if not interval.difference > 0:
        champion = comparison.against is Contender.CHAMPION
        reason = Reason.NO_GAIN if champion else Reason.WORSE_THAN_BASELINE
        return [Finding(reason, text.no_gain(comparison, interval))]
    findings: list[Finding] = []
    if not interval.difference > interval.bound:
        findings.append(Finding(Reason.GAIN_TOO_SMALL, text.gain_too_small(comparison, interval)))
    if _may_be_chance(comparison, interval):
        said = text.not_significant(comparison, interval, power_of(interval))
        findings.append(Finding(Reason.NOT_SIGNIFICANT, said))
    return findings


def _may_be_chance(comparison: Comparison, interval: Interval) -> bool:
    """Return whether a gain was seen that is not significant."""
    return not comparison.guard and interval.difference > 0 and not interval.lower > 0


def _in_favour(
    paired: Paired, policy: Policy, results: list[tuple[Comparison, Interval | None]], look: int
) -> list[Finding]:
    """Return the reasons to promote a candidate that no comparison refuses."""
    if not policy.has_model:
        return [Finding(Reason.SUITES_HOLD, text.suites_hold(paired.rows))]
    guards = sum(comparison.guard for comparison, _ in results)
    remark = f", in evaluation {look} on this holdout" + (
        f"; {guards} of {guards} guards hold" if guards else ""
    )
    findings: list[Finding] = []
    for comparison, interval in results:
        if interval and not comparison.guard:
            champion = comparison.against is Contender.CHAMPION
            reason = Reason.BEATS_CHAMPION if champion else Reason.BEATS_BASELINE
            findings.append(Finding(reason, text.beats(comparison, interval, "" if findings else remark)))
    return findings
