"""Whether care that was begun went on: initiation, engagement, follow-up after a discharge.

A contact is a day with a service, or on which a stay begins. Who was not seen for long enough to
tell, and had not met the definition until then, is missing and never a no.
"""

import pandas as pd

from iop_outcomes.cohort.discharges import discharges
from iop_outcomes.cohort.episode_rules import DAY_AND_NIGHT
from iop_outcomes.protocol.definitions.care_rules import Engagement, FollowUpCare

A_DAY = ["person_id", "day"]


def engagement(
    index: pd.DataFrame, services: pd.DataFrame, stays: pd.DataFrame, rule: Engagement
) -> pd.DataFrame:
    """Whether treatment was initiated, and whether further contacts engaged the person.

    A contact within `within_days` days after time zero initiates treatment. An index stay by day
    and night initiates it by itself, on the day of its discharge: it does so in every arm that
    begins with one, so initiation compares such arms with others badly. `further_contacts` more
    days with a contact, on the `further_days` days after initiation, engage.

    Parameters
    ----------
    index
        One row per person: `person_id`, `level_of_care`, `index_day`, `exit_day`,
        `last_observed_day`.
    services
        `person_id`, `day`.
    stays
        `person_id`, `start_day`.

    Returns
    -------
    pd.DataFrame
        One row per person, in the order of `index`: `person_id`, `initiation_day`, `initiated`,
        `engaged`; an index stay by day and night that is still open leaves both missing.

    Examples
    --------
    >>> rule = Engagement(by="initiation and engagement", step="engagement", within_days=14,
    ...                   further_contacts=2, further_days=30)
    >>> index = pd.DataFrame({
    ...     "person_id": ["P"], "level_of_care": "intensive outpatient", "index_day": 0,
    ...     "exit_day": None, "last_observed_day": 90,
    ... })
    >>> services = pd.DataFrame({"person_id": "P", "day": [0, 3, 5, 30]})
    >>> stays = pd.DataFrame({"person_id": ["P"], "start_day": 0})
    >>> found = engagement(index, services, stays, rule)
    >>> found[["initiation_day", "initiated", "engaged"]].to_numpy(object).tolist()
    [[3, True, True]]
    """
    people = index.set_index("person_id")
    start = people["index_day"].astype("Int64")
    seen = people["last_observed_day"].astype("Int64")
    nights = people["level_of_care"].isin([str(level) for level in DAY_AND_NIGHT])
    contacts = _contacts(services, stays)
    after = contacts["day"] - contacts["person_id"].map(start).astype("Int64")
    soon = contacts[after.between(1, rule.within_days).fillna(False)]
    first = soon.groupby("person_id")["day"].min().reindex(people.index).astype("Int64")
    initiation = first.mask(nights, people["exit_day"].astype("Int64"))
    initiated = _told(initiation.notna() & (initiation <= seen), seen - start >= rule.within_days)
    # A stay by day and night that is still open will initiate treatment; it has not yet.
    initiated = initiated.mask(nights & initiation.isna())

    later = contacts["day"] - contacts["person_id"].map(initiation).astype("Int64")
    counted = contacts[later.between(1, rule.further_days).fillna(False)]
    further = counted.groupby("person_id").size().reindex(people.index, fill_value=0)
    engaged = _told(
        initiated.fillna(False) & (further >= rule.further_contacts),
        seen - initiation >= rule.further_days,
    )
    never = initiated.eq(False).fillna(False).astype(bool)
    engaged = engaged.mask(initiated.isna()).mask(never, False)
    return pd.DataFrame(
        {
            "person_id": index["person_id"].to_numpy(),
            "initiation_day": initiation.array,
            "initiated": initiated.array,
            "engaged": engaged.array,
        }
    )


def followed_up(
    stays: pd.DataFrame, services: pd.DataFrame, last_observed_day: pd.Series, rule: FollowUpCare
) -> pd.DataFrame:
    """Whether each discharge from care by day and night was followed by a contact in time.

    What happens on the day of discharge does not count, nor anything from the day on which the
    person is back in care at `rule.levels`. Every discharge counts: a person may have several.

    Parameters
    ----------
    stays
        Everyone's: `person_id`, `level_of_care`, `start_day`, `end_day`, `age_years`.
    services
        `person_id`, `day`.
    last_observed_day
        Indexed by `person_id`.

    Returns
    -------
    pd.DataFrame
        One row per discharge, in order of person and day: `person_id`, `discharge_day`, `days` to
        the first contact after it, if any, and `followed_up`.
    """
    left = discharges(stays, rule.levels, rule.transfer_days)
    left["back_day"] = left.groupby("person_id")["start_day"].shift(-1)
    old_enough = (left["age_years"] >= rule.minimum_age_years).fillna(False).astype(bool)
    left = left[left["end_day"].notna() & old_enough]
    left = left[["person_id", "end_day", "back_day"]].rename(columns={"end_day": "discharge_day"})
    left = left.reset_index(drop=True).reset_index(names="discharge")
    elsewhere = stays[~stays["level_of_care"].isin([str(level) for level in rule.levels])]
    pairs = left.merge(_contacts(services, elsewhere), on="person_id")
    days = (pairs["day"] - pairs["discharge_day"]).rename("days")
    still_out = (pairs["back_day"].isna() | (pairs["day"] < pairs["back_day"])).fillna(True)
    first = days[(days >= 1) & still_out].groupby(pairs["discharge"]).min()
    left["days"] = left["discharge"].map(first).astype("Int64")
    seen = left["person_id"].map(last_observed_day).astype("Int64") - left["discharge_day"]
    in_time = (left["days"] <= rule.within_days).fillna(False)
    left["followed_up"] = _told(in_time, seen >= rule.within_days)
    return left.drop(columns=["discharge", "back_day"])


def _contacts(services: pd.DataFrame, stays: pd.DataFrame) -> pd.DataFrame:
    begun = stays[["person_id", "start_day"]].set_axis(A_DAY, axis=1)
    both = pd.concat([services[A_DAY], begun]).astype({"day": "Int64"})
    return both.drop_duplicates(ignore_index=True)


def _told(met: pd.Series, long_enough: pd.Series) -> pd.Series:
    """Yes as soon as it is met; no only of those seen to the end; missing otherwise."""
    met = met.fillna(False).astype("boolean")
    return met.mask(~met & ~long_enough.fillna(False).astype(bool))
