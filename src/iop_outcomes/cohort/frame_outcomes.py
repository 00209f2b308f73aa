"""Outcomes that stand in a data frame as columns: a yes or no, or days and how they ended."""

from collections.abc import Hashable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from iop_outcomes.cohort.follow_up import COLUMNS, nobody_has_follow_up
from iop_outcomes.cohort.frame_columns import (
    WHERE,
    Codes,
    as_codes,
    column,
    known_at_entry,
    refuse_shared_codes,
)
from iop_outcomes.cohort.frame_scores import Continuous
from iop_outcomes.cohort.frame_sight import (
    refuse_impossible_entry,
    require_comparable,
    require_early_risk_sets,
)
from iop_outcomes.errors import CohortError, ProtocolError
from iop_outcomes.protocol.values import KINDS
from iop_outcomes.vocabulary import Direction, ExitReason, Status

NOT_KNOWN = "not known"
ENTRY = "entry_day"  # a column of follow-up that only delayed entry has
EVENT = str(ExitReason.OTHER)  # the frame tells whether it happened, not which kind of event it is


@dataclass(frozen=True)
class TimeToEvent:
    """An outcome with a clock: days from time zero, and how they ended.

    Attributes
    ----------
    days
        Column of the days from time zero to the event, to what forecloses it, or to the end of
        sight. Empty, together with `event`, where nothing is known.
    event
        Column of the codes that say how the days ended.
    horizon_days
        Day at which risks are read, and to which mean days are restricted.
    event_is, censored_is
        Codes of the event, and of the end of sight.
    competing
        Codes of competing events, each with its word: `{2: "death"}`.
    entry
        Column of the day after which a person came under observation, 0 for those seen from time
        zero on; None: everyone was. Nobody is at risk before, so numbers at risk can grow. Risks
        are right if, given the arm, who enters late fares like those followed since time zero; the
        weights make alike the people seen, not all who began.
    better
        Whether a lower or a higher risk is better.
    definition
        What counts, in the words of the methods section.

    Examples
    --------
    >>> TimeToEvent("time", event="status", horizon_days=180, competing={2: "death"}).censored_is
    0
    """

    days: str
    _: KW_ONLY
    event: str
    horizon_days: int
    event_is: Codes = 1
    censored_is: Codes = 0
    competing: Mapping[Hashable, str] = field(default_factory=dict)
    entry: str | None = None
    better: str = str(Direction.LOWER)
    definition: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that it is read from."""
        return (self.days, self.event, *([self.entry] if self.entry else []))

    def section(self) -> dict[str, Any]:
        """The outcome as a protocol writes it."""
        words = ", ".join(f"{code}: {word}" for code, word in self.competing.items())
        told = f"`{self.event}` is {_written(self.event_is)}, on day `{self.days}`"
        told += f", of those under observation since day `{self.entry}`" if self.entry else ""
        competing = [word for word in self.competing.values() if word in KINDS and word != EVENT]
        return {
            "definition": self.definition or told + (f"; competing: {words}" if words else ""),
            "events": (EVENT,),
            "competing": tuple(dict.fromkeys(competing)),
            "horizon_days": self.horizon_days,
            "first_day": 0,
            "better": self.better,
        }

    def follow_up(self, frame: pd.DataFrame, name: str) -> pd.DataFrame:
        """Days, status and reason of every row.

        Raises
        ------
        CohortError
            Days are negative, or known without their code or the other way round; a code is not
            explained.
        """
        place = f"outcomes.{name}"
        days = _days(column(frame, self.days, place), place)
        meanings = {
            "event_is": as_codes(self.event_is),
            "censored_is": as_codes(self.censored_is),
            "competing": tuple(self.competing),
        }
        refuse_shared_codes(meanings, place)
        told = column(frame, self.event, place)
        role = _roles(told, dict(zip(meanings, TIMED, strict=True)), meanings, place)
        for absent, other in ((days, told), (told, days)):
            alone = int((absent.isna() & other.notna()).sum())
            if alone:
                raise CohortError(
                    f"{WHERE}.{place}: `{absent.name}` is empty for {alone} people whose "
                    f"`{other.name}` is known; fill it, or empty both where nothing is known"
                )
        words = told.astype(object).map(dict(self.competing)).astype("str")
        reason = _reasons(role, name).mask(role.eq(str(Status.COMPETING)), words)
        found = pd.DataFrame({"days": days, "status": role, "reason": reason})
        if self.entry is None:
            return found
        entry = _days(column(frame, self.entry, f"{place}.entry"), f"{place}.entry")
        refuse_impossible_entry(entry, days, f"{place}.entry")
        return found.assign(**{ENTRY: entry})


@dataclass(frozen=True)
class Binary:
    """An outcome without a clock: it happened or it did not.

    Attributes
    ----------
    column
        Column of the codes; empty where it is not known.
    event_is, no_event_is
        Codes of those who had it, and of those who had it not.
    better
        Whether a lower or a higher risk is better.
    definition
        What counts, in the words of the methods section.

    Examples
    --------
    >>> Binary("completed", event_is="yes", no_event_is="no", better="higher").columns
    ('completed',)
    """

    column: str
    _: KW_ONLY
    event_is: Codes = 1
    no_event_is: Codes = 0
    better: str = str(Direction.LOWER)
    definition: str | None = None

    horizon_days = None  # it is read without a clock

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that it is read from."""
        return (self.column,)

    def section(self) -> dict[str, Any]:
        """The outcome as a protocol writes it."""
        return {
            "definition": self.definition or f"`{self.column}` is {_written(self.event_is)}",
            "events": (EVENT,),
            "horizon_days": None,
            "better": self.better,
        }

    def follow_up(self, frame: pd.DataFrame, name: str) -> pd.DataFrame:
        """Status and reason of every row; there are no days.

        Raises
        ------
        CohortError
            A code is not explained.
        """
        place = f"outcomes.{name}"
        meanings = {
            "event_is": as_codes(self.event_is),
            "no_event_is": as_codes(self.no_event_is),
        }
        refuse_shared_codes(meanings, place)
        told = column(frame, self.column, place)
        role = _roles(told, dict(zip(meanings, UNTIMED, strict=True)), meanings, place)
        days = pd.Series(pd.NA, index=told.index, dtype="Int64")
        return pd.DataFrame({"days": days, "status": role, "reason": _reasons(role, name)})


