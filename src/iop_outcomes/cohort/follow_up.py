"""From time zero until the outcome, an event that forecloses it, or the end of sight."""

from collections.abc import Mapping

import pandas as pd

from iop_outcomes.cohort.community import community_days
from iop_outcomes.protocol.specification import Outcome
from iop_outcomes.protocol.time_zero import Clock
from iop_outcomes.vocabulary import NO_EXIT, ExitReason, Status

PRECEDENCE = {status: rank for rank, status in enumerate(Status)}
# Reasons of exit that say something about leaving; death and jail have records of their own.
LEAVING = {str(reason) for reason in ExitReason} - {ExitReason.DEATH, ExitReason.INCARCERATED}
COLUMNS = [
    *("person_id", "outcome", "days", "until_day", "status", "reason", "source", "source_row")
]


def nobody_has_follow_up() -> pd.DataFrame:
    """The table of `follow_up` without a row."""
    whole = ("days", "until_day", "source_row")
    types = {name: "Int64" if name in whole else "str" for name in COLUMNS}
    return pd.DataFrame(columns=COLUMNS).astype(types)


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


def follow_up(
    persons: pd.DataFrame,
    happened: pd.DataFrame,
    outcome: Outcome,
    controlled: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """End each person's follow-up at the first thing that ends it.

    On a shared day an event outranks a competing event, and both outrank censoring. What happens
    before the outcome's first day is history. Follow-up is not cut at the horizon: a risk is read
    there, so a changed horizon changes no row. An outcome without horizon is read at the exit from
    the index stay and has no days.

    On the clock of the exit, what happens up to it is history, and whoever was not seen to leave
    the index stay alive is missing. On the clock of the community the same things end follow-up,
    and its days are those lived in the community by then.

    Parameters
    ----------
    persons
        One row per person: `person_id`, `index_day`, `last_observed_day`, `exit_reason`,
        `stay_row`.
    happened
        As `happenings` returns.
    controlled
        As `controlled_days` returns; for the clock of the community alone.

    Returns
    -------
    pd.DataFrame
        One row per person: `person_id`, `outcome`, `days` on the outcome's clock, `until_day` (the
        last day of follow-up on the person's own clock), `status`, the `reason` in words, and the
        `source` table and row it was read from.
    """
    if outcome.horizon_days is None:
        found = _at_exit(persons, outcome)
    elif outcome.clock is Clock.EXIT:
        found = _since_exit(persons, happened, outcome)
    else:
        found = _on_the_clock(persons, happened, outcome)
    found = found.assign(outcome=outcome.name)[COLUMNS].reset_index(drop=True)
    if outcome.clock is Clock.COMMUNITY and controlled is not None:
        same_order = found[["person_id"]].merge(persons, on="person_id", validate="one_to_one")
        found["days"] = community_days(found, same_order, controlled)
    return found


def _at_exit(persons: pd.DataFrame, outcome: Outcome) -> pd.DataFrame:
    reason = persons["exit_reason"]
    status = reason.isin(outcome.events).map({True: Status.EVENT, False: Status.NO_EVENT})
    status = status.mask(reason.isin(outcome.competing), Status.COMPETING)
    unknown = reason.isna() | (reason.eq(ExitReason.NOT_RECORDED) & status.eq(Status.NO_EVENT))
    return pd.DataFrame(
        {
            "person_id": persons["person_id"],
            "days": pd.array([None] * len(persons), dtype="Int64"),
            "until_day": pd.array([None] * len(persons), dtype="Int64"),
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
    first = (
        ends.assign(rank=ends["status"].map(PRECEDENCE))
        .sort_values(["person_id", "days", "rank"], na_position="last", kind="stable")
        .drop_duplicates("person_id")
    )
    zero = persons.set_index("person_id")["index_day"]
    return first.assign(until_day=first["days"] + first["person_id"].map(zero).astype("Int64"))


def _since_exit(persons: pd.DataFrame, happened: pd.DataFrame, outcome: Outcome) -> pd.DataFrame:
    """Follow those who were seen to leave the index stay alive, from the day they left."""
    since = _exit_days(persons).astype("Int64")
    exits = persons.set_index("person_id")["exit_day"].notna()
    died = happened[happened["kind"].eq(str(ExitReason.DEATH))]
    death = persons["person_id"].map(died.groupby("person_id")["days"].min()).astype("Int64")
    dead = (death <= since).fillna(False)
    left = persons["person_id"].map(exits) & ~dead
    there = persons[left].assign(
        index_day=persons["index_day"] + since, exit_day=pd.NA, exit_reason=None
    )
    there = there.astype({"exit_day": "Int64", "exit_reason": "str"})
    there["last_observed_day"] = _latest(there["last_observed_day"], there["index_day"])
    later = happened[happened["source"].ne("stays")].copy()
    later["days"] -= later["person_id"].map(pd.Series(since.array, persons["person_id"]))
    absent = pd.DataFrame(
        {
            "person_id": persons["person_id"],
            "days": pd.array([None] * len(persons), dtype="Int64"),
            "until_day": pd.array([None] * len(persons), dtype="Int64"),
            "status": str(Status.MISSING),
            "reason": dead.map({True: "died before the exit", False: NO_EXIT}),
            "source": "stays",
            "source_row": persons["stay_row"].astype("Int64"),
        }
    )[~left]
    found = pd.concat([_on_the_clock(there, later, outcome), absent])
    return found.sort_values("person_id", kind="stable")


def _latest(day: pd.Series, other: pd.Series) -> pd.Series:
    """The later of two days, where the first is known: an exit is in sight."""
    return day.mask((day < other).fillna(False), other)


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
