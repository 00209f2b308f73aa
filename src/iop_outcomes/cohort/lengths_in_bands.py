"""How long the index stay went on, as a day or as the band of days that the source knows."""

import pandas as pd

from iop_outcomes.cohort.retention import BANDS
from iop_outcomes.vocabulary import ExitReason, Status

COLUMNS = {
    "person_id": "str",
    "low_days": "Int64",
    "high_days": "Int64",
    "status": "str",
    "reason": "str",
}


def lengths_in_bands(persons: pd.DataFrame) -> pd.DataFrame:
    """Lengths of the index stays, and why each ended.

    Days count from time zero; an exit on the day of admission is a stay of one day.

    Parameters
    ----------
    persons
        One row per person: `person_id`, `index_day`, `exit_day`, `exit_reason`,
        `last_observed_day`, and `length_low_days`, `length_high_days` if the source has bands.

    Returns
    -------
    pd.DataFrame
        One row per person: `person_id`; `low_days`, `high_days`, the first and last day on which
        the exit can have been, the last empty if the band is open; `status`: an event for an exit,
        censored for a stay still open on `low_days`, missing if nobody knows when it ended;
        `reason` of the exit.

    Examples
    --------
    >>> persons = pd.DataFrame({
    ...     "person_id": ["P", "Q"], "index_day": 0, "exit_day": [12, None],
    ...     "exit_reason": ["completed", "dropped out"], "last_observed_day": None,
    ...     "length_low_days": [12, 31], "length_high_days": [12, 45],
    ... })
    >>> lengths_in_bands(persons)[["low_days", "high_days", "status"]].to_numpy().tolist()
    [[12, 12, 'event'], [31, 45, 'event']]
    """
    exact = (persons["exit_day"].astype("Int64") - persons["index_day"].astype("Int64")).clip(1)
    low, high = exact, exact
    if set(BANDS) <= set(persons.columns):
        banded = exact.isna() & persons[BANDS[0]].notna()
        low = exact.mask(banded, persons[BANDS[0]].astype("Int64"))
        high = exact.mask(banded, persons[BANDS[1]].astype("Int64"))
    seen = persons["last_observed_day"].astype("Int64") - persons["index_day"].astype("Int64")
    still_open = persons["exit_reason"].isna() & low.isna() & seen.notna()
    status = low.notna().map({True: str(Status.EVENT), False: str(Status.MISSING)})
    unsaid = str(ExitReason.NOT_RECORDED)
    reason = persons["exit_reason"].fillna(unsaid).where(low.notna())
    found = pd.DataFrame(
        {
            "person_id": persons["person_id"],
            "low_days": low.mask(still_open, seen),
            "high_days": high.mask(still_open, seen),
            "status": status.mask(still_open, str(Status.CENSORED)),
            "reason": reason,
        }
    )
    return found.astype(COLUMNS).reset_index(drop=True)


def no_lengths() -> pd.DataFrame:
    """The table of `lengths_in_bands` without a row."""
    return pd.DataFrame(columns=list(COLUMNS)).astype(COLUMNS)
