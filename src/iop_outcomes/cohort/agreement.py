"""How far definitions of one outcome agree, told side by side for every pair of them."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from iop_outcomes.errors import CohortError
from iop_outcomes.vocabulary import Status


def cohen_kappa(first: ArrayLike, second: ArrayLike) -> float:
    r"""Agreement of two yes-or-no answers beyond what chance would give.

    .. math:: \kappa = \frac{p_o - p_e}{1 - p_e}

    with :math:`p_o` the share of equal answers and :math:`p_e` the share to be expected if the two
    had nothing to do with each other.

    Parameters
    ----------
    first, second
        True or False of the same people, in the same order. Shape (n,).

    Returns
    -------
    float
        1 if all answers are equal and both occur; nan without people, or where both answer the
        same throughout, since chance alone would do so.

    References
    ----------
    Cohen (1960), Educational and Psychological Measurement 20:37-46.

    Examples
    --------
    Three of four answers are equal, two of four by chance:

    >>> cohen_kappa([True, True, False, False], [True, False, False, False])
    0.5
    """
    first, second = np.asarray(first, bool), np.asarray(second, bool)
    if not len(first):
        return float("nan")
    observed = np.mean(first == second)
    chance = first.mean() * second.mean() + (1 - first.mean()) * (1 - second.mean())
    return float((observed - chance) / (1 - chance)) if chance < 1 else float("nan")


def agreement(told: Mapping[str, pd.DataFrame], horizon: float | None = None) -> pd.DataFrame:
    """Compare definitions of the same people in pairs.

    A person enters a pair if both definitions can tell whether the event had happened by the
    horizon: whoever was censored before it cannot be told of, whoever had a competing event did not
    have the event.

    Parameters
    ----------
    told
        By name of the definition: `person_id`, `status`, and `time` if they have one, in the same
        unit. For the same people; their order does not matter.
    horizon
        The time by which an event counts. None: whenever it was, a censored person having none.

    Returns
    -------
    pd.DataFrame
        One row per pair: `first`, `second`; `people` of whom both tell; `first_events`,
        `second_events`, `both_events`; `kappa`; `median_shift`, of people with both events how much
        later the second tells it, missing without times or such people.

    Raises
    ------
    CohortError
        The definitions are told of different people, or a horizon is asked of ones without time.

    Examples
    --------
    >>> strict = pd.DataFrame({"person_id": ["P", "Q", "R"], "time": [9, 4, 20],
    ...                        "status": ["event", "event", "censored"]})
    >>> loose = strict.assign(time=[3, 2, 6], status="event")
    >>> agreement({"strict": strict, "loose": loose}, horizon=10)[
    ...     ["people", "first_events", "second_events", "median_shift"]
    ... ].to_numpy().tolist()
    [[3.0, 2.0, 3.0, -4.0]]
    """
    tables = {name: table.set_index("person_id") for name, table in told.items()}
    people = next(iter(tables.values())).index
    for name, table in tables.items():
        if len(table) != len(people) or not table.index.sort_values().equals(people.sort_values()):
            raise CohortError(f"agreement: {name} is told of other people than the others")
        if horizon is not None and "time" not in table:
            raise CohortError(f"agreement: {name} has no time; ask without a horizon")
    answers = {name: had_event(table.reindex(people), horizon) for name, table in tables.items()}
    rows = [
        _pair(first, second, answers, {name: tables[name].reindex(people) for name in tables})
        for first, second in combinations(tables, 2)
    ]
    counts = ["people", "first_events", "second_events", "both_events"]
    columns = ["first", "second", *counts, "kappa", "median_shift"]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(counts, "int64"))


def had_event(table: pd.DataFrame, horizon: float | None = None) -> pd.Series:
    """Whether each person's event had happened by the horizon; missing where that cannot be told.

    Parameters
    ----------
    table
        `status`, and `time` if a horizon is given.
    """
    status = table["status"]
    event = status.eq(str(Status.EVENT)).astype("boolean")
    if horizon is None:
        return event.mask(status.eq(str(Status.MISSING)))
    time = table["time"].astype("Float64")
    by_then = (event & (time <= horizon)).fillna(False)
    cut_short = status.eq(str(Status.CENSORED)) & (time < horizon).fillna(False)
    return by_then.mask(cut_short | status.eq(str(Status.MISSING)))


def _pair(
    first: str,
    second: str,
    answers: Mapping[str, pd.Series],
    tables: Mapping[str, pd.DataFrame],
) -> dict[str, object]:
    known = (answers[first].notna() & answers[second].notna()).to_numpy(bool)
    one, other = (answers[name][known].astype(bool) for name in (first, second))
    both = one & other
    shift = np.nan
    if both.any() and all("time" in tables[name] for name in (first, second)):
        times = (tables[name].loc[both.index[both], "time"] for name in (first, second))
        before, after = (time.astype("float64") for time in times)
        shift = float((after - before).median())
    return {
        "first": first,
        "second": second,
        "people": int(known.sum()),
        "first_events": int(one.sum()),
        "second_events": int(other.sum()),
        "both_events": int(both.sum()),
        "kappa": cohen_kappa(one, other),
        "median_shift": shift,
    }
