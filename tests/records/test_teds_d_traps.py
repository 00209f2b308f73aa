"""The traps of TEDS-D, one by one: what changes from year to year, and what looks like a value."""

import pandas as pd
import pytest

OLD, NEW = 2014, 2019
ORDINARY = {
    **{"SERVICES": 6, "REASON": 1, "LOS": 20, "AGE": 5, "GENDER": 1, "RACE": 5, "EDUC": 3},
    **{"EMPLOY": 1, "LIVARAG": 3, "SUB1": 2, "NOPRIOR": 0, "PSYPROB": 2, "PSOURCE": 1},
    **{"STFIPS": 24, "SERVICES_D": 6, "CASEID": 20171488889},
}
LABELS = {
    **{"SERVICES": "Ambulatory, intensive outpatient", "REASON": "Treatment completed"},
    **{"LOS": "20", "AGE": "25-29 years old", "GENDER": "Male", "RACE": "White"},
    **{"EDUC": "Grade 12 (or GED)", "EMPLOY": "Full-time", "LIVARAG": "Independent living"},
    **{"SUB1": "Alcohol", "NOPRIOR": "No prior treatment episode", "PSYPROB": "No"},
    **{"PSOURCE": "Individual (includes self-referral)", "STFIPS": "Hawaii"},
}


@pytest.fixture
def discharge(raw, read):
    """The stays of a file of discharges that differ from an ordinary one as told."""

    def of(year=NEW, base=ORDINARY, file="year.csv", encoding="utf-8", without=(), **cells):
        setting = {}
        base = dict(base)
        if year < 2015:
            base["SERVSETD"] = base.pop("SERVICES_D")
            base.pop("SERVICES")
            setting = {"level_of_care": "at_discharge"}
        row = {"DISYR": year, **base, **cells}
        count = max((len(cell) for cell in cells.values() if isinstance(cell, list)), default=1)
        table = pd.DataFrame(row, index=range(count)).drop(columns=list(without))
        table.to_csv(raw / file, index=False, encoding=encoding)
        return read(raw, kind="teds_d", files=[file], **setting).stays

    return of


def said(stays, name):
    return stays[name].astype("object").where(stays[name].notna(), None).tolist()


@pytest.mark.parametrize(
    ("column", "name", "code", "old", "new"),
    [
        ("AGE", "age_years", 2, 12, 15),
        ("AGE", "age_years", 11, 50, 55),
        ("AGE", "age_years", 12, 55, 65),
        ("AGE", "age_band", 12, "55 or older", "55 or older"),
        ("FREQ1", "frequency_of_use", 2, "some", "some"),
        ("FREQ1", "frequency_of_use", 3, "some", "daily"),
        ("ETHNIC", "ethnicity", 4, "Cuban or other Hispanic", "not Hispanic"),
        ("ETHNIC", "ethnicity", 5, "not Hispanic", "Hispanic, origin not specified"),
        ("NOPRIOR", "prior_treatment", 1, "one or more", "one or more"),
        ("DAYWAIT", "waiting_time", 3, "1-7 days", "15-30 days"),
        ("DAYWAIT", "waiting_time", 4, "1-7 days", "31 days or more"),
        ("FRSTUSE1", "age_at_first_use", 7, "30 or older", "30 or older"),
        ("LOS", "length_low_days", 37, 366, 366),
    ],
)
def test_a_code_is_read_as_its_own_years_codebook_has_it(discharge, column, name, code, old, new):
    assert said(discharge(OLD, **{column: code}), name) == [old]
    assert said(discharge(NEW, **{column: code}), name) == [new]


@pytest.mark.parametrize(
    ("column", "name", "old", "new", "word"),
    [
        ("AGE", "age_years", 3, 2, 15),
        ("PRIMINC", "income_source", 20, 4, "other"),
        ("PRIMINC", "income_source", 21, 5, "none"),
        ("SUB1", "primary_substance", 20, 19, "other"),
        ("SUB2", "secondary_substance", 20, 19, "other"),
        ("ROUTE1", "route", 20, 5, "other"),
        ("PRIMPAY", "payer", 8, 6, "no charge"),
        ("PRIMPAY", "payer", 9, 7, "other"),
        ("ETHNIC", "ethnicity", 5, 4, "not Hispanic"),
        ("RACE", "race", 20, 7, "other"),
        ("RACE", "race", 21, 8, "two or more"),
        ("RACE", "race", 13, 6, "Asian or Pacific Islander"),
        ("RACE", "race", 23, 9, "Asian or Pacific Islander"),
        ("FREQ1", "frequency_of_use", 5, 3, "daily"),
        ("NOPRIOR", "prior_treatment", 5, 1, "one or more"),
        ("DAYWAIT", "waiting_time", 492, 4, "31 days or more"),
        ("FRSTUSE1", "age_at_first_use", 12, 7, "30 or older"),
    ],
)
def test_one_meaning_under_two_codes_is_one_word(discharge, column, name, old, new, word):
    assert said(discharge(OLD, **{column: old}), name) == [word]
    assert said(discharge(NEW, **{column: new}), name) == [word]


