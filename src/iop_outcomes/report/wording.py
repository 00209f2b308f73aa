"""Numbers and verdicts in words. Sentences come from verdicts, never from p-values."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from iop_outcomes.protocol.analysis_plan import ClusterTerms, Weighting
from iop_outcomes.protocol.immortal_time import Timing
from iop_outcomes.protocol.specification import Margin, Outcome, Protocol
from iop_outcomes.protocol.strategies import StrategyKind
from iop_outcomes.protocol.time_zero import Clock, Moment
from iop_outcomes.report.suppression_of_means import OF_MEANS
from iop_outcomes.vocabulary import Direction, Estimand, Measure, Method, Verdict

HIDDEN = "–"
MINUS = "−"

POPULATION = {
    Estimand.ATE: "everyone eligible",
    Estimand.ATT: "the kind of people who entered {intervention}",
    Estimand.ATC: "the kind of people who entered {comparator}",
    Estimand.ATO: "the kind of people who could have entered either (the overlap population)",
    Estimand.ATM: "the kind of people a one-to-one matching would keep",
}
ON_CLOCK = {
    Clock.TIME_ZERO: "",
    Clock.EXIT: " after the exit",
    Clock.COMMUNITY: " lived in the community",
}
DAYS_ON = {
    Clock.EXIT: "Days since the exit from the index stay",
    Clock.COMMUNITY: "Days lived in the community",
}
CAVEAT = {
    Clock.EXIT: " Counted from the exit, the arms are those who were seen to leave alive, who need "
    "not be alike: this describes, and says nothing of an effect.",
    Clock.COMMUNITY: " Days in care by day and night and in jail are not counted, and the arms may "
    "differ in them.",
}
METHOD = {
    StrategyKind.INITIATE: {
        Method.UNADJUSTED: "Unadjusted",
        Method.G_COMPUTATION: "G-computation",
        Method.AIPW: "AIPW",
        Method.TMLE: "TMLE",
        Method.IPTW: "Weighted",
    },
    StrategyKind.SUSTAINED: {
        Method.UNADJUSTED: "As started, unadjusted",
        Method.G_COMPUTATION: "As started, g-computation",
        Method.AIPW: "As started, AIPW",
        Method.TMLE: "As started, TMLE",
        Method.IPTW: "As started, weighted",
        Method.PER_PROTOCOL: "While sustained, weighted",
    },
    StrategyKind.GRACE_PERIOD: {
        Method.UNADJUSTED: "Looking back, unadjusted",
        Method.IPTW: "Looking back, weighted",
        Method.PER_PROTOCOL: "Cloned, censored, weighted",
    },
}
CLOCK = {Moment.START: "admission", Moment.EXIT: "the exit from the index stay"}
MEASURE = {
    Measure.RISK_INTERVENTION: "Risk, {intervention}",
    Measure.RISK_COMPARATOR: "Risk, {comparator}",
    Measure.RISK_DIFFERENCE: "Risk difference, percentage points",
    Measure.RISK_RATIO: "Risk ratio",
    Measure.ODDS_RATIO: "Odds ratio",
    Measure.RMST_DIFFERENCE: "Difference in mean days before it (RMST)",
    Measure.MEAN_INTERVENTION: "Mean, {intervention}",
    Measure.MEAN_COMPARATOR: "Mean, {comparator}",
    Measure.MEAN_DIFFERENCE: "Mean difference",
    Measure.RMTL_RATIO: "Ratio of mean days lost to it (RMTL)",
    Measure.HAZARD_RATIO: "Hazard ratio, cause-specific",
    Measure.SUBDISTRIBUTION_HAZARD_RATIO: "Hazard ratio, subdistribution (Fine-Gray)",
}
RATIOS = (
    Measure.RISK_RATIO,
    Measure.ODDS_RATIO,
    Measure.RMTL_RATIO,
    Measure.HAZARD_RATIO,
    Measure.SUBDISTRIBUTION_HAZARD_RATIO,
)
VERDICT = {
    Verdict.SUPERIOR: (
        "On {outcome}, {intervention} was superior to {comparator}: the whole "
        "interval lies on its side of no difference."
    ),
    Verdict.NONINFERIOR: (
        "On {outcome}, {intervention} was non-inferior to {comparator}: the "
        "whole interval lies within the margin of {margin} percentage points."
    ),
    Verdict.NONINFERIOR_AND_WORSE: (
        "On {outcome}, {intervention} was non-inferior to {comparator} and "
        "statistically worse: the whole interval lies within the margin of {margin} percentage "
        "points, and the whole of it on the wrong side of no difference."
    ),
    Verdict.INCONCLUSIVE: (
        "On {outcome}, the comparison is inconclusive: the interval reaches beyond the margin of "
        "{margin} percentage points, so a difference that large is neither excluded nor shown."
    ),
    Verdict.INFERIOR: (
        "On {outcome}, {intervention} was inferior to {comparator}: the whole "
        "interval lies beyond the margin of {margin} percentage points."
    ),
}


def words(name: str, names: Mapping[str, str]) -> str:
    """A column or outcome name as a reader says it: by its label, else without underscores.

    Examples
    --------
    >>> words("leaving_treatment", {}), words("phq9", {"phq9": "PHQ-9"})
    ('leaving treatment', 'PHQ-9')
    """
    return names.get(name, name.replace("_", " "))


def number(value: Any, decimals: int = 1) -> str:
    """A number with a true minus sign; a dash where it is hidden.

    Examples
    --------
    >>> number(-1.25), number(None), number(1234)
    ('−1.2', '–', '1234.0')
    """
    if pd.isna(value):
        return HIDDEN
    # Adding 0 turns a rounded -0.0 into 0.0.
    return f"{round(float(value), decimals) + 0.0:.{decimals}f}".replace("-", MINUS)


def count(value: Any) -> str:
    r"""A count of people; thousands are set apart by a narrow space that does not break.

    Examples
    --------
    >>> count(12345) == "12\u202f345"
    True
    """
    return HIDDEN if pd.isna(value) else f"{int(value):,}".replace(",", "\u202f")


def percent(share: Any, decimals: int = 1) -> str:
    """A share in per cent, without the sign.

    Examples
    --------
    >>> percent(0.1234)
    '12.3'
    """
    return HIDDEN if pd.isna(share) else number(100 * float(share), decimals)


def p_value(value: Any) -> str:
    """A p-value to three decimals; a dash where it is hidden.

    Examples
    --------
    >>> p_value(0.0421), p_value(0.0001), p_value(None)
    ('0.042', '<0.001', '–')
    """
    return "<0.001" if not pd.isna(value) and value < 0.0005 else number(value, 3)


def scaled(value: Any, measure: str, decimals: int | None = None) -> str:
    """An estimate as the tables print it: risks in per cent, ratios, days and means as they are.

    `decimals` are those of means; one unless told.
    """
    if measure in OF_MEANS:
        return number(value, 1 if decimals is None else decimals)
    if measure in RATIOS:
        return number(value, 2)
    return number(value) if measure == Measure.RMST_DIFFERENCE else percent(value)


def interval(row: Mapping[str, Any], decimals: int | None = None) -> str:
    """Estimate and confidence limits of a row of estimates."""
    value, low, high = (
        scaled(row[k], row["measure"], decimals) for k in ("estimate", "conf_low", "conf_high")
    )
    return HIDDEN if value == HIDDEN else f"{value} ({low} to {high})"


def population(protocol: Protocol) -> str:
    """Whom the protocol's estimand averages over, in words."""
    names, plan = spelling(protocol), protocol.analysis
    said = POPULATION[protocol.estimand].format(**names)
    if plan.limits.trim is not None:
        low, high = (percent(share) for share in (plan.limits.trim, 1 - plan.limits.trim))
        said += (
            f", of whom only those count whose probability of entering {names['intervention']} "
            f"was between {low}% and {high}%"
        )
    if plan.propensity.clusters in (ClusterTerms.FIXED_EFFECTS, ClusterTerms.WITHIN):
        place = words(str(plan.cluster), spelling(protocol))
        said += f", of whom only those count whose cluster ({place}) had people in both arms"
    if plan.weighting is Weighting.NEAREST_NEIGHBOURS:
        said += ", of whom only those count who found a match in the other arm"
    return said


