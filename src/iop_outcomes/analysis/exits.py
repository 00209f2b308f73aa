"""How the index stays ended, by arm and level of care."""

import pandas as pd


def exits_by_arm(exits: pd.DataFrame, weights: pd.DataFrame) -> pd.DataFrame:
    """Count exits, as enrolled and weighted.

    Parameters
    ----------
    exits
        `Cohort.exits`.
    weights
        `Weighting.weights`.

    Returns
    -------
    pd.DataFrame
        One row per `arm`, `level_of_care` of the index stay and `reason` of exit: `people`, and
        their `share` and `weighted_share` of the arm.
    """
    people = exits.merge(weights, on="person_id", validate="one_to_one")
    total = people.groupby("arm")["weight"].agg(["sum", "size"])
    table = (
        people.groupby(["arm", "level_of_care", "reason"])["weight"]
        .agg(people="size", weight="sum")
        .reset_index()
    )
    return table.assign(
        share=table["people"] / table["arm"].map(total["size"]),
        weighted_share=table["weight"] / table["arm"].map(total["sum"]),
    ).drop(columns="weight")
