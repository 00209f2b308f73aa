"""What is known of TEDS: the columns of every vintage, their codes, and the records' words.

The facts are data, under codebooks/, for discharges (`teds_d`) and admissions (`teds_a`) alike:
`*_vintages.yaml` (files), `teds_d_until_2014.yaml`, `teds_d_from_2015.yaml` and
`teds_a_admissions.yaml` (codes and labels), `teds_d.yaml` and `teds_a.yaml` (code to word).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

FOLDER = Path(__file__).with_name("codebooks")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
WHOLE = re.compile(r"\s*([+-]?\d{1,12})(?:\.0*)?\s*")
DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212\x96\x97", "-"))

CODES = {"until_2014": "teds_d_until_2014", "from_2015": "teds_d_from_2015"}
CODES |= {"admissions": "teds_a_admissions"}

Series = Literal["teds_d", "teds_a"]
Word = str | int  # what the records say; a number where they count


@dataclass(frozen=True)
class Item:
    """One variable of a codebook.

    Attributes
    ----------
    label
        What it is.
    codes
        Code to label.
    wordings
        Years to the other words that their codebooks use for a code.
    elsewhere
        Code to words in use in files that the codebooks do not describe.
    days_from
        Every whole number from here on is a code too, and means itself.
    """

    label: str
    codes: Mapping[int, str]
    wordings: Mapping[str, Mapping[int, str]]
    elsewhere: Mapping[int, tuple[str, ...]]
    days_from: int | None = None

    def labels(self) -> Iterator[tuple[int, str]]:
        """Each code with each of the words for it."""
        yield from self.codes.items()
        for words in self.wordings.values():
            yield from words.items()
        for code, words in self.elsewhere.items():
            yield from ((code, word) for word in words)


@dataclass(frozen=True)
class Vintage:
    """One public-use file.

    Attributes
    ----------
    years
        Years of discharge in it.
    block
        Whose codes it uses.
    columns
        Its columns; what is not among them was not collected.
    file, rows, bytes, sha256, encoding
        As published; None where not known.
    labelled
        Whether the published file holds labels in place of codes.
    states_left_out
        No record from these; None where not known.
    """

    name: str
    years: tuple[int, ...]
    block: str
    columns: tuple[str, ...]
    file: str | None
    rows: int
    bytes: int | None
    sha256: str | None
    encoding: str
    labelled: bool
    states_left_out: tuple[str, ...] | None


@dataclass(frozen=True)
class Coding:
    """What the cells of a column say in one code block; None is a word for missing.

    Attributes
    ----------
    codes
        Number in the cell to word.
    labels
        Folded text in the cell to word.
    open_ended
        A number from which on every number has the same word, and that word.
    """

    codes: Mapping[int, Word | None]
    labels: Mapping[str, Word | None]
    open_ended: tuple[int, Word] | None = None

    def of_code(self, cell: str) -> tuple[bool, Word | None]:
        """Whether the cell is a code of the codebook, and the word for it."""
        whole = WHOLE.fullmatch(cell)
        if whole is None:
            return False, None
        code = int(whole[1])
        if self.open_ended and code >= self.open_ended[0]:
            return True, self.open_ended[1]
        return code in self.codes, self.codes.get(code)

    def of_label(self, cell: str) -> tuple[bool, Word | None]:
        """Whether the cell is a label of the codebook, and the word for it."""
        folded = fold(cell)
        return folded in self.labels, self.labels.get(folded)


@dataclass(frozen=True)
class Variable:
    """One variable of the records.

    Attributes
    ----------
    columns
        Its names in the files; a file has one of them.
    codings
        Code block to what its cells say; a block in which it was not collected is left out.
    words
        Everything it can say, in order.
    bands
        Code to its lowest and highest day, where a code stands for a band.
    optional
        Files cut down by others may lack it.
    """

    name: str
    columns: tuple[str, ...]
    codings: Mapping[str, Coding]
    words: tuple[Word, ...]
    bands: Mapping[int, tuple[int, int | None]]
    optional: bool

    def collected_in(self, vintage: Vintage) -> bool:
        """Whether the vintage has it."""
        return any(column in vintage.columns for column in self.columns)


@cache
def vintages(series: Series = "teds_d") -> tuple[Vintage, ...]:
    """Every vintage, oldest first."""
    book = _load(f"{series}_vintages")
    return tuple(
        _vintage(str(name), spec, book["layouts"]) for name, spec in book["vintages"].items()
    )


@cache
def vintage_of_year(series: Series = "teds_d") -> dict[int, Vintage]:
    """The vintage that holds the discharges, or admissions, of a year."""
    return {year: vintage for vintage in vintages(series) for year in vintage.years}


@cache
def year_column(series: Series = "teds_d") -> str:
    """The column that says whose codes a row uses."""
    return _load(f"{series}_vintages")["year"]


@cache
def codebook(block: str) -> dict[str, Item]:
    """Every variable of one code block, by its name in the files."""
    book = dict(_load(CODES[block]))
    others = book.pop("based_on", None)
    base = {} if others is None else codebook(others["block"])
    return {name: item for name, item in base.items() if name not in others["without"]} | {
        name: _item(book[spec.get("like", name)], spec["label"]) for name, spec in book.items()
    }


@cache
def variables(series: Series = "teds_d") -> dict[str, Variable]:
    """Every variable of the records, by name."""
    book = dict(_load(series))
    others = book.pop("as_in", None)
    if others is not None:
        book = _as_in(**others) | book
    return {name: _variable(name, spec, series) for name, spec in book.items()}


def _as_in(series: Series, block: str, variables: list[str]) -> dict[str, dict[str, Any]]:
    """Variables whose codes mean what they mean in a block of another series."""
    book = _load(series)
    found = {}
    for name in variables:
        words = book[name]["words"]
        found[name] = {**book[name], "words": words.get(block, words)}
    return found


def fold(text: str) -> str:
    """A label without what differs between files: capitals, kinds of dash, spaces.

    Examples
    --------
    >>> fold(" 12\u201314  Years Old")
    '12-14 years old'
    """
    return " ".join(text.translate(DASHES).casefold().split())


def _load(name: str) -> dict[str, Any]:
    return yaml.load((FOLDER / f"{name}.yaml").read_text("utf-8"), Loader=LOADER)


def _vintage(name: str, spec: dict[str, Any], layouts: dict[str, list[str]]) -> Vintage:
    without = set(spec.get("without", ()))
    listed = [*layouts[spec["layout"]], *spec.get("also", ())]
    left_out = spec["states_left_out"]
    return Vintage(
        name=name,
        years=tuple(spec["years"]),
        block=spec["codes"],
        columns=tuple(column for column in listed if column not in without),
        file=spec["file"],
        rows=spec["rows"],
        bytes=spec.get("bytes"),
        sha256=spec.get("sha256"),
        encoding=spec.get("encoding", "utf-8"),
        labelled=spec.get("values") == "labels",
        states_left_out=None if left_out is None else tuple(left_out),
    )


def _item(spec: dict[str, Any], label: str) -> Item:
    return Item(
        label=label,
        codes={code: str(text) for code, text in spec["codes"].items()},
        wordings={
            str(years): {code: str(text) for code, text in words.items()}
            for years, words in spec.get("wordings", {}).items()
        },
        elsewhere={code: tuple(words) for code, words in spec.get("elsewhere", {}).items()},
        days_from=spec.get("days_from"),
    )


def _variable(name: str, spec: dict[str, Any], series: Series) -> Variable:
    bands = {code: tuple(days) for code, days in spec.get("bands", {}).items()}
    codings, said = {}, {}
    for block in dict.fromkeys(vintage.block for vintage in vintages(series)):
        items = [codebook(block)[column] for column in spec["columns"] if column in codebook(block)]
        if items:
            words = spec.get("words", {f"1-{max(bands)}": None} if bands else {})
            ranges = _ranges(words.get(block, words))
            codings[block] = _coding(items[0], ranges)
            said |= dict.fromkeys(codings[block].codes.values())
            said |= dict.fromkeys(word for _, high, word in ranges if high is None)
    return Variable(
        name=name,
        columns=tuple(spec["columns"]),
        codings=codings,
        words=tuple(word for word in said if word is not None),
        bands=bands,
        optional=spec.get("optional", False),
    )


def _ranges(words: dict[int | str, Word | None]) -> list[tuple[int, int | None, Word | None]]:
    """Lowest and highest code of each word; a highest of None is open."""
    ranges = []
    for codes, word in words.items():
        low, dash, high = str(codes).rpartition("-") if isinstance(codes, str) else (codes, "", "")
        if not dash:
            ranges.append((int(codes), int(codes), word))
        else:
            ranges.append((int(low), int(high) if high else None, word))
    return ranges


def _coding(item: Item, ranges: list[tuple[int, int | None, Word | None]]) -> Coding:
    """Words for the codes that the codebook has; a code without a word is the word itself."""
    named = {
        code: code if word is None else word
        for low, high, word in ranges
        if high is not None
        for code in range(low, high + 1)
        if code in item.codes or code in item.elsewhere or item.days_from is not None
    }
    missing = {code: None for code in item.codes if code < 0 and code not in named}
    codes = named | missing
    open_ended = [(low, word) for low, high, word in ranges if high is None]
    return Coding(
        codes=codes,
        labels={fold(label): codes[code] for code, label in item.labels() if code in codes},
        open_ended=open_ended[0] if open_ended else None,
    )
