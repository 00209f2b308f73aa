"""Stays joined into treatment episodes, so that a step-down is not a new beginning."""

import pandas as pd


def link_episodes(stays: pd.DataFrame, gap_days: int) -> pd.DataFrame:
    """Number each person's episodes: a stay within `gap_days` of the last exit continues one.

    An open stay (no end day) is continued by every later one. Stays that overlap or touch belong
    together. A stay whose end is unknown but that has ended counts as open.

    Parameters
    ----------
    stays
        One row per stay: `person_id`, `start_day`, `end_day`.
    gap_days
        Largest number of days between an exit and the next admission within an episode.

    Returns
    -------
    pd.DataFrame
        The stays, sorted by person and day, with `episode` counting from 1 within each person.
    """
    table = stays.sort_values(["person_id", "start_day", "end_day"], kind="stable")
    until = table["end_day"].astype("float64").fillna(float("inf"))
    latest = until.groupby(table["person_id"]).cummax()
    latest_before = latest.groupby(table["person_id"]).shift()
    new = latest_before.isna() | (table["start_day"].astype("float64") - latest_before > gap_days)
    return table.assign(episode=new.groupby(table["person_id"]).cumsum().astype("int64"))
