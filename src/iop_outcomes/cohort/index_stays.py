"""Time zero: the stay it is of, the arm that begins there, and what came before."""

import pandas as pd

from iop_outcomes.cohort.cloning import started_within
from iop_outcomes.cohort.episode_rules import EpisodeRules
from iop_outcomes.cohort.episodes import build_episodes, link_episodes
from iop_outcomes.cohort.planned_exits import planned_exits
from iop_outcomes.cohort.starts import starts_after
from iop_outcomes.cohort.strategies import GracePeriod
from iop_outcomes.errors import CohortError
from iop_outcomes.protocol.specification import Protocol, Strategies, TimeZero
from iop_outcomes.protocol.strategies import StrategyKind
from iop_outcomes.records.schema import STAYS, Records
from iop_outcomes.vocabulary import WITHDRAWAL_MANAGEMENT, Arm, LevelOfCare


def index_stays(records: Records, protocol: Protocol) -> pd.DataFrame:
    """One stay a person: the first that starts a strategy, or whose planned exit is time zero.

    Returns
    -------
    pd.DataFrame
        One row per person: the columns of the stay; `stay_row`, its row in the records;
        `episode`; `arm`; `index_day`, the day of time zero; `prior_episodes`; and for eligibility
        `_within_episode`, `_days_since_treatment`. In a grace period, where nobody's arm is known
        at time zero, `arm` is what came of it, and `start_day_after`, `start_row`, `excuse_day`
        say when.

    Raises
    ------
    CohortError
        No stay in the records begins, or leads up to, a strategy.
    """
    stays = records.stays.assign(stay_row=range(len(records.stays)))
    stays = with_episodes(stays, protocol.time_zero, records.persons)
    stays["place"] = range(len(stays))  # in the order of each person's time
    if protocol.strategies.kind is StrategyKind.GRACE_PERIOD:
        index = _planned_exits(stays, protocol.strategies)
    else:
        index = _first_starts(stays, protocol.strategies)
    table = index.join(_history(stays, index), on="person_id")
    if protocol.strategies.kind is StrategyKind.GRACE_PERIOD:
        table["_within_episode"] = False  # the exit is time zero, wherever its episode began
    return table


def with_episodes(
    stays: pd.DataFrame, time_zero: TimeZero, persons: pd.DataFrame | None = None
) -> pd.DataFrame:
    """The stays in the order of each person's time, with the number of their `episode`.

    One gap for all levels of care links them as `link_episodes` does; rules by level of care as
    `build_episodes` does.
    """
    if time_zero.episodes is None:
        return link_episodes(stays, time_zero.episode_gap_days or 0)
    asked = time_zero.episodes
    rules = EpisodeRules(
        gap_same_level=asked.gap_same_level_days,
        gap_transition=asked.gap_transition_days,
        interruption_days=asked.interruption_days,
        incarceration_days=asked.incarceration_days,
    )
    rows = build_episodes(stays, rules, persons).stay_rows
    episode = rows.drop_duplicates("stay_row").set_index("stay_row")["episode"]
    numbered = stays.assign(episode=episode.reindex(range(len(stays))).to_numpy())
    return numbered.sort_values(["person_id", "start_day", "end_day"], kind="stable")


def _first_starts(stays: pd.DataFrame, strategies: Strategies) -> pd.DataFrame:
    arms = _arms(stays, strategies)
    # Of two strategies that start on one day, the more intensive care is what was entered.
    intensity = stays["level_of_care"].map({level: k for k, level in enumerate(LevelOfCare)})
    starts = stays.assign(arm=arms, intensity=intensity)[arms.notna()]
    starts = starts.sort_values(["person_id", "start_day", "intensity"], kind="stable")
    index = starts.drop(columns="intensity").drop_duplicates("person_id")
    if index.empty:
        raise CohortError(
            f"no stay in the records starts either strategy; none has `{strategies.by}` among "
            f"{[*strategies.intervention, *strategies.comparator]}"
        )
    return index.assign(index_day=index["start_day"])


def _planned_exits(stays: pd.DataFrame, strategies: Strategies) -> pd.DataFrame:
    grace = grace_period(strategies)
    in_file_order = stays.sort_values("stay_row")
    exits = planned_exits(in_file_order, grace, strategies.after)
    if exits.empty:
        raise CohortError(
            f"no stay in the records at {list(strategies.after)} ended as planned; a grace period "
            "begins at such an exit"
        )
    after = starts_after(exits, in_file_order, grace.starts, grace.excuses).drop(
        columns="excuse_row"
    )
    arm = started_within(after, grace).map({True: Arm.INTERVENTION, False: Arm.COMPARATOR})
    after = after.assign(arm=arm.map(str)).rename(columns={"start_day": "start_day_after"})
    return exits.merge(after, on="person_id", validate="one_to_one")


def grace_period(strategies: Strategies) -> GracePeriod:
    """The grace period that a protocol's strategies ask for."""
    return GracePeriod(
        days=strategies.grace_days or 0,
        starts=strategies.intervention,
        closing_days=strategies.closing_days,
    )


def _arms(stays: pd.DataFrame, strategies: Strategies) -> pd.Series:
    if strategies.by not in stays.columns:
        known = [column for column in stays.columns if column not in STAYS]
        raise CohortError(
            f"protocol.strategies.by: the stays have no column `{strategies.by}`; besides "
            f"level_of_care they have {known}"
        )
    return stays[strategies.by].map(arm_of(strategies))


def arm_of(strategies: Strategies) -> dict[str, str]:
    """The arm that each value of `strategies.by` starts."""
    arm = {level: str(Arm.INTERVENTION) for level in strategies.intervention}
    return arm | {level: str(Arm.COMPARATOR) for level in strategies.comparator}


def _history(stays: pd.DataFrame, index: pd.DataFrame) -> pd.DataFrame:
    """What came before the index stay, by person.

    Withdrawal management prepares a strategy: it neither starts the episode nor counts as
    earlier treatment.
    """
    prepares = stays["level_of_care"].isin([str(level) for level in WITHDRAWAL_MANAGEMENT])
    earlier = stays[~prepares].merge(
        index[["person_id", "start_day", "episode", "place"]],
        on="person_id",
        suffixes=("", "_of_index"),
        validate="many_to_one",
    )
    earlier = earlier[
        (earlier["place"] < earlier["place_of_index"])
        & (earlier["start_day"] < earlier["start_day_of_index"])
    ]
    before = earlier["episode"] < earlier["episode_of_index"]
    by_person = earlier["person_id"]
    days_since = (earlier["start_day_of_index"] - earlier["end_day"]).where(before)
    return pd.DataFrame(
        {
            "_within_episode": (~before).groupby(by_person).any(),
            "_days_since_treatment": days_since.groupby(by_person).min(),
            "prior_episodes": earlier["episode"].where(before).groupby(by_person).nunique(),
        },
        index=pd.Index(index["person_id"], name="person_id"),
    ).fillna({"_within_episode": False, "prior_episodes": 0})
