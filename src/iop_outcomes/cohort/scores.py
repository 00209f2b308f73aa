"""Response, remission and relapse by the scores of an instrument.

A score is taken when somebody comes, and sometimes because they are worse: windows are fixed, and
the last score within one counts.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from iop_outcomes.cohort.discharges import discharges
from iop_outcomes.protocol.definitions.event_rules import ScoreInWindow, ScoreRelapse
from iop_outcomes.vocabulary import LevelOfCare, Status

NEVER_WELL = "never in remission"


def score_in_window(index: pd.DataFrame, scores: pd.DataFrame, rule: ScoreInWindow) -> pd.DataFrame:
    """Whether the last score of a window is low enough, of those with a high score at time zero.

    Parameters
    ----------
    index
        One row per person: `person_id`, `index_day`.
    scores
        `person_id`, `day`, `instrument`, `score`.

    Returns
    -------
    pd.DataFrame
        One row per person, in the order of `index`: `person_id`, `entry_score`, `later_score`,
        `status`: event, no event, or missing without a high score at time zero or a later one.

    Examples
    --------
    >>> rule = ScoreInWindow(by="score in a window", instrument="phq9", entry_at_least=10,
    ...                      entry_days=14, first_day=120, last_day=240, fallen_by=0.5)
    >>> index = pd.DataFrame({"person_id": ["P"], "index_day": 0})
    >>> scores = pd.DataFrame({
    ...     "person_id": "P", "day": [0, 130, 200], "instrument": "phq9", "score": [20, 6, 10],
    ... })
    >>> score_in_window(index, scores, rule)[["later_score", "status"]].to_numpy().tolist()
    [[10.0, 'event']]
    """
    dated = _dated(index, scores, rule.instrument)
    entry = _last(dated[dated["since"].between(-rule.entry_days, 0)], index)
    later = _last(dated[dated["since"].between(rule.first_day, rule.last_day)], index)
    fallen = entry - later
    met = fallen >= rule.fallen_by * entry if rule.below is None else later < rule.below
    asked = (entry >= rule.entry_at_least).fillna(False) & later.notna()
    status = pd.Series(str(Status.MISSING), index=entry.index, dtype="str")
    status = status.mask(asked & met.fillna(False), str(Status.EVENT))
    status = status.mask(asked & ~met.fillna(True), str(Status.NO_EVENT))
    return pd.DataFrame(
        {"entry_score": entry, "later_score": later, "status": status}
    ).reset_index()


def score_relapse(
    index: pd.DataFrame, scores: pd.DataFrame, stays: pd.DataFrame, rule: ScoreRelapse
) -> pd.DataFrame:
    """High scores after a remission that a second high score or an admission confirms.

    Time runs from the first remission after time zero. The relapse is dated on the high score, and
    known on the day of what confirms it: a score as high at least `rule.apart_days` later, or an
    admission, with no lower score before it. Whoever has none is censored on their last score.

    Parameters
    ----------
    index
        One row per person: `person_id`, `index_day`.
    scores
        `person_id`, `day`, `instrument`, `score`.
    stays
        `person_id`, `level_of_care`, `start_day`.

    Returns
    -------
    pd.DataFrame
        One row per person, in the order of `index`: `person_id`; `time` in days from the remission;
        `status`, missing for people never in remission; `reason`; `known_day` of a relapse.
    """
    dated = _dated(index, scores, rule.instrument)
    dated = dated[dated["since"] > 0].sort_values(["person_id", "day"], kind="stable")
    well = dated["score"] < rule.remission_below
    remission = dated[well].groupby("person_id")["day"].min()
    well_since = dated["person_id"].map(remission).astype("Int64")
    after = dated[(dated["day"] > well_since).fillna(False)].reset_index(drop=True)
    high = after["score"] >= rule.relapse_from
    # High scores without a lower one between them belong to one run.
    run = (~high).cumsum().where(high)
    confirmed = _confirmed(after.assign(run=run)[high], after[~high], stays, rule)
    first = confirmed.sort_values(["person_id", "day"]).drop_duplicates("person_id")
    first = first.set_index("person_id").reindex(index["person_id"])
    begun = remission.reindex(index["person_id"]).astype("Int64")
    seen = dated.groupby("person_id")["day"].max().reindex(index["person_id"]).astype("Int64")
    relapsed = first["day"].notna()
    status = pd.Series(str(Status.CENSORED), index=first.index, dtype="str")
    status = status.mask(relapsed, str(Status.EVENT)).mask(begun.isna(), str(Status.MISSING))
    reason = pd.Series("last score", index=first.index, dtype="str")
    reason = reason.mask(relapsed, rule.instrument).mask(begun.isna(), NEVER_WELL)
    return pd.DataFrame(
        {
            "time": first["day"].astype("Int64").fillna(seen) - begun,
            "status": status,
            "reason": reason,
            "known_day": first["known_day"].astype("Int64"),
        }
    ).reset_index()


def return_to_hospital(
    stays: pd.DataFrame,
    last_observed_day: pd.Series,
    levels: Iterable[LevelOfCare],
    within_days: int,
    transfer_days: int,
) -> pd.DataFrame:
    """Whether each discharge from hospital was followed by another admission to one.

    Parameters
    ----------
    stays
        Everyone's: `person_id`, `level_of_care`, `start_day`, `end_day`, `age_years`.
    last_observed_day
        Indexed by `person_id`.
    levels
        Care that counts as the hospital.
    within_days
        After the discharge; that day counts.
    transfer_days
        A stay that begins within so many days goes on with the one before.

    Returns
    -------
    pd.DataFrame
        One row per discharge, in order of person and day: `person_id`, `start_day` of the stay,
        `discharge_day`, `days` to the next admission, if any, and `returned`, missing of people not
        seen for long enough.

    Examples
    --------
    >>> stays = pd.DataFrame({
    ...     "person_id": "P", "level_of_care": "inpatient", "age_years": 40,
    ...     "start_day": [0, 11, 50], "end_day": [10, 20, None],
    ... })
    >>> seen = pd.Series({"P": 90})
    >>> found = return_to_hospital(stays, seen, [LevelOfCare.INPATIENT], 30, 1)
    >>> found[["discharge_day", "days", "returned"]].to_numpy(object).tolist()
    [[20, 30, True]]
    """
    left = discharges(stays, levels, transfer_days)
    left["days"] = left.groupby("person_id")["start_day"].shift(-1) - left["end_day"]
    left = left[left["end_day"].notna()].reset_index(drop=True)
    seen = left["person_id"].map(last_observed_day).astype("Int64") - left["end_day"]
    returned = (left["days"] <= within_days).fillna(False).astype("boolean")
    left["returned"] = returned.mask(~returned & (seen < within_days).fillna(True))
    left = left.rename(columns={"end_day": "discharge_day"})
    return left[["person_id", "start_day", "discharge_day", "days", "returned"]]


def _confirmed(
    high: pd.DataFrame, lower: pd.DataFrame, stays: pd.DataFrame, rule: ScoreRelapse
) -> pd.DataFrame:
    """High scores that something confirms, with the day on which it did: `day`, `known_day`."""
    columns = ["person_id", "day", "run"]
    pairs = high[columns].merge(high[columns], on=["person_id", "run"], suffixes=("", "_later"))
    pairs = pairs[pairs["day_later"] - pairs["day"] >= rule.apart_days]
    by_score = pairs.rename(columns={"day_later": "known_day"})[["person_id", "day", "known_day"]]
    levels = [str(level) for level in rule.admission_levels]
    admitted = stays.loc[stays["level_of_care"].isin(levels), ["person_id", "start_day"]]
    admitted = admitted.rename(columns={"start_day": "known_day"})
    both = high[["person_id", "day"]].merge(admitted, on="person_id")
    both = both[both["known_day"] >= both["day"]].reset_index(names="pair")
    between = both.merge(lower[["person_id", "day"]], on="person_id", suffixes=("", "_low"))
    spoiled = between.loc[between["day_low"].between(between["day"], between["known_day"]), "pair"]
    by_admission = both.loc[~both["pair"].isin(spoiled), ["person_id", "day", "known_day"]]
    every = pd.concat([by_score, by_admission])
    return every.groupby(["person_id", "day"], as_index=False)["known_day"].min()


def _dated(index: pd.DataFrame, scores: pd.DataFrame, instrument: str) -> pd.DataFrame:
    """The scores of one instrument, with the days `since` time zero."""
    own = scores[scores["instrument"] == instrument]
    start = index.set_index("person_id")["index_day"]
    own = own.assign(since=own["day"] - own["person_id"].map(start).astype("Int64"))
    own = own[own["since"].notna()]
    return own.assign(day=own["day"].astype(np.int64), since=own["since"].astype(np.int64))


def _last(scores: pd.DataFrame, index: pd.DataFrame) -> pd.Series:
    """The last score of each person; of two on one day, the last in the table."""
    last = scores.sort_values(["person_id", "day"], kind="stable").groupby("person_id")["score"]
    return last.last().reindex(index["person_id"]).astype("Float64")
