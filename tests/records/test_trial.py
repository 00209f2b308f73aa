"""A trial's files: who was randomised, urines, reported use, doses; and every row accounted for."""

import gzip

import pytest

from iop_outcomes.errors import IdentifierError
from iop_outcomes.records.urine_weeks import planned_weeks, urine_weeks

FILES = {
    "everybody": "who\n1\n2\n3\n4",
    "arms": """
        who | arm   | which | when
        1   | new   | 1     | 5
        1   | new   | 2     | 5
        2   | usual | 1     | 2
        4   | new   | 1     | 0
        4   | usual | 2     | 40
    """,
    "known": """
        who | age | clinic | male
        1   | 40  | 7      | 1
        2   | 33  | 8      | 0
        3   | 28  | 8      | 1
        4   | 61  | 7      |
    """,
    "found": """
        who | what    | when
        1   | opioid  | 6
        1   | cocaine | 6
        2   | cocaine | 9
        3   | opioid  | 0
    """,
    "temperature": """
        who | ok | when
        1   | 1  | 6
        1   | 99 | 13
        2   | 1  | 3
        2   | 0  | 9
    """,
    "visits": """
        who | visit | what     | jail | when
        1   | W1    | visit    |      | 6
        1   | W2    | visit    |      | 13
        1   | W3    | visit    |      | 13
        1   | W4    | no visit |      | 20
        1   | W5    | no visit |      |
        2   | W1    | visit    | 1    | 3
        2   | W1    | no visit |      | 3
        2   | W2    | no visit | 1    | 16
        2   | W3    | no visit | 1    |
        4   | BASE  |          |      | 0
    """,
    "reported": """
        who | what    | when
        1   | heroin  | -12
        1   | heroin  | -11
        1   | alcohol | -11
        2   | heroin  | 7
        3   | heroin  | 1
    """,
    "beds": """
        who | what | when
        1   | in   | -4
        1   | out  | 5
        4   | in   | -9
        4   | out  | -9
        4   | in   | -2
    """,
    "doses": """
        who | mg | when
        1   | 8  | 6
        1   | 8  | 7
        1   | 16 | 7
        4   | 8  | 1
        4   | 8  | 39
        4   | 8  | 40
        4   | 8  | 44
    """,
}
MISSED = {"file": "visits.csv", "when": {"what": "no visit"}}
SOURCE = {
    "kind": "trial",
    "person_id": "who",
    "day": "when",
    "persons": {"file": "everybody.csv"},
    "randomisation": {
        "file": "arms.csv",
        "strategy": "arm",
        "level_of_care": {"constant": "outpatient"},
    },
    "planned": [{"randomisation": 2, "last_day": 90}, {"days": 27}],
    "characteristics": [
        {
            "file": "known.csv",
            "columns": {
                "age_years": "age",
                "facility_id": "clinic",
                "sex": {"column": "male", "words": {0: "female", 1: "male"}},
            },
        }
    ],
    "urines": {
        "found": {"file": "found.csv", "substance": "what"},
        "given": [{"file": "temperature.csv"}],
        "missed": [MISSED],
        "panel": [{"always": ["cocaine", "opioid"]}],
    },
    "reported_use": {"file": "reported.csv", "substance": "what"},
    "inpatient": {
        "file": "beds.csv",
        "what": {"column": "what", "words": {"in": "admission", "out": "discharge"}},
        "level_of_care": "inpatient",
    },
    "doses": {"file": "doses.csv", "service": "medication", "end_stays": True},
    "contacts": [{"file": "visits.csv", "service": "visit", "when": {"what": ["visit"]}}],
    "events": [
        {"file": "visits.csv", "kind": "incarcerated", "when": {"jail": 1, "what": ["no visit"]}}
    ],
    "largest_quarantine": 0.2,
}


@pytest.fixture
def trial(export, read):
    """The records of the files above, some of them and some keys of the source changed.

    A change of None takes a part of the description away.
    """

    def of(files=None, **changes):
        source = {key: part for key, part in {**SOURCE, **changes}.items() if part is not None}
        return read(export(**{**FILES, **(files or {})}), **source)

    return of


LACKING = ["panel", "modality", "month_end"]


def rows(table, *columns):
    """Of columns that this source does not have none, unless they are asked for."""
    table = table[list(columns)] if columns else table.drop(columns=LACKING, errors="ignore")
    return table.astype(object).where(table.notna(), None).to_numpy().tolist()


def drawn_again(name, old, new):
    """One of the files with a row changed."""
    assert old in FILES[name]
    return {name: FILES[name].replace(old, new)}


