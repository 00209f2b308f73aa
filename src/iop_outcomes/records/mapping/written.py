"""A guess as the text of mapping.yaml, and as a table for whoever has to check it.

What is written of the export: names of files and columns, years, and codes that many people share.
"""

import json
import re
from collections.abc import Iterator
from textwrap import wrap

from iop_outcomes.records.mapping.codebook import CODED, allowed
from iop_outcomes.records.mapping.codes import FEWEST, Codes
from iop_outcomes.records.mapping.columns import ColumnGuess, Confidence, targets
from iop_outcomes.records.mapping.dates import CalendarGuess
from iop_outcomes.records.mapping.guess import MappingGuess
from iop_outcomes.records.mapping.tables import TableGuess
from iop_outcomes.records.schema import TABLES

BLANK = '"???"'
WIDE = 100
PLAIN = re.compile(r"[A-Za-z][\w.-]*(?: [\w.-]+)*", re.ASCII)
MEANS_SOMETHING_ELSE = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan"}
HEADER = """\
# How this site's files, columns and codes read as records. params.yaml names this file under
# protocol.source.mapping; data/README.md of iop_outcomes says what may stand here.
#
# `iop-outcomes init` guessed it from the names of columns and from what cells look like. It was not
# sure of the lines marked CHECK: mend each or leave it, and take the mark away. A "???" must be
# answered: until then nothing runs. `iop-outcomes check` says what is left.
"""


def mapping_text(guess: MappingGuess) -> str:
    """The text of mapping.yaml."""
    tables = [line for each in guess.tables for line in _table(each)]
    absent = [line for name in guess.absent for line in _absent(name)]
    calendar = _calendar(guess.calendar) if guess.calendar else []
    remarks = [line for remark in guess.remarks for line in _comment(remark)]
    lines = [HEADER.rstrip(), *remarks, "", "tables:", *tables, *absent, *calendar]
    return "\n".join(lines) + "\n"


def guess_summary(guess: MappingGuess) -> str:
    """What was guessed and what to check, in lines for a terminal."""
    lines = []
    for each in guess.tables:
        lines += [f"{each.table}: {each.candidate.name}, {len(each.candidate.cells)} rows"]
        lines += [_said(column) for column in (*each.columns, *each.covariates)]
        lines += [f"  ({remark})" for remark in each.remarks]
        lines += [f"  not used: {len(each.unused)} column(s)"] if each.unused else []
    lines += [f"{name}: no file looks like it                ???" for name in guess.absent]
    if guess.calendar:
        lines += ["dates: " + " or ".join(guess.calendar.formats) + "  CHECK the calendar"]
    return "\n".join([*lines, *guess.remarks])


def _said(each: ColumnGuess) -> str:
    theirs = each.constant or each.column or BLANK.strip('"')
    doubts = [each.reason, *_doubts(each.codes)]
    doubt = "; ".join(filter(None, doubts))
    mark = "sure" if not doubt else f"{'???' if each.column is None else 'CHECK'}: {doubt}"
    return f"  {each.target:<22} {_one_line(theirs):<22} {mark}"


def _doubts(codes: Codes | None) -> list[str]:
    if codes is None:
        return []
    unknown = sum(code.word is None for code in codes.codes)
    return [
        "" if codes.edition_told else "which edition of ASAM's levels?",
        f"{unknown} code(s) without a word" if unknown else "",
        _rare(codes) if codes.rare else "",
    ]


def _table(guess: TableGuess) -> Iterator[str]:
    yield f"  {guess.table}:"
    yield f"    file: {_scalar(guess.candidate.path.name)}"
    if guess.candidate.sheet:
        yield f"    sheet: {_scalar(guess.candidate.sheet)}"
    yield "    columns:"
    for each in guess.columns:
        yield from _column(each)
    if guess.covariates:
        yield "    covariates:"
        for each in guess.covariates:
            yield from _column(each)
    for remark in guess.remarks:
        yield from _comment(remark, "    ")
    yield from _unused(guess)


def _absent(name: str) -> Iterator[str]:
    yield f"  {name}:{_check('no file looks like it')}"
    yield f"    file: {BLANK}"
    yield "    columns:"
    for target in targets(name):
        if (not TABLES[name][target].nullable and target != "stay_id") or name == "persons":
            yield f"      {target}: {BLANK}"


