"""Outcomes that are a number, in words."""

from iop_outcomes.protocol.outcomes import Outcome
from iop_outcomes.protocol.scores import Score, Take


def read_as_score(score: Score) -> str:
    """Which score counts, in words.

    Examples
    --------
    >>> read_as_score(Score(instrument="phq9", days=(150, 210)))
    'the phq9 nearest to day 180'
    """
    if score.days is None:
        return f"the {score.instrument}"
    if score.take is Take.NEAREST:
        return f"the {score.instrument} nearest to day {sum(score.days) / 2:g}"
    return f"the {score.take} {score.instrument} in the window"


def in_units(outcome: Outcome, before: str = ", ") -> str:
    """What an outcome that is a number counts; nothing if the protocol does not say."""
    unit = None if outcome.score is None else outcome.score.unit
    return f"{before}{unit}" if unit else ""
