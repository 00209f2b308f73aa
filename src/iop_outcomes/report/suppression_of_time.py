"""What is hidden of the time that people were followed."""

import pandas as pd

from iop_outcomes.report.small_counts import is_small

COUNTED = ["missing", "people_in_care", "people_in_jail", "people_outside"]


def time_at_risk(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """Days are no people, but days of few people tell of each; how many have any is not told.

    People followed, less those enrolled, are the missing, as in the table of the arms.
    """
    people = table["people"]
    no_people = is_small(people, k) | is_small(table["missing"], k)
    shown = table.drop(columns=COUNTED).astype({"people": "Int64", "person_days": "Int64"})
    shown[["people", "person_days"]] = shown[["people", "person_days"]].mask(no_people)
    outside = is_small(table["people_outside"], k)
    for days, who in (("care_days", "people_in_care"), ("jail_days", "people_in_jail")):
        few = is_small(table[who], k) | is_small(people - table[who], k)
        shown[days] = table[days].astype("Int64").mask(no_people | few | outside)
    return shown