def _column(each: ColumnGuess) -> Iterator[str]:
    doubt = _check(each.reason) if each.confidence is not Confidence.SURE else ""
    if each.constant is not None:
        yield f"      {each.target}: {{constant: {_scalar(each.constant)}}}{doubt}"
    elif each.column is None:
        yield f"      {each.target}: {BLANK}{doubt}"
    elif each.codes is None or each.codes.as_they_are:
        yield f"      {each.target}: {_scalar(each.column)}{doubt}"
    else:
        yield f"      {each.target}:{doubt}"
        yield f"        column: {_scalar(each.column)}"
        yield from _codes(each.target, each.codes)


def _codes(target: str, codes: Codes) -> Iterator[str]:
    if codes.standard:
        told = "" if codes.edition_told else _check("asam_3 or asam_4? the codes fit both")
        yield f"        standard: {codes.standard}{told}"
    if codes.codes or codes.rare:
        yield "        words:"
    if target in CODED and any(code.word is None for code in codes.codes):
        yield from _comment(f"our words: {'; '.join(map(_scalar, allowed(target)))}", "          ")
    for code in codes.codes:
        word = _scalar(code.word) if code.word else BLANK
        doubt = "" if code.word else _check(code.question or "what does it mean there?")
        yield f"          {_quoted(code.code)}: {word}{doubt}"
    if codes.rare:
        # Rows with a code that nobody named would be set aside, and who dies is always rare.
        yield f"          {BLANK}: {BLANK}{_check(_rare(codes))}"


def _rare(codes: Codes) -> str:
    further = "further " if codes.codes or codes.standard else ""
    return (
        f"{codes.rare} {further}code{'s' * (codes.rare > 1)} of fewer than {FEWEST} "
        f"{codes.counted}: add {'them' if codes.rare > 1 else 'it'} by hand"
    )


def _unused(guess: TableGuess) -> list[str]:
    names = guess.unused
    if not names:
        return []
    # Without one name that is known, what stands in the first row may not be names.
    if not any(each.confidence is Confidence.SURE for each in guess.columns):
        return _comment(f"not used: {len(names)} column(s)", "    ")
    return _comment(f"not used: {', '.join(_one_line(name) for name in names)}", "    ")


def _calendar(calendar: CalendarGuess) -> Iterator[str]:
    yield ""
    yield "calendar:"
    begins = calendar.begins.isoformat() if calendar.begins else BLANK
    yield f"  begins: {begins}" + _check(
        "the day from which the export has everything; treatment before it is not seen"
    )
    if calendar.cut:
        yield f"  cut: {calendar.cut}" + _check(
            "the last day on which the export has everything; whoever has no end of their own is "
            "followed until then, so a day too late invents follow-up"
        )
    else:
        yield f"  cut: {BLANK}" + _check(
            "the last day on which the export has everything; its last year is not over"
        )
    if len(calendar.formats) == 1:
        yield f"  format: {_quoted(calendar.formats[0])}"
    else:
        fit = " and ".join(calendar.formats)
        yield f"  format: {BLANK}" + _check(f"{fit} fit all dates; write the one that is meant")
    yield ""
    yield "profile:" + _check(
        "dates come in only under a data use agreement, or an expert's signature"
    )
    yield "  # or expert_determination, with signed_by and signed_on in place of agreement_id"
    yield "  method: limited_data_set"
    yield f"  agreement_id: {BLANK}" + _check("the data use agreement that lets dates in")


def _check(why: str) -> str:
    return f"  # CHECK: {_one_line(why)}" if why else ""


def _comment(text: str, indent: str = "") -> list[str]:
    return wrap(
        _one_line(text), WIDE, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}#   "
    )


def _scalar(text: str) -> str:
    """A text as YAML reads it back: bare where nothing else could be meant.

    Examples
    --------
    >>> _scalar("adm_date"), _scalar("No"), _scalar("left, reason not recorded")
    ('adm_date', '"No"', '"left, reason not recorded"')
    """
    plain = PLAIN.fullmatch(text) and text.lower() not in MEANS_SOMETHING_ELSE
    return text if plain else _quoted(text)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _one_line(text: str) -> str:
    return " ".join("".join(each if each.isprintable() else " " for each in str(text)).split())
