"""One analysis-ready table, one row per person: a trial's data set."""

import pandas as pd
import pytest

from iop_outcomes.records.schema import STAYS

TRIAL = """
    id | arm | age | facility | left | status | time | sex | beck
    7  | 1   | 40  | 3        | 20   | 1      | 31   | 1   | 9.5
    8  | 0   | 33  | 4        | 25   | 0      | 180  | 2   |
    9  | 0   | 28  | 4        |      |        |      | 1   | 14
"""
SOURCE = {
    "kind": "table",
    "file": "trial.csv",
    "person_id": "id",
    "level_of_care": "short-term residential",
    "strategy": {"column": "arm", "words": {0: "usual", 1: "new"}},
    "age_years": "age",
    "facility_id": "facility",
    "end_day": "left",
    "exit_reason": "left, reason not recorded",
    "last_observed_day": ["time", "left"],
    "events": [{"kind": "return to use", "day": "time", "when": {"status": 1}}],
    "covariates": {"sex": {"column": "sex", "words": {1: "male", 2: "female"}}, "beck": "beck"},
}


@pytest.fixture
def trial(export, read):
    """The records of a table, by the source above with some keys changed."""

    def of(text=TRIAL, **changes):
        return read(export(trial=text), **{**SOURCE, **changes})

    return of


def rows(table):
    return table.astype(object).where(table.notna(), None).to_dict("records")


def test_each_row_is_a_person_a_stay_and_their_events(trial):
    records = trial()
    assert rows(records.persons) == [
        {"person_id": "7", "first_observed_day": 0, "last_observed_day": 31},
        {"person_id": "8", "first_observed_day": 0, "last_observed_day": 180},
        {"person_id": "9", "first_observed_day": 0, "last_observed_day": None},
    ]
    assert rows(records.events) == [{"person_id": "7", "day": 31, "kind": "return to use"}]
    assert rows(records.stays[["person_id", "start_day", "end_day"]]) == [
        {"person_id": "7", "start_day": 0, "end_day": 20},
        {"person_id": "8", "start_day": 0, "end_day": 25},
        {"person_id": "9", "start_day": 0, "end_day": None},
    ]


def test_codes_become_the_words_of_the_protocol_and_covariates_numbers(trial):
    stays = trial().stays
    assert stays["strategy"].tolist() == ["new", "usual", "usual"]
    assert stays["sex"].tolist() == ["male", "female", "male"]
    assert stays["beck"].dropna().tolist() == [9.5, 14.0]
    assert stays["facility_id"].tolist() == ["3", "4", "4"]
    assert stays["age_years"].tolist() == [40, 33, 28]


def test_what_the_source_does_not_name_stays_out(trial):
    assert set(trial(covariates={}).stays) == {*STAYS, "strategy"}


def test_the_end_of_sight_is_the_latest_of_the_columns_named(trial):
    """The last of 31 and 20 is 31; of 180 and 190, 190."""
    later = TRIAL.replace("| 25   |", "| 190  |")
    assert trial(later).persons["last_observed_day"].tolist()[:2] == [31, 190]


def test_an_empty_cell_in_any_of_them_means_that_nothing_is_known_later(trial):
    gap = TRIAL.replace("| 25   |", "|      |")
    assert trial(gap).persons["last_observed_day"].isna().tolist() == [False, True, True]


def test_an_event_on_an_unknown_day_is_not_dated(trial):
    undated = TRIAL.replace("|        |      | 1", "| 1      |      | 1")
    assert undated != TRIAL
    assert trial(undated).events["person_id"].tolist() == ["7"]


def test_a_code_without_a_word_is_refused_by_count(trial, refusal):
    message = refusal(trial, strategy={"column": "facility", "words": {3: "usual"}})
    assert message == (
        "column facility: 2 row(s) hold a code that protocol.source does not name; it names ['3']"
    )


def test_a_code_without_a_word_is_never_quoted(trial, refusal):
    message = refusal(trial, TRIAL.replace("| 1   | 9.5", "| 987654 | 9.5"))
    assert message.startswith("column sex: 1 row(s) hold a code")
    assert "987654" not in message


def test_a_missing_code_needs_no_word(trial):
    assert trial(TRIAL.replace("| 2   |", "|     |")).stays["sex"].isna().tolist()[1]


def test_a_column_the_file_lacks_is_named(trial, refusal):
    message = refusal(trial, person_id="ID", end_day="LEN.T")
    assert "lacks the column(s) ['ID', 'LEN.T']" in message


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"level_of_care": "detox"}, "stays: column level_of_care must be one of "),
        ({"exit_reason": "went"}, "stays: column exit_reason must be one of "),
        ({"end_day": "beck"}, "stays: column end_day must hold a whole number"),
    ],
)
def test_words_and_days_are_held_to_the_contract(trial, refusal, changes, where):
    assert refusal(trial, **changes).startswith(where)


def test_an_unknown_kind_of_event_is_refused(trial, refusal):
    event = {"kind": "relapse", "day": "time", "when": {"status": 1}}
    assert refusal(trial, events=[event]).startswith("events: column kind must be one of ")


def test_a_person_stands_in_one_row(trial, refusal):
    message = refusal(trial, TRIAL.replace("    8  |", "    7  |"))
    assert "person_id must not repeat a value: 1 row(s)" in message


def test_a_last_day_that_is_no_number_is_refused_rather_than_taken_for_missing(trial, refusal):
    """Only the empty cell means that nothing is known."""
    message = refusal(trial, TRIAL.replace("| 180 ", "| 18O "), events=[])
    assert "time" in message or "last_observed_day" in message
    assert "18O" not in message


def test_a_table_without_events_is_a_table_of_people(trial):
    assert len(trial(events=[]).events) == 0


def test_the_uis_trial_is_read_as_its_readme_says(read_example, shared):
    """575 people, 464 of whom returned to use; the days to exit and to return are the file's."""
    records = read_example("uis")
    file = pd.read_csv(shared / "data/uis/uis.csv")
    assert (len(records.persons), len(records.stays)) == (575, 575)
    assert records.events["kind"].tolist() == ["return to use"] * 464
    assert records.stays["end_day"].tolist() == file["LEN.T"].tolist()
    assert records.stays["strategy"].map({"short programme": 0, "long programme": 1}).tolist() == (
        file["TREAT"].tolist()
    )
    happened = file[file["CENSOR"] == 1]
    assert records.events["person_id"].tolist() == happened["ID"].astype(str).tolist()
    assert records.events["day"].tolist() == happened["TIME"].tolist()
    assert records.persons["last_observed_day"].tolist() == (
        file[["TIME", "LEN.T"]].max(axis=1).tolist()
    )
    assert records.provenance["rows"].tolist() == [575]


def test_the_help_trial_keeps_those_of_whom_nothing_is_known(read_example, shared):
    """453 people; for 209 the day of first use or of the last interview is not known."""
    records = read_example("help")
    file = pd.read_csv(shared / "data/help/HELPrct.csv")
    assert len(records.persons) == 453
    assert int(records.persons["last_observed_day"].isna().sum()) == 209
    used = file[(file["anysubstatus"] == 1) & file["daysanysub"].notna()]
    assert records.events["day"].tolist() == used["daysanysub"].tolist()
    assert records.stays["strategy"].value_counts().to_dict() == {
        "usual care": int((file["treat"] == "no").sum()),
        "HELP clinic": int((file["treat"] == "yes").sum()),
    }
    assert records.stays["depressive_symptoms"].tolist() == file["cesd"].tolist()
