"""The cohort put together: records and protocol in, one row per person out."""

from dataclasses import dataclass, field

import pandas as pd

from iop_outcomes.cohort.arms_followed import arms_followed, nobody_contradicted
from iop_outcomes.cohort.baseline import baseline_scores
from iop_outcomes.cohort.community import controlled_days
from iop_outcomes.cohort.definitions_agree import definitions_agree, nothing_compared
from iop_outcomes.cohort.eligibility import apply_criteria
from iop_outcomes.cohort.index_stays import index_stays
from iop_outcomes.cohort.lengths_in_bands import lengths_in_bands, no_lengths
from iop_outcomes.cohort.outcomes_told import nothing_told, other_definitions_told, outcomes_told
from iop_outcomes.cohort.repeats import nothing_repeated, repeats
from iop_outcomes.cohort.scored_outcomes import nobody_scored, scores_told
from iop_outcomes.cohort.time_at_risk import nobody_followed, time_at_risk
from iop_outcomes.cohort.whereabouts import nobody_anywhere, whereabouts
from iop_outcomes.errors import CohortError
from iop_outcomes.protocol.execution import refuse_unexecuted
from iop_outcomes.protocol.rules.columns import AFTER_TIME_ZERO, AT_EXIT
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.protocol.time_zero import Moment
from iop_outcomes.quiet_tables import QuietTables
from iop_outcomes.records.schema import PERSONS, Records
from iop_outcomes.vocabulary import NO_EXIT, Status

UNDATED_EXITS = 0.05  # a larger share of exits without a day is no oversight but a banded source
# Columns that the cohort makes, and those of them that stay in `persons`.
DERIVED = (
    *("arm", "episode", "place", "stay_row", "person_row", "index_day", "exit_day"),
    *("index_exit_reason", "start_day_after", "start_row", "excuse_day"),
    "prior_episodes",
)
KEPT = {"arm", "index_day", "prior_episodes"}
CANDIDATES = {
    Moment.START: "admitted to either strategy",
    Moment.EXIT: "left the index stay as planned",
}
# Known at time zero and no trait of a person.
ADMINISTRATIVE = ("stay_id", "person_row", "start_day", "first_observed_day")


@dataclass(frozen=True, repr=False)
class Cohort(QuietTables):
    """Everyone compared.

    Attributes
    ----------
    persons
        One row per person, as known at time zero and nothing later: `person_id`, `arm`,
        `index_day`, `level_of_care`, and every covariate.
    follow_up
        One row per person and outcome that happens or does not: `days`, `status`, `reason`, and the
        row it was read from.
    exits
        One row per person: `level_of_care` of the index stay and the `reason` it ended.
    attrition
        One row per criterion and arm: people `remaining` and `excluded`.
    arms_followed
        One row per person and arm they are followed in, with the day, if any, on which their data
        contradict it; none where a strategy asks only to be started.
    definitions
        As `follow_up`, by the other definitions of the outcomes that have any; with `definition`.
    agreement
        One row per outcome and pair of its definitions: how far they agree at the horizon.
    time_at_risk
        One row per outcome and arm: how long people were followed, and how much of it they spent by
        day and night in care, or in jail.
    scores
        One row per person and outcome that is a number: its `score`, empty where it is not known,
        the `days` on which it was taken, and the row it was read from.
    lengths
        One row per person: between which days the index stay ended, and why; none unless the
        protocol asks for lengths in bands.
    history
        Intervals of everyone's days, cut where something happens that can come again; none unless
        the protocol asks for recurrent events.
    whereabouts
        Intervals of everyone's days in one state each; none unless the protocol asks for states.
    """

    persons: pd.DataFrame
    follow_up: pd.DataFrame
    exits: pd.DataFrame
    attrition: pd.DataFrame
    arms_followed: pd.DataFrame = field(default_factory=nobody_contradicted)
    definitions: pd.DataFrame = field(default_factory=nothing_told)
    agreement: pd.DataFrame = field(default_factory=nothing_compared)
    time_at_risk: pd.DataFrame = field(default_factory=nobody_followed)
    scores: pd.DataFrame = field(default_factory=nobody_scored)
    lengths: pd.DataFrame = field(default_factory=no_lengths)
    history: pd.DataFrame = field(default_factory=nothing_repeated)
    whereabouts: pd.DataFrame = field(default_factory=nobody_anywhere)


