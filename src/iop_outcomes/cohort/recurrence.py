"""Every return to care by day and night, not only the first."""

import pandas as pd

from iop_outcomes.cohort.community import Place, controlled_days, days_between, death_days
from iop_outcomes.cohort.episodes import Episodes, build_episodes
from iop_outcomes.cohort.readmission import INDEX, ReadmissionRules, is_return
from iop_outcomes.records.schema import Records
from iop_outcomes.vocabulary import DAY_AND_NIGHT


def recurrences(
    people: pd.DataFrame, records: Records, days: int, rules: ReadmissionRules | None = None
) -> pd.DataFrame:
    """Count each person's readmissions, and the days on which they could have been readmitted.

    Parameters
    ----------
    people
        One row per person: `person_id`, `stay_row` of the index stay, `index_day`,
        `last_observed_day`.
    days
        After time zero; day `days` counts. Death ends it.

    Returns
    -------
    pd.DataFrame
        One row per person, in their order: `person_id`; `readmissions` and `days_at_risk`, those
        outside care by day and night, up to the end of what was seen; `complete`, whether that was
        all there was to see.
    """
    begin = people["index_day"].astype("Int64")
    death = people["person_id"].map(death_days(records)).astype("Int64")
    horizon = begin + days
    until = horizon.mask((death < horizon).fillna(False), death)
    seen = people["last_observed_day"].astype("Int64")
    end = until.mask((seen < until).fillna(True), seen).fillna(begin)
    built = build_episodes(records.stays)
    episode = built.stay_rows.drop_duplicates("stay_row").set_index("stay_row")["episode"]
    index = people[["person_id"]].assign(episode=people["stay_row"].map(episode))
    found = readmission_days(built, index, rules)
    last = pd.Series(end.array, people["person_id"])
    counted = found[found["readmission_day"] <= found["person_id"].map(last)]
    number = counted.groupby("person_id").size()
    spans = controlled_days(records)
    care = spans[spans["place"].eq(str(Place.CARE))]
    outside = end - begin - days_between(people["person_id"], begin, end, care)
    return pd.DataFrame(
        {
            "person_id": people["person_id"],
            "readmissions": people["person_id"].map(number).fillna(0).astype("Int64"),
            "days_at_risk": outside.astype("Int64"),
            "complete": (seen >= until).fillna(False).astype(bool),
        }
    )


def readmission_days(
    built: Episodes, index: pd.DataFrame, rules: ReadmissionRules | None = None
) -> pd.DataFrame:
    """Everyone's readmissions: of each episode after the index, its first admission for nights.

    Whether it is one, and no transfer or step up, is told from the end of the episode before it.

    Parameters
    ----------
    built
        As `build_episodes` returns.
    index
        The index episodes: `person_id`, `episode`.

    Returns
    -------
    pd.DataFrame
        One row per readmission: `person_id`, `readmission_day`.
    """
    rules = ReadmissionRules() if rules is None else rules
    nights = [str(level) for level in DAY_AND_NIGHT]
    segments = built.segments
    first = segments[segments["level_of_care"].isin(nights)].drop_duplicates(INDEX)
    before = segments.drop_duplicates(INDEX, keep="last")
    before = before[[*INDEX, "end_day", "level_of_care"]].assign(episode=before["episode"] + 1)
    pairs = first[[*INDEX, "start_day"]].merge(before, on=INDEX, validate="one_to_one")
    pairs = pairs.merge(index.rename(columns={"episode": "index_episode"}), on="person_id")
    counts = is_return(
        pairs["start_day"] - pairs["end_day"], pairs["level_of_care"].isin(nights), rules
    ) & (pairs["episode"] > pairs["index_episode"])
    found = pairs.loc[counts, ["person_id", "start_day"]]
    return found.rename(columns={"start_day": "readmission_day"}).reset_index(drop=True)