@pytest.mark.parametrize(
    ("year", "column", "code"),
    [
        (NEW, "SUB1", 20), (NEW, "RACE", 13), (NEW, "NOPRIOR", 2), (NEW, "ROUTE1", 20),
        (NEW, "PRIMINC", 21), (NEW, "PRIMPAY", 8), (NEW, "DAYWAIT", 5), (NEW, "FREQ1", 5),
        (OLD, "SUB1", 19), (OLD, "AGE", 1), (OLD, "ROUTE1", 5), (OLD, "PRIMPAY", 6),
        (OLD, "RACE", 8), (NEW, "GENDER", 9), (NEW, "REASON", -9), (NEW, "AGE", -9),
        (NEW, "EDUC", 12), (OLD, "EMPLOY", 0.5), (OLD, "DAYWAIT", -1),
    ],
)  # fmt: skip
def test_a_code_of_the_other_block_is_refused(discharge, refusal, year, column, code):
    """Years stacked under one layout; -9 that became 9 in a public table."""
    message = refusal(discharge, year, **{column: code})
    assert f"column {column} holds codes that the codebook does not, in 1 row(s)" in message


def test_years_of_both_blocks_in_one_file_are_each_read_by_their_own(discharge):
    stays = discharge(
        NEW, DISYR=[2019, 2021, 2015], AGE=[2, 3, 12], SERVICES_D=[6, 7, 6]
    )  # fmt: skip
    assert said(stays, "age_years") == [15, 18, 65]


def test_a_file_stacked_by_others_fills_what_was_not_collected_with_minus_nine(raw, read):
    rows = [
        {**ORDINARY, "DISYR": 2014, "SERVICES_D": 4, "EMPLOY_D": -9, "AGE": 2},
        {**ORDINARY, "DISYR": 2015, "SERVICES_D": 6, "EMPLOY_D": -9, "AGE": 2},
    ]
    pd.DataFrame(rows).to_csv(raw / "stacked.csv", index=False)
    stays = read(raw, kind="teds_d", files=["stacked.csv"], level_of_care="at_discharge").stays
    assert said(stays, "employment_at_exit") == ["not collected", None]
    assert said(stays, "age_years") == [12, 15]


def test_values_for_a_year_that_did_not_collect_them_are_refused(raw, read, refusal):
    row = {**ORDINARY, "DISYR": 2014, "SERVICES_D": 4, "EMPLOY_D": 1}
    pd.DataFrame([row]).to_csv(raw / "stacked.csv", index=False)
    message = refusal(read, raw, kind="teds_d", files=["stacked.csv"], level_of_care="at_discharge")
    assert "column EMPLOY_D was not collected in a year for which it has values" in message


def test_until_2014_the_setting_is_known_at_discharge_only(raw, read, refusal):
    """SERVSETD is taken for the setting at admission in public code."""
    row = {**ORDINARY, "DISYR": 2012, "SERVSETD": 4}
    pd.DataFrame([row]).to_csv(raw / "old.csv", index=False)
    message = refusal(read, raw, kind="teds_d", files=["old.csv"])
    assert "the files of 2006-2014 have no level_of_care at admission" in message
    assert "`level_of_care: at_discharge` in protocol.source" in message


def test_the_setting_at_discharge_is_taken_if_asked_for_and_left_out_where_unknown(discharge):
    stays = discharge(OLD, SERVSETD=[4, -9, 7])
    assert said(stays, "level_of_care") == ["short-term residential", "outpatient"]


def test_the_setting_at_admission_is_not_the_one_at_discharge(discharge):
    """They differ in about 2 % of the rows of 2023."""
    stays = discharge(SERVICES=5, SERVICES_D=6)
    assert said(stays, "level_of_care") == ["long-term residential"]
    assert said(stays, "level_of_care_at_exit") == ["intensive outpatient"]


@pytest.mark.parametrize("year", [2015, 2016])
def test_services_is_read_in_2015_and_2016_though_their_codebooks_lack_it(discharge, year):
    assert said(discharge(year, SERVICES=4, YEAR=year, NUMSUBS=1), "level_of_care") == [
        "short-term residential"
    ]


