"""Rules that hold a person's stays against each other."""

import narwhals as nw

from iop_outcomes.records.quality.rule import Limits, Rule, Severity, Tables
from iop_outcomes.vocabulary import DAY_AND_NIGHT


def by_day_and_night() -> nw.Expr:
    """Is the stay in a place where people sleep?"""
    return nw.col("level_of_care").is_in([str(level) for level in DAY_AND_NIGHT])


def _pairs(stays: nw.LazyFrame, *columns: str) -> nw.LazyFrame:
    """Every stay beside every other stay of its person, whose columns begin with `other_`."""
    others = stays.select("person_id", **{f"other_{name}": nw.col(name) for name in columns})
    return stays.select("row", "person_id", *columns).join(others, on="person_id")


def _overlapping(tables: Tables, _: Limits) -> nw.LazyFrame:
    # Of two, the one that starts later is told; which is later must not hang on the order of rows.
    inside = tables["stays"].filter(by_day_and_night())
    start, other_start = nw.col("start_day"), nw.col("other_start_day")
    other_end = nw.col("other_end_day")
    earlier = (other_start < start) | (
        (other_start == start) & (nw.col("other_stay_id") < nw.col("stay_id"))
    )
    return (
        _pairs(inside, "stay_id", "start_day", "end_day")
        .filter(earlier, other_end.is_null() | (other_end > start))
        .select("row")
    )


def _at_two_facilities(tables: Tables, _: Limits) -> nw.LazyFrame:
    # Engines do not agree on whether a text that is not there differs from one that is.
    known = tables["stays"].filter(~nw.col("facility_id").is_null())
    return (
        _pairs(known, "facility_id", "start_day")
        .filter(
            nw.col("start_day") == nw.col("other_start_day"),
            nw.col("facility_id") != nw.col("other_facility_id"),
        )
        .select("row")
    )


def _grows_younger(tables: Tables, _: Limits) -> nw.LazyFrame:
    return (
        _pairs(tables["stays"], "start_day", "age_years")
        .filter(
            nw.col("start_day") > nw.col("other_start_day"),
            nw.col("age_years") < nw.col("other_age_years"),
        )
        .select("row")
    )


def _against_the_calendar(tables: Tables, _: Limits) -> nw.LazyFrame:
    # Two days of the same year are at most 365 days apart, in a leap year; between two days whose
    # years differ by y lie more than 365 (y - 1) days, and less than 366 (y + 1).
    days = nw.col("start_day") - nw.col("other_start_day")
    years = nw.col("admission_year") - nw.col("other_admission_year")
    too_few, too_many = days <= 365 * (years - 1), days >= 366 * (years + 1)
    return (
        _pairs(tables["stays"], "start_day", "admission_year")
        .filter(days >= 0, too_few | too_many)
        .select("row")
    )


OVERLAPPING = Rule(
    "overlapping_day_and_night",
    "two stays by day and night at once",
    "stays",
    Severity.WARNING,
    _overlapping,
)
AT_TWO_FACILITIES = Rule(
    "at_two_facilities",
    "two stays that start at two facilities on one day",
    "stays",
    Severity.WARNING,
    _at_two_facilities,
)
GROWS_YOUNGER = Rule(
    "grows_younger",
    "a stay at a younger age than at an earlier one",
    "stays",
    Severity.WARNING,
    _grows_younger,
)
AGAINST_THE_CALENDAR = Rule(
    "against_the_calendar",
    "a year of admission that the days since an earlier stay rule out",
    "stays",
    Severity.WARNING,
    _against_the_calendar,
)
