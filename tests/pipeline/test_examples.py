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
    rows = pd.concat(
        pd.read_csv(shared / "data" / file)[["AGE", "SERVICES", "REASON"]]
        for file in FILES["teds_d"]
    )
    adults = rows[rows["AGE"] >= 3]
    estimates = pd.read_parquet(data / "comparison/estimates.parquet")
    estimates = estimates[estimates["method"] == "unadjusted"].set_index("measure")["estimate"]
    for measure, services in (("risk_intervention", [6]), ("risk_comparator", [4, 5])):
        arm = adults[adults["SERVICES"].isin(services)]
        assert estimates[measure] == pytest.approx((arm["REASON"] == 1).mean())

    exits = pd.read_parquet(data / "comparison/exits.parquet")
    dropped = exits[exits["reason"] == "dropped out"].set_index("level_of_care")["people"]
    for service, level in ((6, "intensive outpatient"), (4, "short-term residential")):
        assert dropped[level] == ((adults["SERVICES"] == service) & (adults["REASON"] == 2)).sum()


def test_ctn_0027_retains_as_many_as_was_published(walked):
    """Hser et al. 2014: 74 % completed methadone and 46 % buprenorphine; here is half of them.

    The standard errors of 278 and 368 people are 2.6 points: both lie within two of them.
    """
    data = walked("ctn0094")
    arms = pd.read_parquet(data / "comparison/arms.parquet")
    arms = arms[arms["method"] == "unadjusted"].set_index("arm")
    assert arms["people"].to_dict() == {"intervention": 368, "comparator": 278}
    assert arms["censored"].to_dict() == {"intervention": 4, "comparator": 2}  # never had a dose
    estimates = pd.read_parquet(data / "comparison/estimates.parquet")
    estimates = estimates[estimates["method"] == "unadjusted"].set_index("measure")["estimate"]
    assert 1 - estimates["risk_comparator"] == pytest.approx(0.746, abs=5e-4)
    assert 1 - estimates["risk_intervention"] == pytest.approx(0.495, abs=5e-4)
    for measure, published in (("risk_comparator", 0.74), ("risk_intervention", 0.46)):
        assert abs(1 - estimates[measure] - published) < 2 * 0.026
