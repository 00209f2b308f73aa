"""The used rows of a trial's files, laid out as canonical tables."""

from collections.abc import Iterable, Mapping

import pandas as pd

from iop_outcomes.errors import RecordsError
from iop_outcomes.records.files.extract import numbers_where_possible
from iop_outcomes.records.sources.columns import recoded
from iop_outcomes.records.sources.trial_description import (
    Characteristics,
    Dated,
    Doses,
    Found,
    Inpatient,
    Panel,
    Plan,
    ReportedUse,
    Trial,
    Urines,
)
from iop_outcomes.records.sources.trial_files import selected
from iop_outcomes.vocabulary import ExitReason

Rows = Mapping[str, pd.DataFrame]
A_DAY = ["person_id", "day"]
ADMISSION, DISCHARGE = "admission", "discharge"
CANONICAL = ("age_years", "facility_id")  # characteristics that every stay has a column for


def lay_out(source: Trial, rows: Rows) -> dict[str, pd.DataFrame]:
    """Canonical tables of the used rows of every file, by table.

    Raises
    ------
    RecordsError
        A code has no word, or no plan or panel fits somebody; says how many.
    """
    randomised = _randomised(source, rows)
    tables = {
        "tests": _tests(source.urines, rows, randomised) if source.urines else None,
        "reported_use": _substances(source.reported_use, rows) if source.reported_use else None,
        "services": _each(
            [
                *([_doses(source.doses, rows, randomised)] if source.doses else []),
                *(_days(c, rows).assign(service=c.service, hours=None) for c in source.contacts),
            ]
        ),
        "events": _each([_days(e, rows).assign(kind=e.kind) for e in source.events]),
    }
    tables = {name: table for name, table in tables.items() if table is not None}
    stays = _stays(source, rows, randomised)
    return {"persons": _persons(source, stays, tables), "stays": stays, **tables}


def _each(tables: list[pd.DataFrame]) -> pd.DataFrame | None:
    return pd.concat(tables, ignore_index=True).drop_duplicates() if tables else None


def _chosen(part: Dated, rows: Rows) -> pd.DataFrame:
    cells = rows[part.file]
    return cells[selected(cells, part.when)]


def _days(part: Dated, rows: Rows) -> pd.DataFrame:
    """Each day of a part once: visits that share a day are one day."""
    return _chosen(part, rows)[A_DAY].drop_duplicates()


def _substances(part: Found | ReportedUse, rows: Rows) -> pd.DataFrame:
    cells = _chosen(part, rows)
    return cells[A_DAY].assign(substance=recoded(cells, part.substance)).drop_duplicates()


def _randomised(source: Trial, rows: Rows) -> pd.DataFrame:
    """One row per randomisation, with its number in the person's order and its planned end."""
    cells = _chosen(source.randomisation, rows)
    table = cells[A_DAY].assign(
        strategy=recoded(cells, source.randomisation.strategy),
        level_of_care=recoded(cells, source.randomisation.level_of_care),
    )
    twice = int(table.duplicated(A_DAY).sum())
    if twice:
        raise RecordsError(
            f"{source.randomisation.file}: {twice} row(s) randomise a person a second time on one "
            "day; keep the one that held"
        )
    table = table.sort_values(A_DAY, kind="stable")
    table["randomisation"] = table.groupby("person_id").cumcount() + 1
    plan = _first_that_fits(source.planned, table, "protocol.source.planned")
    days = plan.map({k: p.days for k, p in enumerate(source.planned)}).astype("Int64")
    last = plan.map({k: p.last_day for k, p in enumerate(source.planned)}).astype("Int64")
    return table.assign(planned_end_day=(table["day"] + days).fillna(last))


