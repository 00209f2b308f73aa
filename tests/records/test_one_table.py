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
    happened = {"person_id": "7", "day": 31, "kind": "return to use", "month_end": None}
    assert rows(records.events) == [happened]
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


def test_codes_without_a_word_are_counted_and_never_quoted(trial, refusal):
    """Where the protocol names too few of a column's codes, most rows would be set aside."""
    assert refusal(trial, strategy={"column": "facility", "words": {3: "usual"}}) == (
        "persons: 2 of 3 rows cannot be so, most often facility is a code that protocol.source "
        "does not name (2, the first is row 2); it names ['3']; mend the export, or raise "
        "protocol.source.largest_quarantine"
    )


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
    ],
)
def test_what_the_protocol_says_of_all_rows_is_held_to_the_contract(trial, refusal, changes, where):
    assert refusal(trial, largest_quarantine=1, **changes).startswith(where)


def test_an_unknown_kind_of_event_is_refused(trial, refusal):
    event = {"kind": "relapse", "day": "time", "when": {"status": 1}}
    message = refusal(trial, events=[event], largest_quarantine=1)
    assert message.startswith("events: column kind must be one of ")


BAD = """
    id | arm | age | facility | left | status | time | sex | beck
    7  | 1   | 40  | 3        | 20   | 1      | 31   | 1   | 9
    8  | 0   | 33  | 4        | 25   | 0      | 18O  | 2   |
    9  | 0   | 28  | 4        |      |        |      | 1   | 14
    9  | 0   | 28  | 4        |      |        |      | 1   | 14
    10 | 0   | -1  | 4        | 5    | 1      | 8    | 1   | 2
    11 | 3   | 30  | 4        | 5    | 0      | 8    | 1   | 2
    12 | 1   | 30  | 4        | -5   | 0      | 8    | 1   | 2
    13 | 1   | 30  | 4        | 5    | 1      | 8    | 1   | 2
    13 | 1   | 31  | 4        | 5    | 0      | 8    | 1   | 2
    14 | 1   | 30  | 4        | 5    | 1      | 8.5  | 1   | 2
    15 | 1   | 30  | 4        | 5    | 0      | 8    | 2   | 2
"""
RULES = {
    2: "time is no number",  # the letter O: only an empty cell means that nothing is known
    5: "age_years is below the lowest that it may be",
    6: "arm is a code that protocol.source does not name",
    7: "a stay that ends before it starts",
    8: "id stands in several rows that differ",
    9: "id stands in several rows that differ",
    10: "last_observed_day is no whole number",
}


def test_a_row_that_cannot_be_so_is_set_aside_whole_with_its_rule_and_number(trial):
    """Rows of the file are counted from 1, the header apart; row 4 repeats row 3."""
    records = trial(BAD, largest_quarantine=1)
    quarantine = records.quarantine.set_index("row")["rule"].sort_index()
    assert quarantine.to_dict() == RULES
    assert set(records.quarantine["table"]) == {"persons"}
    assert set(records.quarantine["file"]) == {"trial.csv"}
    assert records.ledger.to_dict("records") == [
        {
            **{"table": "persons", "file": "trial.csv", "read": 11, "accepted": 3},
            **{"duplicates": 1, "quarantined": 7},
        }
    ]
    for table in (records.persons, records.stays):
        assert table["person_id"].tolist() == ["7", "9", "15"]
    assert records.events["person_id"].tolist() == ["7"]


def test_the_order_of_the_rows_changes_no_fate(trial):
    header, *lines = [line.strip() for line in BAD.strip().splitlines()]
    backwards = trial("\n".join([header, *reversed(lines)]), largest_quarantine=1)
    forwards = trial(BAD, largest_quarantine=1)
    assert sorted(12 - backwards.quarantine["row"]) == sorted(forwards.quarantine["row"])
    assert set(backwards.persons["person_id"]) == set(forwards.persons["person_id"])


def test_no_cell_is_quoted_by_what_the_records_say_of_it(trial):
    records = trial(BAD.replace("18O", "Zebediah"), largest_quarantine=1)
    assert "Zebediah" not in records.quarantine.to_csv() + records.broken_rules.to_csv()


def test_more_bad_rows_than_the_protocol_bears_refuse_the_file(trial, refusal):
    """7 of 11 are 0.64."""
    message = refusal(trial, BAD, largest_quarantine=0.6)
    assert message.startswith("persons: 7 of 11 rows cannot be so, most often id stands in several")
    assert len(trial(BAD, largest_quarantine=0.64).persons) == 3


def test_a_rule_may_have_a_share_of_its_own(trial, refusal):
    """Two of eleven rows repeat a person: 0.18. The five others are 0.45."""
    own = {"repeated": {"largest_share": 0.2}}
    assert len(trial(BAD, largest_quarantine=0.5, quality=own).persons) == 3
    tight = {"repeated": {"largest_share": 0.1}}
    assert refusal(trial, BAD, largest_quarantine=1, quality=tight).endswith(
        "raise protocol.source.quality.repeated.largest_share"
    )


def test_a_file_of_repeated_rows_is_a_file_of_the_people_in_it(trial):
    lines = TRIAL.strip().splitlines()
    records = trial("\n".join([*lines, *lines[1:]]))
    assert records.ledger[["read", "accepted", "duplicates"]].to_numpy().tolist() == [[6, 3, 3]]
    pd.testing.assert_frame_equal(records.stays, trial().stays)


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
