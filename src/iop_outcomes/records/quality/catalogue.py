"""Every rule, in the order in which they judge: a row is set aside under the first it breaks."""

from iop_outcomes.records.quality import (
    care_given,
    derived_dates,
    linked_rows,
    linked_stays,
    single_rows,
)
from iop_outcomes.records.quality.rule import Rule
from iop_outcomes.records.schema import TABLES

DATED = tuple(name for name, contract in TABLES.items() if {"person_id", "day"} <= set(contract))
OTHERS = tuple(name for name in DATED if name != "events")

# Persons, then events, then stays, then the rest: each is judged by what was sorted before it, so
# that to sort twice is to sort once.
RULES: tuple[Rule, ...] = (
    single_rows.OBSERVED_BACKWARDS,
    linked_rows.of_strangers("events"),
    linked_rows.unseen("events"),
    linked_rows.after_death("events"),
    linked_rows.LATER_DEATH,
    derived_dates.DEATH_AT_MONTH_END,
    linked_rows.of_strangers("stays"),
    single_rows.ENDS_BEFORE_START,
    linked_rows.unseen("stays"),
    linked_rows.after_death("stays"),
    linked_rows.ENDS_AFTER_DEATH,
    linked_rows.ANOTHER_DEATH,
    linked_stays.OVERLAPPING,
    linked_stays.AT_TWO_FACILITIES,
    linked_stays.GROWS_YOUNGER,
    linked_stays.AGAINST_THE_CALENDAR,
    single_rows.LONGER_THAN_PLAUSIBLE,
    single_rows.TOO_YOUNG,
    derived_dates.STAYS_OF_A_DAY,
    care_given.UNUSUAL_HOURS,
    care_given.BY_TELEHEALTH_ALONE,
    *(linked_rows.of_strangers(table) for table in OTHERS),
    *(linked_rows.after_death(table) for table in OTHERS),
    *(linked_rows.unseen(table) for table in OTHERS),
    care_given.OUTSIDE_ANY_STAY,
    care_given.MISSED_INSIDE,
    care_given.DISCORDANT,
    care_given.AS_PRESCRIBED,
    single_rows.BEYOND_SCALE,
)
