"""What is hidden in which table: one rule for each table of results, found by its columns.

A rule takes the table and the smallest count that may be shown, and returns the table with hidden
cells missing, steps joined, or rows merged.
"""

from collections.abc import Callable

import pandas as pd

from iop_outcomes.report.small_counts import gives_away_few, is_small, with_complements
from iop_outcomes.report.suppression_of_censoring import censoring, censoring_balance
from iop_outcomes.report.suppression_of_hazards import proportional_hazards
from iop_outcomes.report.suppression_of_lengths import days_in_care, exit_risks
from iop_outcomes.report.suppression_of_means import means
from iop_outcomes.report.suppression_of_records import anonymity, broken_rules, ledger, missingness
from iop_outcomes.report.suppression_of_repeats import (
    recurrent,
    recurrent_counts,
    recurrent_curves,
)
from iop_outcomes.report.suppression_of_states import days_in_states, state_curves
from iop_outcomes.report.suppression_of_subgroups import effect_modifiers, left_out, subgroups
from iop_outcomes.report.suppression_of_time import time_at_risk
from iop_outcomes.report.suppression_of_weighting import (
    balance,
    clusters,
    overlap,
    prognosis,
    sample_size,
    seal,
)
from iop_outcomes.vocabulary import Method


def _attrition(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """Criteria that exclude few are told together with the next, so that no step is small."""
    criteria = list(dict.fromkeys(table["criterion"]))
    excluded = table.pivot(index="criterion", columns="arm", values="excluded").loc[criteria]
    remaining = table.pivot(index="criterion", columns="arm", values="remaining").loc[criteria]
    few_left = is_small(remaining, k).any(axis=1)
    groups: list[list[str]] = [[criteria[0]]]
    waiting: list[str] = []
    for criterion in criteria[1:]:
        waiting.append(criterion)
        if not is_small(excluded.loc[waiting].sum(), k).any() and not few_left[criterion]:
            groups.append(waiting)
            waiting = []
    while waiting:
        # The last ones stay small together: the group before them joins, in the end the first.
        # If few remain in the end, everything before would tell how few.
        waiting = groups.pop() + waiting
        small = is_small(excluded.loc[waiting].sum(), k).any() or few_left[criteria[-1]]
        if not groups or not small:
            groups.append(waiting)
            waiting = []
    rows = [
        (
            "; ".join(group),
            arm,
            remaining.loc[group[-1], arm],
            # Whoever stands in the first row was never counted before it.
            0 if group[0] == criteria[0] else excluded.loc[group, arm].sum(),
        )
        for group in groups
        for arm in dict.fromkeys(table["arm"])
    ]
    shown = pd.DataFrame(rows, columns=["criterion", "arm", "remaining", "excluded"])
    shown = shown.astype({"remaining": "Int64", "excluded": "Int64"})
    return shown.assign(remaining=shown["remaining"].mask(is_small(shown["remaining"], k)))


def _estimates(table: pd.DataFrame, k: int) -> pd.DataFrame:
    numbers = ["estimate", "std_error", "conf_low", "conf_high"]
    small = gives_away_few(table, k)
    shown = table.drop(columns=["smallest_cell", "fewest_missing"])
    shown[numbers] = shown[numbers].mask(small)
    shown["verdict"] = shown["verdict"].mask(small)
    # n less the people whose outcome is missing is the cohort: a small difference tells them.
    no_count = is_small(table["n"], k) | is_small(table["fewest_missing"], k)
    no_count |= _near_another(table["n"], table["measure"], k)
    # Both arms' n is the sum of each: if one is hidden, the others must not tell it.
    keys = ("alternative", "definition", "outcome", "method")
    together = [name for name in keys if name in table.columns]
    no_count = no_count.groupby([table[c] for c in together], dropna=False).transform("any")
    shown[["n", "effective_n"]] = shown[["n", "effective_n"]].mask(no_count)
    return shown


def _near_another(n: pd.Series, measure: pd.Series, k: int) -> pd.Series:
    """Numbers of people that differ by a small count from one of the same kind shown before."""
    near = pd.Series(False, index=n.index)
    # Means of an arm and risks of it are told of the same people.
    whose = measure.str.replace("mean_", "risk_")
    for _, group in n.groupby(whose):
        shown: list[int] = []
        for value in group.dropna().unique():
            if any(0 < abs(value - other) < k for other in shown):
                near[group.index[group == value]] = True
            else:
                shown.append(value)
    return near


def _arms(table: pd.DataFrame, k: int) -> pd.DataFrame:
    parts = ["events", "competing", "censored"]
    shown = table.copy()
    for row in table.index:
        counts = table.loc[row, parts].astype(int)
        still_free = table.loc[row, "people"] - counts.sum()
        # Who is still free can be known from the numbers at risk, so it is no cover for others.
        hidden = with_complements(counts, k)
        hidden |= with_complements(pd.concat([counts, pd.Series({"free": still_free})]), k)[parts]
        hidden |= table.loc[row, "people"] < k  # of so few, even a zero tells
        shown.loc[row, [part for part in parts if hidden[part]]] = None
    # Events over their risk are the people followed, who less the enrolled are the missing.
    missing = is_small(table["missing"], k)
    shown[parts] = shown[parts].mask(missing)
    shown["missing"] = table["missing"].astype("Int64").mask(missing)
    shown["people"] = table["people"].astype("Int64").mask(missing | is_small(table["people"], k))
    # People in both arms: their events less those of who entered are few people's.
    beside = table["method"].eq(str(Method.PER_PROTOCOL)) | _of_fewer_people(table)
    shown[[*parts, "missing", "people"]] = shown[[*parts, "missing", "people"]].mask(beside)
    few = is_small(table["events"], k) | is_small(table["people"] - table["events"], k)
    means = ["median_days", "median_low", "median_high"]
    means += ["restricted_mean_days", "restricted_mean_error"]
    means = [name for name in means if name in table]
    shown[means] = shown[means].mask(few)
    return shown.astype(dict.fromkeys(parts, "Int64"))


def _of_fewer_people(table: pd.DataFrame) -> pd.Series:
    """Rows of an arm of whom some found no match or were trimmed: they less these are few."""
    keys = [name for name in ("outcome", "definition", "arm") if name in table]
    followed = (table["people"] + table["missing"]).astype("float64")
    enrolled = followed.where(table["method"].eq(str(Method.UNADJUSTED)))
    return followed < enrolled.groupby([table[key] for key in keys]).transform("max")


def _definition_counts(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """Counts of the same people under several definitions of an outcome.

    Where one definition is wider than another, the difference of their counts is people: it is
    none, or enough. A count that differs little from a hidden one would tell that one. What is
    hidden in one arm is hidden in the other: the risk difference links them. The first definition
    of an outcome is the main one, whose competing and censored people are told elsewhere.
    """
    main = table["definition"].eq(table.groupby("outcome")["definition"].transform("first"))
    beside = table[["competing", "censored"]].where(main, 0)
    times = dict.fromkeys(("median_days", "restricted_mean_days", "restricted_mean_error"), 0.0)
    alone = _arms(table.assign(**beside, method=str(Method.UNADJUSTED), **times), k)
    shown = table[["outcome", "definition", "arm"]].join(alone[["people", "missing", "events"]])
    free = table["people"] - table["events"]
    no_people, no_events = shown["people"].isna(), shown["events"].isna()
    for _, group in table.groupby(["outcome", "arm"], sort=False):
        rows = group.index
        no_people[rows] |= _between(table.loc[rows, "people"], no_people[rows], k)
        of_events = _between(table.loc[rows, "events"], no_events[rows], k)
        no_events[rows] |= of_events | _between(free[rows], no_events[rows], k)
    keys = [table["outcome"], table["definition"]]
    no_people, no_events = (h.groupby(keys).transform("any") for h in (no_people, no_events))
    shown[["people", "missing"]] = shown[["people", "missing"]].mask(no_people)
    shown["events"] = shown["events"].mask(no_events)
    return shown


def _between(count: pd.Series, hidden: pd.Series, k: int) -> pd.Series:
    """Counts too near to one that is shown before them, or to one that is hidden for itself."""
    near = pd.Series(False, index=count.index)
    shown: list[int] = []
    covered: list[int] = []
    for index, value in count.items():
        if hidden[index]:
            covered.append(value)
            continue
        near[index] = any(0 < abs(value - other) < k for other in shown)
        near[index] |= any(abs(value - other) < k for other in covered)
        if not near[index]:
            shown.append(value)
    return near


def _agreement(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """Of how many people a pair is told stays inside; with so few that one can be found, all."""
    small = is_small(table["smallest_cell"], k) | is_small(table["people"], k)
    shown = table[["outcome", "first", "second", "kappa", "median_shift"]].copy()
    numbers = ["kappa", "median_shift"]
    shown[numbers] = shown[numbers].mask(small)
    return shown


def _curves(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """Steps wait until enough people stand behind them; tails with few at risk are cut.

    Where a weighting left out people of whom few had the event, or all but few, there is no curve.
    """
    kept = []
    few = is_small(table.get("few_left_out", pd.Series(0, table.index)), k)
    for _, curve in table[~few].groupby(["outcome", "method", "arm"], sort=False):
        told, steps = 0, []
        for row in curve[curve["at_risk"] >= k].itertuples():
            if row.day == 0 and row.events == 0:
                kept.append(row.Index)
            elif row.events - told >= k:
                steps.append((row.Index, row.events))
                told = row.events
        total = curve["events"].iloc[-1]
        last = curve.index[-1]
        if steps and curve.loc[last, "at_risk"] >= k:
            # The horizon is where the risk is read: the curve ends on it.
            while steps and 0 < curve.loc[last, "events"] - steps[-1][1] < k:
                steps.pop()
            steps = [step for step in steps if step[0] != last]
            steps.append((last, curve.loc[last, "events"]))
        # Where the tail was cut, all events less those told must be none or enough.
        while steps and 0 < total - steps[-1][1] < k:
            steps.pop()
        kept += [index for index, _ in steps]
    shown = table.loc[kept].drop(columns=["at_risk", "events"])
    return shown.drop(columns="few_left_out", errors="ignore").reset_index(drop=True)


def _at_risk(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """A number at risk is shown if it differs from the last one shown by none or by enough.

    `enrolled` stands for the number before the first: whoever is missing was never at risk.
    """
    shown = table["at_risk"].astype("Int64").copy()
    for _, column in table.groupby(["outcome", "arm"], sort=False):
        last = column["enrolled"].iloc[0]
        for index, count in column["at_risk"].items():
            if 0 < count < k or 0 < abs(last - count) < k:  # it grows where people enter late
                shown[index] = None
            else:
                last = count
    return table.assign(at_risk=shown).drop(columns="enrolled")


def _exits(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """Counts whose totals are known: by level of care, and by what an outcome counts as one.

    `counts_as` (if there) tells reasons apart by the outcomes at exit that count them: the events
    of an arm are the sum of its reasons.
    """
    hidden = pd.Series(False, index=table.index)
    for _, arm in table.groupby("arm", sort=False):
        # A level that few entered is hidden whole, and another with it: the arm's size is known.
        few = with_complements(arm.groupby("level_of_care")["people"].sum(), k)
        hidden[arm.index] = arm["level_of_care"].map(few)
    totals = [["arm", "level_of_care"]]
    if "counts_as" in table.columns:
        totals += [["arm", "level_of_care", "counts_as"], ["arm", "counts_as"]]
    before = None
    while before is None or not hidden.equals(before):
        before = hidden.copy()
        for keys in totals:
            for _, group in table.groupby(keys, sort=False):
                hidden[group.index] = with_complements(group["people"], k, hidden[group.index])
    numbers = ["people", "share", "weighted_share"]
    shown = table.astype({"people": "Int64"}).drop(columns="counts_as", errors="ignore")
    shown[numbers] = shown[numbers].mask(hidden)
    if "left_out" in table.columns:
        # Matched people weigh alike: of each share of their weight one could tell their number.
        shown["weighted_share"] = shown["weighted_share"].mask(table["left_out"])
        shown = shown.drop(columns="left_out")
    return shown


def _as_is(table: pd.DataFrame, _: int) -> pd.DataFrame:
    return table


Rule = Callable[[pd.DataFrame, int], pd.DataFrame]
RULES: list[tuple[set[str], Rule]] = [
    ({"table", "read", "accepted", "duplicates", "quarantined"}, ledger),
    ({"table", "rule", "severity", "rows"}, broken_rules),
    (
        {"table", "variable", "level_of_care", "place", "rows", "missing", "not_collected"},
        missingness,
    ),
    ({"without", "n", "smallest_group", "share_below_5", "share_unique"}, anonymity),
    ({"criterion", "arm", "remaining", "excluded"}, _attrition),
    ({"outcome", "measure", "estimate", "n", "smallest_cell", "fewest_missing"}, _estimates),
    ({"outcome", "method", "arm", "people", "missing", "events", "competing"}, _arms),
    ({"outcome", "definition", "arm", "people", "missing", "events"}, _definition_counts),
    ({"outcome", "method", "arm", "people", "missing", "mean", "smallest_cell"}, means),
    ({"outcome", "first", "second", "kappa", "median_shift", "smallest_cell"}, _agreement),
    ({"outcome", "method", "arm", "day", "risk", "at_risk", "events"}, _curves),
    ({"outcome", "arm", "day", "at_risk", "enrolled"}, _at_risk),
    ({"covariate", "level", "people_intervention", "people_comparator", "smd_before"}, balance),
    ({"arm", "people", "effective"}, sample_size),
    ({"condition", "limit", "found", "holds", "smallest_cell"}, seal),
    ({"arm", "low", "high", "people", "weighted_share"}, overlap),
    ({"arm", "level_of_care", "reason", "people"}, _exits),
    ({"outcome", "arm", "people", "missing", "person_days", "people_outside"}, time_at_risk),
    ({"outcome", "covariate", "level", "interaction_p", "fewest_apart"}, subgroups),
    ({"outcome", "covariate", "level", "coefficient", "reference", "joint_p"}, effect_modifiers),
    ({"outcome", "cluster", "how", "whole", "effective_clusters"}, left_out),
    ({"cluster", "people_intervention", "weighing_intervention", "largest_smd_after"}, clusters),
    ({"outcome", "prognostic_smd_before", "prognostic_smd_after", "smallest_cell"}, prognosis),
    ({"exit", "day", "measure", "left", "people", "few_left_out"}, exit_risks),
    ({"arm", "days_lower", "days_upper", "smallest_cell"}, days_in_care),
    ({"state", "arm", "days", "people_ever"}, days_in_states),
    ({"state", "arm", "day", "probability", "people_there"}, state_curves),
    ({"recurrent", "measure", "estimate", "smallest_cell"}, recurrent),
    ({"recurrent", "arm", "people", "once", "people_away"}, recurrent_counts),
    ({"recurrent", "arm", "day", "mean", "people_with"}, recurrent_curves),
    ({"outcome", "measure", "transform", "chi_squared", "equality_p"}, proportional_hazards),
    ({"outcome", "arm", "day", "told_of", "gone", "mean_weight"}, censoring),
    ({"outcome", "arm", "day", "covariate", "level", "gone_with"}, censoring_balance),
    ({"outcome", "horizon_days", "estimand", "measure", "truth"}, _as_is),  # simulated, no person
]
