"""Every vintage of TEDS-D with a codebook, made from it and read back: its counts come back."""

import io
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from iop_outcomes.records.sources.teds_frequencies import codebook_frequencies

YEARS = (2006, 2015, 2016, 2017, 2018, 2019, 2021)
NOT_COLLECTED = "not collected"
# What a label of any codebook means in the records, told by its words and not by its code.
PLAIN = {
    "level_of_care_at_exit": {
        r"^detox": "withdrawal management",
        r"hospital \(non-detox\)": "inpatient",
        r"short term": "short-term residential",
        r"long term": "long-term residential",
        r"^ambulatory, intensive": "intensive outpatient",
        r"non-intensive": "outpatient",
        r"^ambulatory, detox": "ambulatory withdrawal management",
    },
    "exit_reason": {
        r"completed": "completed",
        r"against professional advice|dropped out": "dropped out",
        r"terminated": "terminated by the facility",
        r"^transferred": "transferred",
        r"incarcerated": "incarcerated",
        r"death": "death",
        r"^other$": "other",
        r"^missing": "left, reason not recorded",
    },
    "age_band": {r"^(55|65)": "55 or older", r"^(\d\d-\d\d)": r"\1"},
    "sex": {r"^male": "male", r"^female": "female"},
    "race": {
        r"^alaska|^american indian": "American Indian or Alaska Native",
        r"^asian|^native hawaiian": "Asian or Pacific Islander",
        r"^black": "Black",
        r"^white": "White",
        r"^other single": "other",
        r"^two or more": "two or more",
    },
    "ethnicity": {
        r"^puerto": "Puerto Rican",
        r"^mexican": "Mexican",
        r"^cuban|^other specific": "Cuban or other Hispanic",
        r"^not of": "not Hispanic",
        r"^hispanic": "Hispanic, origin not specified",
    },
    "education": {
        r"^8 years or|^less than|^9-11|^grades 9": "below grade 12",
        r"^12|^grade 12": "grade 12",
        r"^13|^16|college": "college",
    },
    "employment": {
        r"time$": "employed",
        r"^unemployed": "unemployed",
        r"^not in": "not in labor force",
    },
    "living": {r"homeless": "homeless", r"^dependent": "dependent", r"^independent": "independent"},
    "marital_status": {
        r"^never": "never married",
        r"^now": "married",
        r"^sep": "separated",
        r"^div": "divorced or widowed",
    },
    "arrests": {r"^none": "none", r"^once": "one", r"^(2|two) or more": "two or more"},
    "primary_substance": {
        r"^none": "none",
        r"^alcohol": "alcohol",
        r"cocaine|amphetamine|other stimulants": "stimulant",
        r"^marijuana": "cannabis",
        r"heroin|methadone|opiates": "opioid",
        r"pcp|halluc|benzodiaz|tranq|barbit|sedat|inhal|counter|^other( drugs)?$": "other",
    },
    "route": {r"^(oral|smoking|inhalation|injection|other)": r"\1"},
    "frequency_of_use": {
        r"^no use": "none",
        r"^daily": "daily",
        r"^some|times in the past": "some",
    },
    "age_at_first_use": {
        r"^11": "11 or younger",
        r"^30|^3\d-|^[45]\d": "30 or older",
        r"^(\d\d)(?:-| to )(\d\d)": r"\1-\2",
    },
    "prior_treatment": {r"^no ": "none", r"^(\d|one) ": "one or more"},
    "psychiatric_problem": {r"^(yes|no)$": r"\1"},
    "referral": {
        r"^individual": "self",
        r"provider": "provider",
        r"^school|^employer|community": "other",
        r"^court": "criminal justice",
    },
    "insurance": {
        r"^private": "private",
        r"^medicaid": "Medicaid",
        r"^medicare": "Medicare or other",
        r"^none": "none",
    },
    "payer": {
        r"^self": "self",
        r"^blue|^private|^medicare": "insurance or Medicare",
        r"^medicaid": "Medicaid",
        r"government": "other government",
        r"^no charge": "no charge",
        r"^other$": "other",
    },
    "income_source": {
        r"^wages": "wages",
        r"assistance": "public assistance",
        r"^retirement": "retirement or disability",
        r"^(other|none)$": r"\1",
    },
    "self_help_attendance": {
        r"^no ": "none",
        r"^some": "some, frequency unknown",
        r"^(\d+-\d+ times)": r"\1",
    },
    "waiting_time": {
        r"^0$": "none",
        r"^([1-7]|1-7)$": "1-7 days",
        r"^(8|9|1[0-4]|8-14)$": "8-14 days",
        r"^(1[5-9]|2\d|30|15-30)$": "15-30 days",
        r"^(3[1-9]|4\d|31 .*|other daywait.*)$": "31 days or more",
    },
    "division": {
        r"^us |^u\.s": "territory",
        r"^new e": "New England",
        r"^mid(-|dle )atlantic": "Middle Atlantic",
        r"^east n": "East North Central",
        r"^west n": "West North Central",
        r"^south a": "South Atlantic",
        r"^east s": "East South Central",
        r"^west s": "West South Central",
        r"^mountain": "Mountain",
        r"^pacific": "Pacific",
    },
    "region": {
        r"^us |^u\.s": "territory",
        r"^northeast": "Northeast",
        r"^midwest": "Midwest",
        r"^south": "South",
        r"^west": "West",
    },
}
LIKE = {
    "level_of_care": "level_of_care_at_exit",
    "employment_at_exit": "employment",
    "living_at_exit": "living",
    "arrests_at_exit": "arrests",
    "secondary_substance": "primary_substance",
    "tertiary_substance": "primary_substance",
    "primary_substance_at_exit": "primary_substance",
    "frequency_of_use_at_exit": "frequency_of_use",
    "medication_assisted_treatment": "psychiatric_problem",
    "pregnancy": "psychiatric_problem",
    "veteran": "psychiatric_problem",
    "self_help_attendance_at_exit": "self_help_attendance",
}
COLUMN = {
    **{"level_of_care": "SERVICES", "level_of_care_at_exit": "SERVICES_D", "exit_reason": "REASON"},
    **{"age_band": "AGE", "sex": "GENDER", "race": "RACE", "ethnicity": "ETHNIC"},
    **{"education": "EDUC", "employment": "EMPLOY", "employment_at_exit": "EMPLOY_D"},
    **{"living": "LIVARAG", "living_at_exit": "LIVARAG_D", "marital_status": "MARSTAT"},
    **{"arrests": "ARRESTS", "arrests_at_exit": "ARRESTS_D", "primary_substance": "SUB1"},
    **{"secondary_substance": "SUB2", "tertiary_substance": "SUB3"},
    **{"primary_substance_at_exit": "SUB1_D", "route": "ROUTE1", "frequency_of_use": "FREQ1"},
    **{"frequency_of_use_at_exit": "FREQ1_D", "age_at_first_use": "FRSTUSE1"},
    **{"prior_treatment": "NOPRIOR", "psychiatric_problem": "PSYPROB", "pregnancy": "PREG"},
    **{"medication_assisted_treatment": "METHUSE", "veteran": "VET", "referral": "PSOURCE"},
    **{"insurance": "HLTHINS", "payer": "PRIMPAY", "income_source": "PRIMINC"},
    **{"self_help_attendance": "FREQ_ATND_SELF_HELP", "waiting_time": "DAYWAIT"},
    **{"self_help_attendance_at_exit": "FREQ_ATND_SELF_HELP_D", "region": "REGION"},
    "division": "DIVISION",
}


