"""A mapping in a file of its own beside params.yaml."""

from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest
import yaml

from iop_outcomes.errors import ProtocolError, RecordsError
from iop_outcomes.protocol.mapping_file import KEYS, TOP, told_of
from iop_outcomes.protocol.parsing import (
    mapping_of,
    protocol_hash,
    read_alternatives,
    read_protocol,
)
from iop_outcomes.records.deidentification import Profile
from iop_outcomes.records.ingestion import check_source
from iop_outcomes.records.sources.calendar import Calendar
from iop_outcomes.records.sources.columns import From
from iop_outcomes.records.sources.site_export import OneMapping, SiteExport, Table

MAPPING = """\
tables:
  persons:
    file: clients.csv
    columns: {person_id: ClientNo, last_observed_day: LastSeen}
  stays:
    file: admissions.csv
    columns:
      person_id: ClientNo
      level_of_care: {column: ASAM, standard: asam_3, words: {"3.5": short-term residential}}
      start_day: AdmitDay
    covariates:
      sex: {column: Gender, words: {F: female, M: male}}
calendar: {begins: 2022-01-01, cut: 2024-12-31}
profile: {method: limited_data_set, agreement_id: DUA-7}
"""


@pytest.fixture
def beside(written, changed, study, tmp_path):
    """A params file whose source names mapping.yaml, with that file beside it."""

    def make(text=MAPPING, name="mapping.yaml", **more):
        source = {"kind": "site_export", "mapping": name, **more}
        if text is not None:
            (tmp_path / "mapping.yaml").write_text(text, "utf-8")
        return written(changed(study, "protocol.source", source))

    return make


def test_the_file_reads_as_if_it_stood_in_the_source(beside, written, changed, study):
    source = {"kind": "site_export", "folder": "export", **yaml.safe_load(MAPPING)}
    inline = read_protocol(written(changed(study, "protocol.source", source)))
    in_a_file = read_protocol(beside(folder="export"))
    assert in_a_file == inline
    assert protocol_hash(in_a_file) == protocol_hash(inline)
    assert check_source(in_a_file.source)[0] == "site_export"


def test_the_hash_covers_the_file_and_not_its_remarks(beside):
    first = protocol_hash(read_protocol(beside()))
    assert protocol_hash(read_protocol(beside(MAPPING + "# a remark\n"))) == first
    other = MAPPING.replace("short-term residential", "long-term residential")
    assert protocol_hash(read_protocol(beside(other))) != first


def test_dates_and_codes_are_read_as_in_params(beside):
    source = read_protocol(beside(MAPPING.replace("F: female", '"no": female, 7: other'))).source
    mapping = check_source(source)[1]
    assert mapping.calendar.begins.isoformat() == "2022-01-01"
    sex = mapping.tables["stays"].covariates["sex"]
    assert sex.words == {"no": "female", "7": "other", "M": "male"}


def test_alternatives_have_the_same_source(beside, study):
    path = beside()
    params = yaml.safe_load(path.read_text("utf-8"))
    path.write_text(yaml.safe_dump({**params, "robustness": {"all": {"estimand": "ATE"}}}))
    assert read_alternatives(path)["all"].source == read_protocol(path).source


def test_a_file_in_a_folder_below_will_do_and_its_place_is_told(beside, tmp_path):
    path = beside(name="site/mapping.yaml")
    (tmp_path / "site").mkdir()
    (tmp_path / "mapping.yaml").rename(tmp_path / "site/mapping.yaml")
    assert "tables" in read_protocol(path).source
    assert mapping_of(path) == tmp_path / "site/mapping.yaml"


@pytest.mark.parametrize("name", ["../mapping.yaml", "site/../../mapping.yaml", "/etc/hostname"])
def test_a_file_elsewhere_is_not_read(beside, complaint, name):
    assert complaint(beside(name=name)) == (
        "protocol.source.mapping: the file must lie in the params file's folder, or below it"
    )


def test_a_link_that_leads_elsewhere_is_not_read(beside, complaint, tmp_path):
    path = beside()
    (tmp_path / "mapping.yaml").unlink()
    (tmp_path / "mapping.yaml").symlink_to(Path(__file__))
    assert "must lie in the params file's folder" in complaint(path)


@pytest.mark.parametrize("name", [None, 7, "", ["mapping.yaml"]])
def test_what_is_no_name_is_refused(beside, complaint, name):
    assert complaint(beside(name=name)).startswith("protocol.source.mapping: write the name")


def test_a_missing_file_is_named_with_what_writes_it(beside, complaint, tmp_path):
    said = complaint(beside(None))
    assert said.startswith(f"{tmp_path / 'mapping.yaml'} is not there; ")
    assert "iop-outcomes init" in said


def test_what_stands_here_and_there_is_refused(beside, complaint):
    said = complaint(beside(calendar={"begins": "2022-01-01", "cut": "2023-01-01"}))
    assert said.startswith("protocol.source: ['calendar'] stand(s) here and in ")


