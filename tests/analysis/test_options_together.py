"""Any two options of `analysis` together are executed, with numbers, or refused in a sentence."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

import iop_outcomes as iop

PEOPLE, FACILITIES = 700, 12
TIME = iop.TimeToEvent("day", event="end", horizon_days=90, competing={2: "death"})
LATE = iop.TimeToEvent("day", event="end", horizon_days=90, competing={2: "death"}, entry="enter")
OPTIONS = {
    "cluster": ["facility", None],
    "estimand": ["ATT", "ATE", "ATC", "ATO", "ATM"],
    "outcomes": [
        {"relapse": TIME},
        {"relapse": TIME, "done": iop.Binary("done")},
        {"relapse": TIME, "score": iop.Continuous("score", range=(0, 30))},
        {"relapse": LATE},
        {"score": iop.Continuous("score")},
    ],
    "weighting": [None, "entropy balancing", "nearest neighbours", "subclasses"],
    "matching": [None, {"replacement": True}, {"ratio": 2, "exact": ["sex"]}],
    "propensity": [
        None,
        {"model": "ridge", "penalty": 0.1},
        {"model": "lasso", "penalty": 0.001},
        {"model": "boosted trees", "folds": 2},
        {"clusters": "fixed effects"},
        {"clusters": "within"},
        {"clusters": "means"},
    ],
    "limits": [None, {"trim": 0.05}, {"winsorize": 0.98}, {"truncate": 10.0}],
    "standard_errors": [
        None,
        {"weights": "known"},
        {"clusters": "jackknife"},
        {"weights": "known", "clusters": "CR2"},
        {"weights": "known", "clusters": "wild bootstrap", "repeats": 199, "seed": 1},
    ],
    "estimators": [None, ["g-computation", "aipw"], ["tmle"]],
    "censoring": [None, {"covariates": ["age"]}],
    "hazards": [None, {"ratio": "both"}, {"ratio": "cause-specific", "ties": "breslow"}],
    "bands": [None, "simultaneous"],
    "risk_interval": [None, "plain"],
    "subgroups": [None, ["sex"]],
    "risk_groups": [None, 3],
    "effect_modifiers": [None, ["age", "sex"]],
    "seal": [None, {"largest_smd": 0.2}],
}
PAIRS = list(combinations(OPTIONS, 2))


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    """Entered by age and facility, followed for up to 200 days, some of it not known."""
    luck = np.random.default_rng(5)
    age, place = luck.normal(size=PEOPLE), luck.integers(0, FACILITIES, PEOPLE)
    entered = luck.random(PEOPLE) < 1 / (1 + np.exp(-0.6 * age - 0.3 * (place % 3 - 1)))
    day = np.ceil(luck.exponential(120, PEOPLE)).clip(2, 200)
    late = np.where(luck.random(PEOPLE) < 0.1, luck.integers(0, 5, PEOPLE), 0)
    frame = pd.DataFrame(
        {
            "treat": entered,
            "age": age,
            "sex": luck.choice(["f", "m"], PEOPLE),
            "facility": [f"F{each:02d}" for each in place],
            "day": day,
            "end": np.where(day == 200, 0, luck.choice([0, 1, 2], PEOPLE, p=[0.2, 0.6, 0.2])),
            "enter": np.minimum(late, day - 1),
            "done": pd.array(luck.random(PEOPLE) < 0.4, dtype="boolean"),
            "score": luck.normal(12, 3, PEOPLE).round().clip(0, 30),
        }
    )
    frame.loc[luck.choice(PEOPLE, 30, replace=False), ["done", "score"]] = pd.NA
    return frame


def compared(people, asked):
    """The comparison, every number of which is one and every table of which the gate knows."""
    study = iop.cohort_from_frame(
        people, arm="treat", intervention=True, covariates=["age", "sex"],
        **{name: value for name, value in asked.items() if value is not None},
    )  # fmt: skip
    weighting = iop.weight_cohort(study.cohort.persons, study.protocol)
    found = iop.compare(study.cohort, weighting, study.protocol)
    numbers = found.estimates[["estimate", "std_error", "conf_low", "conf_high"]]
    assert np.isfinite(numbers.to_numpy(float)).all(), asked
    assert found.estimates["se_method"].str.len().gt(0).all(), asked
    for name, table in vars(found).items():
        if len(table) and name not in ("definitions", "definition_arms"):
            iop.release(table)
    return found


def asked_of(first, one, second, other):
    plain = {name: values[0] for name, values in OPTIONS.items()}
    asked = plain | {first: one, second: other}
    if asked["matching"] is not None:
        asked["weighting"] = asked["weighting"] or "nearest neighbours"
    return asked


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second"), PAIRS, ids=["-".join(pair) for pair in PAIRS])
def test_two_options_are_executed_together_or_refused_in_a_sentence(people, first, second):
    executed = 0
    for one in OPTIONS[first]:
        for other in OPTIONS[second]:
            try:
                compared(people, asked_of(first, one, second, other))
                executed += 1
            except iop.StudyError as error:
                assert "\n" not in str(error)
                assert len(str(error)) > 30
    assert executed  # what nothing else goes with would be of no use


def test_without_any_option_the_study_is_executed(people):
    found = compared(people, asked_of("cluster", "facility", "estimand", "ATT"))
    assert set(found.estimates["method"]) == {"unadjusted", "iptw"}
