"""How far the definitions of each outcome agree on the people compared."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import pandas as pd

from iop_outcomes.cohort.agreement import agreement, had_event
from iop_outcomes.protocol.definitions.reading import definition
from iop_outcomes.protocol.outcomes import BY_EVENTS, Outcome
from iop_outcomes.vocabulary import Status

WORDS = ("outcome", "first", "second")
COUNTS = ("people", "first_events", "second_events", "both_events", "smallest_cell")
COLUMNS = [
    *("outcome", "first", "second", "people", "first_events", "second_events", "both_events"),
    *("kappa", "median_shift", "smallest_cell"),
]
SETTLED = {True: str(Status.EVENT), False: str(Status.NO_EVENT)}


def definitions_agree(
    persons: pd.DataFrame,
    follow_up: pd.DataFrame,
    definitions: pd.DataFrame,
    outcomes: Sequence[Outcome],
) -> pd.DataFrame:
    """Compare the readings of each outcome in pairs, at its horizon.

    A definition that tells yes or no is compared with what one with a clock told by the horizon.

    Parameters
    ----------
    persons
        `person_id`, `arm`.
    follow_up, definitions
        As `outcomes_told` and `other_definitions_told` return, of these people.

    Returns
    -------
    pd.DataFrame
        One row per outcome and pair of readings (`events`, or a definition's identifier), the main
        one first: `outcome` and the columns of `agreement`, the shift in days; `smallest_cell`, the
        fewest people of an arm, 0 aside, of whom both, one alone, the other alone or neither tells
        the event. No rows for outcomes with a single reading.
    """
    rows = [
        row
        for outcome in outcomes
        if outcome.other_definitions
        for row in _pairs(outcome, _told(outcome, follow_up, definitions), persons)
    ]
    return _typed(rows)


def nothing_compared() -> pd.DataFrame:
    """The table of `definitions_agree` without a row."""
    return _typed([])


def _typed(rows: list[dict[str, object]]) -> pd.DataFrame:
    whole, words = dict.fromkeys(COUNTS, "int64"), dict.fromkeys(WORDS, "str")
    numbers = dict.fromkeys(("kappa", "median_shift"), "float64")
    return pd.DataFrame(rows, columns=COLUMNS).astype(whole | words | numbers)


def _told(
    outcome: Outcome, follow_up: pd.DataFrame, definitions: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """Each reading's rows: `person_id`, `status`, and `time` if it has a clock."""
    main = follow_up[follow_up["outcome"] == outcome.name]
    others = definitions[definitions["outcome"] == outcome.name]
    tables = {outcome.readings[0]: main}
    tables |= {name: others[others["definition"] == name] for name in outcome.other_definitions}
    return {
        name: table[["person_id", "status", "days"]]
        .rename(columns={"days": "time"})
        .drop(columns=[] if _clocked(outcome, name) else "time")
        for name, table in tables.items()
    }


def _clocked(outcome: Outcome, reading: str) -> bool:
    if reading == BY_EVENTS:
        return outcome.horizon_days is not None
    return definition(reading).clocked


def _pairs(
    outcome: Outcome, told: Mapping[str, pd.DataFrame], persons: pd.DataFrame
) -> Iterator[dict[str, object]]:
    settled = {name: _settled(table, outcome.horizon_days) for name, table in told.items()}
    arm = persons.set_index("person_id")["arm"]
    for pair in combinations(told, 2):
        timed = all("time" in told[name] for name in pair)
        tables, horizon = (told, outcome.horizon_days) if timed else (settled, None)
        (row,) = agreement({name: tables[name] for name in pair}, horizon).to_dict("records")
        cell = _smallest_cell(*(settled[name] for name in pair), arm)
        yield {"outcome": outcome.name, **row, "smallest_cell": cell}


def _settled(table: pd.DataFrame, horizon: int | None) -> pd.DataFrame:
    """Yes or no by the horizon, without a time."""
    answer = had_event(table, horizon if "time" in table else None)
    status = answer.astype("object").map(SETTLED).fillna(str(Status.MISSING))
    return pd.DataFrame({"person_id": table["person_id"], "status": status})


def _smallest_cell(first: pd.DataFrame, second: pd.DataFrame, arm: pd.Series) -> int:
    """Of the people of whom both tell; whom one cannot tell of is no cell."""
    one, other = (table.set_index("person_id")["status"] for table in (first, second))
    both = pd.DataFrame({"one": one, "other": other, "arm": arm})
    known = both[both[["one", "other"]].ne(str(Status.MISSING)).all(axis=1)]
    return int(known.value_counts().min()) if len(known) else 0
