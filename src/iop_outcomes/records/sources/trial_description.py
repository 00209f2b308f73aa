"""How a trial's files are described: which file, which columns, which codes."""

from dataclasses import field
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic.dataclasses import dataclass

from iop_outcomes.records.quality import LARGEST_SHARE, Quality
from iop_outcomes.records.sources.columns import STRICT, Source


def _as_lists_of_codes(values: Any) -> Any:
    """One code stands for a list of one; all are text, however the protocol spells them."""
    if not isinstance(values, dict):
        return values
    lists = {k: v if isinstance(v, list | tuple) else [v] for k, v in values.items()}
    return {str(k): tuple(map(str, codes)) for k, codes in lists.items()}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class OneFile:
    """A file with a row per person; `person_id` where its column has a name of its own."""

    file: str
    person_id: str | None = None


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Dated(OneFile):
    """Rows on days: of a file, those whose columns hold one of the codes in `when`."""

    day: str | None = None
    when: Annotated[dict[str, tuple[str, ...]], BeforeValidator(_as_lists_of_codes)] = field(
        default_factory=dict
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Randomisation(Dated):
    """A row per randomisation; each starts a stay. `strategy` is the arm."""

    strategy: Source
    level_of_care: Source


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Plan:
    """How long treatment was planned at a randomisation; the first plan that fits counts.

    Attributes
    ----------
    strategies, randomisation
        Which it holds for: arms; first (1), second (2), ... of the person. None for all.
    days, last_day
        Its length from the day of randomisation, or its last day on the trial's own clock.
    """

    strategies: tuple[str, ...] | None = None
    randomisation: Annotated[int, Field(ge=1)] | None = None
    days: Annotated[int, Field(ge=1)] | None = None
    last_day: int | None = None

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if (self.days is None) == (self.last_day is None):
            raise ValueError("say how many days, or which day is the last")
        return self


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Panel:
    """What a urine was tested for, in the words of the findings.

    Attributes
    ----------
    always
        In every urine: what was not found is negative.
    sometimes
        In some urines only, and the files do not say in which: what was not found is not known.
    strategies
        Arms (of the first randomisation) with this panel; None for all.
    """

    always: Annotated[tuple[str, ...], Field(min_length=1)]
    sometimes: tuple[str, ...] = ()
    strategies: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Found(Dated):
    """A row per substance found in a urine."""

    substance: Source


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Urines:
    """Urines; a clean one may leave no row among the findings.

    Attributes
    ----------
    given
        What shows that a urine was given: a temperature check, an attended visit.
    missed
        Appointments at which none was given; a day that also has a urine was not missed.
    finding_is_a_sign
        A finding too shows that a urine was given and tested for the whole panel.
    """

    found: Found
    given: Annotated[tuple[Dated, ...], Field(min_length=1)]
    missed: tuple[Dated, ...] = ()
    panel: Annotated[tuple[Panel, ...], Field(min_length=1)]
    finding_is_a_sign: bool = True


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Happened(Dated):
    """Events of one kind."""

    kind: str


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ReportedUse(Dated):
    """Timeline follow-back: a row per substance and day of self-reported use."""

    substance: Source


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Inpatient(Dated):
    """Admissions and discharges; `what` says (in words) which of the two a row is."""

    what: Source
    level_of_care: str


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Doses(Dated):
    """A row per dose of the study medication; the last one ends the stay if `end_stays`.

    `service` is what the doses are called: one name, or one for each arm.
    """

    service: str | dict[str, str]
    end_stays: bool = False


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Contacts(Dated):
    """Sessions or visits that took place; those that share a day and a `service` are one."""

    service: str


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Characteristics(OneFile):
    """Things known at entry: names in the stays (`age_years`, `facility_id`, others) to columns."""

    columns: Annotated[dict[str, Source], Field(min_length=1)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Trial:
    """Where a trial's files lie, and what their rows are.

    Attributes
    ----------
    folder
        Below data/raw; .csv and .csv.gz are read.
    person_id, day
        Columns of every file that does not name its own. Days count from the trial's own day 0.
    persons
        Everyone who entered. Only the randomised become persons of the records.
    planned
        How long treatment was to last; gives the stays a `planned_end_day`.
    first_observed_day
        Day from which the files are complete.
    first_day, last_day
        Days outside cannot be of the trial; rows on them are set aside.
    largest_quarantine
        Share of a file's rows that may be wrong before it is refused. Rows of the never
        randomised, missed visits and events without a day are set aside too, and are not wrong.
    quality
        Rules that are treated otherwise than by themselves.
    """

    folder: str = "."
    person_id: str
    day: str
    persons: OneFile
    randomisation: Randomisation
    planned: Annotated[tuple[Plan, ...], Field(min_length=1)]
    characteristics: tuple[Characteristics, ...] = ()
    urines: Urines | None = None
    reported_use: ReportedUse | None = None
    inpatient: Inpatient | None = None
    doses: Doses | None = None
    contacts: tuple[Contacts, ...] = ()
    events: tuple[Happened, ...] = ()
    first_observed_day: int = 0
    first_day: int = -40_000
    last_day: int = 40_000
    largest_quarantine: Annotated[float, Field(ge=0, le=1)] = LARGEST_SHARE
    quality: Quality = field(default_factory=dict)
