"""The arms of some of the people, under the weights of the whole study."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from iop_outcomes.analysis.arms import ArmsAtRisk, ArmsFollowed
from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.survival.changing_weights import StrategyFollowUp, interval_risk_sets
from iop_outcomes.statistics.survival.curves import EVENT, risk_sets
from iop_outcomes.statistics.survival.multiplied_weights import MultipliedFollowUp
from iop_outcomes.vocabulary import Arm

EitherArms = ArmsAtRisk | ArmsFollowed


def among(arms: EitherArms, who: NDArray) -> EitherArms:
    """The same analysis of some of its people: what is read is about them alone.

    Weights stay those of the whole study, and so do their models: everyone else still speaks
    through these in the influences, which are 0 otherwise.

    Parameters
    ----------
    arms
        Of everyone.
    who
        True for those who stay, known at time zero. Shape (people,).

    Raises
    ------
    CohortError
        The outcome is not known for any of them in an arm.
    """
    if not in_both_arms(arms, who):
        raise CohortError("nobody's outcome is known in an arm among some of the people")
    here = {arm: who[rows_of(arms, arm)] for arm in Arm}
    parts = {
        name: {arm: getattr(arms, name)[arm][here[arm]] for arm in Arm}
        for name in ("weight", "day", "cause")
    }
    # Whose outcome is missing is not known of the parts: asking for it is an error, not a 0.
    parts["missing"] = {}
    if isinstance(arms, ArmsFollowed):
        under = {arm: _under(arms.under[arm], who) for arm in Arm}
        return replace(arms, under=under, sets={arm: u.sets for arm, u in under.items()}, **parts)
    entry = {arm: late[here[arm]] for arm, late in arms.entry.items()}
    sets = {
        arm: risk_sets(*(parts[name][arm] for name in ("day", "cause", "weight")), entry.get(arm))
        for arm in Arm
    }
    members = {arm: arms.members[arm][here[arm]] for arm in Arm}
    return replace(arms, members=members, sets=sets, entry=entry, **parts)


def in_both_arms(arms: EitherArms, who: NDArray) -> bool:
    """Whether the outcome is known for some of them in each arm."""
    return all(who[rows_of(arms, arm)].any() for arm in Arm)


def rows_of(arms: EitherArms, arm: Arm) -> NDArray:
    """Row numbers of an arm's people whose outcome is known, in the order of its days."""
    if isinstance(arms, ArmsFollowed):
        return np.unique(arms.under[arm].person)
    return arms.members[arm]


def cells(arms: EitherArms, who: NDArray) -> dict[str, int]:
    """People among some, of each arm, with and without the event by the horizon."""
    counts = {}
    for arm in Arm:
        here = who[rows_of(arms, arm)]
        event = (arms.day[arm] <= arms.horizon) & (arms.cause[arm] == EVENT)
        counts[f"events_{arm}"] = int((here & event).sum())
        counts[f"event_free_{arm}"] = int((here & ~event).sum())
    return counts


def _under(
    whole: StrategyFollowUp | MultipliedFollowUp, who: NDArray
) -> StrategyFollowUp | MultipliedFollowUp:
    """The intervals of those who stay, with the risk sets they make."""
    if isinstance(whole, MultipliedFollowUp):
        return whole.among(who)
    stays = who[whole.person]
    person, column = whole.person[stays], whole.column[stays]
    sets, entry = interval_risk_sets(
        column,
        whole.sets.day[whole.sets.position[stays]],
        whole.sets.cause[stays],
        whole.base[person] * whole.weights.weight[person, column],
    )
    return replace(whole, sets=sets, entry=entry, person=person, column=column)