FrameOutcome = TimeToEvent | Binary | Continuous
TIMED = (Status.EVENT, Status.CENSORED, Status.COMPETING)
UNTIMED = (Status.EVENT, Status.NO_EVENT)


def refuse_unreadable(outcomes: Any) -> None:
    """Refuse outcomes that do not say how they stand in a frame.

    Raises
    ------
    ProtocolError
        An outcome has no name, is of none of the three kinds, or has a clock and no horizon.
    """
    kinds = "TimeToEvent(...), Binary(...) or Continuous(...)"
    if not isinstance(outcomes, Mapping):
        raise ProtocolError(f"{WHERE}.outcomes: write a name for each, then {kinds}")
    for name, asked in outcomes.items():
        if not isinstance(asked, FrameOutcome):
            raise ProtocolError(f"{WHERE}.outcomes.{name}: write {kinds}")
        if isinstance(asked, TimeToEvent) and asked.horizon_days is None:
            raise ProtocolError(
                f"{WHERE}.outcomes.{name}.horizon_days: say by which day the risk is read"
            )


def frame_follow_up(
    frame: pd.DataFrame, persons: pd.DataFrame, outcomes: Mapping[str, TimeToEvent | Binary]
) -> pd.DataFrame:
    """Follow-up of every outcome that happens or does not, as `cohort.follow_up` tells it.

    Parameters
    ----------
    frame
        The columns of the outcomes; its index becomes the `source_row`.
    persons
        On the same index: `person_id`, `arm`.

    Raises
    ------
    CohortError
        An outcome cannot be read, nobody has it, or an arm is not followed to its horizon.
    """
    tables = []
    for name, asked in outcomes.items():
        ends = asked.follow_up(frame, name)
        require_comparable(ends, persons["arm"], asked.horizon_days, f"outcomes.{name}")
        late = [ENTRY] if ENTRY in ends else []
        if late:
            require_early_risk_sets(
                ends["days"], ends[ENTRY], persons["arm"], asked.horizon_days,
                f"outcomes.{name}.entry",
            )  # fmt: skip
        tables.append(
            ends.assign(
                person_id=persons["person_id"],
                outcome=name,
                until_day=ends["days"],
                source="data frame",
                source_row=frame.index.astype("Int64"),
            )[[*COLUMNS, *late]]
        )
    return pd.concat(tables, ignore_index=True) if tables else nobody_has_follow_up()


def _days(values: pd.Series, place: str) -> pd.Series:
    values = known_at_entry(values, place)
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        raise CohortError(f"{WHERE}.{place}: `{values.name}` holds no numbers; it must hold days")
    days = values.astype("Float64")
    days = days.mask(np.isnan(days.to_numpy(float, na_value=np.nan)))
    negative = int((days < 0).sum())
    if negative:
        raise CohortError(
            f"{WHERE}.{place}: `{values.name}` is negative for {negative} people; days count from "
            "time zero, so mend them or leave these people out"
        )
    return days.astype("Int64") if (days.dropna() % 1 == 0).all() else days


def _roles(
    told: pd.Series,
    roles: Mapping[str, Status],
    meanings: Mapping[str, tuple[Any, ...]],
    place: str,
) -> pd.Series:
    """The status of every row by its code; missing where there is none."""
    found = pd.Series(str(Status.MISSING), index=told.index, dtype="str")
    explained = told.isna()
    for meaning, codes in meanings.items():
        here = told.isin(codes)
        found, explained = found.mask(here, str(roles[meaning])), explained | here
    strange = int((~explained).sum())
    if strange:
        named = {meaning: list(codes) for meaning, codes in meanings.items()}
        raise CohortError(
            f"{WHERE}.{place}: `{told.name}` holds a code that is not explained, for {strange} of "
            f"{len(told)} people; explained are {named}"
        )
    return found


def _reasons(status: pd.Series, name: str) -> pd.Series:
    """How follow-up ended, in words."""
    words = {str(Status.EVENT): name, str(Status.MISSING): NOT_KNOWN}
    return status.replace(words)


def _written(codes: Codes) -> str:
    return " or ".join(map(str, as_codes(codes)))
