"""The TEDS-D contract says what SAMHSA's codebooks and the published files say, and no more."""

import pandas as pd
import pytest

from iop_outcomes.records.sources.teds_contract import (
    codebook,
    fold,
    variables,
    vintage_of_year,
    vintages,
)

YEARS_WITH_CODEBOOK = (2006, 2015, 2016, 2017, 2018, 2019, 2021)
MISSING = "missing/unknown/not collected/invalid"


@pytest.fixture(scope="module")
def published(shared):
    """The codebook of the vintage that holds a year, as extracted from SAMHSA's PDF."""

    def of(year):
        name = "2006_2014" if year < 2015 else str(year)
        path = shared / f"data/teds_d/codebook_{name}.csv"
        return pd.read_csv(path, dtype=str, keep_default_na=False)

    return of


@pytest.fixture(scope="module")
def labels_2020_2022(shared):
    path = shared / "data/teds_d/labels_2020_2022.csv"
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def known_labels(block, name):
    return {(code, fold(label)) for code, label in codebook(block)[name].labels()}


def test_the_years_are_2006_to_2023():
    assert list(vintage_of_year()) == list(range(2006, 2024))


@pytest.mark.parametrize("year", YEARS_WITH_CODEBOOK)
def test_every_code_and_label_of_every_codebook_is_in_the_contract(published, year):
    block = vintage_of_year()[year].block
    table = published(year)
    for row in table[~table["code"].isin(["", "X"])].itertuples():
        item = codebook(block)[row.variable]
        if int(row.code) in item.codes or item.days_from is None:
            known = (int(row.code), fold(row.value_label))
            assert known in known_labels(block, row.variable), row.variable


@pytest.mark.parametrize("year", ["2020", "2022"])
def test_the_labels_of_2020_and_2022_are_in_the_contract_none_included(labels_2020_2022, year):
    table = labels_2020_2022[labels_2020_2022["vintage"] == year]
    for row in table.itertuples():
        known = known_labels("from_2015", row.variable)
        assert (int(row.code), fold(row.value_label)) in known, row.variable
    assert (0, "none") in known_labels("from_2015", "ARRESTS")


@pytest.mark.parametrize("block", ["until_2014", "from_2015"])
def test_the_contract_has_no_code_that_no_codebook_has(published, labels_2020_2022, block):
    years = [year for year in YEARS_WITH_CODEBOOK if vintage_of_year()[year].block == block]
    tables = [published(year)[["variable", "code"]] for year in years]
    if block == "from_2015":
        tables.append(labels_2020_2022[["variable", "code"]])
    found = {tuple(row) for table in tables for row in table.to_numpy()}
    for name, item in codebook(block).items():
        extra = {code for code in item.codes if (name, str(code)) not in found}
        assert extra == ({2023} if (name, block) == ("DISYR", "from_2015") else set()), name


@pytest.mark.parametrize("year", YEARS_WITH_CODEBOOK)
def test_a_vintage_has_the_columns_of_its_codebook(published, year):
    """SERVICES and YEAR are in the files of 2015 and 2016 and not in their codebooks."""
    listed = set(vintage_of_year()[year].columns)
    found = set(published(year)["variable"])
    outside = {2006: {"YEAR"}, 2015: {"YEAR", "SERVICES"}, 2016: {"YEAR", "SERVICES"}}
    assert listed - found == outside.get(year, set())
    assert found <= listed


def test_columns_rows_bytes_and_hashes_are_those_of_the_manifest(shared):
    manifest = pd.read_csv(shared / "data/teds_d/file_manifest.csv")
    for row in manifest.itertuples():
        vintage = vintage_of_year()[row.year]
        assert len(vintage.columns) == row.n_columns
        assert (vintage.file, vintage.rows) == (row.data_file, row.n_data_rows)
        assert (vintage.bytes, vintage.sha256) == (row.data_bytes, row.data_sha256)


def test_the_columns_of_2017_and_2019_are_those_of_the_real_header(shared):
    order = pd.read_csv(shared / "data/teds_d/column_order.csv")
    for year, columns in order.groupby("vintage")["column"]:
        assert set(columns) == set(vintage_of_year()[year].columns)


def test_the_file_names_flip_their_order_after_2016():
    names = {vintage.years[0]: vintage.file for vintage in vintages()}
    assert names[2016] == "tedsd_2016_puf.csv"
    assert names[2017] == "tedsd_puf_2017.csv"


@pytest.mark.parametrize("year", [2015, 2016, 2017, 2018, 2019, 2021])
def test_a_state_left_out_has_no_record_in_the_codebook(published, year):
    table = published(year)
    listed = set(table.loc[table["variable"] == "STFIPS", "value_label"].map(fold))
    everywhere = {fold(state) for state in variables()["state"].words}
    assert everywhere - listed == {fold(one) for one in vintage_of_year()[year].states_left_out}


@pytest.mark.parametrize("year", [2020, 2022])
def test_a_state_left_out_has_no_label_in_2020_and_2022(labels_2020_2022, year):
    table = labels_2020_2022[labels_2020_2022["vintage"] == str(year)]
    listed = set(table.loc[table["variable"] == "STFIPS", "value_label"].map(fold))
    everywhere = {fold(state) for state in variables()["state"].words}
    assert everywhere - listed == {fold(one) for one in vintage_of_year()[year].states_left_out}


def test_only_2021_holds_labels_and_is_latin_1():
    assert [v.name for v in vintages() if v.labelled] == ["2021"]
    assert [v.name for v in vintages() if v.encoding == "latin-1"] == ["2021"]


@pytest.mark.parametrize("name", variables())
def test_every_code_of_a_variable_that_is_read_has_a_word_or_is_missing(name):
    variable = variables()[name]
    for block, coding in variable.codings.items():
        item = next(codebook(block)[own] for own in variable.columns if own in codebook(block))
        assert set(item.codes) <= set(coding.codes)
        for code, word in coding.codes.items():
            assert (word is None) == (code < 0 and (name, code) != ("exit_reason", -9)), code
        for code in [code for code, word in coding.codes.items() if word is None]:
            assert fold(item.codes[code]).startswith(MISSING)


@pytest.mark.parametrize("block", ["until_2014", "from_2015"])
def test_no_label_stands_for_two_codes_of_a_variable(block):
    for name, item in codebook(block).items():
        if name not in {"CBSA", "PMSA"}:  # several towns share a name
            by_label = {}
            for code, label in item.labels():
                assert by_label.setdefault(fold(label), code) == code, (name, label)


def test_both_blocks_use_the_same_words():
    """One of them may lack some: nobody is 65 in 2006-2014."""
    alone = {"age_years": {65}, "exit_reason": {"left, reason not recorded"}}
    alone |= {"state": {"Mississippi"}}
    for name, variable in variables().items():
        said = [set(coding.codes.values()) - {None} for coding in variable.codings.values()]
        said = [words | {c.open_ended[1]} if c.open_ended else words
                for words, c in zip(said, variable.codings.values(), strict=True)]  # fmt: skip
        if len(said) == 2:
            assert said[0] ^ said[1] == alone.get(name, set()), name


def test_the_names_of_substances_are_not_shifted_by_one():
    """As they are in a public table of SUB1 14 to 20."""
    codes = codebook("from_2015")["SUB1"].codes
    assert codes[14] == "Other tranquilizers"
    assert codes[17] == "Inhalants"
    assert codes[19] == "Other drugs"
