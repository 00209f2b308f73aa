"""What holds of any tables: each row accounted for, in any order, on any engine, once and again."""

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from iop_outcomes.errors import RecordsError
from iop_outcomes.records.quality import LARGEST_SHARE, RULES, Severity, Treatment, set_aside
from iop_outcomes.records.quality.catalogue import DATED
from iop_outcomes.records.quality.contract import cell_faults
from iop_outcomes.records.quality.policy import Policy
from iop_outcomes.records.quality.sorting import broken_rows
from iop_outcomes.records.schema import conform, empty_table
from iop_outcomes.vocabulary import EventKind, ExitReason, LevelOfCare, Modality

few = settings(
    max_examples=12,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
SEEDS = st.integers(0, 100_000)
PEOPLE = ["P", "Q", "R", "S", "T", "U"]
TEXT = {
    "person_id": [*PEOPLE, "nobody"],
    "level_of_care": [str(level) for level in LevelOfCare],
    "facility_id": ["F1", "F2", None],
    "exit_reason": [*map(str, ExitReason), None],
    "service": ["group", "buprenorphine", "Methadone dose"],
    "substance": ["opioids", "methadone", "buprenorphine", "cocaine"],
    "result": ["positive", "negative", "missed", "inconclusive"],
    "instrument": ["phq9", "gad7", "other"],
    "kind": [str(kind) for kind in EventKind],
    "modality": [*map(str, Modality), None],
    "panel": ["old", "new", None],
}
NUMBER = {
    "admission_year": (2020, 2023),
    "age_years": (10, 20),
    "score": (0, 40),
    "hours": (0, 24),
    "month_end": (0, 1),
}


def random_table(name: str, rows: int, rng: np.random.Generator) -> pd.DataFrame:
    """Rows that hold their contract and contradict each other as often as not."""
    columns = {}
    for column in empty_table(name).columns:
        if column == "stay_id":
            columns[column] = [f"S{k}" for k in range(rows)]
        elif column in TEXT:
            columns[column] = rng.choice(np.array(TEXT[column], object), rows)
        else:
            low, high = NUMBER.get(column, (0, 12))
            columns[column] = rng.integers(low, high + 1, rows)
    table = pd.DataFrame(columns).astype(object)
    if name == "stays":
        table["end_day"] = table["start_day"] + rng.choice([-1, 0, 3, 8, 40, 400], rows)
        table.loc[rng.random(rows) < 0.2, "end_day"] = None
    return table


def random_tables(seed: int) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    persons = pd.DataFrame({"person_id": PEOPLE}).assign(
        first_observed_day=rng.integers(0, 8, len(PEOPLE)),
        last_observed_day=rng.integers(5, 15, len(PEOPLE)),
    )
    names = ["stays", *DATED]
    return {
        "persons": persons,
        **{name: random_table(name, int(rng.integers(0, 14)), rng) for name in names},
    }


def with_bad_cells(tables: dict[str, pd.DataFrame], seed: int) -> dict[str, pd.DataFrame]:
    """The same with repeated rows and, now and then, a cell that cannot be."""
    rng = np.random.default_rng(seed)
    spoilt = {}
    for name, table in tables.items():
        rows = rng.integers(0, max(len(table), 1), len(table) + 3) if len(table) else []
        table = table.iloc[rows].reset_index(drop=True).astype(object)
        for row in range(len(table)):
            if rng.random() < 0.2:
                column = rng.choice(table.columns)
                table.loc[row, column] = rng.choice(np.array([None, "?", -99_999, 1.5], object))
        spoilt[name] = table
    return spoilt


def random_quality(seed: int) -> dict[str, Treatment]:
    """Severities that a protocol may give, at random; nothing is refused."""
    rng = np.random.default_rng(seed)
    free = [rule for rule in RULES if {Severity.WARNING, Severity.QUARANTINE} <= set(rule.allowed)]
    return {
        rule.key: Treatment(severity=rng.choice([Severity.WARNING, Severity.QUARANTINE]))
        for rule in free
        if rng.random() < 0.5
    }


def contents(table: pd.DataFrame) -> list[tuple]:
    """Rows as a set with repetitions; a stay's own number counts for nothing."""
    told = table.drop(columns="stay_id", errors="ignore").astype("str").fillna("")
    return sorted(map(tuple, told.to_numpy().tolist()))


@few
@given(SEEDS)
def test_rows_read_are_accepted_duplicates_or_set_aside(seed):
    tables = with_bad_cells(random_tables(seed), seed)
    found = set_aside(tables, 1, quality=random_quality(seed))
    assert set(found.ledger["table"]) == set(tables)
    for row in found.ledger.itertuples():
        assert row.read == len(tables[row.table])
        assert row.accepted == len(found.tables[row.table])
        assert row.read == row.accepted + row.duplicates + row.quarantined
        assert row.quarantined == (found.quarantine["table"] == row.table).sum()
    assert not found.quarantine.duplicated(["table", "row"]).any()
    told = found.broken_rules.query("severity == 'quarantine'")
    assert told["rows"].sum() == len(found.quarantine)


@few
@given(SEEDS)
def test_the_order_of_rows_changes_no_rows_fate(seed):
    tables = with_bad_cells(random_tables(seed), seed)
    rng = np.random.default_rng(seed)
    turned = {
        name: table.sample(frac=1, random_state=rng).reset_index(drop=True)
        for name, table in tables.items()
    }
    quality = random_quality(seed)
    found, again = (set_aside(one, 1, quality=quality) for one in (tables, turned))
    for name in tables:
        assert contents(again.tables[name]) == contents(found.tables[name])
        assert set_aside_of(turned, again, name) == set_aside_of(tables, found, name)


def set_aside_of(tables: dict[str, pd.DataFrame], found, name: str) -> list[tuple]:
    """What the rows set aside of a table say, and the rule they were set aside under."""
    rows = found.quarantine[found.quarantine["table"] == name]
    whole = tables[name].iloc[rows["row"] - 1].assign(rule=rows["rule"].to_numpy())
    return contents(whole)


@few
@given(SEEDS)
def test_to_sort_twice_is_to_sort_once(seed):
    quality = random_quality(seed)
    found = set_aside(with_bad_cells(random_tables(seed), seed), 1, quality=quality)
    again = set_aside(found.tables, 0, quality=quality)
    assert len(again.quarantine) == 0
    for name, table in found.tables.items():
        pd.testing.assert_frame_equal(again.tables[name], table)


@few
@given(SEEDS)
def test_what_is_accepted_holds_its_contract_and_what_is_set_aside_for_a_cell_does_not(seed):
    for name, table in with_bad_cells(random_tables(seed), seed).items():
        if name == "persons" or name == "stays":
            table = table.drop_duplicates(f"{name[:-1]}_id").reset_index(drop=True)
        wrong = pd.Series(False, index=table.index)
        for fault in cell_faults(name, table):
            wrong |= fault.rows
        conform(name, table[~wrong])
        for row in table.index[wrong]:
            with pytest.raises(RecordsError):
                conform(name, table.loc[[row]])


@few
@given(SEEDS, st.floats(0, 1))
def test_an_export_is_refused_if_and_only_if_too_much_of_a_table_would_go(seed, share):
    tables = random_tables(seed)
    found = set_aside(tables, 1)
    shares = found.ledger["quarantined"] / found.ledger["read"].clip(lower=1)
    if (shares > share).any():
        with pytest.raises(RecordsError, match="cannot be so"):
            set_aside(tables, share)
    else:
        assert len(set_aside(tables, share).quarantine) == len(found.quarantine)


# ---------------------------------------------------------------- engines


def crowded(seed: int) -> dict[str, pd.DataFrame]:
    """So many rows of so few people that every rule is broken."""
    rng = np.random.default_rng(seed)
    many = {name: random_table(name, 150, rng) for name in ["stays", *DATED]}
    tables = {**many, "persons": random_tables(seed)["persons"]}
    return {name: conform(name, table) for name, table in tables.items()}


def on_duckdb(tables: dict[str, pd.DataFrame], connection) -> dict[str, nw.LazyFrame]:
    """The same tables as relations, with each row's label in `row`."""
    return {
        name: nw.from_native(
            connection.from_arrow(
                pa.Table.from_pandas(table.assign(row=table.index), preserve_index=False)
            )
        )
        for name, table in tables.items()
    }


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as opened:
        yield opened


@pytest.fixture(scope="module")
def worlds():
    busy = [crowded(seed) for seed in range(3)]
    # In a crowd somebody is seen in person every day; here nobody is, and events come last.
    quiet = {
        **busy[0],
        "events": busy[0]["events"].assign(day=busy[0]["events"]["day"] + 15),
        "services": busy[0]["services"].assign(modality=str(Modality.TELEHEALTH)),
    }
    return [*busy, quiet]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.key)
def test_a_rule_says_the_same_of_the_same_rows_on_duckdb(rule, worlds, connection):
    policy, broken = Policy(LARGEST_SHARE), 0
    for tables in worlds:
        here = set(broken_rows(rule, tables, policy))
        there = rule.broken(on_duckdb(tables, connection), policy.limits(rule))
        assert set(there.collect("pandas").to_native()["row"]) == here
        broken += len(here)
    assert broken, "no row broke it, so nothing was shown"
