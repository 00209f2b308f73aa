"""What the tables of one report give away together, though each was safe alone.

An attacker has all released tables of numbers, and arithmetic; a number that was rounded stands
for all that round to it. Groups are drawn so that a few people are what two tables differ by, and
nobody may be able to work out how few.
"""

from math import ceil, floor

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.report.disclosure import release

ARMS = ("intervention", "comparator")


def small(number: float) -> bool:
    """A count of 1 to 10 people; what is hidden is nan."""
    return 1 <= number <= 10


def whole(low: float, high: float) -> float:
    """The only whole number from `low` to `high`; nan if there are more, or none is known."""
    if np.isnan(low) or floor(high + 1e-6) != ceil(low - 1e-6):
        return np.nan
    return floor(high + 1e-6)


def grain(printed: pd.Series) -> float:
    """Half a unit of the last decimal of a column as printed."""
    decimals = printed.dropna().map(lambda number: len(repr(float(number)).partition(".")[2]))
    return 0.5 * 10.0 ** -min(decimals.max(), 12) if len(decimals) else 0.0


def people_of(shares: pd.Series, people: float) -> list[float]:
    """Counts of people that printed shares of `people` can only stand for."""
    half = grain(shares)
    return [whole((share - half) * people, (share + half) * people) for share in shares]


def differences(numbers) -> list[float]:
    numbers = list(numbers)
    return [abs(one - other) for one in numbers for other in numbers]


def unadjusted(table: pd.DataFrame, **where) -> pd.DataFrame:
    """Rows of a table, none if the report does not tell them."""
    for column, value in {"method": "unadjusted", **where}.items():
        table = table[table[column] == value]
    return table


def known_sizes(tables: dict, arm: str) -> dict[str, float]:
    """Numbers of people of an arm, by where they are told."""
    told = {
        "at risk": tables["at_risk"].query("arm == @arm and day == 0").get("at_risk"),
        "n": unadjusted(tables["estimates"], measure=f"risk_{arm}").get("n"),
        "followed": unadjusted(tables["arms"], arm=arm).get("people"),
        "enrolled": tables["sample_size"].query("arm == @arm").get("people"),
    }
    return {
        where: value.iloc[0] for where, value in told.items() if value is not None and len(value)
    }


def known_events(tables: dict, arm: str) -> dict[tuple, float]:
    """Events of an arm by day, where nobody is lost before: unadjusted risk times people."""
    followed = np.nanmax([*known_sizes(tables, arm).values()])
    steps = unadjusted(tables["curves"], arm=arm)
    told = unadjusted(tables["estimates"], measure=f"risk_{arm}")["estimate"]
    known = {
        ("curve", day): events
        for day, events in zip(steps["day"], people_of(steps["risk"], followed), strict=True)
    }
    known["estimates", "horizon"] = max(people_of(told, followed), default=np.nan)
    known["arms", "horizon"] = unadjusted(tables["arms"], arm=arm)["events"].max()
    return {where: events for where, events in known.items() if not np.isnan(events)}


# ---------------------------------------------------------------- outcomes that are not known

FOUR_NOT_KNOWN = """
    people | arm          | days | status
    60     | intervention | 20   | event
    100    | intervention | 200  | censored
    4      | intervention |      | missing
    60     | comparator   | 20   | event
    100    | comparator   | 200  | censored
"""


def test_those_not_followed_are_not_those_enrolled_less_those_at_risk(published):
    sizes = known_sizes(published(FOUR_NOT_KNOWN), "intervention")
    assert not any(map(small, differences(sizes.values()))), sizes


def test_those_not_followed_are_not_those_enrolled_less_events_over_risk(published):
    """60 events are a risk of 0.375: so 160 were followed, of 164."""
    tables = published(FOUR_NOT_KNOWN)
    enrolled = known_sizes(tables, "intervention")["enrolled"]
    events = unadjusted(tables["arms"], arm="intervention")["events"].max()
    risks = unadjusted(tables["estimates"], measure="risk_intervention")["estimate"]
    risk, half = risks.max(), grain(risks)
    assert not small(enrolled - whole(events / (risk + half), events / (risk - half)))