def test_only_a_site_export_has_a_mapping(written, changed, study, complaint):
    source = {"kind": "teds_d", "mapping": "mapping.yaml"}
    assert complaint(written(changed(study, "protocol.source", source))) == (
        "protocol.source.mapping: only a source of kind site_export has one"
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("calendar:", "calender:", ": unknown key `calender`; did you mean `calendar`?"),
        ("  stays:", "  stayz:", ": tables: unknown key `stayz`; did you mean `stays`?"),
        (
            "    file: adm",
            "    fiel: adm",
            ": tables.stays: unknown key `fiel`; did you mean `file`?",
        ),
        (
            "standard:",
            "norm:",
            ": tables.stays.columns.level_of_care: unknown key `norm`; "
            "known are ['column', 'words', 'standard', 'constant']",
        ),
        (
            "Gender, words",
            "Gender, wrods",
            ": tables.stays.covariates.sex: unknown key `wrods`; did you mean `words`?",
        ),
        (
            "cut:",
            "until:",
            ": calendar: unknown key `until`; known are ['begins', 'cut', 'format']",
        ),
        (
            "agreement_id:",
            "agreement:",
            ": profile: unknown key `agreement`; did you mean `agreement_id`?",
        ),
        (
            "Gender, words: {F: female, M: male}",
            "'???'",
            ": tables.stays.covariates.sex.column is still",
        ),
        (
            "short-term residential",
            '"???"',
            ": tables.stays.columns.level_of_care.words.3.5 is still `???`;",
        ),
        ("DUA-7", "'???'", ": profile.agreement_id is still `???`; answer it, or delete its line"),
        (
            "ClientNo, last",
            "ClientNo, person_id: X, last",
            ", line 4: the key `person_id` stands twice",
        ),
    ],
)
def test_complaints_name_the_file_and_the_place_in_it(beside, complaint, tmp_path, old, new, said):
    assert old in MAPPING
    message = complaint(beside(MAPPING.replace(old, new, 1)))
    assert message.startswith(f"{tmp_path / 'mapping.yaml'}{said}")


def test_blanks_are_counted(beside, complaint):
    text = MAPPING.replace("DUA-7", "'???'").replace("LastSeen", "'???'")
    assert "is still `???` (and 1 more)" in complaint(beside(text))


def test_a_blank_in_the_protocol_itself_is_refused_too(complaint_about):
    said = complaint_about("noninferiority.relapse.justification", "???")
    assert said.startswith("protocol.noninferiority.relapse.justification is still `???`")
    said = complaint_about("analysis.covariates", ["???"])
    assert said.startswith("protocol.analysis.covariates.0 is still `???`")


@pytest.mark.parametrize("text", ["", "- tables\n", "tables:\n", "tables: {stays: }\n"])
def test_a_file_without_content_says_what_it_may_hold(beside, complaint, text):
    assert "write it as keys with values; known are [" in complaint(beside(text))


def test_the_mapping_that_the_data_page_shows_is_one_that_is_read(beside, root):
    """What people copy must be right."""
    page = (root / "data/README.md").read_text("utf-8").split("## A mapping.yaml")[1]
    named, shown = (part.split("```")[0] for part in page.split("```yaml\n")[1:3])
    assert yaml.safe_load(named)["source"] == {"kind": "site_export", "mapping": "mapping.yaml"}
    _, source = check_source(read_protocol(beside(shown)).source)
    assert list(source.tables) == ["stays"]
    assert source.calendar.format == "%m/%d/%Y"


def test_the_known_keys_are_those_that_the_source_reads():
    """`protocol` may not know `records`: what both must agree on is held together here."""
    assert set(KEYS["tables"]) == set(get_args(Table))
    for place, type_ in {
        "tables.*": OneMapping,
        "tables.*.columns.*": From,
        "tables.*.covariates.*": From,
        "calendar": Calendar,
        "profile": Profile,
    }.items():
        assert set(KEYS[place]) == {field.name for field in fields(type_)}, place
    assert set(TOP) <= {field.name for field in fields(SiteExport)}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("protocol.source.tables.stays.columns: unknown ['loc']; known are []",
         "m.yaml: tables.stays.columns: unknown ['loc']; known are []"),
        ("stays: 3 cell(s); mend protocol.source.calendar.format or the export",
         "stays: 3 cell(s); mend calendar.format in m.yaml or the export"),
        ("column How: 1 row(s) hold a code that protocol.source does not name; it names []",
         "column How: 1 row(s) hold a code that m.yaml does not name; it names []"),
        ("a.xlsx has 2 sheets; name the one to read in protocol.source",
         "a.xlsx has 2 sheets; name the one to read in m.yaml"),
        ("protocol.source.folder: unknown", "protocol.source.folder: unknown"),
    ],
)  # fmt: skip
def test_complaints_about_the_source_name_the_file_it_stands_in(said, told):
    with pytest.raises(RecordsError) as caught, told_of(Path("m.yaml")):
        raise RecordsError(said)
    assert str(caught.value) == told
    with pytest.raises(ProtocolError) as caught, told_of(None):
        raise ProtocolError(said)
    assert str(caught.value) == said
