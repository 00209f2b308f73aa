"""What is hidden of means, and how precisely they leave."""

import numpy as np
import pandas as pd

from iop_outcomes.report.small_counts import is_small
from iop_outcomes.vocabulary import Measure, Method

OF_MEANS = (Measure.MEAN_INTERVENTION, Measure.MEAN_COMPARATOR, Measure.MEAN_DIFFERENCE)
MOST_DECIMALS = 3
NUMBERS = ["mean", "standard_deviation"]


def means(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """Means and their spread rest on enough people, and so does what is not known.

    With a mean, a standard deviation and few people the scores themselves can be worked out. Means
    of one and the same people differ by method, so where one is hidden all of that arm are. A
    number of people less those missing is known, so both hide together. Where some found no match,
    the spread stays inside: over the standard error it would tell how many did.
    """
    few_missing = is_small(table["missing"], k)
    small = is_small(table["smallest_cell"], k) | is_small(table["people"], k) | few_missing
    small = small.groupby([table["outcome"], table["arm"]]).transform("any")
    shown = table.drop(columns="smallest_cell").astype({"people": "Int64", "missing": "Int64"})
    numbers = [*NUMBERS, "std_error"]
    shown[numbers] = shown[numbers].mask(small)
    keys = [table["outcome"], table["arm"]]
    followed = table["people"] + table["missing"]
    enrolled = followed.where(table["method"].eq(str(Method.UNADJUSTED)))
    fewer = followed < enrolled.groupby(keys).transform("max")  # some found no match, or trimmed
    hidden = few_missing | is_small(table["people"], k) | fewer
    shown[["people", "missing"]] = shown[["people", "missing"]].mask(hidden)
    shown["standard_deviation"] = shown["standard_deviation"].mask(fewer)
    decimals = mean_decimals(shown)
    shown["decimals"] = shown["outcome"].map(decimals).astype("Int64")
    for outcome, places in decimals.items():
        rows = shown["outcome"].eq(outcome)
        shown.loc[rows, NUMBERS] = shown.loc[rows, NUMBERS].round(places)
    return shown.drop(columns="std_error")


def mean_decimals(table: pd.DataFrame) -> dict[str, int]:
    """Decimals of the means of each outcome: as many as show the standard error's first digit.

    One where that is a whole number below ten. Nothing finer is known of a mean, and a sum of
    scores with all its digits is one that few sets of people can have.

    Parameters
    ----------
    table
        `outcome`, `std_error` (missing where it is hidden), and `measure` where other estimates are
        among its rows.

    Examples
    --------
    >>> mean_decimals(pd.DataFrame({"outcome": ["phq9", "dollars"], "std_error": [0.4, 738.0]}))
    {'dollars': 0, 'phq9': 1}
    """
    if "measure" in table:
        table = table[table["measure"].isin([str(measure) for measure in OF_MEANS])]
    errors = table.loc[table["std_error"] > 0].groupby("outcome")["std_error"].min()
    return {
        str(outcome): 0
        if error >= 10
        else int(np.clip(-np.floor(np.log10(error)), 1, MOST_DECIMALS))
        for outcome, error in errors.astype(float).items()
    }


def rounded_means(table: pd.DataFrame) -> pd.DataFrame:
    """Estimates with means as precise as they are printed, their errors with a digit more."""
    numbers = ["estimate", "conf_low", "conf_high"]
    about = table["measure"].isin([str(measure) for measure in OF_MEANS])
    for outcome, decimals in mean_decimals(table[about]).items() if about.any() else ():
        rows = about & table["outcome"].eq(outcome)
        table.loc[rows, numbers] = table.loc[rows, numbers].round(decimals)
        table.loc[rows, "std_error"] = table.loc[rows, "std_error"].round(decimals + 1)
    return table