def test_those_not_followed_are_not_told_by_a_risk_that_only_one_number_of_people_can_have(
    published,
):
    """Their number is hidden, so it is 1 to 10; of 154 to 163 people, only 60 of 160 are 0.375."""
    tables = published(FOUR_NOT_KNOWN)
    enrolled = int(known_sizes(tables, "intervention")["enrolled"])
    risks = unadjusted(tables["estimates"], measure="risk_intervention")["estimate"].dropna()
    for risk in risks:
        possible = [
            missing
            for missing in range(1, 11)
            if abs(round(risk * (enrolled - missing)) / (enrolled - missing) - risk) <= grain(risks)
        ]
        assert len(possible) != 1, possible


def test_those_not_followed_are_not_told_by_a_standard_error(published):
    """Without clusters, the variance of a risk p is p(1 - p)/n."""
    tables = published(FOUR_NOT_KNOWN)
    enrolled = known_sizes(tables, "intervention")["enrolled"]
    rows = unadjusted(tables["estimates"], measure="risk_intervention")
    variance = (rows["estimate"] * (1 - rows["estimate"])).max()
    error, half = rows["std_error"].max(), grain(rows["std_error"])
    n = whole(variance / (error + half) ** 2, variance / (error - half) ** 2)
    assert not small(enrolled - n)


# ---------------------------------------------------------------- exits and outcomes at exit

THREE_TERMINATED = """
    people | arm          | days | status   | exit
    50     | intervention |      | event    | dropped out
    3      | intervention |      | event    | terminated by the facility
    40     | intervention |      | no event | completed
    60     | intervention |      | no event | transferred
    50     | comparator   |      | event    | dropped out
    30     | comparator   |      | event    | terminated by the facility
    40     | comparator   |      | no event | completed
    60     | comparator   |      | no event | transferred
"""


@pytest.mark.parametrize("where", ["arms", "estimates"])
def test_a_hidden_reason_of_exit_is_not_the_events_less_the_shown_reasons(published, where):
    """53 left, 50 of them dropped out."""
    tables = published(THREE_TERMINATED, horizon_days=None)
    exits = tables["exits"].query("arm == 'intervention'").set_index("reason")["people"]
    reasons = exits.reindex(["dropped out", "terminated by the facility"])
    events = known_events(tables, "intervention").get((where, "horizon"), np.nan)
    assert reasons.isna().all() or not small(events - reasons.sum())


# ---------------------------------------------------------------- curves, counts, numbers at risk


def test_events_after_a_curve_was_cut_are_not_all_events_less_those_shown(published):
    """The curve stops on day 20, when few are left; three events follow."""
    tables = published("""
        people | arm          | days | status
        60     | intervention | 10   | event
        12     | intervention | 20   | event
        120    | intervention | 30   | competing event
        3      | intervention | 60   | event
        5      | intervention | 200  | censored
        60     | comparator   | 20   | event
        100    | comparator   | 200  | censored
    """)
    events = known_events(tables, "intervention")
    assert not any(map(small, differences(events.values()))), events


THREE_DEATHS = """
    people | arm          | days | status
    3      | intervention | 10   | competing event
    40     | intervention | 29   | event
    200    | intervention | 200  | censored
    60     | comparator   | 20   | event
    100    | comparator   | 200  | censored
"""


def other_leavers(tables: dict, arm: str) -> dict[int, float]:
    """People gone before a day without the event: what numbers at risk and the curve leave."""
    at_risk = tables["at_risk"].query("arm == @arm").set_index("day")["at_risk"].dropna()
    steps = {
        day: events
        for (where, day), events in known_events(tables, arm).items()
        if where == "curve"
    }
    found = {}
    for day, count in at_risk.items():
        before = max((step for step in steps if step < day), default=None)
        after = min((step for step in steps if step >= day), default=None)
        # Between its steps a curve tells the events if it is flat, or stepped the day before.
        flat = after is not None and before is not None and steps[after] == steps[before]
        if flat or before == day - 1:
            found[day] = at_risk[0] - count - steps[before]
    return found


