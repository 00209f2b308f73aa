"""Outcomes that are a number: the score of an instrument in a window after time zero."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from iop_outcomes.protocol.analysis_plan import Estimator
from iop_outcomes.protocol.strategies import StrategyKind
from iop_outcomes.protocol.time_zero import Clock
from iop_outcomes.protocol.values import STRICT

if TYPE_CHECKING:
    from iop_outcomes.protocol.outcomes import Outcome
    from iop_outcomes.protocol.specification import Protocol

OF_FRAME = "data frame"  # a source that holds one number a person


class Take(StrEnum):
    """Which of several scores in the window counts."""

    NEAREST = "nearest"  # to the middle of the window; of two as near, the earlier
    FIRST = "first"
    LAST = "last"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Score:
    """How an outcome that is a number is read.

    Attributes
    ----------
    instrument
        Whose score it is, as the records spell it (`phq9`); of a data frame, the column.
    days
        First and last day after time zero on which a score counts. Whoever has none then is not
        known. None for a data frame, which has one number a person.
    take
        Which one counts of several in the window: `nearest` to its middle, `first` or `last`; of
        several on one day the last in the table.
    unit
        What the number counts, as it is printed: points, days, dollars.
    range
        Least and largest possible score. A score outside is refused, and TMLE needs it.
    """

    instrument: Annotated[str, Field(min_length=1)]
    days: tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]] | None = None
    take: Take = Take.NEAREST
    unit: Annotated[str, Field(min_length=1)] | None = None
    range: tuple[float, float] | None = None

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.days is not None and self.days[0] > self.days[1]:
            raise ValueError(f"`days` ends before it begins ({self.days[0]} to {self.days[1]})")
        if self.range is not None and not self.range[0] < self.range[1]:
            raise ValueError("`range` is the least and then the largest possible score")
        return self


def contradictions_of_score(outcome: Outcome) -> Iterator[str]:
    """Sentences on keys that an outcome with a `score` may not have, or lacks."""
    if not outcome.definition:
        yield "the key `definition` is missing"
    said = [
        key
        for key in (
            *("definition_id", "events", "competing", "horizon_days"),
            *("other_definitions", "substances"),
        )
        if getattr(outcome, key)
    ]
    said += ["first_day"] * (outcome.first_day != 1)
    said += ["clock"] * (outcome.clock is not Clock.TIME_ZERO)
    if said:
        yield f"it is read by `score`, and `{said[0]}` belongs to outcomes that happen; take it out"


def unexecuted_scores(protocol: Protocol) -> Iterator[tuple[str, str]]:
    """A score has no day on which it happens: nothing is censored, and no margin is a risk."""
    kind, of_frame = protocol.strategies.kind, protocol.source.get("kind") == OF_FRAME
    for outcome in protocol.score_outcomes:
        place = f"outcomes.{outcome.name}.score"
        if kind is not StrategyKind.INITIATE:
            yield (
                place,
                f"a score is not executed for `kind: {kind}`, whose follow-up ends where the "
                f"strategy is left; write `kind: {StrategyKind.INITIATE}`, or read it by `events`",
            )
        if outcome.score.days is None and not of_frame:
            yield (
                f"{place}.days",
                "the records hold scores of many days; say between which days after time zero "
                "one counts, e.g. [150, 210]",
            )
        if outcome.score.range is None and Estimator.TMLE in protocol.analysis.estimators:
            yield (
                f"{place}.range",
                f"{Estimator.TMLE} moves predictions between the least and the largest possible "
                f"score; say them, e.g. [0, 27], or leave {Estimator.TMLE} out",
            )
        if outcome.name in protocol.noninferiority:
            yield (
                f"noninferiority.{outcome.name}",
                "a margin on a difference of means is not executed yet; take it out",
            )
