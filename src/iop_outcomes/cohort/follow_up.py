"""From time zero until the outcome, an event that forecloses it, or the end of sight."""

from collections.abc import Mapping

import pandas as pd

from iop_outcomes.protocol.specification import Outcome
from iop_outcomes.vocabulary import NO_EXIT, ExitReason, Status

PRECEDENCE = {status: rank for rank, status in enumerate(Status)}
# Reasons of exit that say something about leaving; death and jail have records of their own.
LEAVING = {str(reason) for reason in ExitReason} - {ExitReason.DEATH, ExitReason.INCARCERATED}
COLUMNS = ["person_id", "outcome", "days", "status", "reason", "source", "source_row"]


def happenings(persons: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """Everything dated that can end follow-up: events, and the exit from the index stay.

    Parameters
    ----------
    persons
        One row per person: `person_id`, `index_day`, `exit_day`, `exit_reason`, `stay_row`.
    events
        One row per event: `person_id`, `day`, `kind`.

    Returns
    -------
    pd.DataFrame
        One row per happening: `person_id`, `days` from time zero, `kind`, `source` and
        `source_row`, the table and row it was read from.
    """
    dated = events.assign(source="events", source_row=range(len(events))).merge(
        persons[["person_id", "index_day"]], on="person_id", validate="many_to_one"
    )
    exits = persons[persons["exit_day"].notna()]
    return pd.concat(
        [
            dated.assign(days=dated["day"] - dated["index_day"])[
                ["person_id", "days", "kind", "source", "source_row"]
            ],
            pd.DataFrame(
                {
                    "person_id": exits["person_id"],
                    "days": _exit_days(exits),
                    "kind": exits["exit_reason"],
                    "source": "stays",
                    "source_row": exits["stay_row"],
                }
            ),
        ],
        ignore_index=True,
    ).astype({"days": "Int64", "source_row": "Int64"})


def follow_up(persons: pd.DataFrame, happened: pd.DataFrame, outcome: Outcome) -> pd.DataFrame:
    """End each person's follow-up at the first thing that ends it.

    On a shared day an event outranks a competing event, and both outrank censoring. What happens
    before the outcome's first day is history. Follow-up is not cut at the horizon: a risk is read
    there, so a changed horizon changes no row. An outcome without horizon is read at the exit from
    the index stay and has no days.

    Parameters
    ----------
    persons
        One row per person: `person_id`, `index_day`, `last_observed_day`, `exit_reason`,
        `stay_row`.
    happened
        As `happenings` returns.

    Returns
    -------
    pd.DataFrame
        One row per person: `person_id`, `outcome`, `days`, `status`, the `reason` in words, and
        the `source` table and row it was read from.
    """
    found = (
        _at_exit(persons, outcome)
        if outcome.horizon_days is None
        else _on_the_clock(persons, happened, outcome)
    )
    return found.assign(outcome=outcome.name)[COLUMNS].reset_index(drop=True)


def _at_exit(persons: pd.DataFrame, outcome: Outcome) -> pd.DataFrame:
    reason = persons["exit_reason"]
    status = reason.isin(outcome.events).map({True: Status.EVENT, False: Status.NO_EVENT})
    status = status.mask(reason.isin(outcome.competing), Status.COMPETING)
    unknown = reason.isna() | (reason.eq(ExitReason.NOT_RECORDED) & status.eq(Status.NO_EVENT))
    return pd.DataFrame(
        {
            "person_id": persons["person_id"],
            "days": pd.array([None] * len(persons), dtype="Int64"),
            "status": status.mask(unknown, Status.MISSING).map(str),
            "reason": reason.fillna(NO_EXIT),
            "source": "stays",
            "source_row": persons["stay_row"].astype("Int64"),
        }
    )


def _on_the_clock(persons: pd.DataFrame, happened: pd.DataFrame, outcome: Outcome) -> pd.DataFrame:
    role = {kind: Status.COMPETING for kind in outcome.competing}
    role |= {kind: Status.EVENT for kind in outcome.events}
    # A reason of exit whose day is not known leaves no day to stop at: nothing is known after it.
    undated = persons["exit_reason"].isin(role) & persons["exit_day"].isna()
    known = persons["last_observed_day"].notna() & ~undated
    counted = happened[
        happened["kind"].isin(role)
        & (happened["days"] >= outcome.first_day)
        & ~happened["person_id"].isin(persons.loc[undated, "person_id"])
    ]
    ends = pd.concat(
        [
            counted.assign(status=counted["kind"].map(role).map(str), reason=counted["kind"]),
            pd.DataFrame(
                {
                    "person_id": persons["person_id"],
                    "days": _days_in_sight(persons, role).where(known),
                    "status": known.map({True: str(Status.CENSORED), False: str(Status.MISSING)}),
                    "reason": known.map({True: "end of records", False: "not known"}),
                    "source": "persons",
                    "source_row": persons["person_row"].astype("Int64"),
                }
            ),
        ]
    )
    return (
        ends.assign(rank=ends["status"].map(PRECEDENCE))
        .sort_values(["person_id", "days", "rank"], na_position="last", kind="stable")
        .drop_duplicates("person_id")
    )


def _days_in_sight(persons: pd.DataFrame, role: Mapping[str, Status]) -> pd.Series:
    """Days until the records end, or until an exit that nobody can say the meaning of."""
    days = persons["last_observed_day"] - persons["index_day"]
    exit_days = _exit_days(persons)
    unexplained = persons["exit_reason"].isna() | persons["exit_reason"].eq(ExitReason.NOT_RECORDED)
    if ExitReason.NOT_RECORDED not in role and LEAVING & set(role):
        days = days.mask(unexplained & exit_days.notna(), exit_days)
    # An exit is in sight, also one on the day of admission, which is a stay of one day.
    return days.mask((exit_days > days).fillna(False), exit_days)


def _exit_days(persons: pd.DataFrame) -> pd.Series:
    """Days from time zero to the exit; leaving on the day of admission is a stay of one day."""
    return (persons["exit_day"] - persons["index_day"]).clip(lower=1)