def _first_that_fits(
    choices: Iterable[Plan | Panel], randomised: pd.DataFrame, where: str
) -> pd.Series:
    """Number of the first of `choices` that holds for each row."""
    found = pd.Series(pd.NA, index=randomised.index, dtype="Int64")
    for number, choice in enumerate(choices):
        fits = found.isna()
        if choice.strategies is not None:
            fits &= randomised["strategy"].isin(choice.strategies)
        nth = getattr(choice, "randomisation", None)
        if nth is not None:
            fits &= randomised["randomisation"] == nth
        found = found.mask(fits, number)
    if found.isna().any():
        raise RecordsError(
            f"{where}: none fits {int(found.isna().sum())} randomisation(s); add one"
        )
    return found


def _tests(urines: Urines, rows: Rows, randomised: pd.DataFrame) -> pd.DataFrame:
    """One row per urine and substance looked for, and per substance found besides."""
    found = _substances(urines.found, rows)
    signs = [_days(part, rows) for part in urines.given]
    given = _each([*signs, found[A_DAY]] if urines.finding_is_a_sign else signs)
    missed = _each([_days(part, rows) for part in urines.missed])
    panel = _panels(urines.panel, randomised)
    _hold_every_finding(found, panel)
    always = panel[panel["always"]][["person_id", "substance"]]
    tests = [
        found.assign(result="positive"),
        _but(given.merge(always, on="person_id"), found).assign(result="negative"),
    ]
    if missed is not None:
        days = _but(_but(missed, given), found[A_DAY])
        tests.append(days.merge(always, on="person_id").assign(result="missed"))
    return pd.concat(tests).sort_values([*A_DAY, "substance"], ignore_index=True)


