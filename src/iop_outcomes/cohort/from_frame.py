"""Any analysis-ready table, one row per person, as a cohort and its protocol."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from iop_outcomes.cohort.assembly import Cohort
from iop_outcomes.cohort.eligibility import apply_criteria
from iop_outcomes.cohort.frame_columns import (
    WHERE,
    Codes,
    as_pandas,
    column,
    known_at_entry,
)
from iop_outcomes.cohort.frame_outcomes import FrameOutcome, frame_follow_up, refuse_unreadable
from iop_outcomes.cohort.frame_people import arms_of, person_ids
from iop_outcomes.cohort.frame_scores import Continuous, frame_scores
from iop_outcomes.errors import ProtocolError
from iop_outcomes.protocol.parsing import parse_protocol
from iop_outcomes.protocol.rules.columns import variables
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.quiet_tables import QuietTables

# Columns that the cohort and its weights make: a covariate of such a name would be lost among them.
TAKEN = ("person_id", "arm", "index_day", "propensity", "weight")
CONSTANTS = {"True", "False", "None"}


@dataclass(frozen=True, repr=False)
class FrameStudy(QuietTables):
    """A data frame as the road from `weight_cohort` on takes it.

    Attributes
    ----------
    cohort
        Persons, follow-up and attrition; what a frame does not tell (exits, time in care) is empty.
    protocol
        What was asked, written out: its hash changes with the question.
    """

    cohort: Cohort
    protocol: Protocol


def cohort_from_frame(
    frame: Any,
    *,
    arm: str,
    intervention: Codes,
    comparator: Codes | None = None,
    outcomes: Mapping[str, FrameOutcome],
    covariates: str | Sequence[str],
    estimand: str = "ATE",
    person_id: str | None = None,
    cluster: str | None = None,
    recorded: Collection[str] = (),
    noninferiority: Mapping[str, Mapping[str, Any]] | None = None,
    **analysis: Any,
) -> FrameStudy:
    """Make a cohort and its protocol of a data frame with one row per person.

    Everything in a row but the outcomes counts as known at time zero, which is day 0 of the days.

    Parameters
    ----------
    frame
        Of pandas, polars or Arrow.
    arm
        Column that tells the arms apart.
    intervention, comparator
        The code or codes of each arm as they stand there. The comparator may be left out where the
        column holds one other code.
    outcomes
        A name for each, and how it stands in the frame: `TimeToEvent`, `Binary` or `Continuous`.
    covariates
        Terms of the propensity model: names, or terms such as `bs(age, df=3)` and `C(site)`.
        Text, categories and yes or no become indicators, a missing word a level of its own; a
        missing number is refused by `weight_cohort`.
    estimand
        Whose effect: ATE, ATT, ATC, ATO or ATM.
    person_id
        Column of the persons' names; the number of the row, counted from 1, if left out.
    cluster
        Column within which people are alike (facility, state).
    recorded
        Columns without which a person is left out, and counted in `cohort.attrition`.
    noninferiority
        Outcome to its margin: `risk_difference`, `justification`, `set_by`.
    **analysis
        Further keys of the protocol's `analysis`: `confidence_level`, `weighting`, `estimators` ...

    Raises
    ------
    ProtocolError
        A column is not there, a name or code stands for two things, or the protocol forbids it.
    CohortError
        A value of the arm or a code of an outcome is not named, an arm is empty, an identifier
        stands twice, or days are negative.

    Examples
    --------
    >>> import pandas as pd
    >>> import iop_outcomes as iop
    >>> frame = pd.DataFrame(
    ...     {
    ...         "treat": [1, 1, 1, 1, 0, 0, 0, 0],
    ...         "age": [25, 31, 44, 39, 28, 35, 50, 41],
    ...         "time": [60, 365, 365, 200, 30, 90, 365, 120],
    ...         "status": [1, 0, 0, 2, 1, 1, 0, 1],
    ...         "completed": [1, 1, 0, None, 0, 1, 0, 0],
    ...     }
    ... )
    >>> study = iop.cohort_from_frame(
    ...     frame,
    ...     arm="treat",
    ...     intervention=1,
    ...     comparator=0,
    ...     outcomes={
    ...         "relapse": iop.TimeToEvent(
    ...             "time", event="status", horizon_days=365, competing={2: "death"}
    ...         ),
    ...         "completion": iop.Binary("completed", better="higher"),
    ...     },
    ...     covariates=["age"],
    ...     estimand="ATT",
    ... )
    >>> weighting = iop.weight_cohort(study.cohort.persons, study.protocol)
    >>> comparison = iop.compare(study.cohort, weighting, study.protocol)
    >>> found = comparison.estimates.query("measure == 'risk_difference'").round(3)
    >>> found[["outcome", "method", "estimand", "estimate", "n"]].reset_index(drop=True)
          outcome      method     estimand  estimate  n
    0     relapse  unadjusted  as enrolled    -0.500  8
    1     relapse        iptw          ATT    -0.641  8
    2  completion  unadjusted  as enrolled     0.417  7
    3  completion        iptw          ATT     0.391  7
    """
    table = as_pandas(frame)
    refuse_unreadable(outcomes)
    _refuse_beside_late_entry(outcomes, analysis)
    terms = (covariates,) if isinstance(covariates, str) else tuple(covariates)
    plan = {**analysis, "covariates": terms, "cluster": cluster}
    arms, codes = arms_of(column(table, arm, "arm"), intervention, comparator)
    protocol = parse_protocol(
        _section(arm, codes, outcomes, plan, estimand, recorded, noninferiority), WHERE
    )
    known = _known(table, plan, recorded, arm, outcomes)
    persons = pd.DataFrame(
        {"person_id": person_ids(table, person_id), "arm": arms, "index_day": 0, **known}
    )
    criteria = {f"{name} recorded at time zero": persons[name].notna() for name in recorded}
    persons, attrition = apply_criteria(persons, criteria, "in the data frame")
    told = table.loc[persons.index]
    numbers = {name: each for name, each in outcomes.items() if isinstance(each, Continuous)}
    happens = {name: each for name, each in outcomes.items() if name not in numbers}
    cohort = Cohort(
        persons=persons.reset_index(drop=True),
        follow_up=frame_follow_up(told, persons, happens),
        exits=_no_exits(),
        attrition=attrition,
        scores=frame_scores(told, persons, numbers),
    )
    return FrameStudy(cohort, protocol)


def _refuse_beside_late_entry(
    outcomes: Mapping[str, FrameOutcome], analysis: Mapping[str, Any]
) -> None:
    """Delayed entry is carried through to curves, risks and days, and not beyond."""
    late = [name for name, asked in outcomes.items() if getattr(asked, "entry", None)]
    for key in ("estimators", "censoring", "hazards"):
        if late and analysis.get(key) not in (None, (), []):
            raise ProtocolError(
                f"{WHERE}.{key}: not executed where people enter late, as in the outcome "
                f"{late[0]}; leave out `{key}`, or `entry`"
            )


def _known(
    table: pd.DataFrame,
    plan: Mapping[str, Any],
    recorded: Iterable[str],
    arm: str,
    outcomes: Mapping[str, FrameOutcome],
) -> dict[str, pd.Series]:
    """Columns known at time zero that the protocol names, none of them an arm or an outcome."""
    later = {each: name for name, asked in outcomes.items() for each in asked.columns}
    found = {}
    for name, place in _named(plan, recorded, table.columns):
        if name == arm:
            raise ProtocolError(f"{WHERE}.{place}: `{name}` tells the arms apart; take it out")
        if name in later:
            raise ProtocolError(
                f"{WHERE}.{place}: `{name}` belongs to the outcome {later[name]}, which is not "
                "known at time zero; take it out"
            )
        if name in TAKEN:
            raise ProtocolError(
                f"{WHERE}.{place}: `{name}` is the name of a column that the cohort makes; give "
                "yours another name"
            )
        found[name] = known_at_entry(column(table, name, place), place)
    return found


def _named(
    plan: Mapping[str, Any], recorded: Iterable[str], columns: Iterable[Any]
) -> Iterator[tuple[str, str]]:
    """Names of columns, each with the argument that names it."""
    matching = plan.get("matching")
    exact = matching.get("exact", ()) if isinstance(matching, Mapping) else ()
    censoring = plan.get("censoring")
    terms = {
        "covariates": plan["covariates"],
        "outcome_model": plan.get("outcome_model", ()),
        "subgroups": plan.get("subgroups", ()),
        "censoring.covariates": censoring.get("covariates", ())
        if isinstance(censoring, Mapping)
        else (),
    }
    for place, written in terms.items():
        for term in written:
            if term in columns and not str(term).isidentifier():
                raise ProtocolError(
                    f"{WHERE}.{place}: `{term}` cannot stand in a formula; rename the column with "
                    "letters, digits and underscores alone"
                )
            for name in variables(term):
                if name not in CONSTANTS:
                    yield name, place
    yield from ((name, "matching.exact") for name in exact)
    yield from ((name, "recorded") for name in recorded)
    if plan["cluster"] is not None:
        yield plan["cluster"], "cluster"


def _section(
    arm: str,
    codes: Mapping[str, tuple[Any, ...]],
    outcomes: Mapping[str, FrameOutcome],
    plan: Mapping[str, Any],
    estimand: str,
    recorded: Iterable[str],
    margins: Mapping[str, Mapping[str, Any]] | None,
) -> dict[str, Any]:
    """The protocol as a params file would write it."""
    words = {name: tuple(map(str, named)) for name, named in codes.items()}
    names = {name: f"{arm} = {' or '.join(named)}" for name, named in words.items()}
    one, other = names.values()
    return {
        "title": f"{one} against {other}",
        "question": f"How do the outcomes compare between {one} and {other}?",
        "source": {
            "kind": "data frame",
            "strategy": arm,
            "events": [{"kind": kind} for kind in _kinds(outcomes)],
        },
        "eligibility": {
            "minimum_age_years": 0,
            "washout_days": 0,
            "recorded": tuple(recorded),
        },
        "strategies": {
            "by": "strategy",
            **words,
            **{f"{name}_name": named for name, named in names.items()},
        },
        "time_zero": {"episode_gap_days": 0},
        "outcomes": {name: asked.section() for name, asked in outcomes.items()},
        "estimand": estimand,
        "analysis": dict(plan),
        "noninferiority": dict(margins or {}),
    }


def _kinds(outcomes: Mapping[str, FrameOutcome]) -> list[str]:
    sections = [asked.section() for asked in outcomes.values()]
    kinds = ((*each.get("events", ()), *each.get("competing", ())) for each in sections)
    told = [kind for named in kinds for kind in named]
    return list(dict.fromkeys(told))


def _no_exits() -> pd.DataFrame:
    """A frame has no stays, so nothing is known of how they ended."""
    words = ("person_id", "arm", "level_of_care", "reason")
    return pd.DataFrame(columns=list(words)).astype("str")