def spelling(protocol: Protocol) -> dict[str, str]:
    """What the report calls the arms, columns and outcomes."""
    return {
        **protocol.labels,
        "intervention": protocol.strategies.intervention_name,
        "comparator": protocol.strategies.comparator_name,
        **METHOD[protocol.strategies.kind],
        "clock": f"Days since {CLOCK[protocol.strategies.time_zero]}",
    }


def methods_note(protocol: Protocol) -> str:
    """What the columns beside the answer are; nothing if they need no word."""
    arms = protocol.strategies
    if arms.kind is StrategyKind.SUSTAINED:
        return (
            " As started: whatever followed (intention to treat). While sustained: censored on "
            "leaving the strategy, and weighted for that (per protocol)."
        )
    if arms.kind is StrategyKind.GRACE_PERIOD:
        return (
            f" Looking back: who had started by day {arms.grace_days} against who had not, which "
            f"is wrong and only stands beside the clones to be seen: {Timing.IMMORTAL_TIME.words}."
        )
    return ""


def verdict_sentences(row: Mapping[str, Any], arms: pd.DataFrame, protocol: Protocol) -> str:
    """The verdict of one outcome, then its numbers, then whose outcome is not known.

    Parameters
    ----------
    row
        The released risk difference, weighted.
    arms
        The released rows of `Comparison.arms` for this outcome and method.
    """
    outcome = next(o for o in protocol.outcomes if o.name == row["outcome"])
    names = spelling(protocol)
    names["outcome"] = words(outcome.name, names)
    numbers = (
        f"Risk difference {when(outcome)}, {names['intervention']} minus {names['comparator']}: "
        f"{interval(row)} percentage points ({100 * protocol.analysis.confidence_level:g}% "
        f"confidence interval; {'a lower' if outcome.better is Direction.LOWER else 'a higher'} "
        f"percentage is better).{CAVEAT.get(outcome.clock, '')}"
    )
    if pd.isna(row["estimate"]):
        return f"On {names['outcome']}, the counts are too small to be shown."
    margin = protocol.noninferiority.get(outcome.name)
    if margin is None or pd.isna(row["verdict"]):
        return (
            f"On {names['outcome']}, no margin was set, so nothing is claimed about "
            f"non-inferiority. {numbers}{not_known(arms)}"
        )
    verdict = Verdict(row["verdict"])
    text = VERDICT[verdict].format(**names, margin=points(margin))
    if verdict is Verdict.INCONCLUSIVE and _worse(row, outcome):
        text += " The whole interval lies on the wrong side of no difference."
    return f"{text} {numbers}{not_known(arms)}"


