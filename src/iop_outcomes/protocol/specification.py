"""The target trial, in the order of its published table: who, what, when, which outcome."""

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic.dataclasses import dataclass

from iop_outcomes.protocol.analysis_plan import AnalysisPlan
from iop_outcomes.protocol.intercurrent_events import IntercurrentEvent, contradictions
from iop_outcomes.protocol.outcomes import Margin, MissingData, Outcome, named_outcomes
from iop_outcomes.protocol.strategies import Assignment, CausalContrast, Strategies
from iop_outcomes.protocol.time_zero import EpisodeGaps, FollowUp, Moment, TimeZero
from iop_outcomes.protocol.values import KINDS, STRICT, Days, Kind, Share
from iop_outcomes.vocabulary import Estimand

__all__ = [
    "KINDS",
    "STRICT",
    "AnalysisPlan",
    "Assignment",
    "CausalContrast",
    "Days",
    "Disclosure",
    "Eligibility",
    "EpisodeGaps",
    "FollowUp",
    "IntercurrentEvent",
    "Kind",
    "Margin",
    "MissingData",
    "Moment",
    "Outcome",
    "Protocol",
    "Share",
    "Strategies",
    "TimeZero",
]


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
    judged_at
        The moment at which people are found eligible; it must be time zero, and is if left out.
    """

    minimum_age_years: Days
    washout_days: Days
    recorded: tuple[str, ...] = ()
    judged_at: Moment | None = None


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

    Attributes
    ----------
    title
        Of the report.
    question
        The study's question, in one sentence.
    source
        Where the records come from: `kind`, and what that kind of source has to know.
    eligibility
        Who may enter.
    strategies
        What is compared.
    assignment
        How people came to their strategy, and what stands in for randomisation.
    time_zero
        When eligibility, assignment and follow-up begin, and what belongs to one episode.
    follow_up
        From when to when.
    outcomes
        A name for each outcome, then what it means.
    causal_contrast
        Which departures from a strategy belong to it.
    intercurrent_events
        What may happen in between, and how each is dealt with.
    estimand
        Whose effect is averaged.
    analysis
        Choices of computation.
    noninferiority
        Outcome to its margin; an outcome left out has no verdict.
    missing_data
        What is done where a value is not known.
    disclosure
        What may leave the building.
    labels
        How the report spells columns and outcomes; it changes no number.
    """

    title: str
    question: str
    source: dict[str, Any]
    eligibility: Eligibility
    strategies: Strategies
    assignment: Assignment = Field(default_factory=Assignment)
    time_zero: TimeZero
    follow_up: FollowUp = Field(default_factory=FollowUp)
    outcomes: Annotated[tuple[Outcome, ...], BeforeValidator(named_outcomes), Field(min_length=1)]
    causal_contrast: CausalContrast = CausalContrast.INTENTION_TO_TREAT
    intercurrent_events: dict[str, IntercurrentEvent] = Field(default_factory=dict)
    estimand: Estimand
    analysis: AnalysisPlan
    noninferiority: dict[str, Margin] = Field(default_factory=dict)
    missing_data: MissingData = Field(default_factory=MissingData)
    disclosure: Disclosure = Field(default_factory=Disclosure)
    labels: dict[str, str] = Field(default_factory=dict)

    @property
    def risk_outcomes(self) -> tuple[Outcome, ...]:
        """Outcomes that happen or do not: their risks are compared."""
        return tuple(outcome for outcome in self.outcomes if outcome.score is None)

    @property
    def score_outcomes(self) -> tuple[Outcome, ...]:
        """Outcomes that are a number: their means are compared."""
        return tuple(outcome for outcome in self.outcomes if outcome.score is not None)

    @model_validator(mode="after")
    def _sections_speak_of_its_outcomes(self) -> Self:
        names = [outcome.name for outcome in self.outcomes]
        spoken_of = {
            "noninferiority": self.noninferiority,
            "missing_data.outcomes": self.missing_data.outcomes,
            **{
                f"intercurrent_events.{name}.for_outcomes": event.for_outcomes
                for name, event in self.intercurrent_events.items()
            },
        }
        for section, outcomes in spoken_of.items():
            strangers = sorted(set(outcomes) - set(names))
            if strangers:
                raise ValueError(f"{section}: {strangers} is no outcome; outcomes are {names}")
        return self

    @model_validator(mode="after")
    def _events_have_one_strategy(self) -> Self:
        for sentence in contradictions(self.intercurrent_events, self.outcomes):
            raise ValueError(sentence)
        return self