def meaning(variable, label):
    """The word for a codebook's label; None where it says missing."""
    text = re.sub("[–—]", "-", label).lower().strip()
    for pattern, word in PLAIN[LIKE.get(variable, variable)].items():
        if re.search(pattern, text):
            return re.search(pattern, text).expand(word) if "\\" in word else word
    assert text.startswith("missing"), (variable, label)
    return None


@pytest.fixture(scope="module")
def book(shared):
    """Codes, labels and frequencies of a year's codebook, by variable."""

    def of(year):
        name = "2006_2014" if year < 2015 else str(year)
        path = shared / f"data/teds_d/codebook_{name}.csv"
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        table = table[table["code"] != ""].astype({"frequency": int})
        items = dict(list(table.groupby("variable", sort=False)))
        if year in (2015, 2016):  # in the file, not in the codebook
            items["SERVICES"] = items["SERVICES_D"]
        return items

    return of


def repeated(item, scale, labels=False):
    """Each value as often as the codebook says, over `scale` and never less than once."""
    count = -(-item["frequency"] // scale)
    values = item["value_label"] if labels else item["code"].replace("X", "77")
    return np.repeat(values.to_numpy(object), count)


def scaled_year(items, scale, labels=False):
    """A table with every value of the codebook; short columns go on with their first value."""
    columns = {name: repeated(item, scale, labels) for name, item in items.items()}
    rows = max(map(len, columns.values()))
    return pd.DataFrame(
        {
            name: np.append(values, np.full(rows - len(values), values[0], object))
            for name, values in columns.items()
        }
    )


def implied(variable, item, own, table):
    """Word to rows, by the labels of the codebook."""
    labels = dict(zip(item["code"].replace("X", "77"), item["value_label"], strict=True))
    labels |= {label: label for label in item["value_label"]}
    words = table[own].map(labels).map(lambda label: meaning(variable, label) or "missing")
    return words.value_counts().to_dict()


def counted(stays, variable):
    return stays[variable].astype("str").fillna("missing").value_counts().to_dict()


@pytest.fixture(scope="module")
def made(tmp_path_factory, book, read):
    """A year made from its codebook, as published, and its records; made once."""
    done = {}

    def of(year):
        if year not in done:
            folder = tmp_path_factory.mktemp(f"y{year}")
            table = scaled_year(book(year), 1000, labels=year == 2021)
            encoding = "latin-1" if year == 2021 else "utf-8"
            table.to_csv(folder / "year.csv", index=False, encoding=encoding, errors="replace")
            setting = {"level_of_care": "at_discharge"} if year < 2015 else {}
            done[year] = table, read(folder, kind="teds_d", files=["year.csv"], **setting).stays
        return done[year]

    return of


@pytest.mark.parametrize("variable", COLUMN)
@pytest.mark.parametrize("year", YEARS)
def test_every_variable_has_the_counts_of_its_codebook(made, book, year, variable):
    table, stays = made(year)
    own = (
        "SERVSETD" if year < 2015 and COLUMN[variable].startswith("SERVICES") else COLUMN[variable]
    )
    if own not in table:
        assert counted(stays, variable) == {NOT_COLLECTED: len(stays)}
        return
    if year < 2015:  # discharges without a setting at discharge are left out
        table = table[table["SERVSETD"] != "-9"]
    assert counted(stays, variable) == implied(variable, book(year)[own], own, table)


@pytest.mark.parametrize("year", YEARS)
def test_ages_are_the_youngest_of_the_codebooks_bands(made, book, year):
    table, stays = made(year)
    item = book(year)["AGE"]
    youngest = {
        code: int(label[:2]) for code, label in zip(item["code"], item["value_label"], strict=True)
    }
    youngest |= {label: int(label[:2]) for label in item["value_label"]}
    if year < 2015:
        table = table[table["SERVSETD"] != "-9"]
    assert stays["age_years"].tolist() == table["AGE"].map(youngest).tolist()


@pytest.mark.parametrize("year", YEARS)
def test_lengths_of_stay_are_the_codebooks_days_and_bands(made, book, year):
    table, stays = made(year)
    item = book(year)["LOS"]
    labels = dict(zip(item["code"], item["value_label"].str.lower(), strict=True))
    if year < 2015:
        table = table[table["SERVSETD"] != "-9"]
    labels = table["LOS"].map(lambda cell: labels.get(cell, cell.lower())).str.replace(" days", "")
    days = labels.str.split(" to ", expand=True)
    low = pd.to_numeric(days[0].replace("more than a year", "366"), errors="coerce")
    high = pd.to_numeric(days[1].fillna(days[0]), errors="coerce")
    assert stays["length_low_days"].astype("float").tolist() == pytest.approx(
        low.tolist(), nan_ok=True
    )
    assert stays["length_high_days"].astype("float").tolist() == pytest.approx(
        high.tolist(), nan_ok=True
    )
    exact = low.where(low == high)
    assert stays["end_day"].astype("float").tolist() == pytest.approx(exact.tolist(), nan_ok=True)
    assert stays["end_day"].max() == 30


@pytest.mark.parametrize("year", YEARS)
def test_states_are_the_codebooks_states(made, book, year):
    table, stays = made(year)
    if year < 2015:
        table = table[table["SERVSETD"] != "-9"]
    item = book(year)["STFIPS"]
    names = dict(zip(item["code"], item["value_label"], strict=True))
    found = table["STFIPS"].map(lambda cell: names.get(cell, cell).lower())
    assert stays["state"].astype("str").str.lower().tolist() == found.tolist()


def test_harmonised_columns_agree_across_vintages(made):
    columns = {year: list(made(year)[1].columns) for year in YEARS}
    assert len({tuple(names) for names in columns.values()}) == 1
    for name in COLUMN:
        dtypes = {str(made(year)[1][name].dtype) for year in YEARS}
        words = [tuple(made(year)[1][name].dtype.categories) for year in YEARS
                 if dtypes == {"category"}]  # fmt: skip
        assert len(dtypes) == 1
        assert len(set(words)) <= 1


def test_all_vintages_can_be_stacked_in_one_study(made, tmp_path, read):
    for year in YEARS:
        made(year)[0].head(50).to_csv(tmp_path / f"{year}.csv", index=False)
    files = [f"{year}.csv" for year in YEARS]
    stays = read(tmp_path, kind="teds_d", files=files, level_of_care="at_discharge").stays
    assert stays["discharge_year"].nunique() == len(YEARS)


def full(items, path, labels=False, rows_at_once=250_000):
    """Write a file in which every value stands as often as its codebook says."""
    ends = {name: item["frequency"].cumsum().to_numpy() for name, item in items.items()}
    rows = {int(end[-1]) for end in ends.values()}
    assert len(rows) == 1
    values = {
        name: pa.array(item["value_label" if labels else "code"].replace("X", "77"), pa.string())
        for name, item in items.items()
    }
    if path.suffix == ".csv":
        header = ",".join(items) + "\n"
        path.write_text(header)
    for number, start in enumerate(range(0, *rows, rows_at_once)):
        row = np.arange(start, min(start + rows_at_once, *rows))
        table = pa.table(
            {
                name: pa.DictionaryArray.from_arrays(
                    np.searchsorted(end, row, side="right").astype(np.int32), values[name]
                )
                for name, end in ends.items()
            }
        )
        if path.suffix == ".csv":
            text = io.BytesIO()
            csv.write_csv(
                pa.table(
                    [column.cast(pa.string()) for column in table.columns], table.column_names
                ),
                text,
                csv.WriteOptions(include_header=False),
            )
            with path.open("ab") as stream:
                stream.write(text.getvalue().decode().encode("latin-1", "replace"))
        else:
            if number == 0:
                writer = parquet.ParquetWriter(path, table.schema)
            writer.write_table(table)
    if path.suffix != ".csv":
        writer.close()


@pytest.mark.slow
@pytest.mark.parametrize("year", YEARS)
def test_a_file_of_a_codebooks_full_size_has_its_every_frequency(book, tmp_path, read, year):
    items = book(year)
    path = tmp_path / ("pooled.parquet" if year < 2015 else "year.csv")
    full(items, path, labels=year == 2021)

    found = codebook_frequencies(path)
    found = found.set_index(["variable", "code"])["rows"].to_dict()
    for name, item in items.items():
        # X sums up what the codebook does not print: areas without a name, and days, which mean
        # themselves.
        unprinted = 77 if name == "DAYWAIT" else pd.NA
        for code, frequency in zip(item["code"], item["frequency"], strict=True):
            code = unprinted if code == "X" else int(code)
            assert found.pop((name, code)) == frequency, (name, code)
    assert not found

    setting = {"level_of_care": "at_discharge"} if year < 2015 else {}
    records = read(tmp_path, kind="teds_d", files=[path.name], **setting)
    without = 0
    if year < 2015:
        item = items["SERVSETD"]
        without = int(item.loc[item["code"] == "-9", "frequency"].sum())
    ledger = records.ledger.iloc[0]
    assert ledger["read"] == items["AGE"]["frequency"].sum()
    assert (ledger["accepted"], ledger["quarantined"]) == (ledger["read"] - without, without)
    if without:
        return  # rows set aside take values of every other variable with them
    for variable, own in COLUMN.items():
        expected = {}
        for row in items[own].itertuples():
            word = meaning(variable, row.value_label) or "missing"
            expected[word] = expected.get(word, 0) + row.frequency
        assert counted(records.stays, variable) == expected, variable
