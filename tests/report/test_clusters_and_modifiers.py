"""Facilities and effect modifiers in the report: what is hidden, and how it is said."""

from dataclasses import replace

import pandas as pd
import pytest

from iop_outcomes.analysis.comparison import compare
from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.cohort.assembly import assemble_cohort
from iop_outcomes.protocol.parsing import parse_protocol, read_section
from iop_outcomes.records.simulation import simulate_records
from iop_outcomes.report import document
from iop_outcomes.report.disclosure import release
from iop_outcomes.report.document import write_report
from iop_outcomes.vocabulary import Verdict

FACILITY = {
    "people_intervention": 40, "people_comparator": 30, "weighing_intervention": 40,
    "weighing_comparator": 30, "largest_smd_before": 0.4, "largest_smd_after": 0.2,
}  # fmt: skip
ONE_ARMED = {
    "people_comparator": 0, "weighing_comparator": 0, "largest_smd_before": None,
    "largest_smd_after": None,
}  # fmt: skip


def facilities(*rows: dict) -> pd.Series:
    """What is released of facilities, each as `FACILITY` with what is given changed."""
    named = [{"cluster": f"F{k}", **FACILITY, **row} for k, row in enumerate(rows)]
    (shown,) = release(pd.DataFrame(named)).table.to_dict("records")
    return shown


# ---------------------------------------------------------------- the rule of facilities


def test_of_facilities_only_the_distribution_is_shown():
    shown = facilities(*({"largest_smd_after": smd} for smd in (0.05, 0.1, 0.2, 0.31)))
    assert "cluster" not in shown
    assert (shown["clusters"], shown["told"], shown["one_armed"]) == (4, 4, 0)
    assert (shown["median_after"], shown["alike_after"]) == (0.15, 0.5)
    assert shown["ninth_decile_after"] == pytest.approx(0.28)


@pytest.mark.parametrize("few", [{"people_comparator": 10}, {"weighing_intervention": 10}])
def test_a_facility_with_few_people_is_not_in_the_distribution(few):
    shown = facilities({**few, "largest_smd_after": 3.0}, {}, {}, {})
    assert (shown["told"], shown["ninth_decile_after"]) == (3, 0.2)


def test_of_fewer_than_three_facilities_there_is_no_distribution():
    shown = facilities({}, {}, {"people_comparator": 3})
    assert pd.isna(shown["median_before"])
    assert pd.isna(shown["alike_after"])


def test_people_of_facilities_with_one_arm_are_counted_and_few_of_them_hidden():
    counts = ["one_armed", "one_armed_intervention", "one_armed_comparator"]
    shown = facilities(ONE_ARMED, {}, {}, {})
    assert [shown[name] for name in counts] == [1, 40, 0]
    few = facilities({**ONE_ARMED, "people_intervention": 10}, {}, {}, {})
    assert all(pd.isna(few[name]) for name in counts)
    # All but few are in such facilities: the arm's size is known.
    rest = facilities(ONE_ARMED, {"people_intervention": 8})
    assert all(pd.isna(rest[name]) for name in counts)


# ---------------------------------------------------------------- the rule of predicted risks


def test_a_predicted_risk_that_few_outcomes_made_is_hidden():
    row = {"outcome": "relapse", "horizon_days": 180}
    row |= {"prognostic_smd_before": 0.414, "prognostic_smd_after": 0.013}
    shown = release(pd.DataFrame([row | {"smallest_cell": 11}, row | {"smallest_cell": 4}])).table
    assert shown["prognostic_smd_before"].isna().tolist() == [False, True]
    assert shown["prognostic_smd_before"][0] == 0.41
    assert "smallest_cell" not in shown


# ---------------------------------------------------------------- the rule of effect modifiers

CELLS = ("events_intervention", "event_free_intervention", "events_comparator",
         "event_free_comparator")  # fmt: skip
LEVEL = {
    "outcome": "relapse", "horizon_days": 180, "covariate": "sex", "reference": False,
    "coefficient": 0.01234, "std_error": 0.02, "conf_low": -0.02, "conf_high": 0.05,
    "joint_p": 0.4, "se_method": "stacked", **dict.fromkeys(CELLS, 40),
}  # fmt: skip
REFERENCE = {"reference": True, "coefficient": None, "conf_low": None, "conf_high": None}


def modifiers(*rows: dict) -> pd.DataFrame:
    return release(pd.DataFrame([{**LEVEL, **row} for row in rows])).table


def test_enough_people_behind_every_level_are_shown_and_their_cells_are_not():
    shown = modifiers({"level": "a", **REFERENCE}, {"level": "b"}, {"level": "c"})
    assert shown["coefficient"].tolist()[1:] == [0.0123, 0.0123]
    assert shown["joint_p"].eq(0.4).all()
    assert not {"std_error", *CELLS} & set(shown)


@pytest.mark.parametrize("cell", CELLS)
def test_a_level_with_few_people_is_hidden_with_cover_and_so_is_the_joint_test(cell):
    shown = modifiers(
        {"level": "a", **REFERENCE}, {"level": "b", cell: 10}, {"level": "c", cell: 30},
        {"level": "d"},
    )  # fmt: skip
    assert shown["coefficient"].isna().tolist() == [True, True, True, False]
    assert shown["joint_p"].isna().all()