def test_the_real_rows_of_2014_are_refused_for_their_altered_reasons(shared, read, refusal):
    """A hackathon put 0 and 1 into REASON; SERVSETA is nobody's column and is not read."""
    source = {"kind": "teds_d", "files": ["sample_2014_layout.csv"]}
    folder = shared / "data/teds_d"
    assert "at admission" in refusal(read, folder, **source)
    message = refusal(read, folder, **source, level_of_care="at_discharge")
    assert "column REASON holds codes that the codebook does not" in message


def test_the_real_rows_of_2014_are_read_once_their_reasons_are_put_aside(shared, raw, read):
    table = pd.read_csv(shared / "data/teds_d/sample_2014_layout.csv").assign(REASON=7)
    table.to_csv(raw / "y2014.csv", index=False)
    stays = read(raw, kind="teds_d", files=["y2014.csv"], level_of_care="at_discharge").stays
    assert len(stays) == len(table)
    assert said(stays, "self_help_attendance") == ["not collected"] * len(table)
    assert (stays["age_years"] == 55).sum() == (table["AGE"] == 12).sum() > 0
    waited = table["DAYWAIT"].between(31, 999).sum()
    assert (stays["waiting_time"] == "31 days or more").sum() == waited > 0


def test_a_reason_that_was_not_recorded_is_an_exit_all_the_same(discharge):
    assert said(discharge(OLD, REASON=-9), "exit_reason") == ["left, reason not recorded"]


def test_leaving_against_advice_and_dropping_out_are_one_reason(discharge):
    assert said(discharge(OLD, REASON=2), "exit_reason") == ["dropped out"]
    labelled = discharge(2021, LABELS, REASON="Dropped out of treatment")
    assert said(labelled, "exit_reason") == ["dropped out"]


def test_a_transfer_is_neither_a_completion_nor_a_termination(discharge):
    """One in five; and code 5, incarcerated, is no transfer."""
    stays = discharge(REASON=[3, 4, 5])
    assert said(stays, "exit_reason") == [
        "terminated by the facility", "transferred", "incarcerated"
    ]  # fmt: skip


def test_a_band_of_days_is_never_a_day(discharge):
    """The mean of the codes taken as days has been published."""
    stays = discharge(LOS=[30, 31, 36, 37, -9])
    assert said(stays, "end_day") == [30, None, None, None, None]
    assert said(stays, "length_low_days") == [30, 31, 181, 366, None]
    assert said(stays, "length_high_days") == [30, 45, 365, None, None]


def test_no_day_is_taken_off_outpatient_stays(discharge):
    """The files count one day more for settings 6 to 8; the records keep what the files have."""
    assert said(discharge(SERVICES=[5, 6], LOS=[10, 10]), "end_day") == [10, 10]


def test_an_empty_length_of_stay_has_no_days(discharge):
    """Blank in the rows of 2023: 7 days or more, or unknown."""
    stays = discharge(LOS=[None, 5])
    assert said(stays, "length_low_days") == [None, 5]


def test_not_collected_not_in_this_file_and_missing_are_three_things(raw, read):
    old = {**ORDINARY, "DISYR": 2013, "SERVSETD": 6, "VET": 1}
    new = {**ORDINARY, "DISYR": 2018, "EMPLOY_D": -9, "VET": -9}
    short = {**ORDINARY, "DISYR": 2019}
    for number, row in enumerate((old, new, short)):
        pd.DataFrame([row]).to_csv(raw / f"{number}.csv", index=False)
    files = ["0.csv", "1.csv", "2.csv"]
    (raw / "0.csv").write_text((raw / "0.csv").read_text().replace("SERVICES_D", "X1"))
    (raw / "0.csv").write_text((raw / "0.csv").read_text().replace("SERVICES", "X2"))
    stays = read(raw, kind="teds_d", files=files, level_of_care="at_discharge").stays
    assert said(stays, "employment_at_exit") == ["not collected", None, "not in this file"]
    assert said(stays, "veteran") == ["yes", None, "not in this file"]
    assert "pregnancy" not in stays, "no file has it"


def test_none_is_a_value(discharge):
    stays = discharge(
        2021, LABELS, encoding="latin-1",
        ARRESTS="None", HLTHINS="None", SUB2="None", PRIMINC="None", CBSA2020="Mayagüez, PR",
    )  # fmt: skip
    for name in ("arrests", "insurance", "secondary_substance", "income_source"):
        assert said(stays, name) == ["none"]


def test_blank_arrests_are_missing_and_not_none(discharge):
    """In the rows of 2023 blank means none or missing, one cannot tell."""
    assert said(discharge(ARRESTS=[None, 0]), "arrests") == [None, "none"]


def test_the_file_of_2021_holds_labels_in_latin_1(discharge):
    stays = discharge(2021, LABELS, encoding="latin-1", CBSA2020="Mayagüez, PR")
    assert said(stays, "level_of_care") == ["intensive outpatient"]
    assert said(stays, "state") == ["Hawaii"]
    assert said(stays, "age_years") == [25]


