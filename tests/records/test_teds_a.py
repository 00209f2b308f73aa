"""TEDS-A: admissions, in the words of the discharges, and nothing that comes after them."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from iop_outcomes.cohort.assembly import assemble_cohort
from iop_outcomes.errors import StudyError
from iop_outcomes.protocol.parsing import parse_protocol
from iop_outcomes.records.sources.teds_contract import codebook, fold, variables, vintage_of_year
from iop_outcomes.records.sources.teds_frequencies import codebook_frequencies

BOOKS = {"2000_2019": range(2000, 2020), "2017": [2017]}
ABSENT_FROM_THE_SAMPLE = {
    "ADMYR": "2017", "GENDER": "-9", "EMPLOY": "-9", "PSOURCE": "-9"
}  # fmt: skip


@pytest.fixture(scope="module")
def book(shared):
    """Codes, labels and frequencies of a codebook, by variable."""

    def of(name):
        path = shared / f"data/teds_a/codebook_{name}.csv"
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        table = table[table["code"] != ""].astype({"frequency": int, "code": int})
        return dict(list(table.groupby("variable", sort=False)))

    return of


@pytest.fixture(scope="module")
def sample(shared):
    """Real admissions of 2017, with the columns that every study needs."""
    table = pd.read_csv(shared / "data/teds_a/sample_2017_codes.csv", dtype=str)
    return table.assign(**ABSENT_FROM_THE_SAMPLE)


def words(stays, variable):
    return stays[variable].astype("str").fillna("missing")


@pytest.mark.parametrize("name", BOOKS)
def test_the_contract_has_the_codes_and_labels_of_the_codebook(book, name):
    ours = codebook("admissions")
    for variable, item in book(name).items():
        known = {(code, fold(label)) for code, label in ours[variable].labels()}
        printed = {(r.code, fold(r.value_label)) for r in item.itertuples()}
        assert printed <= known, variable
    assert set(book(name)) | {"CASEID", "CBSA2010"} == set(vintage_of_year("teds_a")[2017].columns)


def test_earlier_treatments_are_counted_and_not_only_told_apart(sample, tmp_path, read):
    sample.assign(NOPRIOR=np.resize(list("012345"), len(sample))).to_csv(
        tmp_path / "a.csv", index=False
    )
    stays = read(tmp_path, kind="teds_a", files=["a.csv"]).stays
    assert words(stays, "prior_treatments")[:6].tolist() == [
        "none", "one", "two", "three", "four", "five or more"
    ]  # fmt: skip
    assert words(stays, "prior_treatment")[:3].tolist() == ["none", "one or more", "one or more"]


def test_admissions_are_in_the_words_of_discharges(sample, tmp_path, read):
    sample.to_csv(tmp_path / "admissions.csv", index=False)
    as_discharges = sample.assign(DISYR="2017", REASON="1", LOS="3", NOPRIOR="0")
    as_discharges.to_csv(tmp_path / "discharges.csv", index=False)
    admitted = read(tmp_path, kind="teds_a", files=["admissions.csv"]).stays
    discharged = read(tmp_path, kind="teds_d", files=["discharges.csv"]).stays
    shared_names = [
        n for n in variables("teds_a") if n in variables() and n in admitted and "prior" not in n
    ]
    assert len(shared_names) > 25
    for name in shared_names:
        assert words(admitted, name).tolist() == words(discharged, name).tolist(), name


def test_an_admission_has_a_year_and_no_exit(sample, tmp_path, read):
    sample.to_csv(tmp_path / "a.csv", index=False)
    records = read(tmp_path, kind="teds_a", files=["a.csv"])
    assert records.stays["admission_year"].unique().tolist() == [2017]
    assert records.stays[["end_day", "exit_reason"]].isna().all(axis=None)
    assert len(records.persons) == len(sample)
    assert records.ledger.loc[0, ["read", "accepted"]].tolist() == [len(sample)] * 2


def test_the_real_sample_lacks_the_year_and_is_refused_with_the_reason(shared, tmp_path, read):
    text = (shared / "data/teds_a/sample_2017_codes.csv").read_bytes()
    (tmp_path / "a.csv").write_bytes(text)
    with pytest.raises(StudyError, match=r"lacks the column\(s\) \['ADMYR'\]"):
        read(tmp_path, kind="teds_a", files=["a.csv"])


def test_a_year_without_a_codebook_is_refused_and_the_known_ones_named(sample, tmp_path, read):
    sample.assign(ADMYR="2023").to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(StudyError, match=r"year whose codes are not known; known are \[2000, "):
        read(tmp_path, kind="teds_a", files=["a.csv"])


def test_discharges_are_not_read_as_admissions(sample, tmp_path, read):
    sample.drop(columns="ADMYR").assign(DISYR="2017").to_csv(tmp_path / "d.csv", index=False)
    with pytest.raises(StudyError, match="ADMYR"):
        read(tmp_path, kind="teds_a", files=["d.csv"])


ASKED = {
    "completion at exit": {"events": ["completed"], "horizon_days": None},
    "dropping out in 30 days": {"events": ["dropped out"], "horizon_days": 30},
    "relapse": {"events": ["return to use"], "horizon_days": 180},
}


@pytest.mark.parametrize("outcome", ASKED)
def test_no_outcome_can_be_asked_of_admissions(sample, tmp_path, read, outcome):
    sample.to_csv(tmp_path / "a.csv", index=False)
    records = read(tmp_path, kind="teds_a", files=["a.csv"])
    section = {
        "title": "Admissions",
        "question": "Does treatment that starts in one setting end as well as in another?",
        "source": {"kind": "teds_a", "files": ["a.csv"]},
        "eligibility": {"minimum_age_years": 12, "washout_days": 0},
        "strategies": {
            "by": "level_of_care",
            "intervention": ["intensive outpatient"],
            "comparator": ["short-term residential", "long-term residential"],
            "intervention_name": "intensive outpatient care",
            "comparator_name": "residential care",
        },
        "time_zero": {"episode_gap_days": 0},
        "outcomes": {"asked": {"definition": "asked of TEDS-A", "competing": [], **ASKED[outcome]}},
        "estimand": "ATO",
        "analysis": {"covariates": ["race"]},
    }
    with pytest.raises(StudyError, match="nor one of admissions about anything later"):
        assemble_cohort(records, parse_protocol(section, "protocol"))


@pytest.mark.slow
@pytest.mark.parametrize("name", BOOKS)
def test_a_file_of_a_codebooks_full_size_has_its_every_frequency(book, tmp_path, name):
    items = book(name)
    ends = {variable: item["frequency"].cumsum().to_numpy() for variable, item in items.items()}
    (rows,) = {int(end[-1]) for end in ends.values()}
    schema = pa.schema({variable: pa.int16() for variable in items})
    with parquet.ParquetWriter(tmp_path / "a.parquet", schema) as writer:
        for start in range(0, rows, 500_000):
            row = np.arange(start, min(start + 500_000, rows))
            part = {
                variable: items[variable]["code"].to_numpy(np.int16)[
                    np.searchsorted(end, row, side="right")
                ]
                for variable, end in ends.items()
            }
            writer.write_table(pa.table(part, schema))
    found = codebook_frequencies(tmp_path / "a.parquet", "teds_a")
    expected = {
        (variable, row.code): row.frequency
        for variable, item in items.items()
        for row in item.itertuples()
    }
    assert found.set_index(["variable", "code"])["rows"].to_dict() == expected
