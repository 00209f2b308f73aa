"""The cohort put together: records and protocol in, one row per person out."""

from dataclasses import dataclass

import pandas as pd

from iop_outcomes.cohort.baseline import baseline_scores
from iop_outcomes.cohort.eligibility import apply_criteria
from iop_outcomes.cohort.episodes import link_episodes
from iop_outcomes.cohort.follow_up import follow_up, happenings
from iop_outcomes.errors import CohortError
from iop_outcomes.protocol.execution import refuse_unexecuted
from iop_outcomes.protocol.rules.columns import AFTER_TIME_ZERO, AT_EXIT
from iop_outcomes.protocol.specification import Protocol, Strategies
from iop_outcomes.records.schema import PERSONS, STAYS, Records
from iop_outcomes.vocabulary import NO_EXIT, WITHDRAWAL_MANAGEMENT, Arm, LevelOfCare, Status

UNDATED_EXITS = 0.05  # a larger share of exits without a day is no oversight but a banded source
# Columns that the cohort makes, and those of them that stay in `persons`.
DERIVED = (
    *("arm", "episode", "place", "stay_row", "person_row", "index_day", "exit_day"),
    "prior_episodes",
)
KEPT = {"arm", "index_day", "prior_episodes"}
# Known at time zero and no trait of a person.
ADMINISTRATIVE = ("stay_id", "person_row", "start_day", "first_observed_day")


@dataclass(frozen=True)
class Cohort:
    """Everyone compared.

    Attributes
    ----------
    persons
        One row per person, as known at time zero and nothing later: `person_id`, `arm`,
        `index_day`, `level_of_care`, and every covariate.
    follow_up
        One row per person and outcome: `days`, `status`, `reason`, and the row it was read from.
    exits
        One row per person: `level_of_care` of the index stay and the `reason` it ended.
    attrition
        One row per criterion and arm: people `remaining` and `excluded`.
    """

    persons: pd.DataFrame
    follow_up: pd.DataFrame
    exits: pd.DataFrame
    attrition: pd.DataFrame


def assemble_cohort(records: Records, protocol: Protocol) -> Cohort:
    """Emulate enrolment: time zero is the start of the first stay at a strategy's level of care.

    Raises
    ------
    CohortError
        An arm is empty, nobody has an outcome, or the records contradict themselves.
    """
    refuse_unexecuted(protocol)
    candidates = _candidates(records, protocol)
    eligible, attrition = apply_criteria(candidates, _criteria(candidates, protocol))
    eligible = eligible.sort_values("person_id").reset_index(drop=True)
    happened = happenings(eligible, records.events)
    ends = pd.concat(
        [follow_up(eligible, happened, outcome) for outcome in protocol.outcomes],
        ignore_index=True,
    )
    _exits_have_days(eligible, protocol)
    _someone_has_each(ends, protocol)
    hidden = AFTER_TIME_ZERO | {*DERIVED, *ADMINISTRATIVE} - KEPT
    known = [
        column
        for column in eligible.columns
        if column not in hidden and not column.startswith("_") and not column.endswith(AT_EXIT)
    ]
    return Cohort(
        persons=eligible[known],
        follow_up=ends,
        exits=eligible[["person_id", "arm", "level_of_care"]].assign(
            reason=eligible["exit_reason"].fillna(NO_EXIT)
        ),
        attrition=attrition,
    )


def _candidates(records: Records, protocol: Protocol) -> pd.DataFrame:
    """Each person's first stay that starts a strategy, with all that was known on that day."""
    _one_name_for_one_thing(records)
    stays = link_episodes(
        records.stays.assign(stay_row=range(len(records.stays))),
        protocol.time_zero.episode_gap_days,
    )
    stays["place"] = range(len(stays))  # in the order of each person's time
    stays = stays.assign(arm=_arms(stays, protocol.strategies))
    # Of two strategies that start on one day, the more intensive care is what was entered.
    intensity = stays["level_of_care"].map({level: k for k, level in enumerate(LevelOfCare)})
    starts = stays.assign(intensity=intensity)[stays["arm"].notna()]
    starts = starts.sort_values(["person_id", "start_day", "intensity"], kind="stable")
    index = starts.drop(columns="intensity").drop_duplicates("person_id")
    if index.empty:
        raise CohortError(
            f"no stay in the records starts either strategy; none has `{protocol.strategies.by}` "
            f"among {[*protocol.strategies.intervention, *protocol.strategies.comparator]}"
        )
    table = index.join(_history(stays, index), on="person_id").merge(
        records.persons.assign(person_row=range(len(records.persons))),
        on="person_id",
        validate="one_to_one",
    )
    scores = baseline_scores(index, records.scores, protocol.time_zero.baseline_window_days)
    table = table.join(scores, on="person_id").assign(
        index_day=table["start_day"], exit_day=table["end_day"]
    )
    unseen = int((table["last_observed_day"] < table["index_day"]).sum())
    if unseen:
        raise CohortError(
            f"{unseen} person(s) were last observed before their index stay began; mend "
            "last_observed_day in the export"
        )
    return table


