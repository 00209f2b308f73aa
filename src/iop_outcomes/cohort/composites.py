"""The first of several outcomes, and how much of it is due to which."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from iop_outcomes.errors import CohortError
from iop_outcomes.vocabulary import Status


@dataclass(frozen=True)
class Composite:
    """The first of several outcomes, and its components; neither is told without the other.

    Attributes
    ----------
    outcome
        One row per person: `person_id`; `time`, `status`; `reason`, the components that came first,
        or what ended it otherwise.
    components
        One row per component: `component`; people with it as an `event` at any time; of these,
        people of whose outcome it was the `first`, together with another or not, and `alone`.
    """

    outcome: pd.DataFrame
    components: pd.DataFrame


def first_of(parts: Mapping[str, pd.DataFrame]) -> Composite:
    """Take each person's first event of any component.

    On a shared day an event comes before what competes with it, and both before the end of the
    records; without an event, whatever ended the first component to end ends it.

    Parameters
    ----------
    parts
        By name of the component, for the same people in the same order: `person_id`, `time`,
        `status`, `reason`.

    Raises
    ------
    CohortError
        The components are about different people.

    Examples
    --------
    >>> use = pd.DataFrame({"person_id": ["P", "Q"], "time": [9, 90],
    ...                     "status": ["event", "censored"], "reason": ["use", "end of records"]})
    >>> back = use.assign(time=[30, 20], status="event", reason="readmission")
    >>> found = first_of({"use": use, "readmission": back})
    >>> found.outcome[["time", "reason"]].to_numpy().tolist()
    [[9, 'use'], [20, 'readmission']]
    >>> found.components.to_numpy().tolist()
    [['use', 1, 1, 1], ['readmission', 2, 1, 1]]
    """
    people = next(iter(parts.values()))["person_id"]
    for part in parts.values():
        if not part["person_id"].reset_index(drop=True).equals(people.reset_index(drop=True)):
            raise CohortError("the components of a composite outcome are about different people")
    rank = {str(status): place for place, status in enumerate(Status)}
    rows = pd.concat(
        [part.assign(component=name, row=range(len(part))) for name, part in parts.items()]
    )
    rows["rank"] = rows["status"].map(rank)
    known = rows[rows["status"] != Status.MISSING]
    ordered = known.sort_values(["row", "time", "rank"], kind="stable")
    ends = ordered.drop_duplicates("row").set_index("row").reindex(range(len(people)))
    events = rows[rows["status"] == Status.EVENT]
    first = events[events["time"] == events["row"].map(ends["time"])]
    words = first.groupby("row")["component"].agg(" and ".join)
    alone = first[~first["row"].duplicated(keep=False)]
    counts = {"event": events, "first": first, "alone": alone}
    table = pd.DataFrame(
        {
            "component": list(parts),
            **{
                name: [int((some["component"] == part).sum()) for part in parts]
                for name, some in counts.items()
            },
        }
    )
    outcome = pd.DataFrame(
        {
            "person_id": people.to_numpy(),
            "time": ends["time"].astype("Int64"),
            "status": ends["status"].fillna(str(Status.MISSING)),
            "reason": words.reindex(ends.index).fillna(ends["reason"]).fillna("not known"),
        }
    )
    return Composite(outcome=outcome, components=table)