def ledger(records):
    return {
        row.file: [row.read, row.accepted, row.duplicates, row.quarantined]
        for row in records.ledger.itertuples()
    }


def quarantine(records, file):
    table = records.quarantine
    return table[table["file"] == file][["row", "rule"]].to_numpy().tolist()


def test_the_persons_of_a_trial_are_those_who_were_randomised(trial):
    """3 entered and was never randomised: their rows are set aside in every file, and counted."""
    records = trial()
    assert rows(records.persons) == [["1", 0, 13], ["2", 0, 16], ["4", 0, 44]]
    assert quarantine(records, "everybody.csv") == [
        [3, "a row of everybody.csv whose person was never randomised"]
    ]
    for file, row in (("known.csv", 3), ("found.csv", 4), ("reported.csv", 5)):
        assert quarantine(records, file) == [
            [row, f"a row of {file} whose person was never randomised"]
        ]


def test_each_randomisation_starts_a_stay_that_the_last_dose_before_the_next_one_ends(trial):
    """2 had no dose: nobody can say when treatment ended."""
    records = trial(inpatient=None)
    columns = ("person_id", "strategy", "start_day", "end_day", "randomisation")
    assert rows(records.stays, *columns) == [
        ["1", "new", 5, 7, 1],
        ["2", "usual", 2, None, 1],
        ["4", "new", 0, 39, 1],
        ["4", "usual", 40, 44, 2],
    ]
    reasons = ["left, reason not recorded", None, *["left, reason not recorded"] * 2]
    assert rows(records.stays, "exit_reason") == [[reason] for reason in reasons]


def test_a_second_randomisation_that_repeats_the_first_is_no_second_stay(trial):
    """1 stands in two rows, of the same arm and day."""
    records = trial()
    assert ledger(records)["arms.csv"] == [5, 4, 1, 0]
    assert (records.stays["randomisation"] == 2).sum() == 1


def test_the_planned_end_is_what_was_known_when_the_stay_began(trial):
    """4 was planned for 27 days at first, and until day 90 when randomised again."""
    stays = trial(inpatient=None).stays
    assert stays["planned_end_day"].tolist() == [32, 29, 27, 90]


def test_admissions_become_stays_without_a_strategy_and_stay_open_without_a_discharge(trial):
    stays = trial().stays
    inside = stays[stays["level_of_care"] == "inpatient"]
    columns = ("person_id", "start_day", "end_day", "strategy", "planned_end_day")
    assert rows(inside, *columns) == [
        ["1", -4, 5, None, None],
        ["4", -9, -9, None, None],
        ["4", -2, None, None, None],
    ]


def test_characteristics_stand_in_every_stay_of_the_person(trial):
    stays = trial().stays
    assert rows(stays, "person_id", "age_years", "facility_id", "sex") == [
        *[["1", 40, "7", "male"]] * 2,
        ["2", 33, "8", "female"],
        *[["4", 61, "7", None]] * 4,
    ]


def test_a_clean_urine_leaves_no_finding_and_is_negative_by_the_temperature_check(trial):
    """13 of 1 and 3 of 2 stand only there; 6 and 9 hold what was found and what was not."""
    tests = trial().tests
    assert rows(tests[tests["result"] != "missed"]) == [
        ["1", 6, "cocaine", "positive"],
        ["1", 6, "opioid", "positive"],
        ["1", 13, "cocaine", "negative"],
        ["1", 13, "opioid", "negative"],
        ["2", 3, "cocaine", "negative"],
        ["2", 3, "opioid", "negative"],
        ["2", 9, "cocaine", "positive"],
        ["2", 9, "opioid", "negative"],
    ]


def test_a_day_with_a_visit_and_no_visit_was_not_missed(trial):
    """2 has both on day 3; only days 20 and 16 were missed."""
    tests = trial().tests
    assert rows(tests[tests["result"] == "missed"], "person_id", "day") == [
        *[["1", 20]] * 2,
        *[["2", 16]] * 2,
    ]


def test_visits_that_share_a_day_are_one_contact(trial):
    """1 came once on day 13, for two planned visits."""
    records = trial(doses=None)
    assert rows(records.services, "person_id", "day", "service") == [
        ["1", 6, "visit"],
        ["1", 13, "visit"],
        ["2", 3, "visit"],
    ]


