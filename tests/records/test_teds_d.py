"""TEDS-D: discharges, not persons; days only where the file has days; known years only.

The traps of the layouts are in test_teds_d_traps.py, the formats in test_teds_d_formats.py.
"""

import pandas as pd
import pytest

from iop_outcomes.cohort.assembly import assemble_cohort
from iop_outcomes.errors import CohortError
from iop_outcomes.protocol.parsing import parse_protocol

FILES = ["sample_2017_2020_codes.csv", "sample_2023_codes.csv"]
# From the codebooks, beside the program's own copy.
SERVICES = {
    **{1: "withdrawal management", 2: "withdrawal management", 3: "inpatient"},
    **{4: "short-term residential", 5: "long-term residential", 6: "intensive outpatient"},
    **{7: "outpatient", 8: "ambulatory withdrawal management"},
}
REASON = {
    **{1: "completed", 2: "dropped out", 3: "terminated by the facility", 4: "transferred"},
    **{5: "incarcerated", 6: "death", 7: "other"},
}
DISCHARGE = {
    **{"DISYR": 2020, "SERVICES": 6, "REASON": 1, "LOS": 20, "AGE": 5, "GENDER": 1, "RACE": 5},
    **{"EDUC": 3, "EMPLOY": 1, "LIVARAG": 3, "SUB1": 2, "NOPRIOR": 0, "PSYPROB": 2},
    **{"PSOURCE": 1, "STFIPS": 24},
}
KNOWN_YEARS = list(range(2006, 2024))


@pytest.fixture(scope="module")
def sample(shared):
    """The real rows, as pandas reads them."""
    tables = [pd.read_csv(shared / "data/teds_d" / file) for file in FILES]
    return pd.concat(tables, ignore_index=True)


@pytest.fixture(scope="module")
def records(read_example):
    return read_example("teds_d")


@pytest.fixture
def discharges(raw, drawn, read):
    """Records of discharges that differ from an ordinary one in the columns drawn."""

    def of(text, without=(), **source):
        table = drawn(text)
        rest = {name: value for name, value in DISCHARGE.items() if name not in table}
        table.assign(**rest).drop(columns=list(without)).to_csv(raw / "tedsd.csv", index=False)
        return read(raw, kind="teds_d", files=["tedsd.csv"])

    return of


def test_levels_of_care_are_counted_as_the_file_counts_services(records, sample):
    counts = records.stays["level_of_care"].value_counts().to_dict()
    assert counts == sample["SERVICES"].map(SERVICES).value_counts().to_dict()


def test_exit_reasons_are_counted_as_the_file_counts_reason(records, sample):
    counts = records.stays["exit_reason"].value_counts().to_dict()
    assert counts == sample["REASON"].map(REASON).value_counts().to_dict()


def test_only_a_length_of_stay_up_to_thirty_days_has_a_day(records, sample):
    days = sample["LOS"].where(sample["LOS"].between(1, 30))
    assert records.stays["end_day"].astype("float64").equals(days.astype("float64"))
    assert (sample["LOS"] > 30).any()


def test_each_row_of_the_real_files_is_one_discharge_in_the_files_order(records, sample):
    assert len(records.stays) == len(sample) == 722
    assert records.stays["discharge_year"].astype(int).tolist() == sample["DISYR"].tolist()
    assert records.provenance["file"].tolist() == FILES
    assert records.provenance["rows"].tolist() == [222, 500]


def test_sex_is_read_under_its_old_and_its_new_name(records, sample):
    """GENDER until 2022, SEX from 2023."""
    sex = sample["GENDER"].fillna(sample["SEX"]).map({1: "male", 2: "female"})
    assert sample["GENDER"].notna().sum() == 222
    assert records.stays["sex"].fillna("?").tolist() == sex.fillna("?").tolist()


def test_a_discharge_is_not_named_by_its_case_id(records, sample):
    """CASEID names an episode in the files of one year, not a person."""
    cases = set(sample["CASEID"].dropna().astype(int).astype(str))
    assert records.persons["person_id"].is_unique
    assert not cases & set(records.persons["person_id"])
    assert "CASEID" not in records.stays


def test_nothing_is_seen_of_anyone_after_discharge(records):
    assert records.persons["last_observed_day"].isna().all()
    assert len(records.events) == 0


def test_length_of_stay_codes_are_days_bands_or_missing(discharges):
    stays = discharges("LOS\n1\n30\n31\n37\n-9").stays
    assert stays["end_day"].tolist()[:2] == [1, 30]
    assert stays["end_day"].isna().tolist() == [False, False, True, True, True]


def test_an_age_band_counts_as_its_youngest_age(discharges):
    assert discharges("AGE\n1\n2\n3\n11\n12").stays["age_years"].tolist() == [12, 15, 18, 55, 65]