def _one_name_for_one_thing(records: Records) -> None:
    """Covariates of persons, stays and scores end up side by side, beside what is derived."""
    taken = dict.fromkeys(DERIVED, "the cohort")
    for where, names in (
        ("stays", records.stays.columns),
        ("persons", records.persons.columns.drop("person_id")),
        ("scores", records.scores["instrument"].unique()),
    ):
        for name in names:
            if name in taken:
                raise CohortError(
                    f"the name `{name}` stands in {where} and in {taken[name]}; give one of them "
                    "another name in the export"
                )
        taken |= dict.fromkeys(names, where)
    for name in set(PERSONS) & set(records.stays.columns) - {"person_id"}:
        raise CohortError(f"the name `{name}` belongs to persons; rename it in stays")


def _arms(stays: pd.DataFrame, strategies: Strategies) -> pd.Series:
    if strategies.by not in stays.columns:
        known = [column for column in stays.columns if column not in STAYS]
        raise CohortError(
            f"protocol.strategies.by: the stays have no column `{strategies.by}`; besides "
            f"level_of_care they have {known}"
        )
    arm = {level: str(Arm.INTERVENTION) for level in strategies.intervention}
    arm |= {level: str(Arm.COMPARATOR) for level in strategies.comparator}
    return stays[strategies.by].map(arm)


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


def _criteria(candidates: pd.DataFrame, protocol: Protocol) -> dict[str, pd.Series]:
    asked = protocol.eligibility
    adult = candidates["age_years"] >= asked.minimum_age_years
    criteria = {f"aged {asked.minimum_age_years} or over": adult.fillna(False)}
    within = candidates["_within_episode"].astype(bool)
    if within.any():
        criteria["index stay begins the episode, withdrawal management apart"] = ~within
    if asked.washout_days:
        days = asked.washout_days
        seen = candidates["index_day"] - candidates["first_observed_day"] >= days
        recent = candidates["_days_since_treatment"] <= days
        criteria[f"records reach back {days} days"] = seen.fillna(False)
        criteria[f"no treatment in the {days} days before"] = ~recent.fillna(False)
    for covariate in asked.recorded:
        if covariate not in candidates.columns:
            raise CohortError(
                f"protocol.eligibility.recorded: the records hold no `{covariate}` at time zero"
            )
        label = protocol.labels.get(covariate, covariate)
        criteria[f"{label} recorded at time zero"] = candidates[covariate].notna()
    return criteria


def _exits_have_days(eligible: pd.DataFrame, protocol: Protocol) -> None:
    """Exits without a day would count as missing, and it is the long stays that have none."""
    for outcome in protocol.outcomes:
        if outcome.horizon_days is None:
            continue
        counted = eligible[eligible["exit_reason"].isin([*outcome.events, *outcome.competing])]
        undated = int(counted["exit_day"].isna().sum())
        if undated > UNDATED_EXITS * len(counted):
            raise CohortError(
                f"protocol.outcomes.{outcome.name}: {undated} of {len(counted)} exits that count "
                "have no day, so leaving by a day cannot be told; read it at exit "
                "(horizon_days: null)"
            )


def _someone_has_each(ends: pd.DataFrame, protocol: Protocol) -> None:
    for outcome in protocol.outcomes:
        rows = ends[ends["outcome"] == outcome.name]
        if (rows["status"] == Status.MISSING).all():
            raise CohortError(
                f"protocol.outcomes.{outcome.name}: these records know nothing of anyone after "
                "time zero that could show it; a source of discharges cannot answer about relapse, "
                "nor one of admissions about anything later"
            )
        events = rows[rows["status"] == Status.EVENT]
        if outcome.horizon_days is not None:
            events = events[events["days"] <= outcome.horizon_days]
        if events.empty:
            raise CohortError(
                f"protocol.outcomes.{outcome.name}: nobody has it; check its events "
                f"{list(outcome.events)}, its horizon and what the records hold"
            )
