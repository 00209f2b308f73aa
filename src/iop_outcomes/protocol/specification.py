"""The target trial, in the order of its published table: who, what, when, which outcome."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from iop_outcomes.vocabulary import Direction, Estimand, EventKind, ExitReason, LevelOfCare

KINDS = tuple(dict.fromkeys([*map(str, ExitReason), *map(str, EventKind)]))
STRICT = ConfigDict(extra="forbid")


def _known_kind(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is no kind of event; known are {list(KINDS)}")
    return kind


def _named(outcomes: Any) -> Any:
    """Outcomes are written as a mapping, so that an alternative can change one line of one."""
    if isinstance(outcomes, tuple) and all(isinstance(outcome, Outcome) for outcome in outcomes):
        return outcomes  # a protocol copied with another part changed
    if not isinstance(outcomes, Mapping):
        raise ValueError("write the outcomes as a mapping: a name, then what it means")
    return tuple(
        {"name": name, **outcome} if isinstance(outcome, Mapping) else outcome
        for name, outcome in outcomes.items()
    )


Kind = Annotated[str, AfterValidator(_known_kind)]
Share = Annotated[float, Field(gt=0, lt=1)]
Days = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Eligibility:
    """Who may enter, judged on what is known at time zero.

    Attributes
    ----------
    minimum_age_years
        Age at admission; for sources with age bands, the youngest age of the band.
    washout_days
        Days before admission without treatment (new users only), withdrawal management apart.
        The records must reach back that far. 0 asks for neither.
    recorded
        Covariates that must be recorded at time zero.
    """

    minimum_age_years: Days
    washout_days: Days
    recorded: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Strategies:
    """The two treatment strategies, each as the admissions that start it.

    Attributes
    ----------
    intervention, comparator
        Values of `by` that start each strategy.
    by
        What tells the strategies apart: `level_of_care`, or another column of the stays.
    intervention_name, comparator_name
        What the report calls them.
    """

    intervention: Annotated[tuple[str, ...], Field(min_length=1)]
    comparator: Annotated[tuple[str, ...], Field(min_length=1)]
    by: str = "level_of_care"
    intervention_name: str
    comparator_name: str

    @model_validator(mode="after")
    def _apart(self) -> Self:
        shared = sorted(set(self.intervention) & set(self.comparator))
        if shared:
            raise ValueError(f"{shared} cannot start both strategies")
        if self.by == "level_of_care":
            unknown = sorted({*self.intervention, *self.comparator} - set(LevelOfCare))
            if unknown:
                known = [str(level) for level in LevelOfCare]
                raise ValueError(f"{unknown} is no level of care; known are {known}")
        return self


@dataclass(frozen=True, kw_only=True, config=STRICT)
class TimeZero:
    """When eligibility, assignment and follow-up begin together: the start of the index stay.

    Attributes
    ----------
    episode_gap_days
        A stay that begins within so many days of the last one's end continues its episode.
    baseline_window_days
        Scores count as baseline if taken within so many days before time zero, or on it.
    """

    episode_gap_days: Days
    baseline_window_days: Days = 14


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Outcome:
    """One outcome, and everything needed to read it from the records.

    Attributes
    ----------
    name
        One word; the column and file name.
    definition
        What counts, in the words of the methods section.
    events
        Kinds of event that count; reasons of exit are those of the index stay.
    competing
        Kinds of event after which the outcome can no longer happen.
    horizon_days
        Day from time zero at which the risk is read. None: the outcome is read at exit from the
        index stay, whenever that is.
    first_day
        First day after time zero on which an event counts; earlier ones are history.
    better
        Whether a lower or a higher risk is better.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    definition: str
    events: Annotated[tuple[Kind, ...], Field(min_length=1)]
    competing: tuple[Kind, ...] = ()
    horizon_days: Annotated[int, Field(gt=0)] | None
    first_day: Annotated[int, Field(ge=0, le=1)] = 1
    better: Direction = Direction.LOWER

    @model_validator(mode="after")
    def _apart(self) -> Self:
        shared = sorted(set(self.events) & set(self.competing))
        if shared:
            raise ValueError(f"{shared} cannot be both the event and a competing event")
        return self


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AnalysisPlan:
    """Choices of computation; none of them changes the question.

    Attributes
    ----------
    covariates
        Terms of the propensity model, in Formulaic's language: a name, `C(site)`,
        `bs(age_years, df=4)`, `age_years:sex`.
    cluster
        Column of the cohort within which people are alike (facility, state); None if persons are
        independent.
    confidence_level
        Of every interval.
    """

    covariates: Annotated[tuple[str, ...], Field(min_length=1)]
    cluster: str | None = None
    confidence_level: Share = 0.95


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Margin:
    """The largest excess risk of the intervention that is still acceptable.

    Attributes
    ----------
    risk_difference
        As a share: 0.10 is ten in a hundred people.
    justification
        Why this much and no more.
    set_by
        Who decided, and when, before outcomes were read.
    """

    risk_difference: Share
    justification: Annotated[str, Field(min_length=10)]
    set_by: Annotated[str, Field(min_length=3)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Disclosure:
    """What may leave the building.

    Attributes
    ----------
    smallest_count
        Counts of people from 1 to one less than this are not shown. 11 is the rule of the US
        Centers for Medicare & Medicaid Services.
    """

    smallest_count: Annotated[int, Field(ge=2)] = 11


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Protocol:
    """The whole study; everything downstream is a function of this and the records.

    `labels` says how the report spells columns and outcomes; it changes no number.
    """

    title: str
    question: str
    source: dict[str, Any]
    eligibility: Eligibility
    strategies: Strategies
    time_zero: TimeZero
    outcomes: Annotated[tuple[Outcome, ...], BeforeValidator(_named), Field(min_length=1)]
    estimand: Estimand
    analysis: AnalysisPlan
    noninferiority: dict[str, Margin] = Field(default_factory=dict)
    disclosure: Disclosure = Field(default_factory=Disclosure)
    labels: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _margins_belong_to_outcomes(self) -> Self:
        names = [outcome.name for outcome in self.outcomes]
        strangers = sorted(set(self.noninferiority) - set(names))
        if strangers:
            raise ValueError(f"noninferiority: {strangers} is no outcome; outcomes are {names}")
        return self
