"""A trial's files: who was randomised when to what, urines, days of reported use, doses."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from iop_outcomes.records.files.extract import provenance
from iop_outcomes.records.quality import set_aside
from iop_outcomes.records.quality.accounting import anonymity_of
from iop_outcomes.records.quality.missingness import missingness_of
from iop_outcomes.records.schema import Records
from iop_outcomes.records.sources.columns import Source
from iop_outcomes.records.sources.trial_description import Dated, OneFile, Trial
from iop_outcomes.records.sources.trial_files import Part, read_files, share_people, sift
from iop_outcomes.records.sources.trial_tables import lay_out


def read(raw: Path, source: Trial) -> Records:
    """Read the files, leave out who was never randomised, and lay out the rest as records.

    Raises
    ------
    RecordsError
        A file is missing, breaks its contract, or is of other people; a part of the description
        fits nobody.
    IdentifierError
        A file seems to hold a direct identifier.
    """
    entered, randomised, *others = parts(source)
    files = share_people(
        read_files(raw, source.folder, [entered, randomised, *others]),
        entered,
        randomised,
        source.first_day,
        source.last_day,
    )
    sifted = {
        name: sift(file, source.first_day, source.last_day, source.largest_quarantine)
        for name, file in files.items()
    }
    tables = lay_out(source, {name: file.rows for name, file in sifted.items()})
    made = set_aside(tables, source.largest_quarantine, quality=source.quality)
    # Rows were read from files; a table made of them has a line only where it lost a row itself.
    lossy = made.ledger[made.ledger["accepted"] < made.ledger["read"]]
    return Records(
        **made.tables,
        **{
            name: pd.concat(
                [*(getattr(file, name) for file in sifted.values()), more], ignore_index=True
            )
            for name, more in (
                ("quarantine", made.quarantine),
                ("ledger", lossy),
                ("broken_rules", made.broken_rules),
            )
        },
        missingness=missingness_of(made.tables),
        anonymity=anonymity_of(made.tables["persons"], made.tables["stays"]),
        provenance=provenance(
            raw, [f.path for f in files.values()], [len(f.cells) for f in files.values()]
        ),
    )


def parts(source: Trial) -> Iterator[Part]:
    """Every part of the description, who entered and who was randomised first.

    A part says which rows of which file it uses, and which of their columns.
    """

    def part(table: str, described: OneFile, *origins: Source, undated: str | None = None) -> Part:
        return Part(
            table=table,
            file=described.file,
            person_id=described.person_id or source.person_id,
            day=(described.day or source.day) if isinstance(described, Dated) else None,
            when=described.when if isinstance(described, Dated) else {},
            columns=tuple(origin.column for origin in origins if origin.column is not None),
            undated=undated,
        )

    yield part("persons", source.persons)
    arms = source.randomisation
    yield part("stays", arms, arms.strategy, arms.level_of_care)
    for known in source.characteristics:
        yield part("stays", known, *known.columns.values())
    if source.inpatient:
        yield part("stays", source.inpatient, source.inpatient.what)
    if source.urines:
        yield part("tests", source.urines.found, source.urines.found.substance)
        for given in source.urines.given:
            yield part("tests", given)
        for missed in source.urines.missed:
            yield part("tests", missed, undated="a missed visit")
    if source.reported_use:
        yield part("reported_use", source.reported_use, source.reported_use.substance)
    if source.doses:
        yield part("services", source.doses)
    for contacts in source.contacts:
        yield part("services", contacts)
    for event in source.events:
        yield part("events", event, undated=f"an event ({event.kind})")