def test_what_the_state_did_not_collect_is_missing(discharges):
    stays = discharges("NOPRIOR | PSYPROB\n-9 | 1\n1 | -9").stays
    assert stays["prior_treatment"].isna().tolist() == [True, False]
    assert stays["psychiatric_problem"].isna().tolist() == [False, True]


@pytest.mark.parametrize("year", [2005, 2024, 20191, 0])
def test_a_year_that_is_not_known_is_refused_with_the_known_ones(discharges, refusal, year):
    message = refusal(discharges, f"DISYR\n2020\n{year}")
    assert message.endswith(
        f"column DISYR holds a year whose codes are not known; known are {KNOWN_YEARS}"
    )


@pytest.mark.parametrize("file", ["sample_2017_2020_labels.csv", "sample_2023_labels.csv"])
def test_the_real_files_under_their_authors_names_are_refused(shared, read, refusal, file):
    message = refusal(read, shared / "data/teds_d", kind="teds_d", files=[file])
    assert "lacks the column(s) ['DISYR']" in message


def test_a_length_of_stay_in_words_that_no_codebook_has_is_refused(discharges, refusal):
    """As an author labelled the codes 1 to 6 of 2023, which are days."""
    assert "LOS" in refusal(discharges, "LOS\n1-7 days\n12")


def test_a_length_of_stay_that_no_codebook_has_is_refused(discharges, refusal):
    assert "LOS" in refusal(discharges, "LOS\n45\n12")


def test_a_code_that_no_codebook_has_is_counted_and_never_quoted(discharges, refusal):
    message = refusal(discharges, "REASON\n1\n98765\n98765")
    assert "column REASON holds codes that the codebook does not, in 2 row(s)" in message
    assert "98765" not in message


@pytest.mark.parametrize(
    ("column", "written"),
    [("LOS", "LOS"), ("SERVICES", "SERVICES"), ("GENDER", "GENDER (or SEX)")],
)
def test_a_missing_column_is_named_under_all_its_names(discharges, refusal, column, written):
    message = refusal(discharges, "DISYR\n2020", without=[column])
    assert message.endswith(f"lacks the column {written}")


@pytest.fixture
def study():
    """A protocol that asks one outcome of TEDS-D."""

    def of(name, **outcome):
        section = {
            "title": "TEDS-D",
            "question": "What happens after discharge?",
            "source": {"kind": "teds_d", "files": FILES},
            "eligibility": {"minimum_age_years": 18, "washout_days": 0},
            "strategies": {
                "intervention": ["intensive outpatient"],
                "comparator": ["short-term residential", "long-term residential"],
                "intervention_name": "intensive outpatient care",
                "comparator_name": "residential care",
            },
            "time_zero": {"episode_gap_days": 0},
            "outcomes": {name: {"definition": "asked of TEDS-D", **outcome}},
            "estimand": "ATO",
            "analysis": {"covariates": ["sex"]},
        }
        return parse_protocol(section, "protocol")

    return of


def test_completion_can_be_asked_at_exit(records, study):
    completion = study("completion", events=["completed"], horizon_days=None)
    follow_up = assemble_cohort(records, completion).follow_up
    assert set(follow_up["status"]) == {"event", "no event"}
    assert follow_up["days"].isna().all()


@pytest.mark.parametrize("competing", [[], ["death"]])
def test_relapse_cannot_be_asked(records, study, competing):
    protocol = study("first_use", events=["return to use"], competing=competing, horizon_days=180)
    with pytest.raises(CohortError, match=r"cannot answer about relapse"):
        assemble_cohort(records, protocol)


def test_dropping_out_within_thirty_days_cannot_be_asked_either(records, study):
    """Only stays up to 30 days have a day: everyone who stayed longer would count as missing."""
    protocol = study(
        "early_drop_out",
        events=["dropped out", "terminated by the facility"],
        competing=["completed", "transferred", "incarcerated", "death", "other"],
        horizon_days=30,
    )
    with pytest.raises(CohortError):
        assemble_cohort(records, protocol)


def test_nothing_of_the_exit_is_known_at_time_zero(records, study):
    """Weights must not see it."""
    protocol = study("completion", events=["completed"], horizon_days=None)
    persons = assemble_cohort(records, protocol).persons
    assert not {name for name in persons if name.endswith("_at_exit")}
    assert not {"end_day", "length_low_days", "length_high_days", "exit_reason"} & set(persons)


def test_what_was_recorded_at_discharge_is_named_so(records):
    """The cohort hides it by its name."""
    assert {name for name in records.stays if name.endswith("_at_exit")} == {
        *("level_of_care_at_exit", "employment_at_exit", "living_at_exit", "arrests_at_exit"),
        *("primary_substance_at_exit", "frequency_of_use_at_exit", "self_help_attendance_at_exit"),
    }
