"""Rows of a trial's files, each accounted for: used, a repetition, or set aside under a rule."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from iop_outcomes.errors import RecordsError
from iop_outcomes.records.files.extract import below, read_extract
from iop_outcomes.records.quality import Severity


@dataclass(frozen=True)
class Part:
    """Rows of a file that the description uses for one thing.

    Attributes
    ----------
    table
        Of the records, that it fills.
    file, person_id, day
        The file and its columns; `day` is None where rows have none.
    when
        Column to the codes that a row must hold one of.
    columns
        Further columns it needs.
    undated
        What its rows are called that may lack a day; None if each must have one.
    """

    table: str
    file: str
    person_id: str
    day: str | None = None
    when: Mapping[str, tuple[str, ...]] | None = None
    columns: tuple[str, ...] = ()
    undated: str | None = None

    @property
    def needed(self) -> set[str]:
        """Every column it reads."""
        return {self.person_id, *filter(None, [self.day]), *(self.when or {}), *self.columns}


@dataclass(frozen=True)
class RawFile:
    """A file as read, the parts of the description that use it, and whose rows it may hold.

    Attributes
    ----------
    name, path, recorded
        As the description calls it, where it lies, and where that is below data/raw.
    cells
        As text, with the columns `person_id` and (if dated) `day` put beside its own.
    known, randomised
        Everyone who entered the trial, and those of them who were randomised.
    """

    name: str
    path: Path
    recorded: str
    cells: pd.DataFrame
    parts: tuple[Part, ...]
    known: frozenset[str] = frozenset()
    randomised: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Sifted:
    """What became of a file's rows.

    Attributes
    ----------
    rows
        Those that are used.
    quarantine, ledger, broken_rules
        As in the records; `table` is the first that the file fills.
    """

    rows: pd.DataFrame
    quarantine: pd.DataFrame
    ledger: pd.DataFrame
    broken_rules: pd.DataFrame


def read_files(raw: Path, folder: str, parts: Iterable[Part]) -> dict[str, RawFile]:
    """Read every file that a part names once, through the identifier gate.

    Parameters
    ----------
    raw, folder
        data/raw, and the folder below it that the parts name files of.

    Raises
    ------
    RecordsError
        A file is missing, damaged or lacks a column; two parts differ about its person or day.
    IdentifierError
        A file seems to hold a direct identifier.
    """
    by_file: dict[str, list[Part]] = {}
    for part in parts:
        by_file.setdefault(part.file, []).append(part)
    return {name: _read(raw, folder, name, tuple(uses)) for name, uses in by_file.items()}


def _read(raw: Path, folder: str, name: str, parts: tuple[Part, ...]) -> RawFile:
    path = raw / folder / name
    whose = {part.person_id for part in parts}
    days = {part.day for part in parts if part.day is not None}
    if len(whose) > 1 or len(days) > 1:
        raise RecordsError(
            f"protocol.source: {name} is described more than once, with different columns "
            "person_id or day; name the same ones"
        )
    cells = read_extract(path, sorted(set().union(*(part.needed for part in parts))))
    cells = cells.assign(person_id=cells[whose.pop()])
    if days:
        cells = cells.assign(day=whole_days(cells[days.pop()], name))
    return RawFile(name, path, below(raw, path), cells, parts)


def whole_days(cells: pd.Series, file: str) -> pd.Series:
    """Days of a file as whole numbers; only an empty cell is a day that is not known.

    Raises
    ------
    RecordsError
        A cell is something else; says how many, never what.
    """
    days = pd.to_numeric(cells, errors="coerce")
    wrong = int(((days.isna() & cells.notna()) | (days % 1 != 0) & days.notna()).sum())
    if wrong:
        raise RecordsError(
            f"{file}: column {cells.name}: {wrong} row(s) hold something that is no whole day"
        )
    return days.astype("Int64")


def share_people(
    files: Mapping[str, RawFile], entered: Part, randomised: Part, first_day: int, last_day: int
) -> dict[str, RawFile]:
    """Tell every file who entered the trial and who was randomised on a known day.

    Raises
    ------
    RecordsError
        A file holds no row of anyone who was randomised: it is of other people. Somebody was
        randomised on a day outside the trial.
    """
    known = frozenset(files[entered.file].cells["person_id"].dropna())
    arms = files[randomised.file].cells
    dated = arms[selected(arms, randomised.when)].dropna(subset=["person_id", "day"])
    outside = int((~dated["day"].between(first_day, last_day)).sum())
    if outside:
        raise RecordsError(
            f"{files[randomised.file].path}: {outside} randomisation(s) on a day outside the "
            "trial; mend the export, or protocol.source.first_day and last_day"
        )
    told = known & frozenset(dated["person_id"])
    for file in files.values():
        if not file.cells["person_id"].isin(told).any():
            raise RecordsError(
                f"{file.path} holds no row of a person who entered and was randomised; are its "
                "person_id and theirs the same?"
            )
    return {name: replace(file, known=known, randomised=told) for name, file in files.items()}


def sift(file: RawFile, first_day: int, last_day: int, largest_share: float) -> Sifted:
    """Sort a file's rows into used ones, repetitions and those set aside.

    Rows that are the same in every column that the description reads are repetitions.

    Raises
    ------
    RecordsError
        More than `largest_share` of the rows are wrong.
    """
    left = pd.Series(True, index=file.cells.index)
    aside, wrong = [], 0
    whence = {"table": file.parts[0].table, "file": file.recorded}
    for rule, broken, is_wrong in _rules(file, first_day, last_day):
        hit = left & broken
        left &= ~hit
        rows = file.cells.index[hit] + 1
        aside.append(pd.DataFrame({**whence, "row": rows, "rule": rule}))
        wrong += int(hit.sum()) if is_wrong else 0
    if wrong > largest_share * len(file.cells):
        raise RecordsError(
            f"{file.path}: {wrong} of {len(file.cells)} rows lack a person or a day, or have one "
            "that cannot be; mend the export, or raise protocol.source.largest_quarantine"
        )
    kept = file.cells[left]
    twice = kept.duplicated(sorted(set().union(*(part.needed for part in file.parts))))
    quarantine = pd.concat(aside, ignore_index=True)
    counts = quarantine["rule"].value_counts(sort=False)
    ledger = {
        "read": len(file.cells),
        "accepted": int((~twice).sum()),
        "duplicates": int(twice.sum()),
        "quarantined": len(quarantine),
    }
    return Sifted(
        rows=kept[~twice].reset_index(drop=True),
        quarantine=quarantine,
        ledger=pd.DataFrame([{**whence, **ledger}]),
        broken_rules=pd.DataFrame(
            {
                "table": file.parts[0].table,
                "rule": counts.index,
                "severity": str(Severity.QUARANTINE),
                "rows": counts.to_numpy(),
            }
        ),
    )


def selected(cells: pd.DataFrame, when: Mapping[str, tuple[str, ...]] | None) -> pd.Series:
    """Which rows hold, in each column of `when`, one of its codes."""
    chosen = pd.Series(True, index=cells.index)
    for column, codes in (when or {}).items():
        chosen &= cells[column].isin(codes)
    return chosen


def _rules(file: RawFile, first_day: int, last_day: int) -> Iterator[tuple[str, pd.Series, bool]]:
    """What keeps a row out, in order; and whether that is wrong, or only nothing to be used."""
    cells, rows = file.cells, f"a row of {file.name}"
    whose = cells["person_id"]
    yield f"{rows} without a person", whose.isna(), True
    yield f"{rows} whose person did not enter the trial", ~whose.isin(file.known), True
    yield f"{rows} whose person was never randomised", ~whose.isin(file.randomised), False
    uses = [(part, selected(cells, part.when)) for part in file.parts]
    used = _any([chosen for _, chosen in uses], cells)
    yield f"{rows} that the protocol has no use for", ~used, False
    if all(part.day is None for part in file.parts):
        return
    undated = cells["day"].isna()
    # A row that is an event and a missed visit is an event first; one that also stands for
    # something that has happened must have a day.
    sure = _any([chosen for part, chosen in uses if part.undated is None], cells)
    for part, chosen in reversed(uses):
        if part.undated is not None:
            yield f"{part.undated} in {file.name} without a day", undated & chosen & ~sure, False
    yield f"{rows} without a day", undated, True
    outside = (cells["day"] < first_day) | (cells["day"] > last_day)
    yield f"{rows} on a day outside the trial", outside.fillna(False).astype(bool), True


def _any(chosen: list[pd.Series], cells: pd.DataFrame) -> pd.Series:
    return pd.DataFrame(dict(enumerate(chosen)), index=cells.index).any(axis=1)
