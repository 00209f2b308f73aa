"""Everyone once in each arm, until the data contradict that arm.

Rules, for a grace period of days 0 to G after time zero:

* A start on a day up to G contradicts "do not start", on that day.
* No start by the end of day G contradicts "start", on day G.
* Events, deaths and the like up to and including that day count, in both clones if neither was
  contradicted before: on a shared day they come first.
* Care by day and night before (or on the day of) a start excuses: neither arm is contradicted.
* A start after day G contradicts nothing.
"""

import numpy as np
import pandas as pd

from iop_outcomes.cohort.starts import BY_PERSON, Keys
from iop_outcomes.cohort.strategies import DecisionWindow, GracePeriod
from iop_outcomes.errors import CohortError
from iop_outcomes.vocabulary import Arm, Status


def grace_clones(starts: pd.DataFrame, grace: GracePeriod, by: Keys = BY_PERSON) -> pd.DataFrame:
    """Clone everyone into both arms and say when their own data contradict each.

    Parameters
    ----------
    starts
        One row per `by`: `start_day`, `start_row`, `excuse_day`, as `starts.starts_after` returns.
    by
        Columns that name whoever is cloned: a person, or a person's trial.

    Returns
    -------
    pd.DataFrame
        Two rows per row of `starts`: `by`, `arm`, `artificially_censored_day` (empty if the arm is
        never contradicted), the `reason` in words, and the `source` table and row it was read
        from; what did not happen has no row.
    """
    excused = _excused(starts, grace.days)
    started = started_within(starts, grace)
    day = starts["start_day"].astype("Int64")
    did = starts[list(by)].assign(
        arm=str(Arm.COMPARATOR),
        artificially_censored_day=day.where(started),
        reason=_words(started, "started within the grace period"),
        source=_words(started, "stays"),
        source_row=starts["start_row"].astype("Int64").where(started),
    )
    waited = ~started & ~excused
    did_not = starts[list(by)].assign(
        arm=str(Arm.INTERVENTION),
        artificially_censored_day=pd.Series(grace.days, starts.index, "Int64").where(waited),
        reason=_words(waited, "no start within the grace period"),
        source=_words(waited, "stays"),
        source_row=pd.Series(pd.NA, starts.index, "Int64"),
    )
    return pd.concat([did_not, did], ignore_index=True)


def started_within(starts: pd.DataFrame, grace: GracePeriod) -> pd.Series:
    """Who started within the grace period and was not excused before."""
    in_time = starts["start_day"] <= grace.days
    return (in_time & ~_excused(starts, grace.days)).fillna(False).astype(bool)


def censor_artificially(
    ends: pd.DataFrame, censorings: pd.DataFrame, by: Keys = BY_PERSON
) -> pd.DataFrame:
    """End each follow-up under an arm where the arm is contradicted, if nothing ended it before.

    Parameters
    ----------
    ends
        One row per `by` and outcome, as `follow_up.follow_up` returns.
    censorings
        One row per `by` and arm, as `grace_clones` returns.

    Returns
    -------
    pd.DataFrame
        One row per row of `ends` and arm: `by`, `arm`, `outcome`, `days`, `status`, `reason`,
        `source`, `source_row`, and `artificially_censored_day`, empty where something else ended
        the follow-up.

    Raises
    ------
    CohortError
        Someone has follow-up and no arm, or an arm and no follow-up; or an outcome is read at exit
        and has no days.
    """
    _same_people(ends, censorings, by)
    clockless = ends["days"].isna() & (ends["status"] != Status.MISSING)
    if clockless.any():
        named = sorted(ends.loc[clockless, "outcome"].unique())
        raise CohortError(
            f"protocol.outcomes: {named} are read at exit and have no days, so follow-up cannot "
            "end where a strategy is left; give them a horizon"
        )
    both = ends.merge(censorings, on=list(by), suffixes=("", "_of_arm"))
    day = both["artificially_censored_day"]
    sooner = (day < both["days"]) | ((day == both["days"]) & (both["status"] == Status.CENSORED))
    left = sooner.fillna(False).astype(bool)
    changed = {
        "days": day,
        "status": pd.Series(str(Status.ARTIFICIALLY_CENSORED), both.index),
        **{name: both[f"{name}_of_arm"] for name in ("reason", "source", "source_row")},
    }
    both = both.assign(
        **{name: both[name].where(~left, value) for name, value in changed.items()},
        artificially_censored_day=day.where(left),
    )
    return both[[*by, "arm", "outcome", *changed, "artificially_censored_day"]].reset_index(
        drop=True
    )