def test_deaths_are_not_those_no_longer_at_risk_less_the_events_of_the_curve(published):
    """43 are gone by day 30, and the curve steps by 40 on day 29."""
    left = other_leavers(published(THREE_DEATHS), "intervention")
    assert not any(map(small, left.values())), left


def test_hidden_competing_events_are_not_the_people_less_the_events_and_those_still_free(published):
    """Of 37, 20 have the event and 15 are at risk at the end: 2 died or were lost."""
    tables = published("""
        people | arm          | days | status
        1      | intervention | 10   | competing event
        1      | intervention | 12   | censored
        20     | intervention | 29   | event
        15     | intervention | 200  | censored
        60     | comparator   | 20   | event
        100    | comparator   | 200  | censored
    """)
    size = known_sizes(tables, "intervention")["followed"]
    events = max(known_events(tables, "intervention").values(), default=np.nan)
    free = tables["at_risk"].query("arm == 'intervention' and day == 90")["at_risk"].iloc[0]
    assert not small(size - events - free)


# ---------------------------------------------------------------- alternatives

PLANNED = """
    people | arm          | days | status
    40     | intervention | 20   | event
    12     | intervention | 60   | event
    5      | intervention | 88   | event
    20     | intervention | 120  | event
    100    | intervention | 200  | censored
    60     | comparator   | 20   | event
    100    | comparator   | 200  | censored
"""


def events_of_alternative(tables: dict, arm: str) -> float:
    """Of as many people as it tells, or as are in the arm as planned."""
    rows = unadjusted(tables["robustness"], measure=f"risk_{arm}")
    people = rows.get("n", pd.Series(dtype=float)).max()
    people = np.nanmax([*known_sizes(tables, arm).values()]) if np.isnan(people) else people
    return max(people_of(rows["estimate"], people), default=np.nan)


@pytest.mark.parametrize("people", ["95 ", "105"], ids=["fewer", "more"])
def test_five_people_fewer_or_more_in_an_alternative_are_not_told(published, people):
    others = PLANNED.replace("100    | intervention", f"{people}    | intervention")
    tables = published(PLANNED, 180, {"other people": (others, 180)})
    sizes = [n for table in ("estimates", "robustness") for n in tables[table].get("n", ())]
    assert not any(map(small, differences(sizes)))


def test_an_alternative_horizon_does_not_cut_a_step_of_the_curve(published):
    """The curve steps on day 60 with 52 events; 57 by day 90 leave 5 between."""
    tables = published(PLANNED, 180, {"relapse read at day 90": (PLANNED, 90)})
    events = known_events(tables, "intervention")
    by_day_90 = events_of_alternative(tables, "intervention")
    assert not any(small(abs(by_day_90 - known)) for known in events.values())


def test_an_alternative_without_a_group_does_not_tell_that_groups_events(published):
    """Of 60 in long-term care, 4 had the event: 60 events in the arm, 56 without them."""
    whole = """
        people | arm          | days | status   | level_of_care
        60     | intervention | 20   | event    | outpatient
        100    | intervention | 200  | censored | outpatient
        56     | comparator   | 20   | event    | short-term
        100    | comparator   | 200  | censored | short-term
        4      | comparator   | 20   | event    | long-term
        56     | comparator   | 200  | censored | long-term
    """
    short = "\n".join(line for line in whole.splitlines() if "long-term" not in line)
    tables = published(whole, 90, {"against short-term care alone": (short, 90)})
    events = known_events(tables, "comparator")
    without = events_of_alternative(tables, "comparator")
    assert not any(small(abs(known - without)) for known in events.values())