@pytest.mark.parametrize(("counts", "opioid"), [(True, ["negative"]), (False, [])])
def test_whether_a_finding_alone_shows_a_urine_is_the_protocols_to_say(trial, counts, opioid):
    """On day 9 cocaine was found, and nothing but that says that 2 gave a urine."""
    files = drawn_again("temperature", "2   | 0  | 9", "2   | 0  | 3")
    tests = trial(files, urines={**SOURCE["urines"], "finding_is_a_sign": counts}).tests
    day = tests[(tests["person_id"] == "2") & (tests["day"] == 9)]
    assert day[day["substance"] == "opioid"]["result"].tolist() == opioid
    assert day[day["substance"] == "cocaine"]["result"].tolist() == ["positive"]


def test_a_sign_can_be_held_to_codes(trial):
    """Without the temperature coded 99, 1 gave one urine."""
    signs = [{"file": "temperature.csv", "when": {"ok": [0, 1]}}]
    records = trial(urines={**SOURCE["urines"], "given": signs})
    tests = records.tests[records.tests["result"] != "missed"]
    assert tests[tests["person_id"] == "1"]["day"].unique().tolist() == [6]
    assert quarantine(records, "temperature.csv") == [
        [2, "a row of temperature.csv that the protocol has no use for"]
    ]


def test_what_is_looked_for_only_sometimes_is_never_negative(trial):
    panel = [{"always": ["opioid"], "sometimes": ["cocaine"]}]
    tests = trial(urines={**SOURCE["urines"], "panel": panel}).tests
    cocaine = tests[tests["substance"] == "cocaine"]
    assert rows(cocaine) == [["1", 6, "cocaine", "positive"], ["2", 9, "cocaine", "positive"]]


def test_arms_may_have_panels_of_their_own(trial):
    panel = [{"strategies": ["usual"], "always": ["cocaine"]}, {"always": ["opioid", "cocaine"]}]
    tests = trial(urines={**SOURCE["urines"], "panel": panel}).tests
    assert set(tests[tests["person_id"] == "2"]["substance"]) == {"cocaine"}
    assert set(tests[tests["person_id"] == "1"]["substance"]) == {"cocaine", "opioid"}


def test_a_panel_that_spells_a_substance_otherwise_makes_no_negatives(trial, refusal):
    panel = [{"always": ["Opioid", "cocaine"]}]
    message = refusal(trial, urines={**SOURCE["urines"], "panel": panel})
    assert message == (
        "protocol.source.urines.panel: 1 finding(s) are of a substance that is not in their "
        "person's panel; add it under always or sometimes, spelled as found"
    )


def test_reported_use_keeps_each_substance_and_day_also_before_day_0(trial):
    assert rows(trial().reported_use) == [
        ["1", -12, "heroin"],
        ["1", -11, "heroin"],
        ["1", -11, "alcohol"],
        ["2", 7, "heroin"],
    ]


def test_doses_are_services_one_a_day_and_may_be_called_by_arm(trial):
    names = {"new": "buprenorphine", "usual": "methadone"}
    doses = {**SOURCE["doses"], "service": names}
    services = trial(doses=doses, contacts=[]).services
    assert rows(services, "person_id", "day", "service") == [
        ["1", 6, "buprenorphine"],
        ["1", 7, "buprenorphine"],
        *[["4", day, "buprenorphine"] for day in (1, 39, 40, 44)],
    ]


def test_an_arm_whose_medication_has_no_name_is_refused(trial, refusal):
    message = refusal(trial, doses={**SOURCE["doses"], "service": {"usual": "methadone"}})
    assert message.startswith("protocol.source.doses.service: 6 dose(s) are of an arm")


def test_an_event_has_a_day_or_is_told_apart_from_a_missed_visit(trial):
    """2 was in jail on day 16; once more on a day that nobody wrote down."""
    records = trial()
    assert rows(records.events) == [["2", 16, "incarcerated"]]
    assert quarantine(records, "visits.csv") == [
        [10, "a row of visits.csv that the protocol has no use for"],
        [9, "an event (incarcerated) in visits.csv without a day"],
        [5, "a missed visit in visits.csv without a day"],
    ]


def test_a_missed_visit_is_nothing_that_was_seen_of_a_person(trial):
    """1 is last seen on day 13, though a visit was missed on day 20."""
    persons = trial().persons
    assert persons["last_observed_day"].tolist() == [13, 16, 44]


