"""Rules that hold sessions and drug tests against the stays and the medication around them."""

import narwhals as nw

from iop_outcomes.records.quality.linked_stays import by_day_and_night
from iop_outcomes.records.quality.rule import CANNOT_GO, Limits, Rule, Severity, Tables
from iop_outcomes.vocabulary import LevelOfCare, Modality

# What a screen may find because the medication was taken as prescribed. A screen for opiates
# looks for morphine and finds neither; one for opioids, unnamed, may find either.
FOUND_BECAUSE_OF = {
    "buprenorphine": ("buprenorphine", "norbuprenorphine", "opioid", "opioids"),
    "methadone": ("methadone", "eddp", "opioid", "opioids"),
}
# The longest supply of take-home doses: 42 CFR 8.12(i)(3), as amended in 2024.
SUPPLY_DAYS = 28
# Level 2.1 of the ASAM Criteria, third edition: 9 to 19 hours a week, 6 or more for adolescents.
WEEKLY_HOURS = {"fewest": 9, "fewest_below_18": 6, "most": 19}


def _outside_any_stay(tables: Tables, _: Limits) -> nw.LazyFrame:
    end = nw.col("end_day")
    within = (
        tables["services"]
        .select("row", "person_id", "day")
        .join(tables["stays"].select("person_id", "start_day", "end_day"), on="person_id")
        .filter(nw.col("day") >= nw.col("start_day"), end.is_null() | (nw.col("day") <= end))
        .select("row")
        .unique()
    )
    return tables["services"].select("row").join(within, on="row", how="anti")


def _unusual_hours(tables: Tables, limits: Limits) -> nw.LazyFrame:
    """Mean hours over the whole weeks of a stay; stays without any recorded hours are not judged.

    The days of admission and of exit both count, as is the custom for care by day.
    """
    stays = (
        tables["stays"]
        .filter(
            nw.col("level_of_care") == str(LevelOfCare.INTENSIVE_OUTPATIENT),
            nw.col("end_day") - nw.col("start_day") >= 6,
        )
        .select(
            "row",
            "person_id",
            "start_day",
            "age_years",
            weeks=(nw.col("end_day") - nw.col("start_day") + 1) // 7,
        )
    )
    hours = tables["services"].filter(~nw.col("hours").is_null())
    since = nw.col("day") - nw.col("start_day")
    weekly = (
        stays.join(hours.select("person_id", "day", "hours"), on="person_id")
        .filter(since >= 0, since < 7 * nw.col("weeks"))
        .group_by("row", "age_years", "weeks")
        .agg(nw.col("hours").sum())
        .with_columns(weekly=nw.col("hours") / nw.col("weeks"))
    )
    adolescent = nw.col("age_years") < 18
    too_few = (nw.col("weekly") < limits["fewest_below_18"]) | (
        (adolescent.is_null() | ~adolescent) & (nw.col("weekly") < limits["fewest"])
    )
    return weekly.filter(too_few | (nw.col("weekly") > limits["most"])).select("row")


def _by_telehealth_alone(tables: Tables, _: Limits) -> nw.LazyFrame:
    """Of all sessions of a stay how they were given is known, and nobody was ever there."""
    end = nw.col("end_day")
    return (
        tables["stays"]
        .filter(nw.col("level_of_care") == str(LevelOfCare.INTENSIVE_OUTPATIENT))
        .select("row", "person_id", "start_day", "end_day")
        .join(tables["services"].select("person_id", "day", "modality"), on="person_id")
        .filter(nw.col("day") >= nw.col("start_day"), end.is_null() | (nw.col("day") <= end))
        .with_columns(
            remote=(nw.col("modality") == str(Modality.TELEHEALTH)).fill_null(False).cast(nw.Int64)
        )
        .group_by("row")
        .agg(nw.col("remote").sum(), sessions=nw.len())
        .filter(nw.col("sessions") == nw.col("remote"))
        .select("row")
    )


def _missed_inside(tables: Tables, _: Limits) -> nw.LazyFrame:
    inside = tables["stays"].filter(by_day_and_night())
    end = nw.col("end_day")
    return (
        tables["tests"]
        .filter(nw.col("result") == "missed")
        .select("row", "person_id", "day")
        .join(inside.select("person_id", "start_day", "end_day"), on="person_id")
        .filter(nw.col("day") > nw.col("start_day"), end.is_null() | (nw.col("day") < end))
        .select("row")
    )


def _discordant(tables: Tables, _: Limits) -> nw.LazyFrame:
    keys = ["person_id", "day", "substance"]
    tests = tables["tests"]
    results = [
        tests.filter(nw.col("result") == result).select("row", *keys)
        for result in ("positive", "negative")
    ]
    return nw.concat(
        [one.join(other.select(*keys), on=keys) for one, other in (results, results[::-1])]
    ).select("row")


def _as_prescribed(tables: Tables, limits: Limits) -> nw.LazyFrame:
    service, substance = (nw.col(name).str.to_lowercase() for name in ("service", "substance"))
    since = nw.col("day") - nw.col("given_day")
    found = [
        tables["tests"]
        .filter(nw.col("result") == "positive", substance.is_in(names))
        .select("row", "person_id", "day")
        .join(
            tables["services"]
            .filter(service.str.contains(medication, literal=True))
            .select("person_id", given_day=nw.col("day")),
            on="person_id",
        )
        .filter(since >= 0, since <= limits["days"])
        .select("row")
        for medication, names in FOUND_BECAUSE_OF.items()
    ]
    return nw.concat(found)


OUTSIDE_ANY_STAY = Rule(
    "session_outside_any_stay",
    "a session outside any stay",
    "services",
    Severity.WARNING,
    _outside_any_stay,
)
UNUSUAL_HOURS = Rule(
    "unusual_weekly_hours",
    "an intensive outpatient stay whose mean week has fewer or more hours than the level",
    "stays",
    Severity.WARNING,
    _unusual_hours,
    WEEKLY_HOURS,
    CANNOT_GO,
)
BY_TELEHEALTH_ALONE = Rule(
    "by_telehealth_alone",
    "an intensive outpatient stay given by telehealth alone",
    "stays",
    Severity.WARNING,
    _by_telehealth_alone,
    allowed=CANNOT_GO,
)
MISSED_INSIDE = Rule(
    "test_missed_by_day_and_night",
    "a test missed during a stay by day and night",
    "tests",
    Severity.WARNING,
    _missed_inside,
)
DISCORDANT = Rule(
    "discordant_tests",
    "two tests of one day for one substance, positive and negative",
    "tests",
    Severity.WARNING,
    _discordant,
)
AS_PRESCRIBED = Rule(
    "found_as_prescribed",
    "a positive screen that prescribed medication explains: no relapse",
    "tests",
    Severity.WARNING,
    _as_prescribed,
    {"days": SUPPLY_DAYS},
)
