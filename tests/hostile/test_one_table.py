"""One row per person, from a file that was damaged on the way: trial.csv is the one spoilt."""

import pandas as pd
import pytest

PEOPLE = 40
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
    "last_observed_day": ["time"],
    "events": [{"kind": "return to use", "day": "used", "when": {"status": 1}}],
    "covariates": {"sex": {"column": "sex", "words": {1: "male", 2: "female"}}, "beck": "beck"},
}


def people():
    number = range(PEOPLE)
    return pd.DataFrame(
        {
            "id": [f"zanzibar{k:03}" for k in number],
            "arm": [str(k % 2) for k in number],
            "age": [str(20 + k) for k in number],
            "facility": [f"zanzibar-f{k % 4}" for k in number],
            "left": [str(10 + k) for k in number],
            "status": [str(int(k % 4 == 0)) for k in number],
            "used": [str(50 + k) if k % 4 == 0 else "" for k in number],
            "time": [str(180 + k) for k in number],
            "sex": [str(1 + k % 2) for k in number],
            "beck": [str(k / 2) for k in number],
        },
        dtype="str",
    )


@pytest.fixture
def trial(study):
    """The study with the people above as its only table, after some changes."""

    def write(change=lambda text: text, name="trial.csv", **cells):
        table = people()
        for column, values in cells.items():
            for row, value in values.items():
                table.loc[row - 1, column] = value
        content = change(table.to_csv(index=False, lineterminator="\n"))
        (study.raw / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        study.source = {**SOURCE, "file": name}
        return study

    return write


@pytest.fixture(scope="module")
def expected(tmp_path_factory, new_study):
    """The records of those people."""
    study = new_study(tmp_path_factory.mktemp("trial") / "study")
    people().to_csv(study.raw / "trial.csv", index=False)
    study.source = SOURCE
    return study.read()


REFUSED = {
    "nothing": (lambda text: "", "is empty"),
    "a header alone": (lambda text: text.split("\n")[0], "has a header and no rows"),
    "no header": (lambda text: text.split("\n", 1)[1], "lacks the column(s)"),
    "a short row": (lambda text: text + "zanzibar999,1\n", "1 row(s) with fewer cells"),
    "a cut in the last row": (lambda text: text[:-9], "1 row(s) with fewer cells than its header"),
    "one cell more in every row": (
        lambda text: text.replace("\n", ",\n").replace(",\n", "\n", 1),
        "40 row(s) with more cells",
    ),
    "row names without a header": (
        lambda text: "\n".join(
            f"{k},{row}" if k else row for k, row in enumerate(text.strip().split("\n"))
        ),
        "40 row(s) with more cells",
    ),
    "semicolons": (lambda text: text.replace(",", ";"), "separated by semicolons"),
    "tabs": (lambda text: text.replace(",", "\t"), "separated by tabs"),
    "UTF-16": (lambda text: text.encode("utf-16"), "is text in UTF-16"),
    "Latin-1": (lambda text: text.replace("-f1", "-fé").encode("latin-1"), "is not text in UTF-8"),
    "a name twice": (lambda text: text.replace("beck", "time", 1), "lacks the column(s) ['beck']"),
    "a quotation mark never closed": (lambda text: text.replace("\nz", '\n"z', 1), "do not pair"),
    "a row of totals": (lambda text: text + "Total,1,1,,1,1,1,1,1,1\n", "a row of totals"),
    "the header again": (lambda text: text + text.split("\n")[0] + "\n", "its header line again"),
    "a web page": (lambda text: "<html>zanzibar</html>", "is a web page"),
    "a numeric covariate with NA": (
        lambda text: text.replace(",7.5\n", ",NA\n"),
        "column beck: 1 cell(s) are no plain number",
    ),
    "arms that are all a code without a word": (
        lambda text: text.replace(",0,", ",3,").replace(",1,", ",4,"),
        "40 of 40",
    ),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_it_is_refused_with_a_sentence(trial, refuses, fault):
    change, said = REFUSED[fault]
    refuses(trial(change), said)


READ = {
    "a mark of UTF-8, line ends of Windows, blank lines, rows of commas, blanks around cells": (
        lambda text: (
            "\ufeff"
            + (text.replace("\n", "\r\n\r\n") + ",,,,,,,,,\r\n" * 9).replace(",", " ,\u00a0")
        )
    ),
    "line ends of an old Macintosh and none at the end": lambda text: text.rstrip().replace(
        "\n", "\r"
    ),
}


@pytest.mark.parametrize("fault", READ)
def test_it_is_read_as_if_it_were_clean(trial, expected, fault):
    same(trial(READ[fault]).read(), expected)


def same(records, expected, read=PEOPLE):
    for name in ("persons", "stays", "events"):
        pd.testing.assert_frame_equal(getattr(records, name), getattr(expected, name))
    assert records.provenance["rows"].tolist() == [read]
    ledger = records.ledger.iloc[0]
    assert ledger["read"] == read
    assert ledger["read"] == ledger["accepted"] + ledger["duplicates"] + ledger["quarantined"]


def test_a_parquet_file_reads_alike(study, trial, expected):
    study = trial()
    people().replace("", None).to_parquet(study.raw / "trial.parquet", index=False)
    study.source["file"] = "trial.parquet"
    same(study.read(), expected)


# Each in a row of its own, of the ten people with an event.
SET_ASIDE = {
    "an arm without a word": ("arm", "3"),
    "a last day of NULL": ("time", "NULL"),
    "a last day without end": ("time", "inf"),
    "half a last day": ("time", "180.5"),
    "a last day beyond all numbers": ("time", str(2**63)),
    "an exit of a letter": ("left", "2O"),
    "an exit beyond all numbers": ("left", str(2**64)),
    "an event on a day that is none": ("used", "."),
    "an age in words": ("age", "forty"),
    "no person": ("id", " "),
}


def test_rows_that_cannot_be_read_are_set_aside_and_counted(trial, expected):
    rows = range(1, PEOPLE, 4)
    study = trial()
    table = people()
    for row, (column, value) in zip(rows, SET_ASIDE.values(), strict=True):
        table.loc[row - 1, column] = value
    table.to_csv(study.raw / "trial.csv", index=False)
    study.source["largest_quarantine"] = 1
    records = study.read()
    ledger = records.ledger.iloc[0]
    assert ledger[["read", "accepted", "duplicates", "quarantined"]].tolist() == [40, 30, 0, 10]
    assert sorted(records.quarantine["row"]) == list(rows)
    assert len(records.persons) == len(records.stays) == 30
    assert len(expected.events) == 10
    assert records.events.empty


def test_someone_seen_later_of_whom_an_event_is_not_known_is_not_one_without(trial, expected):
    """When (`used`) in row 5, whether (`status`) in row 9; both are of those with an event."""
    study = trial(used={5: ""}, status={9: ""})
    study.source["largest_quarantine"] = 0.1
    records = study.read()
    assert records.ledger.iloc[0]["quarantined"] == 2
    assert sorted(records.quarantine["row"]) == [5, 9]
    assert len(records.persons) == 38
    assert len(records.events) == len(expected.events) - 2


def test_a_code_written_as_a_decimal_is_the_same_code(trial, expected):
    """As programs write whole numbers beside empty cells; no event may get lost by that."""
    decimals = {row: f"{int((row - 1) % 4 == 0)}.0" for row in range(1, PEOPLE + 1)}
    same(trial(status=decimals).read(), expected)


def test_a_person_in_two_rows_that_differ_is_set_aside_whole(trial):
    records = trial(id={6: "zanzibar004"}).read()
    assert records.ledger["quarantined"].tolist() == [2]
    assert records.quarantine["row"].tolist() == [5, 6]


def test_a_row_told_twice_counts_once(trial, expected):
    twice = trial(lambda text: text + text.split("\n")[7] + "\n").read()
    assert twice.ledger.iloc[0]["duplicates"] == 1
    same(twice, expected, read=41)


def test_a_file_outside_the_raw_folder_is_refused(trial, refuses):
    study = trial()
    (study.raw / "trial.csv").rename(study.raw.parent / "trial.csv")
    study.source["file"] = "../trial.csv"
    refuses(study, "trial.csv lies outside")
