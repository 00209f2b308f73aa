"""Rules that see one row at a time."""

from functools import reduce
from operator import or_

import narwhals as nw

from iop_outcomes.records.quality.rule import CANNOT_STAY, Limits, Severity, rule_of_one_row
from iop_outcomes.vocabulary import LevelOfCare

# Days. TEDS counts everything above 365 days as one length, and SAMHSA holds exceptionally long
# stays for closures on paper (TEDS discharges 2004, chapter 2). Short-term residential care is 30
# days or less by the definition of TEDS, three times which is the bound here; the bounds of
# inpatient care and withdrawal management are judgements. Outpatient care has none: medication for
# opioid use disorder is given for years.
LONGEST_STAY = {
    LevelOfCare.WITHDRAWAL_MANAGEMENT: 30,
    LevelOfCare.INPATIENT: 90,
    LevelOfCare.SHORT_TERM_RESIDENTIAL: 90,
    LevelOfCare.LONG_TERM_RESIDENTIAL: 365,
    LevelOfCare.PARTIAL_HOSPITALIZATION: 365,
    LevelOfCare.INTENSIVE_OUTPATIENT: 365,
    LevelOfCare.AMBULATORY_WITHDRAWAL_MANAGEMENT: 90,
}
# Nine items of 0 to 3: Kroenke, Spitzer & Williams (2001), J Gen Intern Med 16:606-613. Seven:
# Spitzer et al. (2006), Arch Intern Med 166:1092-1097.
HIGHEST_SCORE = {"phq9": 27, "gad7": 21}
YOUNGEST = 12  # TEDS holds admissions at 12 years and over


def _any(conditions: list[nw.Expr]) -> nw.Expr:
    return reduce(or_, conditions)


def _too_long(limits: Limits) -> nw.Expr:
    days = nw.col("end_day") - nw.col("start_day")
    return _any(
        [(nw.col("level_of_care") == level) & (days > most) for level, most in limits.items()]
    )


def _beyond_scale(limits: Limits) -> nw.Expr:
    return _any(
        [
            (nw.col("instrument") == instrument) & (nw.col("score") > highest)
            for instrument, highest in limits.items()
        ]
    )


OBSERVED_BACKWARDS = rule_of_one_row(
    "observed_backwards",
    "a person observed last before first",
    "persons",
    Severity.QUARANTINE,
    lambda _: nw.col("last_observed_day") < nw.col("first_observed_day"),
)
ENDS_BEFORE_START = rule_of_one_row(
    "ends_before_start",
    "a stay that ends before it starts",
    "stays",
    Severity.QUARANTINE,
    lambda _: nw.col("end_day") < nw.col("start_day"),
    allowed=CANNOT_STAY,
)
LONGER_THAN_PLAUSIBLE = rule_of_one_row(
    "longer_than_plausible",
    "a stay longer than is plausible at its level of care",
    "stays",
    Severity.WARNING,
    _too_long,
    {str(level): days for level, days in LONGEST_STAY.items()},
    further_limits=(str(LevelOfCare.OUTPATIENT),),
)
TOO_YOUNG = rule_of_one_row(
    "too_young",
    "an admission at an age below that of the field's registers",
    "stays",
    Severity.WARNING,
    lambda limits: nw.col("age_years") < limits["youngest"],
    {"youngest": YOUNGEST},
)
BEYOND_SCALE = rule_of_one_row(
    "beyond_scale",
    "a score beyond the highest of its instrument",
    "scores",
    Severity.QUARANTINE,
    _beyond_scale,
    HIGHEST_SCORE,
    further_limits=None,
)
