"""Real people's records through the same code: the three example protocols, end to end."""

import shutil

import pandas as pd
import pytest

from iop_outcomes.stages import STAGES

FILES = {
    "uis": ["uis/uis.csv"],
    "help": ["help/HELPrct.csv"],
    "teds_d": ["teds_d/sample_2017_2020_codes.csv", "teds_d/sample_2023_codes.csv"],
    "ctn0094": [
        f"ctn0094/{name}"
        for name in (
            *("everybody.csv", "randomization.csv", "demographics.csv", "site_masked.csv"),
            *("psychiatric.csv", "rbs_iv.csv", "fagerstrom.csv", "detox.csv", "visit.csv.gz"),
            *("uds.csv.gz", "uds_temp.csv.gz", "tlfb.csv.gz", "treatment.csv.gz"),
        )
    ],
}


@pytest.fixture
def walked(shared, root, tmp_path, command):
    """Walk an example protocol from raw files to report; gives the study's data folder."""

    def walk(name: str):
        raw = tmp_path / "data/raw"
        raw.mkdir(parents=True)
        for file in FILES[name]:
            shutil.copy(shared / "data" / file, raw)
        shutil.copy(
            root / f"src/iop_outcomes/protocol/examples/{name}.yaml", tmp_path / "params.yaml"
        )
        for station in list(STAGES)[1:]:
            result = command(tmp_path, station)
            assert result.status == 0, result.err
        return tmp_path / "data"

    return walk


def test_uis_agrees_with_the_textbook_from_raw_file_to_report(walked):
    """Medians, RMST and their standard errors: R survival 3.5-3 and survRM2; Hosmer & Lemeshow."""
    data = walked("uis")
    arms = pd.read_parquet(data / "comparison/arms.parquet")
    arms = arms[(arms["outcome"] == "relapse") & (arms["method"] == "unadjusted")].set_index("arm")
    follow_up = pd.read_parquet(data / "cohort/follow_up.parquet")
    relapse = follow_up[follow_up["outcome"] == "relapse"]

    assert len(relapse) == 575
    assert (relapse["status"] == "event").sum() == 464
    assert arms.loc["comparator", "median_days"] == 142
    assert arms.loc["intervention", "median_days"] == 201.5
    assert arms.loc["comparator", "restricted_mean_days"] == pytest.approx(124.44636678)
    assert arms.loc["intervention", "restricted_mean_days"] == pytest.approx(139.19230769)

    estimates = pd.read_parquet(data / "comparison/estimates.parquet")
    found = estimates[
        (estimates["outcome"] == "relapse") & (estimates["measure"] == "rmst_difference")
    ].set_index("method")
    assert found.loc["unadjusted", "estimate"] == pytest.approx(14.7459409103)
    assert found.loc["unadjusted", "std_error"] == pytest.approx(4.8115119462595661, rel=1e-9)
    page = (data / "report/report.html").read_text("utf-8")
    assert "loss to follow-up, which the data set counts as return to use" in page


def test_help_says_how_many_outcomes_are_not_known(walked):
    data = walked("help")
    arms = pd.read_parquet(data / "comparison/arms.parquet")
    arms = arms[arms["method"] == "unadjusted"].set_index("arm")
    assert arms["people"].sum() == 244
    assert arms["missing"].sum() == 209
    assert arms["median_days"].to_dict() == {"intervention": 41.5, "comparator": 32}
    summary = (data / "report/summary.md").read_text("utf-8")
    assert "For 209 of 453 people the outcome is not known" in summary


def test_teds_d_gives_completion_and_exits_by_level_of_care(walked, shared):
    data = walked("teds_d")
    adults = adult_discharges(shared)
    completed = unadjusted(data, "completion")
    for measure, services in TEDS_ARMS.items():
        arm = adults[adults["SERVICES"].isin(services)]
        assert completed[measure] == pytest.approx((arm["REASON"] == 1).mean())

    exits = pd.read_parquet(data / "comparison/exits.parquet")
    dropped = exits[exits["reason"] == "dropped out"].set_index("level_of_care")["people"]
    for service, level in ((6, "intensive outpatient"), (4, "short-term residential")):
        assert dropped[level] == ((adults["SERVICES"] == service) & (adults["REASON"] == 2)).sum()