def test_with_the_reference_all_levels_are_hidden():
    shown = modifiers({"level": "a", **REFERENCE, CELLS[0]: 2}, {"level": "b"}, {"level": "c"})
    assert shown["coefficient"].isna().all()


def test_a_number_is_told_of_everyone_and_not_hidden_for_a_covariate_beside_it():
    few = ({"level": "a", **REFERENCE}, {"level": "b", CELLS[0]: 2})
    shown = modifiers({"covariate": "age_years", "level": None}, *few)
    assert shown["coefficient"].isna().tolist() == [False, True, True]
    assert (
        modifiers({"covariate": "age_years", "level": None, CELLS[0]: 2})["coefficient"]
        .isna()
        .all()
    )


# ---------------------------------------------------------------- the page


@pytest.fixture(scope="module")
def asking(root):
    """The protocol of this repository's study, asking for facilities and for whom."""

    def protocol(terms: str):
        own = read_section(root / "params.yaml", "protocol")
        own["analysis"] = {
            "cluster": "facility_id",
            "covariates": ["age_years", "sex", "phq9"],
            "propensity": {"clusters": terms},
            "risk_groups": 4,
            "effect_modifiers": [] if terms == "within" else ["sex", "phq9"],
        }
        return parse_protocol(own, "protocol")

    return protocol


@pytest.fixture(scope="module")
def report_of(findings, asking):
    """The report under terms of clusters, where some facilities may have one arm only."""

    records = simulate_records(2000, seed=3, facilities=10)

    def files(terms: str, one_armed: int = 0):
        protocol = asking(terms)
        cohort = assemble_cohort(records, protocol)
        persons = cohort.persons
        alone = persons["facility_id"].isin(sorted(persons["facility_id"].unique())[:one_armed])
        cohort = replace(
            cohort, persons=persons.assign(arm=persons["arm"].mask(alone, "intervention"))
        )
        weighting = weight_cohort(cohort.persons, protocol)
        found = replace(
            findings,
            comparison=compare(cohort, weighting, protocol),
            balance=weighting.balance,
            sample_size=weighting.sample_size,
            propensity=weighting.propensity,
            clusters=weighting.clusters,
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(document, "svg", lambda figure, name: "<svg></svg>")
            return write_report(found, protocol).files

    return files


@pytest.fixture(scope="module")
def within(report_of):
    return report_of("within", one_armed=2)


@pytest.fixture(scope="module")
def means(report_of):
    return report_of("means", one_armed=2)


def section(page: str, name: str) -> str:
    start = page.index(f'<section id="{name}">')
    return page[start : page.index("</section>", start)]


def test_the_weighting_says_how_facilities_are_compared_and_whom_it_left_out(within):
    shown = section(within["report.html"], "weighting")
    for words in (
        "both arms weigh as much in each",
        "2 cluster(s) had people in one arm only",
        "are left out, for nothing compares them",
        "with nobody of the other arm in the same cluster",
        "Farthest from alike after weighting: variance ratio",
        "Kolmogorov-Smirnov distance",
        '<table id="clusters">',
        '<table id="prognosis">',
        "relapse by day 180",
    ):
        assert words in shown
    page = within["report.html"]
    assert "of whom only those count whose cluster (facility) had people in both arms" in page
    assert "and within each facility (within)" in section(page, "protocol-section")


def test_no_facility_is_named(within, findings):
    names = findings.comparison.left_out["cluster"].unique()
    for path, text in within.items():
        if "clusters" in path:
            assert not [name for name in names if name in text]


def test_for_whom_shows_groups_of_risk_and_modifiers_without_a_verdict(means, asking):
    shown = section(means["report.html"], "for-whom")
    for outcome in asking("means").outcomes:
        assert f'<table id="effect_modifiers_{outcome.name}">' in shown
        assert f'<table id="subgroups_{outcome.name}">' in shown
    for words in (
        "predicted risk: 4 of 4 (highest)",
        "cross-fitted",
        "sex: female",
        "reference",
        "PHQ-9 score, for each unit",
        "one test for the outcome",
    ):
        assert words in shown
    assert not [verdict for verdict in Verdict if f"{verdict}" in shown]


def test_the_effect_of_a_modifier_is_printed_as_released(means, released_tables):
    table = released_tables(means)["effect_modifiers"]
    row = table[(table["outcome"] == "relapse") & (table["level"] == "male")].iloc[0]
    difference = f"{100 * row['coefficient']:.2f}".replace("-", "−")
    assert difference in section(means["report.html"], "for-whom")


def test_a_facility_among_the_covariates_is_told_as_what_it_is(files):
    shown = section(files["report.html"], "weighting")
    assert "has an intercept for each facility (fixed effects)" in shown
    assert "Every cluster has people in both arms" in shown
    assert "with nobody of the other arm" not in shown


def test_means_keep_people_of_facilities_with_one_arm(means):
    shown = section(means["report.html"], "weighting")
    assert "(Mundlak)" in shown
    assert "are compared across clusters" in shown
