"""Rules that find dates which nobody observed: whoever made the export put them there."""

import narwhals as nw

from iop_outcomes.records.quality.rule import CANNOT_GO, Limits, Rule, Severity, Tables
from iop_outcomes.vocabulary import EventKind, LevelOfCare

# OMOP writes the last day of the month for a death whose day is not known.
LONGEST_MONTH = 31
# OMOP asks for the end of every visit, and who has none may write its first day or the day after.
# Some stays are truly of one day: 15.1% of the discharges of 2019 in TEDS (codebook of TEDS-D
# 2019), most of them visits and withdrawal management. The bounds are judgements beside that.
LARGEST_SHARE_OF_A_DAY = {
    str(level): 0.5
    if level in (LevelOfCare.WITHDRAWAL_MANAGEMENT, LevelOfCare.AMBULATORY_WITHDRAWAL_MANAGEMENT)
    else 0.2
    for level in LevelOfCare
}
FEWEST_STAYS = 20  # of fewer, a share says little


def _death_at_month_end(tables: Tables, limits: Limits) -> nw.LazyFrame:
    """Deaths dated on the last of a month, some days after the last sign of life before them."""
    deaths = tables["events"].filter(
        nw.col("kind") == str(EventKind.DEATH), nw.col("month_end") == 1
    )
    signs = nw.concat(
        [
            tables[table].select("person_id", sign=nw.col(column))
            for table, column in (
                ("stays", "start_day"),
                ("stays", "end_day"),
                *((table, "day") for table in ("services", "tests", "scores")),
            )
        ]
    )
    return (
        deaths.select("row", "person_id", "day")
        .join(signs, on="person_id")
        .filter(nw.col("sign") <= nw.col("day"))
        .group_by("row", "day")
        .agg(nw.col("sign").max())
        .with_columns(since=nw.col("day") - nw.col("sign"))
        .filter(nw.col("since") >= 1, nw.col("since") <= limits["days"])
        .select("row")
    )


def _of_a_day(tables: Tables, limits: Limits) -> nw.LazyFrame:
    """Stays of a day at most, at levels of care where they are more than the share that may be."""
    days = nw.col("end_day") - nw.col("start_day")
    ended = tables["stays"].filter(~nw.col("end_day").is_null() | ~nw.col("exit_reason").is_null())
    ended = ended.select("row", "level_of_care", short=(days <= 1).fill_null(False))
    shares = (
        ended.with_columns(share=nw.col("short").cast(nw.Float64))
        .group_by("level_of_care")
        .agg(nw.col("share").mean(), stays=nw.len())
    )
    too_many = nw.any_horizontal(
        *(
            (nw.col("level_of_care") == level) & (nw.col("share") > limits[level])
            for level in LARGEST_SHARE_OF_A_DAY
        ),
        ignore_nulls=True,
    )
    spikes = shares.filter(nw.col("stays") >= limits["fewest_stays"], too_many)
    return (
        ended.filter(nw.col("short")).join(spikes.select("level_of_care"), on="level_of_care")
    ).select("row")


DEATH_AT_MONTH_END = Rule(
    "death_at_month_end",
    "a death on the last day of a month, up to a month after the last sign of life: its day may "
    "not be known",
    "events",
    Severity.WARNING,
    _death_at_month_end,
    {"days": LONGEST_MONTH},
    CANNOT_GO,
)
STAYS_OF_A_DAY = Rule(
    "stays_of_a_day",
    "a stay of one day at most, at a level of care where so many are that their ends may have been "
    "made up",
    "stays",
    Severity.WARNING,
    _of_a_day,
    {**LARGEST_SHARE_OF_A_DAY, "fewest_stays": FEWEST_STAYS},
    CANNOT_GO,
)