def test_teds_d_gives_retention_past_a_day_by_level_of_care(walked, shared):
    """Lengths are exact to day 30 and bands beyond; an unknown length is missing, not a no."""
    data = walked("teds_d")
    adults = adult_discharges(shared)
    known = adults[adults["LOS"].between(1, 37)]
    follow_up = pd.read_parquet(data / "cohort/follow_up.parquet")
    persons = pd.read_parquet(data / "cohort/persons.parquet")[["person_id", "level_of_care"]]
    for outcome, first_code in (("retained_30", 31), ("retained_90", 34)):
        retained = unadjusted(data, outcome)
        for measure, services in TEDS_ARMS.items():
            lengths = known.loc[known["SERVICES"].isin(services), "LOS"]
            assert retained[measure] == pytest.approx((lengths >= first_code).mean())
        told = follow_up[follow_up["outcome"] == outcome].merge(persons, on="person_id")
        by_level = pd.crosstab(told["level_of_care"], told["status"])
        for service, level in TEDS_LEVELS.items():
            stays = adults[adults["SERVICES"] == service]
            lengths = known.loc[known["SERVICES"] == service, "LOS"]
            assert by_level.loc[level, "event"] == (lengths >= first_code).sum()
            assert by_level.loc[level, "missing"] == len(stays) - len(lengths)


def test_teds_d_asked_for_relapse_refuses_in_words(walked, root, tmp_path, command):
    """One discharge a row, nothing after it: a relapse cannot be read, by event or definition."""
    walked("teds_d")
    example = (root / "src/iop_outcomes/protocol/examples/teds_d.yaml").read_text("utf-8")
    for relapse in ("definition: use again, events: [return to use]", "definition_id: REL-FIRST"):
        asked = f"    relapse: {{{relapse}, horizon_days: 180}}\n  estimand"
        (tmp_path / "params.yaml").write_text(example.replace("  estimand", asked, 1), "utf-8")
        result = command(tmp_path, "cohort")
        assert result.status == 2
        assert "protocol.outcomes.relapse" in result.err
        assert "relapse" in command(tmp_path, "check").out


TEDS_ARMS = {"risk_intervention": [6], "risk_comparator": [4, 5]}
TEDS_LEVELS = {
    6: "intensive outpatient",
    4: "short-term residential",
    5: "long-term residential",
}


def adult_discharges(shared):
    """The rows of the sample as the file codes them."""
    rows = pd.concat(
        pd.read_csv(shared / "data" / file)[["AGE", "SERVICES", "REASON", "LOS"]]
        for file in FILES["teds_d"]
    )
    return rows[rows["AGE"] >= 3]


def unadjusted(data, outcome):
    """The unadjusted estimates of an outcome, by measure."""
    table = pd.read_parquet(data / "comparison/estimates.parquet")
    table = table[(table["method"] == "unadjusted") & (table["outcome"] == outcome)]
    return table.set_index("measure")["estimate"]


def test_ctn_0027_retains_as_many_as_was_published(walked):
    """Hser et al. 2014: 74 % completed methadone and 46 % buprenorphine; here is half of them.

    The standard errors of 278 and 368 people are 2.6 points: both lie within two of them.
    """
    data = walked("ctn0094")
    arms = pd.read_parquet(data / "comparison/arms.parquet")
    left = arms["outcome"] == "leaving_treatment"
    arms = arms[left & (arms["method"] == "unadjusted")].set_index("arm")
    assert arms["people"].to_dict() == {"intervention": 368, "comparator": 278}
    assert arms["censored"].to_dict() == {"intervention": 4, "comparator": 2}  # never had a dose
    estimates = pd.read_parquet(data / "comparison/estimates.parquet")
    left = estimates["outcome"] == "leaving_treatment"
    estimates = estimates[left & (estimates["method"] == "unadjusted")]
    estimates = estimates.set_index("measure")["estimate"]
    assert 1 - estimates["risk_comparator"] == pytest.approx(0.746, abs=5e-4)
    assert 1 - estimates["risk_intervention"] == pytest.approx(0.495, abs=5e-4)
    for measure, published in (("risk_comparator", 0.74), ("risk_intervention", 0.46)):
        assert abs(1 - estimates[measure] - published) < 2 * 0.026
