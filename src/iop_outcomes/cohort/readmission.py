"""The return to care by day and night after an episode has ended."""

from dataclasses import dataclass

import pandas as pd

from iop_outcomes.cohort.episodes import Episodes
from iop_outcomes.errors import CohortError, ProtocolError
from iop_outcomes.vocabulary import DAY_AND_NIGHT

INDEX = ["person_id", "episode"]
FOUND = ["readmission_day", "readmission_episode", "readmission_segment"]


@dataclass(frozen=True, kw_only=True)
class ReadmissionRules:
    """Which admission after the index episode is a readmission.

    Attributes
    ----------
    gap_days
        Fewest days from the end of the index episode to the admission; an admission before that
        is a transfer. 7 is the usual sensitivity analysis.
    step_up_days
        An admission within so many days after care without nights is a step up, not a
        readmission, even where the rules of the episodes end one sooner.
    """

    gap_days: int = 2
    step_up_days: int = 7

    def __post_init__(self):
        for name in ("gap_days", "step_up_days"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise ProtocolError(f"{name}: must be a whole number of days, 0 or more")


def readmissions(
    built: Episodes, index: pd.DataFrame, rules: ReadmissionRules | None = None
) -> pd.DataFrame:
    """Find each index episode's first readmission.

    It is the first segment of withdrawal management, inpatient or residential care in any later
    episode. A transfer and a step up continue the episode and are none; an admission that only
    interrupts other care is no segment.

    Parameters
    ----------
    built
        As `build_episodes` returns.
    index
        The index episodes: `person_id`, `episode`.
    rules
        The defaults if None.

    Returns
    -------
    pd.DataFrame
        One row per index episode, in the order given: `person_id`, `episode`, `end_day`;
        `readmission_day`, `days` from the end to it, its `readmission_episode`,
        `readmission_segment` and `level_of_care`, all empty without a readmission or while the
        index episode is open.

    Raises
    ------
    CohortError
        An index episode is not among the episodes, or stands twice in the index.
    """
    rules = ReadmissionRules() if rules is None else rules
    ended = _ends(built, index)
    later = built.segments.rename(
        columns={
            "start_day": "readmission_day",
            "episode": "readmission_episode",
            "segment": "readmission_segment",
        }
    )[["person_id", *FOUND, "level_of_care"]]
    later = later[later["level_of_care"].isin([str(level) for level in DAY_AND_NIGHT])]
    pairs = ended.merge(later, on="person_id")
    pairs["days"] = pairs["readmission_day"] - pairs["end_day"]
    after_nights = pairs["last_level_of_care"].isin([str(level) for level in DAY_AND_NIGHT])
    counts = is_return(pairs["days"], after_nights, rules)
    first = pairs[counts & (pairs["readmission_episode"] > pairs["episode"])].sort_values(
        [*INDEX, "readmission_day"], kind="stable"
    )
    first = first.drop_duplicates(INDEX)[[*INDEX, *FOUND, "days", "level_of_care"]]
    return ended[[*INDEX, "end_day"]].merge(first, on=INDEX, how="left", validate="one_to_one")


def is_return(days: pd.Series, after_nights: pd.Series, rules: ReadmissionRules) -> pd.Series:
    """Whether an admission so many days after an episode is a readmission, by the rules.

    Parameters
    ----------
    days
        From the end of the episode to the admission.
    after_nights
        Whether the episode ended in care by day and night.
    """
    counts = (days >= rules.gap_days) & (after_nights | (days > rules.step_up_days))
    return counts.fillna(False).astype(bool)


def readmitted_within(found: pd.DataFrame, days: int, last_observed_day: pd.Series) -> pd.Series:
    """Say who was readmitted within so many days of the end of the index episode, that day too.

    Parameters
    ----------
    found
        As `readmissions` returns.
    days
        30 counts a readmission on day 30.
    last_observed_day
        Of each row of `found`: whoever was not seen for so long, without a readmission, is
        unknown.

    Returns
    -------
    pd.Series
        True, False, or missing: not observed for long enough, or the index episode is open.

    Examples
    --------
    >>> found = pd.DataFrame({"end_day": [0, 0, 0], "days": [30, 31, None]}, dtype="Int64")
    >>> readmitted_within(found, 30, pd.Series([90, 90, 20])).tolist()
    [True, False, <NA>]
    """
    returned = (found["days"] <= days).fillna(False).astype("boolean")
    seen = (last_observed_day.astype("Int64") - found["end_day"] >= days).fillna(False)
    return returned.mask(~returned & ~seen)


def _ends(built: Episodes, index: pd.DataFrame) -> pd.DataFrame:
    """The index episodes, when they ended and in which care."""
    lacking = [name for name in INDEX if name not in index]
    if lacking:
        raise CohortError(f"readmissions: the index lacks the column(s) {lacking}; add them")
    if index.duplicated(INDEX).any():
        raise CohortError("readmissions: an index episode stands twice in the index; keep one row")
    last = built.segments.drop_duplicates(INDEX, keep="last")
    last = last[[*INDEX, "end_day", "level_of_care"]]
    last = last.rename(columns={"level_of_care": "last_level_of_care"})
    ended = index[INDEX].merge(last, on=INDEX, how="left", validate="one_to_one")
    unknown = int(ended["last_level_of_care"].isna().sum())
    if unknown:
        raise CohortError(
            f"readmissions: {unknown} index episode(s) are not among the episodes; take them from "
            "the same stays"
        )
    return ended
