"""Outcomes that are a number: the score that counts of each person, or none."""

from collections.abc import Sequence

import pandas as pd

from iop_outcomes.errors import CohortError
from iop_outcomes.protocol.outcomes import Outcome
from iop_outcomes.protocol.scores import Score, Take

COLUMNS = {
    **dict.fromkeys(("person_id", "outcome"), "str"),
    "score": "float64",
    "days": "Int64",
    "source": "str",
    "source_row": "Int64",
}


def scores_told(
    persons: pd.DataFrame, scores: pd.DataFrame, outcomes: Sequence[Outcome]
) -> pd.DataFrame:
    """The score of everyone for every outcome that is one.

    Parameters
    ----------
    persons
        One row per person: `person_id`, `index_day`.
    scores
        `Records.scores`: `person_id`, `day`, `instrument`, `score`.

    Returns
    -------
    pd.DataFrame
        One row per person and outcome: `person_id`, `outcome`; `score`, `days` from time zero on
        which it was taken, `source` and `source_row`, all but the source empty where it is not
        known.

    Raises
    ------
    CohortError
        The records hold no score of the instrument, none in the window, or one outside its range.

    Examples
    --------
    >>> from iop_outcomes.protocol.outcomes import Outcome
    >>> asked = Outcome(
    ...     name="depression", definition="PHQ-9 in month six", horizon_days=None,
    ...     score=Score(instrument="phq9", days=(150, 210)),
    ... )
    >>> people = pd.DataFrame({"person_id": ["P", "Q"], "index_day": [0, 10]})
    >>> scores = pd.DataFrame({
    ...     "person_id": ["P", "P", "Q"], "day": [155, 190, 100], "instrument": "phq9",
    ...     "score": [12.0, 8.0, 4.0],
    ... })
    >>> scores_told(people, scores, [asked])[["person_id", "score"]].to_numpy().tolist()
    [['P', 8.0], ['Q', nan]]
    """
    tables = [_of_outcome(persons, scores, outcome) for outcome in outcomes]
    return pd.concat(tables, ignore_index=True) if tables else nobody_scored()


def nobody_scored() -> pd.DataFrame:
    """The table of `scores_told` without a row."""
    return pd.DataFrame(columns=list(COLUMNS)).astype(COLUMNS)


def refuse_outside(score: pd.Series, asked: Score, where: str) -> None:
    """Refuse scores outside the range that the protocol calls possible."""
    if asked.range is None:
        return
    low, high = asked.range
    outside = int((score.notna() & ~score.between(low, high)).sum())
    if outside:
        raise CohortError(
            f"{where}: {outside} score(s) of `{asked.instrument}` lie outside its range of {low:g} "
            f"to {high:g}; mend them, or the range"
        )


def _of_outcome(persons: pd.DataFrame, scores: pd.DataFrame, outcome: Outcome) -> pd.DataFrame:
    asked, where = outcome.score, f"protocol.outcomes.{outcome.name}.score"
    own = scores.assign(source_row=range(len(scores)))
    own = own[own["instrument"] == asked.instrument]
    if own.empty:
        held = sorted(scores["instrument"].unique())
        raise CohortError(
            f"{where}: the records hold no score of `{asked.instrument}`; they hold "
            f"{held or 'none'}"
        )
    dated = own.merge(persons[["person_id", "index_day"]], on="person_id", validate="many_to_one")
    days = dated["day"] - dated["index_day"]
    inside = dated.assign(days=days)[days.between(*asked.days)]
    if inside.empty:
        raise CohortError(
            f"{where}: nobody compared has a score of `{asked.instrument}` from day "
            f"{asked.days[0]} to day {asked.days[1]}; move the window, or read another instrument"
        )
    refuse_outside(inside["score"], asked, where)
    # Of two scores on one day the last in the table counts, as at time zero.
    ranked = inside.assign(apart=_apart(inside["days"], asked), last=-inside["source_row"])
    first = ranked.sort_values(["person_id", "apart", "days", "last"]).drop_duplicates("person_id")
    told = persons[["person_id"]].merge(
        first[["person_id", "score", "days", "source_row"]], on="person_id", how="left"
    )
    return told.assign(outcome=outcome.name, source="scores")[list(COLUMNS)].astype(COLUMNS)


def _apart(days: pd.Series, asked: Score) -> pd.Series:
    """What is smallest of the score that counts."""
    if asked.take is Take.NEAREST:
        return (2 * days - sum(asked.days)).abs()
    return days if asked.take is Take.FIRST else -days