def test_every_row_of_every_file_is_used_a_repetition_or_set_aside(trial):
    records = trial()
    assert ledger(records) == {
        "everybody.csv": [4, 3, 0, 1],
        "arms.csv": [5, 4, 1, 0],
        "known.csv": [4, 3, 0, 1],
        "beds.csv": [5, 5, 0, 0],
        "found.csv": [4, 3, 0, 1],
        "temperature.csv": [4, 4, 0, 0],
        "visits.csv": [10, 6, 1, 3],
        "reported.csv": [5, 4, 0, 1],
        "doses.csv": [7, 6, 1, 0],
    }
    counts = records.ledger
    assert (counts["read"] == counts[["accepted", "duplicates", "quarantined"]].sum(axis=1)).all()
    assert counts["quarantined"].sum() == len(records.quarantine)
    set_aside = records.broken_rules[records.broken_rules["severity"] == "quarantine"]
    assert set_aside["rows"].sum() == len(records.quarantine)
    assert records.provenance["file"].tolist() == list(ledger(records))


def test_the_dead_report_no_use(trial):
    """2 is dead on day 16. The row is set aside from the table made of the file's used rows."""
    files = drawn_again("reported", "2   | heroin  | 7", "2   | heroin  | 17")
    events = [{**SOURCE["events"][0], "kind": "death"}]
    records = trial(files, events=events, largest_quarantine=0.25)
    assert "2" not in records.reported_use["person_id"].tolist()
    made = records.ledger[records.ledger["table"] == "reported_use"]
    assert rows(made, "file", "read", "accepted", "quarantined") == [
        ["reported.csv", 5, 4, 1],
        [None, 4, 3, 1],
    ]
    assert rows(records.quarantine.tail(1), "table", "file", "row", "rule") == [
        ["reported_use", None, 4, "a day of reported use after death"]
    ]


def test_rows_without_a_person_and_of_people_who_never_entered_are_wrong(trial, refusal):
    files = {"known": FILES["known"] + "    | 50 | 7 | 1\n        9 | 50 | 7 | 1"}
    records = trial(files, largest_quarantine=0.4)
    assert quarantine(records, "known.csv") == [
        [5, "a row of known.csv without a person"],
        [6, "a row of known.csv whose person did not enter the trial"],
        [3, "a row of known.csv whose person was never randomised"],
    ]
    message = refusal(trial, files, largest_quarantine=0.3)
    assert "known.csv: 2 of 6 rows lack a person or a day" in message


def test_the_never_randomised_are_no_reason_to_refuse_a_file(trial):
    """A quarter of everybody.csv; but that is how trials are."""
    assert len(trial(largest_quarantine=0.0).persons) == 3


def test_a_urine_without_a_day_is_wrong_and_a_missed_visit_without_one_is_not(trial, refusal):
    files = drawn_again("temperature", "1   | 99 | 13", "1   | 99 |")
    message = refusal(trial, files)
    assert "temperature.csv: 1 of 4 rows lack a person or a day" in message
    records = trial(files, largest_quarantine=0.25)
    assert quarantine(records, "temperature.csv") == [[2, "a row of temperature.csv without a day"]]


def test_an_attended_visit_without_a_day_is_wrong_whatever_else_it_is(trial, refusal):
    files = drawn_again("visits", "2   | W3    | no visit | 1", "2   | W3    | visit    | 1")
    message = refusal(trial, files, largest_quarantine=0.0)
    assert "visits.csv: 1 of 10 rows lack a person or a day" in message


def test_days_outside_the_trial_are_wrong(trial):
    files = drawn_again("doses", "4   | 8  | 44", "4   | 8  | 1044")
    records = trial(files, last_day=400)
    assert quarantine(records, "doses.csv") == [
        [7, "a row of doses.csv on a day outside the trial"]
    ]
    assert records.persons["last_observed_day"].tolist() == [13, 16, 40]


def test_nobody_is_randomised_on_a_day_outside_the_trial(trial, refusal):
    message = refusal(trial, last_day=39)
    assert "arms.csv: 1 randomisation(s) on a day outside the trial" in message


def test_a_row_that_only_plans_a_randomisation_is_none(trial):
    """With codes for the rows that count, 2 was never randomised."""
    arms = {**SOURCE["randomisation"], "when": {"arm": ["new"]}}
    records = trial(randomisation=arms, planned=[{"days": 27}], urines=None, doses=None, events=[])
    assert records.persons["person_id"].tolist() == ["1", "4"]
    assert quarantine(records, "arms.csv") == [
        [3, "a row of arms.csv whose person was never randomised"],
        [5, "a row of arms.csv that the protocol has no use for"],
    ]


def test_files_of_a_folder_are_recorded_with_it(trial, raw, read):
    trial()
    (raw / "trial").mkdir()
    for path in raw.glob("*.csv"):
        path.rename(raw / "trial" / path.name)
    records = read(raw, **{**SOURCE, "folder": "trial"})
    assert records.provenance["file"].tolist() == records.ledger["file"].tolist()
    assert records.provenance["file"].tolist()[0] == "trial/everybody.csv"