def test_this_studys_own_alternative_horizon_does_not_cut_a_step_of_its_curve(
    files, released_tables, findings
):
    """With some lost before, a step is events over those at risk, times what the curve leaves."""
    tables = released_tables(files)
    for arm in ARMS:
        curve = unadjusted(tables["curves"], arm=arm, outcome="relapse").query("day < 90")
        other = unadjusted(tables["robustness"], measure=f"risk_{arm}", outcome="relapse")
        other = other[other["horizon_days"] == 90]
        if curve.empty or other.empty:
            continue
        before, by_90 = curve.iloc[-1], other["estimate"].iloc[0]
        at_risk = tables["at_risk"].query("arm == @arm and outcome == 'relapse' and day == 90")
        scale = at_risk["at_risk"].iloc[0] / (1 - before["risk"])
        half = grain(curve["risk"]) + grain(other["estimate"]) + 0.25 / scale
        gained = by_90 - before["risk"]
        guess = whole(round((gained - half) * scale, 1), round((gained + half) * scale, 1))
        true = unadjusted(findings.comparison.curves, arm=arm, outcome="relapse").set_index("day")
        events = true.loc[90, "events"] - true.loc[before["day"], "events"]
        assert not small(guess) or guess != events, f"{events} people between two days"


# ---------------------------------------------------------------- numbers with few values


def persons_with(values: dict[str, list]) -> pd.DataFrame:
    ages = np.random.default_rng(1).integers(18, 70, 400).astype(float)
    people = pd.DataFrame({"person_id": range(400), "age_years": ages})
    people["arm"] = [arm for arm in ARMS for _ in range(200)]
    people["site"] = np.array([*values["intervention"], *values["comparator"]], float)
    return people


def moments(persons: pd.DataFrame, protocol) -> tuple[float, float, float]:
    """Sum and sum of squares of the covariate in the intervention arm, and how far both are off."""
    shown = release(weight_cohort(persons, protocol).balance).table
    row = shown[shown["covariate"] == "site"].iloc[0]
    mean, spread = row["value_intervention"], row["spread_intervention"]
    half = grain(pd.Series([mean, spread]))
    return 200 * mean, 199 * spread**2 + 200 * mean**2, 200 * half


@pytest.fixture
def two_covariates(protocol_with):
    return protocol_with(analysis={"covariates": ["age_years", "site"]})


def test_a_number_that_is_1_or_2_does_not_tell_by_its_mean_who_has_2(two_covariates):
    persons = persons_with(
        {"intervention": [2] * 4 + [1] * 196, "comparator": [2] * 60 + [1] * 140}
    )
    total, _, off = moments(persons, two_covariates)
    assert not small(whole(total - off - 200, total + off - 200))


def test_a_number_that_is_0_1_or_2_does_not_tell_by_its_spread_who_has_2(two_covariates):
    some = [2] * 60 + [1] * 60 + [0] * 80
    persons = persons_with({"intervention": [2] * 4 + [1] * 60 + [0] * 136, "comparator": some})
    total, squares, off = moments(persons, two_covariates)
    of_two = (squares - total) / 2  # n1 + 2 n2 and n1 + 4 n2
    assert not small(whole(of_two - off, of_two + off))


def test_a_hidden_share_is_not_told_by_the_other_arms_share_weighted_to_be_like_it(protocol_with):
    """Weighted to the intervention's people, the comparator has their share, more or less."""
    protocol = protocol_with(analysis={"covariates": ["age_years", "site"]}, estimand="ATT")
    persons = persons_with(
        {"intervention": [1] * 4 + [0] * 196, "comparator": [1] * 60 + [0] * 140}
    )
    shown = release(weight_cohort(persons, protocol).balance).table.set_index("covariate")
    assert pd.isna(shown.loc["site", "people_intervention"])
    share = shown.loc["site", "weighted_value_comparator"]
    assert np.isnan(share) or round(200 * share) != 4
