"""What is hidden of things that happen again and again."""

import numpy as np
import pandas as pd

from iop_outcomes.report.small_counts import is_small
from iop_outcomes.report.steps_told import steps_told
from iop_outcomes.vocabulary import Method

NUMBERS = ["estimate", "std_error", "conf_low", "conf_high"]
OFTEN = ["none", "once", "twice", "more_often"]
HAIR = 2.0**-20  # of an event: less than a person, and not nothing


def recurrent(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """Means of arms in which few have, or do not have, an event; and what is made of them.

    Unweighted means tell how many were not in sight, if these are few. What is hidden of one arm
    hides the contrasts: with the other arm's mean they would tell it.
    """
    unweighted = table["method"].eq(str(Method.UNADJUSTED))
    hidden = is_small(table["smallest_cell"], k)
    hidden |= unweighted & is_small(table["fewest_missing"], k)
    shown = table.drop(columns=["smallest_cell", "fewest_missing"])
    shown[NUMBERS] = shown[NUMBERS].mask(hidden)
    return shown


def recurrent_counts(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """People by how often: all are hidden if any are few, for the mean tells the events in all."""
    shown = table.drop(columns="people_away")
    few = is_small(table[OFTEN], k).any(axis=1) | is_small(table["missing"], k)
    # Who had more than one: the events in all, less those who had any, are theirs.
    few |= is_small(table["twice"] + table["more_often"], k)
    shown[OFTEN] = shown[OFTEN].mask(few)
    no_people = is_small(table["missing"], k) | is_small(table["people"], k)
    shown[["people", "missing"]] = shown[["people", "missing"]].mask(no_people)
    alive = table["people"] - table["died"]
    shown["died"] = table["died"].mask(is_small(table["died"], k) | is_small(alive, k) | no_people)
    shown["days_at_risk"] = table["days_at_risk"].mask(no_people)
    stayed = table["people"] - table["people_away"]
    away = is_small(table["people_away"], k) | is_small(stayed, k)
    shown["days_away"] = table["days_away"].mask(no_people | away)
    return shown


def recurrent_curves(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """A step is told where enough people had their first since the last one told, or nothing came.

    Steps made by few people again and again are joined with others; tails with few in sight are
    cut. The horizon is told if it can be.
    """
    kept = []
    few = is_small(table["few_left_out"], k)
    for _, curve in table[~few].groupby(["recurrent", "method", "arm"], sort=False):
        counts = curve["people_with"].to_numpy(float) + HAIR * curve["events"].to_numpy(float)
        steps = np.flatnonzero(curve["in_sight"].to_numpy(int) >= k).tolist()
        total = counts[-1]
        # What comes after the last step told is nothing, or of enough people.
        steps = [s for s in steps if total == counts[s] or total - counts[s] >= k]
        order = sorted(steps, key=lambda step: (step != steps[-1], step))
        kept += curve.index[steps_told(counts[:, None], k, order)].tolist()
    inside = ["people_with", "events", "in_sight", "few_left_out"]
    return table.loc[kept].drop(columns=inside).reset_index(drop=True)