def _but(table: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Rows of `table` that are not in `other`."""
    keys = list(other.columns)
    both = table.merge(other.drop_duplicates(), on=keys, how="left", indicator="where")
    return both[both["where"] == "left_only"].drop(columns="where")


def _panels(panels: tuple[Panel, ...], randomised: pd.DataFrame) -> pd.DataFrame:
    """One row per person and substance of their panel, and whether every urine is tested for it."""
    first = randomised[randomised["randomisation"] == 1]
    number = _first_that_fits(panels, first, "protocol.source.urines.panel")
    lists = pd.DataFrame(
        [
            (k, substance, substance in panel.always)
            for k, panel in enumerate(panels)
            for substance in dict.fromkeys([*panel.always, *panel.sometimes])
        ],
        columns=["panel", "substance", "always"],
    )
    return first[["person_id"]].assign(panel=number).merge(lists, on="panel")


def _hold_every_finding(found: pd.DataFrame, panel: pd.DataFrame) -> None:
    # A panel that spells a substance otherwise would make a negative of every positive.
    strange = _but(found[["person_id", "substance"]], panel[["person_id", "substance"]])
    if len(strange):
        raise RecordsError(
            f"protocol.source.urines.panel: {len(strange)} finding(s) are of a substance that is "
            "not in their person's panel; add it under always or sometimes, spelled as found"
        )


def _doses(doses: Doses, rows: Rows, randomised: pd.DataFrame) -> pd.DataFrame:
    """A row per dose, called by what is given in the arm the person was first randomised to."""
    table = _days(doses, rows)
    if isinstance(doses.service, str):
        return table.assign(service=doses.service, hours=None)
    arms = randomised[randomised["randomisation"] == 1].set_index("person_id")["strategy"]
    service = table["person_id"].map(arms).map(doses.service)
    if service.isna().any():
        raise RecordsError(
            f"protocol.source.doses.service: {int(service.isna().sum())} dose(s) are of an arm "
            "that is not named; add it"
        )
    return table.assign(service=service, hours=None)


def _stays(source: Trial, rows: Rows, randomised: pd.DataFrame) -> pd.DataFrame:
    """A stay per randomisation, and one per admission."""
    trial = randomised.rename(columns={"day": "start_day"}).assign(end_day=pd.NA)
    if source.doses and source.doses.end_stays:
        trial = trial.assign(end_day=_last_doses(randomised, _days(source.doses, rows)))
    stays = [trial]
    if source.inpatient:
        stays.append(_inpatient(source.inpatient, rows))
    table = pd.concat(stays).sort_values(["person_id", "start_day"], ignore_index=True)
    table = table.assign(
        stay_id=[f"stay {number + 1}" for number in range(len(table))],
        exit_reason=table["end_day"].notna().map({True: str(ExitReason.NOT_RECORDED), False: None}),
        admission_year=None,
    )
    for known in source.characteristics:
        table = table.merge(_characteristics(known, rows), on="person_id", how="left")
    return table.assign(**{name: None for name in CANONICAL if name not in table.columns})


def _last_doses(randomised: pd.DataFrame, doses: pd.DataFrame) -> pd.Series:
    """Day of the last dose after each randomisation and before the person's next."""
    dated = pd.merge_asof(
        doses.sort_values("day"),
        randomised.reset_index(names="row")[["row", *A_DAY]]
        .assign(start=randomised["day"].to_numpy())
        .sort_values("day"),
        on="day",
        by="person_id",
    )
    last = dated.dropna(subset="row").groupby("row")["day"].max()
    return last.reindex(randomised.index)


def _inpatient(part: Inpatient, rows: Rows) -> pd.DataFrame:
    """Each admission with the discharge that follows it; one without is still open."""
    cells = _chosen(part, rows)
    table = cells[A_DAY].assign(what=recoded(cells, part.what))
    strange = int((~table["what"].isin([ADMISSION, DISCHARGE])).sum())
    if strange:
        raise RecordsError(
            f"protocol.source.inpatient.what: {strange} row(s) of {part.file} are neither "
            f"{ADMISSION} nor {DISCHARGE}; give their codes one of these words"
        )
    table = table.sort_values(A_DAY, kind="stable")  # a shared day keeps the order of the file
    by_person = table.groupby("person_id")
    lonely = table["what"].eq(DISCHARGE) & by_person["what"].shift().ne(ADMISSION)
    if lonely.any():
        raise RecordsError(
            f"{part.file}: {int(lonely.sum())} discharge(s) follow no admission; mend the export"
        )
    closes = by_person["what"].shift(-1).eq(DISCHARGE)
    return pd.DataFrame(
        {
            "person_id": table["person_id"],
            "level_of_care": part.level_of_care,
            "start_day": table["day"],
            "end_day": by_person["day"].shift(-1).where(closes),
        }
    )[table["what"].eq(ADMISSION)]


def _characteristics(known: Characteristics, rows: Rows) -> pd.DataFrame:
    cells = rows[known.file]
    table = pd.DataFrame({name: recoded(cells, origin) for name, origin in known.columns.items()})
    covariates = [name for name in table.columns if name not in CANONICAL]
    table = numbers_where_possible(table, covariates)
    table.insert(0, "person_id", cells["person_id"])
    table = table.drop_duplicates()
    several = int(table.duplicated("person_id").sum())
    if several:
        raise RecordsError(
            f"{known.file}: {several} row(s) say something else of a person than a row before; "
            "characteristics need one row per person"
        )
    return table


def _persons(source: Trial, stays: pd.DataFrame, dated: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Everyone randomised; sight ends on the last day on which anything was seen of a person."""
    seen = dict(dated)
    if "tests" in seen:
        seen["tests"] = seen["tests"][seen["tests"]["result"] != "missed"]
    ends = [
        stays[["person_id", column]].set_axis(A_DAY, axis=1) for column in ("start_day", "end_day")
    ]
    days = pd.concat([*(table[A_DAY] for table in seen.values()), *ends])
    last = days.astype({"day": "Int64"}).groupby("person_id", sort=False)["day"].max()
    people = stays["person_id"].drop_duplicates()
    return pd.DataFrame(
        {
            "person_id": people,
            "first_observed_day": source.first_observed_day,
            "last_observed_day": people.map(last).astype("Int64"),
        }
    )
