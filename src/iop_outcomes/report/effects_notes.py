"""What stands below the table of effects."""

from iop_outcomes.analysis.estimates import main_rows
from iop_outcomes.protocol.analysis_plan import Estimator
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.protocol.survival_plan import RiskInterval
from iop_outcomes.protocol.time_zero import Clock
from iop_outcomes.report.disclosure import Released
from iop_outcomes.report.wording import MEASURE, spelling, when, words
from iop_outcomes.statistics.effects.effect_measures import number_needed_to_treat
from iop_outcomes.vocabulary import Estimand, Measure, Method


def errors_note(estimates: Released, protocol: Protocol) -> str:
    """Where the standard errors of each column come from; rows apart that have others."""
    names, about = spelling(protocol), {}
    for method, rows in estimates.table.groupby("method", sort=False):
        kinds = rows["se_method"].value_counts().index
        for kind in kinds:
            which = names[Method(str(method))]
            if kind != kinds[0]:
                measures = rows.loc[rows["se_method"] == kind, "measure"].unique()
                told = [MEASURE[Measure(each)].format(**names) for each in measures]
                which += f" ({'; '.join(each[0].lower() + each[1:] for each in told)})"
            about.setdefault(str(kind), []).append(which)
    said = "; ".join(f"{' and '.join(which)}: {kind}" for kind, which in about.items())
    return f"Standard errors. {said}. "


def estimators_note(protocol: Protocol) -> str:
    """What the estimators beside the weighted one are; nothing if none was asked for."""
    asked, said = protocol.analysis.estimators, ""
    if Estimator.G_COMPUTATION in asked:
        said += (
            " G-computation: the outcome is predicted for everyone under both arms, and averaged."
        )
    both = [
        each.upper() for each in Estimator if each in asked and each is not Estimator.G_COMPUTATION
    ]
    if both:
        said += f" {' and '.join(both)}: such predictions, corrected by weighted residuals; "
        said += (
            "for this population, which is made of the propensity score, only as right as that "
            "score is."
            if protocol.estimand in (Estimand.ATO, Estimand.ATM)
            else "right if the predictions are or the propensity score is (doubly robust)."
        )
    return said


def numbers_needed_note(estimates: Released, protocol: Protocol) -> str:
    """Numbers needed to treat, of the risk differences as they are shown."""
    outcomes, names = {each.name: each for each in protocol.outcomes}, spelling(protocol)
    table = estimates.table
    shown = main_rows(table[table["measure"] == str(Measure.RISK_DIFFERENCE)])
    told = []
    for row in shown.dropna(subset="estimate").to_dict("records"):
        outcome = outcomes[row["outcome"]]
        if outcome.clock is not Clock.EXIT:  # which says nothing of an effect
            limits = (row[column] for column in ("estimate", "conf_low", "conf_high"))
            needed = number_needed_to_treat(*limits, outcome.better).phrase()
            told.append(f"{words(outcome.name, names)} {when(outcome)} {needed}")
    if not told:
        return ""
    return f" Number needed to treat, to benefit (NNTB) or to harm (NNTH): {'; '.join(told)}."


def days_note(estimates: Released) -> str:
    """What mean days are, where some are told."""
    if not (estimates.table["measure"] == str(Measure.RMST_DIFFERENCE)).any():
        return ""
    return (
        " Mean days are days before the outcome, up to the horizon; who can no longer have it "
        "(a competing event) counts as free of it to the end. Days lost are the rest of the days "
        "up to the horizon: their difference is that of the mean days with its sign turned."
    )


def hazards_note(protocol: Protocol) -> str:
    """What a reader must know of hazard ratios; nothing if there are none."""
    if protocol.analysis.hazards is None:
        return ""
    return (
        " Hazard ratios: rates of the outcome day by day up to the horizon, of the arm alone. No "
        "verdict rests on them: they differ from those within groups of like people although "
        "nothing confounds, and after the first days they compare people whom the arms have "
        "selected."
    )


def intervals_note(protocol: Protocol) -> str:
    """The scale of the intervals of risks, where it is not the customary one."""
    scale = protocol.analysis.risk_interval
    if scale is RiskInterval.LOG_LOG:
        return ""
    return f" Intervals of risks: {scale} scale of the share without the outcome."