@pytest.mark.parametrize(
    ("column", "label", "name", "word"),
    [
        ("AGE", "25–29 years", "age_years", 25),
        ("AGE", "25-29 Years Old", "age_years", 25),
        ("AGE", "25-29", "age_years", 25),
        ("AGE", "65+", "age_years", 65),
        ("EDUC", "8 YEARS OR LESS", "education", "below grade 12"),
        ("EDUC", "13–15 years", "education", "college"),
        ("LIVARAG", "Experiencing Homelessness", "living", "homeless"),
        ("RACE", "Alaska Native (Aleut, Eskimo)", "race", "American Indian or Alaska Native"),
        ("SUB1", "OTHER HALLUCINOGENS", "primary_substance", "other"),
        ("SUB1", "Methamphetamine/speed", "primary_substance", "stimulant"),
        ("SUB1", "None", "primary_substance", "none"),
        ("FRSTUSE1", "30 years and older", "age_at_first_use", "30 or older"),
        ("FRSTUSE1", "30 and over", "age_at_first_use", "30 or older"),
        ("ROUTE1", "Injection (IV or intramuscular)", "route", "injection"),
        ("NOPRIOR", "One or more prior treatment episodes", "prior_treatment", "one or more"),
        ("LOS", "More than a year", "length_low_days", 366),
        ("LOS", "31 to 45 days", "length_high_days", 45),
        ("PSYPROB", "Missing/unknown/not collected/invalid", "psychiatric_problem", None),
    ],
)
def test_words_that_changed_over_the_years_are_the_same_code(discharge, column, label, name, word):
    assert said(discharge(2021, LABELS, **{column: label}), name) == [word]


def test_an_en_dash_of_latin_1_is_a_dash(discharge):
    stays = discharge(2021, LABELS, encoding="cp1252", AGE="25–29 years old")
    assert said(stays, "age_years") == [25]


def test_a_spreadsheets_date_is_no_age(discharge, refusal):
    assert "column AGE" in refusal(discharge, 2021, LABELS, AGE="14-Dec")


def test_spaces_before_a_code_are_nothing(discharge):
    """Noted in the file of 2022."""
    assert said(discharge(2022, AGE=" 5", SUB1="  2 "), "primary_substance") == ["alcohol"]


def test_codes_and_labels_side_by_side_are_refused(discharge, refusal):
    message = refusal(discharge, 2021, LABELS, STFIPS=["Hawaii", "55"])
    assert "['STFIPS'] hold codes and labels side by side" in message
    assert "Hawaii" not in message


def test_sex_was_renamed_in_2023(discharge):
    assert said(discharge(2023, SEX=2, without=["GENDER"]), "sex") == ["female"]
    assert said(discharge(2022, GENDER=2), "sex") == ["female"]


def test_ethnicity_has_two_names_in_the_codebook_of_2016(discharge):
    assert said(discharge(2016, ETHNICITY=4), "ethnicity") == ["not Hispanic"]


def test_a_case_id_over_32_bits_is_not_read(discharge):
    """20171488889; it names an episode, not a person."""
    stays = discharge(2017, CASEID=[20171488889, 20171488889])
    assert stays["person_id"].is_unique
    assert "20171488889" not in stays.astype("str").to_numpy()


def test_idu_is_not_read(discharge):
    """-9, no substance reported, also holds people without injection in 2017 and 2018."""
    assert not {"IDU", "injection", "idu"} & set(discharge(IDU=-9))


def test_use_at_exit_stands_beside_the_substance_that_it_is_about(discharge):
    """FREQ1_D is about SUB1_D, not about SUB1."""
    stays = discharge(SUB1=2, FREQ1=3, SUB1_D=5, FREQ1_D=1)
    assert said(stays, "primary_substance_at_exit") == ["opioid"]
    assert said(stays, "frequency_of_use_at_exit") == ["none"]


def test_attendance_of_unknown_frequency_is_not_the_most_frequent(discharge):
    stays = discharge(FREQ_ATND_SELF_HELP=[4, 5])
    assert said(stays, "self_help_attendance") == ["8-30 times", "some, frequency unknown"]


def test_age_has_twelve_bands(discharge):
    """Of which the codebook's text counts eleven."""
    assert discharge(AGE=list(range(1, 13)))["age_years"].nunique() == 12


def test_a_word_for_the_setting_that_is_not_known_is_refused(shared, read, refusal):
    message = refusal(read, shared, kind="teds_d", files=["x.csv"], level_of_care="at_some_time")
    assert message.startswith("protocol.source.level_of_care: ")