def decision_days(
    ends: pd.DataFrame, starts: pd.DataFrame, window: DecisionWindow, by: Keys = BY_PERSON
) -> pd.DataFrame:
    """The days on which each person could still start: the rows of the model of starting.

    A person could start on a day of the window if they had not started or been excused before, and
    had neither event nor competing event up to and on that day. Those who start on one of the
    closing days also have rows, not `undecided`, from then to the last day: there the model
    predicts what it did not learn from.

    Parameters
    ----------
    ends
        Follow-up of one outcome, before cloning: one row per `by`.
    starts
        As in `grace_clones`; for strategies that are to be sustained, as `adherence.adherence`
        returns, where leaving is what is decided.

    Returns
    -------
    pd.DataFrame
        One row per `by` and day: `by`, `position` (the row of `ends` the person is in), `day`,
        `undecided`, `decided`. In the order of `ends`, days ascending.
    """
    _same_people(ends, starts, by)
    table = ends[[*by, "days", "status"]].merge(starts, on=list(by), validate="one_to_one")
    excused = _excused(table, window.last_day)
    seen = table["days"].astype("float64") - (table["status"] != Status.CENSORED)
    seen = np.minimum(seen.fillna(-1).to_numpy(), window.last_day)
    start = table["start_day"].astype("float64").fillna(np.inf).to_numpy()
    excuse = table["excuse_day"].astype("float64").where(excused).fillna(np.inf).to_numpy()
    until = np.minimum(np.minimum(seen, start), excuse - 1)
    undecided = np.clip(until - window.first_day + 1, 0, None).astype(int)
    late = ~excused.to_numpy() & (start >= window.first_closing_day) & (start <= seen)
    predicted = np.where(late, seen - np.where(late, start, 0), 0).astype(int)
    rows = undecided + predicted
    position = np.repeat(np.arange(len(table)), rows)
    since_first = np.arange(rows.sum()) - np.repeat(np.cumsum(rows) - rows, rows)
    day = since_first + window.first_day
    keys = table.loc[position, list(by)].reset_index(drop=True)
    return keys.assign(
        position=position,
        day=day,
        undecided=since_first < undecided[position],
        decided=day == start[position],
    )


def with_last_known(
    days: pd.DataFrame, measured: pd.DataFrame, window: DecisionWindow, by: Keys = BY_PERSON
) -> pd.DataFrame:
    """What was known of each person before each decision, from what was measured when.

    The last value of an earlier day holds; one of the same day may already show the decision. On
    the closing days, which are one decision, it is what was known before the first of them.

    Parameters
    ----------
    days
        As `decision_days` returns.
    measured
        One row per `by` and measurement: `day` from time zero, negative before it, and columns.

    Returns
    -------
    pd.DataFrame
        The rows of `days` in their order, with the other columns of `measured`; empty where
        nothing was known yet.
    """
    asked = days.assign(
        _before=np.minimum(days["day"], window.first_closing_day).astype("int64"),
        _order=range(len(days)),
    )
    known = measured.assign(_before=measured["day"].astype("int64")).drop(columns="day")
    found = pd.merge_asof(
        asked.sort_values("_before", kind="stable"),
        known.sort_values("_before", kind="stable"),
        on="_before",
        by=list(by),
        allow_exact_matches=False,
    )
    return found.sort_values("_order").drop(columns=["_before", "_order"]).reset_index(drop=True)


def _excused(starts: pd.DataFrame, last_day: int) -> pd.Series:
    # Of two kinds of care on one day, the more intensive is what was entered.
    before = starts["start_day"].isna() | (starts["excuse_day"] <= starts["start_day"])
    within = starts["excuse_day"] <= last_day
    return (within & before).fillna(False).astype(bool)


def _words(where: pd.Series, words: str) -> pd.Series:
    return pd.Series(words, where.index, dtype="str").where(where)


def _same_people(ends: pd.DataFrame, others: pd.DataFrame, by: Keys) -> None:
    one, other = (pd.MultiIndex.from_frame(table[list(by)]).unique() for table in (ends, others))
    strangers = len(one.symmetric_difference(other))
    if strangers:
        raise CohortError(
            f"{strangers} person(s) or trial(s) have follow-up but no arm, or an arm but no "
            "follow-up; make both of the same people"
        )