def assemble_cohort(records: Records, protocol: Protocol) -> Cohort:
    """Emulate enrolment: everyone from their time zero, in the arm or arms they are followed in.

    Time zero is the start of the first stay that starts a strategy; in a grace period it is the
    first planned exit, and nobody's arm is known there.

    Raises
    ------
    CohortError
        An arm is empty, nobody has an outcome, or the records contradict themselves.
    """
    refuse_unexecuted(protocol)
    candidates = _candidates(records, protocol)
    eligible, attrition = apply_criteria(
        candidates, _criteria(candidates, protocol), CANDIDATES[protocol.strategies.time_zero]
    )
    eligible = eligible.sort_values("person_id").reset_index(drop=True)
    ends = outcomes_told(eligible, records, protocol.risk_outcomes)
    others = other_definitions_told(eligible, records, protocol.outcomes)
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
            reason=eligible["index_exit_reason"].fillna(NO_EXIT)
        ),
        attrition=attrition,
        arms_followed=arms_followed(eligible, records.stays, protocol.strategies),
        definitions=others,
        agreement=definitions_agree(eligible, ends, others, protocol.outcomes),
        time_at_risk=time_at_risk(eligible, ends, controlled_days(records), protocol.outcomes),
        scores=scores_told(eligible, records.scores, protocol.score_outcomes),
        lengths=lengths_in_bands(eligible) if protocol.analysis.lengths_in_bands else no_lengths(),
        history=repeats(eligible, records, protocol.analysis.recurrent_events),
        whereabouts=whereabouts(eligible, records, states.horizon_days)
        if (states := protocol.analysis.states)
        else nobody_anywhere(),
    )


def _candidates(records: Records, protocol: Protocol) -> pd.DataFrame:
    """Each person's index stay, with all that was known at time zero."""
    _one_name_for_one_thing(records)
    index = index_stays(records, protocol)
    table = index.merge(
        records.persons.assign(person_row=range(len(records.persons))),
        on="person_id",
        validate="one_to_one",
    )
    scores = baseline_scores(index, records.scores, protocol.time_zero.baseline_window_days)
    table = table.join(scores, on="person_id").assign(
        exit_day=table["end_day"], index_exit_reason=table["exit_reason"]
    )
    if protocol.strategies.time_zero is Moment.EXIT:  # which is no event of the time after it
        table = table.assign(exit_day=pd.NA, exit_reason=None)
        table = table.astype({"exit_day": "Int64", "exit_reason": "str"})
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


def _criteria(candidates: pd.DataFrame, protocol: Protocol) -> dict[str, pd.Series]:
    asked = protocol.eligibility
    adult = candidates["age_years"] >= asked.minimum_age_years
    criteria = {f"aged {asked.minimum_age_years} or over": adult.fillna(False)}
    within = candidates["_within_episode"].astype(bool)
    if within.any():
        criteria["index stay begins the episode, withdrawal management apart"] = ~within
    # Whoever was in care when the records began had stayed that long already; to let them enter
    # late, at the day on which they come into sight, needs an analysis with delayed entry.
    under_way = (candidates["start_day"] < candidates["first_observed_day"]).fillna(False)
    if under_way.any():
        criteria["the index stay began within the records"] = ~under_way
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
                "(horizon_days: null), or its bands by analysis.lengths_in_bands"
            )


def _someone_has_each(ends: pd.DataFrame, protocol: Protocol) -> None:
    for outcome in protocol.risk_outcomes:
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
                f"{list(outcome.counts)}, its horizon and what the records hold"
            )
