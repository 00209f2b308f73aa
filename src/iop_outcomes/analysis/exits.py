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
        their `share` and `weighted_share` of the arm, and whether anyone was `left_out`, that is,
        weighs 0.
    """
    people = exits.merge(weights, on="person_id", validate="one_to_one")
    total = people.groupby("arm")["weight"].agg(["sum", "size"])
    table = (
        people.groupby(["arm", "level_of_care", "reason"])["weight"]
        .agg(people="size", weight="sum")
        .reset_index()
    )
    return table.assign(
        # A data frame knows of no exits, and arms that are in no row map to no number.
        share=table["people"] / table["arm"].map(total["size"]).astype("float64"),
        weighted_share=table["weight"] / table["arm"].map(total["sum"]).astype("float64"),
        left_out=bool((people["weight"] == 0).any()),
    ).drop(columns="weight")
