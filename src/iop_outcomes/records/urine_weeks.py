"""Urines by week of treatment: one letter a week, one word a person."""

from collections.abc import Collection

import pandas as pd

from iop_outcomes.errors import RecordsError
from iop_outcomes.records.panels import days_looked_through

POSITIVE, NEGATIVE, MISSING, MIXED, NOT_REQUIRED = "+", "-", "o", "*", "_"
WEEK = 7


def urine_weeks(
    tests: pd.DataFrame,
    required: pd.DataFrame,
    substances: Collection[str],
    panels: Collection[str] = (),
) -> pd.Series:
    """One word a person: a letter for each week in which a urine was, or was not, required.

    Weeks are of seven days from the person's first required day, that day being the first of week
    1; the last may be shorter. A day is positive if any of `substances` was found on it, and
    negative if some were looked for and none was found; if the panel of the day did not look for
    all of them, finding none is inconclusive. A week is

    - `+` with positive days and no other, `-` with negative days and no other,
    - `*` with both, or with an inconclusive result,
    - `o` without a result although one was required,
    - `_` without a result when none was required.

    Results before the first and after the last required day have no week.

    Parameters
    ----------
    tests
        One row per result: `person_id`, `day`, `substance`, `result`, and `panel` if known.
    required
        One row per period in which a urine was required every week: `person_id`, `first_day`,
        `last_day`. A person may have several.
    substances
        Those that count, as `tests` spells them.
    panels
        Panels known to look for all of them; empty: told from their results.

    Returns
    -------
    pd.Series
        Words, indexed by `person_id`, in its order.

    Raises
    ------
    RecordsError
        No test looked for any of the substances; a period ends before it begins.

    Examples
    --------
    >>> rows = [("P", 0, "negative"), ("P", 9, "positive"), ("P", 12, "negative")]
    >>> tests = pd.DataFrame(rows, columns=["person_id", "day", "result"])
    >>> required = pd.DataFrame({"person_id": ["P"], "first_day": [0], "last_day": [20]})
    >>> urine_weeks(tests.assign(substance="opioid"), required, ["opioid"]).to_dict()
    {'P': '-*o'}
    """
    _hold(tests, required, substances)
    weeks = _weeks(required)
    first = required.groupby("person_id")["first_day"].min()
    last = required.groupby("person_id")["last_day"].max()
    looked = days_looked_through(tests, substances, panels)
    days = _days(tests[tests["substance"].isin(list(substances))], looked)
    whose = days["person_id"]
    within = days["day"].between(whose.map(first), whose.map(last))
    days = days[within].assign(week=(days["day"] - whose.map(first)) // WEEK)
    found = days.groupby(["person_id", "week"])["letter"].agg(["first", "nunique"])
    letters = found["first"].mask(found["nunique"] > 1, MIXED).reindex(weeks.index)
    letters = letters.fillna(weeks.map({True: MISSING, False: NOT_REQUIRED}))
    return letters.groupby(level="person_id").agg("".join).rename("urine_weeks")


def planned_weeks(stays: pd.DataFrame) -> pd.DataFrame:
    """Periods of weekly urines as a trial plans them: from each randomisation to its planned end.

    Parameters
    ----------
    stays
        One row per stay: `person_id`, `start_day`, `planned_end_day` (empty for stays that are no
        treatment of the trial).

    Returns
    -------
    pd.DataFrame
        One row per period: `person_id`, `first_day`, `last_day`.

    Raises
    ------
    RecordsError
        The source of the stays does not say how long treatment was planned.
    """
    if "planned_end_day" not in stays.columns:
        raise RecordsError(
            "stays: no column planned_end_day; weekly urines need a source that says how long "
            "treatment was planned (kind: trial)"
        )
    planned = stays[stays["planned_end_day"].notna()]
    periods = planned[["person_id", "start_day", "planned_end_day"]]
    return periods.set_axis(["person_id", "first_day", "last_day"], axis=1).reset_index(drop=True)


def _hold(tests: pd.DataFrame, required: pd.DataFrame, substances: Collection[str]) -> None:
    if not tests["substance"].isin(list(substances)).any():
        raise RecordsError(
            f"tests: none looked for {sorted(substances)}; spell substances as the tests do"
        )
    backwards = int((required["last_day"] < required["first_day"]).sum())
    if backwards:
        raise RecordsError(f"{backwards} period(s) of required urines end before they begin")


def _weeks(required: pd.DataFrame) -> pd.Series:
    """Whether a urine was required, by person and week (from 0) up to their last."""
    required = required.reset_index(drop=True)
    first = required.groupby("person_id")["first_day"].transform("min")
    begins = ((required["first_day"] - first) // WEEK).astype("int64")
    ends = ((required["last_day"] - first) // WEEK).astype("int64")
    spans = pd.DataFrame({"person_id": required["person_id"], "begin": begins, "end": ends})
    asked = _each_week(spans).drop_duplicates()
    whole = spans.groupby("person_id", as_index=False)["end"].max().assign(begin=0)
    every = pd.MultiIndex.from_frame(_each_week(whole))
    return pd.Series(every.isin(pd.MultiIndex.from_frame(asked)), index=every)


def _each_week(spans: pd.DataFrame) -> pd.DataFrame:
    lengths = spans["end"] - spans["begin"] + 1
    rows = spans.loc[spans.index.repeat(lengths)]
    return pd.DataFrame(
        {
            "person_id": rows["person_id"],
            "week": rows["begin"] + rows.groupby(level=0).cumcount(),
        }
    ).reset_index(drop=True)


def _days(tests: pd.DataFrame, looked_through: pd.Series) -> pd.DataFrame:
    """The letter of each day with a result."""
    known = {"negative": 0, "inconclusive": 1, "positive": 2}
    rank = tests["result"].map(known)
    screens = tests.assign(rank=rank)[rank.notna()]
    found = screens.groupby(["person_id", "day", "substance"])["rank"].agg(["min", "max"])
    # Two screens for one thing that contradict each other say neither.
    said = found["max"].where(found["min"] == found["max"], known["inconclusive"])
    worst = said.groupby(level=["person_id", "day"]).max()
    letters = worst.map({0: NEGATIVE, 1: MIXED, 2: POSITIVE}).rename("letter")
    unseen = ~looked_through.reindex(letters.index, fill_value=True).astype(bool)
    letters = letters.mask(letters.eq(NEGATIVE) & unseen, MIXED)
    return letters.reset_index()