def test_gzip_files_are_read_as_what_is_in_them(trial, raw, read, refusal):
    plain = trial()
    path = raw / "reported.csv"
    text = path.read_bytes()
    part = {"reported_use": {"file": "reported.csv.gz", "substance": "what"}}
    (raw / "reported.csv.gz").write_bytes(gzip.compress(text))
    path.unlink()
    assert rows(read(raw, **{**SOURCE, **part}).reported_use) == rows(plain.reported_use)

    for broken in (gzip.compress(text * 40)[:-20], text):
        (raw / "reported.csv.gz").write_bytes(broken)
        message = refusal(read, raw, **{**SOURCE, **part})
        assert "reported.csv.gz cannot be " in message


def test_the_gate_looks_into_gzip_files_too(trial, raw, read, refusal):
    trial()
    text = "who,what,when\n1,call 555-867-5309,3\n1,heroin,4\n"
    (raw / "reported.csv.gz").write_bytes(gzip.compress(text.encode()))
    part = {"reported_use": {"file": "reported.csv.gz", "substance": "what"}}
    message = refusal(read, raw, error=IdentifierError, **{**SOURCE, **part})
    assert "reported.csv.gz" in message
    assert "867" not in message


@pytest.mark.parametrize(
    ("files", "changes", "message"),
    [
        (drawn_again("doses", "4   | 8  | 44", "4   | 8  | 4x"), {}, "doses.csv: column when: 1 "),
        (drawn_again("doses", "4   | 8  | 44", "4   | 8  | 4.5"), {}, "doses.csv: column when: 1 "),
        ({"reported": "who | what | when\n77 | heroin | 3"}, {}, "holds no row of a person who "),
        (
            drawn_again("arms", "1   | new   | 2 ", "1   | usual | 2 "),
            {},
            "arms.csv: 1 row(s) randomise a person a second time on one day",
        ),
        (
            {"known": FILES["known"] + "    1 | 41 | 7 | 1"},
            {},
            "known.csv: 1 row(s) say something else of a person than a row before",
        ),
        (
            drawn_again("beds", "1   | in   | -4", "1   | out  | -4"),
            {},
            "beds.csv: 2 discharge(s) follow no admission",
        ),
        ({}, {"planned": [{"strategies": ["new"], "days": 5}]}, "protocol.source.planned: none "),
        ({}, {"planned": [{"days": 5, "last_day": 9}]}, "protocol.source.planned.0: "),
        ({}, {"urine": {}}, "protocol.source.urine: unknown key for a source of kind trial"),
        (
            {},
            {"inpatient": {**SOURCE["inpatient"], "what": "what"}},
            "protocol.source.inpatient.what: 5 row(s) of beds.csv are neither admission nor",
        ),
        (
            {},
            {"contacts": [{"file": "visits.csv", "service": "visit", "day": "visit"}]},
            "protocol.source: visits.csv is described more than once, with different columns",
        ),
    ],
)
def test_what_cannot_be_understood_is_refused_in_a_sentence(
    trial, refusal, files, changes, message
):
    assert message in refusal(trial, files, **changes)


def test_one_file_can_say_who_entered_when_they_were_randomised_and_what_is_known(
    export, read, drawn
):
    """Whoever has no day of randomisation was not randomised."""
    folder = export(
        people="""
            id | group | randomised | age
            A  | new   | 0          | 30
            B  | usual | 4          | 40
            C  |       |            | 50
        """,
        urine="id | drug | taken\nA | opioid | 3",
    )
    records = read(
        folder,
        kind="trial",
        person_id="id",
        day="randomised",
        persons={"file": "people.csv"},
        randomisation={
            "file": "people.csv",
            "strategy": "group",
            "level_of_care": {"constant": "intensive outpatient"},
        },
        planned=[{"days": 13}],
        characteristics=[{"file": "people.csv", "columns": {"age_years": "age"}}],
        urines={
            "found": {"file": "urine.csv", "day": "taken", "substance": "drug"},
            "given": [{"file": "urine.csv", "day": "taken"}],
            "panel": [{"always": ["opioid"]}],
        },
    )
    assert rows(records.stays, "person_id", "start_day", "strategy", "age_years") == [
        ["A", 0, "new", 30],
        ["B", 4, "usual", 40],
    ]
    words = urine_weeks(records.tests, planned_weeks(records.stays), ["opioid"])
    assert words.to_dict() == {"A": "+o", "B": "oo"}
