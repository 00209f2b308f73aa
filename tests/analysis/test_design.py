"""Covariates of the protocol as columns of the propensity model."""

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.analysis.design import design
from iop_outcomes.errors import CohortError, ProtocolError


@pytest.fixture
def persons(drawn):
    return drawn("""
        person_id | arm          | age_years | sex    | facility_id | employed
        A         | intervention | 30        | female | F2          | 1
        B         | comparator   | 41        | male   | F1          | 0
        C         | intervention | 52        | male   | F3          | 0
        D         | comparator   | 23        | female | F1          | 1
        E         | comparator   | 64        | female | F2          | 0
        F         | intervention | 35        | male   | F3          | 1
    """)


def test_numbers_stay_and_words_become_indicators_against_their_first_level(persons):
    model = design(persons, ["age_years", "sex"])
    assert model.columns.tolist() == [
        [1, 30, 0],
        [1, 41, 1],
        [1, 52, 1],
        [1, 23, 0],
        [1, 64, 0],
        [1, 35, 1],
    ]
    assert model.covariates == ("age_years", "sex")


def test_the_intervention_arm_is_the_treated_one(persons):
    treated = design(persons, ["age_years"]).treated
    assert treated.tolist() == [True, False, True, False, False, True]


def test_each_facility_but_the_first_has_its_column(persons):
    model = design(persons, ["facility_id"])
    assert model.columns.tolist() == [
        [1, 1, 0],
        [1, 0, 0],
        [1, 0, 1],
        [1, 0, 0],
        [1, 1, 0],
        [1, 0, 1],
    ]


def test_codes_become_levels_when_the_protocol_says_so(persons):
    coded = persons.assign(site=[1, 2, 3, 1, 2, 3])
    assert design(coded, ["site"]).columns.shape == (6, 2)
    assert design(coded, ["C(site)"]).columns.shape == (6, 3)


def test_an_unrecorded_word_is_a_level_of_its_own(persons):
    persons["sex"] = persons["sex"].mask([True, False, False, False, True, False])
    # Levels in the order of the alphabet: female, male, not recorded.
    assert design(persons, ["sex"]).columns.tolist() == [
        [1, 0, 1],
        [1, 1, 0],
        [1, 1, 0],
        [1, 0, 0],
        [1, 0, 1],
        [1, 1, 0],
    ]


@pytest.mark.parametrize(
    ("term", "columns"),
    [
        ("bs(age_years, df=3)", 1 + 3),
        ("age_years * sex", 1 + 3),
        ("log(age_years)", 1 + 1),
        ("I(age_years**2)", 1 + 1),
        ("C(facility_id, contr.treatment('F2'))", 1 + 2),
    ],
)
def test_a_term_may_be_anything_formulaic_reads(persons, term, columns):
    assert design(persons, [term]).columns.shape == (6, columns)


def test_covariates_inside_terms_are_found_once_and_functions_are_none(persons):
    terms = ["bs(age_years, df=3)", "employed:sex", "C(facility_id)"]
    larger = pd.concat([persons] * 5, ignore_index=True).assign(age_years=np.arange(20, 50))
    assert design(larger, terms).covariates == ("age_years", "facility_id", "employed", "sex")


# What cannot be used is refused in one sentence that names it


@pytest.mark.parametrize(
    "terms", [["age_years", "shoe_size"], ["log(shoe_size)"], ["shoe_size:sex"]]
)
def test_an_unknown_covariate_is_refused_and_the_known_ones_told(persons, terms):
    with pytest.raises(ProtocolError) as raised:
        design(persons, terms)
    assert str(raised.value) == (
        "protocol.analysis.covariates: the cohort has no ['shoe_size']; "
        "it has ['age_years', 'sex', 'facility_id', 'employed']"
    )


@pytest.mark.parametrize("constant", [0, 1, 5, 0.1])
@pytest.mark.parametrize("copies", [1, 2, 5, 9])
def test_a_covariate_that_never_varies_is_refused_by_its_own_name(persons, constant, copies):
    larger = pd.concat([persons] * copies, ignore_index=True).assign(state=constant)
    with pytest.raises(ProtocolError, match=r"analysis\.covariates: \['state'\] never vary"):
        design(larger.iloc[1:], ["sex", "state"])


def test_a_word_that_never_varies_is_refused(persons):
    with pytest.raises(ProtocolError, match=r"protocol\.analysis\.covariates: .*state"):
        design(persons.assign(state="Ohio"), ["sex", "C(state)"])


@pytest.mark.parametrize("repeated", ["months", "C(sex)"])
def test_a_covariate_that_repeats_another_is_refused(persons, repeated):
    persons = persons.assign(months=persons["age_years"] * 12)
    with pytest.raises(ProtocolError, match=r"follow from the other terms; drop what repeats$"):
        design(persons, ["age_years", "sex", repeated])


def test_a_covariate_named_twice_counts_once(persons):
    assert design(persons, ["age_years", "age_years"]).columns.shape == (6, 2)


def test_a_number_that_is_not_recorded_for_everyone_is_refused_without_quoting_any(persons):
    persons["age_years"] = persons["age_years"].mask([True, False, False, False, True, False])
    with pytest.raises(CohortError) as raised:
        design(persons, ["sex", "age_years"])
    assert str(raised.value) == (
        "age_years is not recorded for 2 of 6 people; add it to protocol.eligibility.recorded to "
        "leave them out, or drop the covariate"
    )


@pytest.mark.parametrize(
    "term", ["age_years +", "(age_years", "arm ~ sex", "age_years, sex", "`age years`", ""]
)
def test_what_is_no_term_is_refused(persons, term):
    with pytest.raises(ProtocolError, match=r"^protocol\.analysis\.covariates: "):
        design(persons, [term])


def test_a_term_that_cannot_be_computed_is_refused_without_quoting_any_value(persons):
    with pytest.raises(ProtocolError, match=r"a term cannot be computed \(\w+\)$"):
        design(persons, ["log(sex)"])
