"""Which of our tables a file is, by the columns it has."""

from dataclasses import dataclass, field, replace

from iop_outcomes.records.mapping.candidates import Candidate
from iop_outcomes.records.mapping.codebook import instrument_in_name, plain_name, site_exports
from iop_outcomes.records.mapping.codes import MOST_CODES
from iop_outcomes.records.mapping.columns import (
    ColumnGuess,
    Confidence,
    guess_columns,
    targets,
)
from iop_outcomes.records.mapping.evidence import Evidence, evidence_of
from iop_outcomes.records.schema import OPEN, TABLES

GUESSED = ("persons", "stays", "services", "tests", "scores", "events")
FOUND, LIKELY, OPTIONAL, NAMED = 3, 2, 2, 3  # what speaks for a table
LEAST = 4


@dataclass(frozen=True)
class TableGuess:
    """A file read as one of our tables.

    Attributes
    ----------
    table
        Ours.
    columns, covariates
        Where its columns are found, and what else it knows.
    remarks
        What was seen and not used, a sentence each.
    evidence
        By column of the file.
    weight
        How much speaks for this table, against others.
    """

    table: str
    candidate: Candidate
    columns: tuple[ColumnGuess, ...]
    evidence: dict[str, Evidence]
    weight: int
    covariates: tuple[ColumnGuess, ...] = ()
    remarks: tuple[str, ...] = field(default=())

    def column(self, target: str) -> ColumnGuess | None:
        """The guess of one of our columns; None if it was not found."""
        found = [each for each in self.columns if each.target == target and _is_there(each)]
        return found[0] if found else None

    @property
    def unused(self) -> list[str]:
        """Columns of the file that the guess does not use."""
        used = {each.column for each in (*self.columns, *self.covariates)}
        return [str(name) for name in self.candidate.cells.columns if name not in used]


def guess_table(candidate: Candidate) -> tuple[TableGuess | None, str]:
    """The table that a file is most likely to be; none if nothing speaks for any, and why."""
    if candidate.cells.empty:
        return None, f"{candidate.name} is not used: it has a header and no rows to tell by"
    evidence = {name: evidence_of(candidate.cells[name]) for name in candidate.cells.columns}
    guesses = [_as_table(table, candidate, evidence) for table in GUESSED]
    best = max(guesses, key=lambda guess: guess.weight)
    if best.weight >= LEAST:
        return best, ""
    wide = _instruments_in_names(evidence)
    why = (
        f"{', '.join(f'`{name}`' for name in wide)} stand side by side: export one row for each "
        "score, with the instrument in a column of its own"
        if len(wide) > 1
        else "its columns look like none of ours"
    )
    return None, f"{candidate.name} is not used: {why}"


def with_covariates(guess: TableGuess, taken: set[str]) -> TableGuess:
    """The guess with what else the file knows of people or stays.

    Parameters
    ----------
    taken
        Names that stand elsewhere already: one name, one place.
    """
    if guess.table not in OPEN:
        return guess
    found, remarks = [], []
    names = site_exports()["covariates"]
    for column in guess.unused:
        name = next((k for k, known in names.items() if plain_name(column) in known), None)
        name = name or instrument_in_name(column)
        if name is None:
            continue
        looks = guess.evidence[column]
        if name in taken or name in [each.target for each in found]:
            remarks.append(f"`{column}` looks like {name}, which stands elsewhere already")
        elif not looks.recorded or looks.date_formats:
            remarks.append(f"`{column}` is named like {name}, and is empty or holds dates")
        elif len(looks.counts) > MOST_CODES and not looks.between(-1e9, 1e9):
            remarks.append(f"`{column}` holds {len(looks.counts)} different texts, no categories")
        else:
            found.append(ColumnGuess(name, column, Confidence.SURE))
    return replace(guess, covariates=tuple(found), remarks=(*guess.remarks, *remarks))


def _as_table(table: str, candidate: Candidate, evidence: dict[str, Evidence]) -> TableGuess:
    columns, remarks = guess_columns(table, candidate.cells, evidence)
    guess = TableGuess(table, candidate, tuple(columns), evidence, 0, remarks=tuple(remarks))
    if table == "scores":
        guess = _with_instrument_from_name(guess)
    return replace(guess, weight=_weight(guess))


def _with_instrument_from_name(guess: TableGuess) -> TableGuess:
    """A column that is named for its instrument says both the instrument and the score."""
    wide = _instruments_in_names(guess.evidence)
    in_rows = guess.column("instrument") or guess.column("score")
    if in_rows or not guess.column("day") or len(wide) != 1:
        return guess
    ((name, instrument),) = wide.items()
    said = {
        "instrument": ColumnGuess("instrument", None, Confidence.SURE, constant=instrument),
        "score": ColumnGuess("score", name, Confidence.SURE),
    }
    return replace(guess, columns=tuple(said.get(each.target, each) for each in guess.columns))


def _instruments_in_names(evidence: dict[str, Evidence]) -> dict[str, str]:
    named = {name: instrument_in_name(name) for name in evidence}
    return {k: v for k, v in named.items() if v and evidence[k].between(0, 1000)}


def _weight(guess: TableGuess) -> int:
    """What speaks for this table less what it lacks; negative if it cannot be."""
    table = guess.table
    person = guess.column("person_id")
    if table == "persons" and (person is None or not guess.evidence[person.column].unique):
        return -1
    weight = 2 * (table == "persons") + 2 * (table == "persons" and _knows_people(guess))
    for target in targets(table):
        if target == "person_id":
            continue
        found, needed = guess.column(target), not TABLES[table][target].nullable
        if found is not None and found.constant is None:
            likely = FOUND if found.confidence is Confidence.SURE else LIKELY
            weight += likely if needed or table == "persons" else OPTIONAL
        elif found is None and needed and target != "stay_id":
            weight -= LIKELY
    where = f" {plain_name(guess.candidate.path.stem)} {plain_name(guess.candidate.sheet or '')} "
    named = any(f" {word} " in where for word in site_exports()["files"][table])
    return weight + NAMED * named


def _knows_people(guess: TableGuess) -> bool:
    names = [name for known in site_exports()["covariates"].values() for name in known]
    return any(plain_name(column) in names for column in guess.evidence)


def _is_there(guess: ColumnGuess) -> bool:
    return guess.column is not None or guess.constant is not None
