"""Raw files in a folder of their own, and what is said when they are refused."""

from types import SimpleNamespace

import pytest
import yaml

from iop_outcomes.errors import RecordsError
from iop_outcomes.records.ingestion import read_records
from iop_outcomes.records.schema import Records


@pytest.fixture(scope="session")
def refusal():
    """Call, and return the sentence with which the records were refused."""

    def of(call, *arguments, error=RecordsError, **named):
        with pytest.raises(error) as caught:
            call(*arguments, **named)
        message = str(caught.value)
        assert "\n" not in message, "a refusal is one sentence"
        return message

    return of


@pytest.fixture
def raw(tmp_path):
    """The folder of the raw extracts."""
    folder = tmp_path / "raw"
    folder.mkdir()
    return folder


@pytest.fixture
def export(raw, drawn):
    """Write tables drawn with bars as the CSV files of an export; returns their folder."""

    def write(**tables):
        for name, text in tables.items():
            drawn(text).to_csv(raw / f"{name}.csv", index=False)
        return raw

    return write


@pytest.fixture(scope="session")
def read():
    """Read the records of a folder as a protocol's `source` describes them."""

    def from_source(folder, /, **source):
        return read_records(folder, SimpleNamespace(source=source))

    return from_source


@pytest.fixture(scope="session")
def read_example(root, shared):
    """The records of one of the example protocols, from the real file."""

    def example(name):
        path = root / "src/iop_outcomes/protocol/examples" / f"{name}.yaml"
        source = yaml.safe_load(path.read_text("utf-8"))["protocol"]["source"]
        return read_records(shared / "data" / name, SimpleNamespace(source=source))

    return example


@pytest.fixture
def stays(drawn):
    """Two stays that keep every rule."""
    return drawn("""
        stay_id | person_id | level_of_care        | start_day | end_day | exit_reason | age_years
        S1      | P         | intensive outpatient | 0         | 30      | completed   | 40
        S2      | Q         | outpatient           | 5         |         |             | 61
    """).assign(facility_id="F1", admission_year=2023)


@pytest.fixture
def persons(drawn):
    """The people of those stays."""
    return drawn("""
        person_id | first_observed_day | last_observed_day
        P         | -365               | 180
        Q         | -365               |
    """)


@pytest.fixture
def records(persons, stays):
    """Both, with whatever else is given."""
    return lambda **tables: Records(**{"persons": persons, "stays": stays, **tables})
