"""What is known at time zero, and nothing later."""

import pandas as pd


def baseline_scores(index: pd.DataFrame, scores: pd.DataFrame, window_days: int) -> pd.DataFrame:
    """The last score of each instrument within `window_days` before time zero, or on it.

    Parameters
    ----------
    index
        One row per person: `person_id`, `index_day` (time zero).
    scores
        One row per score: `person_id`, `day`, `instrument`, `score`.

    Returns
    -------
    pd.DataFrame
        One row per person with any score, one column per instrument, indexed by `person_id`.
    """
    dated = scores.merge(index[["person_id", "index_day"]], on="person_id", validate="many_to_one")
    before = dated["index_day"] - dated["day"]
    last = (
        dated[before.between(0, window_days)]
        .sort_values(["person_id", "day"], kind="stable")
        .drop_duplicates(["person_id", "instrument"], keep="last")
    )
    return last.set_index(["person_id", "instrument"])["score"].unstack("instrument")