def not_known(arms: pd.DataFrame) -> str:
    """Whom the numbers leave out; nothing if nobody, "some" if the count may not be shown."""
    if arms["missing"].fillna(-1).eq(0).all():
        return ""
    missing, people = arms["missing"].sum(skipna=False), arms["people"].sum(skipna=False)
    if pd.isna(missing) or pd.isna(people):
        return " For some people the outcome is not known; they are left out."
    return (
        f" For {count(missing)} of {count(missing + people)} people the outcome is not known; "
        "they are left out, which is fair only if their not being known says nothing about it."
    )


def _worse(row: Mapping[str, Any], outcome: Outcome) -> bool:
    return row["conf_low"] > 0 if outcome.better is Direction.LOWER else row["conf_high"] < 0


def points(margin: Margin) -> str:
    """A margin in percentage points.

    Examples
    --------
    >>> points(Margin(risk_difference=0.075, justification="as an example", set_by="nobody"))
    '7.5'
    """
    return f"{100 * margin.risk_difference:g}"


def when(outcome: Outcome) -> str:
    """When an outcome is read."""
    if outcome.score is not None:
        days = outcome.score.days
        return "as recorded" if days is None else f"from day {days[0]} to {days[1]}"
    if outcome.horizon_days is not None:
        return f"by day {outcome.horizon_days}{ON_CLOCK[outcome.clock]}"
    return "at exit" if outcome.at_exit else f"as {outcome.definition_id} reads it"
