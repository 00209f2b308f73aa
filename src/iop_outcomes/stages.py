"""The DVC stages: read, call the public function, write. Anything cleverer belongs below."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rich.console import Console
from rich.progress import DownloadColumn, Progress, track

from iop_outcomes.analysis.comparison import Comparison, compare
from iop_outcomes.analysis.robustness import Robustness, compare_alternatives
from iop_outcomes.analysis.weighting import Weighting, weight_cohort
from iop_outcomes.calibration.planted_truth import planted_truth
from iop_outcomes.cohort.assembly import Cohort, assemble_cohort
from iop_outcomes.errors import ProtocolError, RecordsError, WorkspaceError
from iop_outcomes.protocol.checking import Checked, check_params
from iop_outcomes.protocol.freezing import LOCK, NOT_FROZEN, lock_text, read_lock, standing
from iop_outcomes.protocol.freezing import freeze as freeze_protocol
from iop_outcomes.protocol.mapping_file import told_of
from iop_outcomes.protocol.new_study import (
    KEPT_OUT_OF_GIT,
    WRITTEN,
    Found,
    next_steps,
    pipeline_text,
    protocol_text,
)
from iop_outcomes.protocol.parsing import (
    mapping_of,
    read_alternatives,
    read_draft,
    read_protocol,
    read_section,
)
from iop_outcomes.protocol.schema_for_editors import SIMULATION, params_schema
from iop_outcomes.protocol.study_folder import refuse_if_taken, write_study
from iop_outcomes.records.fetching import Expected, Watch, check_inside, download
from iop_outcomes.records.ingestion import READERS, check_source, read_records
from iop_outcomes.records.mapping.candidates import read_candidates
from iop_outcomes.records.mapping.guess import MappingGuess, guess_mapping
from iop_outcomes.records.mapping.written import guess_summary, mapping_text
from iop_outcomes.records.schema import Records
from iop_outcomes.records.simulation import simulate_records
from iop_outcomes.records.sources.teds_contract import vintage_of_year
from iop_outcomes.report.document import Findings, write_report
from iop_outcomes.report.quality_text import quality_text
from iop_outcomes.vocabulary import EventKind
from iop_outcomes.workspace import Workspace

TRUTH_PERSONS = 100_000  # Monte Carlo error of a risk difference about 0.1 points
ACCOUNTS = ("ledger", "broken_rules", "missingness", "anonymity")


@dataclass(frozen=True)
class Study:
    """Where a study lies: its data folder and its params file."""

    data: Workspace
    params: Path


def simulate(study: Study) -> None:
    """Make records with a planted truth, in place of an extract."""
    settings = _simulation(study.params)
    records = simulate_records(**settings, each=_progress("Simulating people"))
    tables = {
        **{name: getattr(records, name) for name in ("persons", "stays", "scores", "events")},
        "truth": planted_truth(
            **{**settings, "persons": TRUTH_PERSONS}, each=_progress("Computing the truth")
        ),
    }
    for name, table in tables.items():
        study.data.write_text("raw", f"simulated/{name}.csv", table.to_csv(index=False))


def records(study: Study) -> None:
    """Read the raw extracts and hold every row to its contract."""
    protocol = read_protocol(study.params)
    with told_of(mapping_of(study.params)):
        found = read_records(study.data.raw, protocol)
    study.data.write("records", found)


def cohort(study: Study) -> None:
    """Assemble the people compared, from time zero to the end of follow-up."""
    found = assemble_cohort(study.data.read("records", Records), read_protocol(study.params))
    study.data.write("cohort", found)


def weighting(study: Study) -> None:
    """Balance the arms, before any outcome is read."""
    persons = study.data.table("cohort", "persons")
    study.data.write("weighting", weight_cohort(persons, read_protocol(study.params)))


def comparison(study: Study) -> None:
    """Estimate the effects."""
    found = compare(
        study.data.read("cohort", Cohort),
        study.data.read("weighting", Weighting),
        read_protocol(study.params),
    )
    study.data.write("comparison", found)


def robustness(study: Study) -> None:
    """Repeat the comparison under the alternative protocols."""
    found = compare_alternatives(
        study.data.read("records", Records),
        read_alternatives(study.params),
        each=_progress("Comparing under alternative protocols"),
    )
    study.data.write("robustness", found)


def report(study: Study) -> None:
    """Release the tables and figures, and write the report."""
    data, protocol = study.data, read_protocol(study.params)
    findings = Findings(
        **{name: data.table("cohort", name) for name in ("attrition", "agreement", "time_at_risk")},
        **{
            name: data.table("weighting", name)
            for name in ("balance", "sample_size", "propensity", "seal", "clusters")
        },
        comparison=data.read("comparison", Comparison),
        robustness=data.read("robustness", Robustness),
        **{name: data.table("records", name) for name in (*ACCOUNTS, "provenance", "truth")},
    )
    frozen = standing(
        protocol,
        read_section(study.params, "robustness", default={}),
        read_lock(study.params.with_name(LOCK)),
    )
    for name, text in write_report(findings, protocol, frozen).files.items():
        data.write_text("report", name, text)


STAGES: dict[str, Callable[[Study], None]] = {
    stage.__name__: stage
    for stage in (simulate, records, cohort, weighting, comparison, robustness, report)
}


def fetch(study: Study, year: int, url: str) -> str:
    """Download a year of TEDS-D into the raw folder, check it, and put it under DVC's care."""
    vintage = vintage_of_year().get(year)
    if vintage is None:
        raise RecordsError(f"TEDS-D of {year} is not known; known are {sorted(vintage_of_year())}")
    name = Path(urlsplit(url).path).name or vintage.file or f"tedsd_{year}"
    known = Expected(vintage.bytes, vintage.sha256)
    packed = name.lower().endswith(".zip")
    path = study.data.raw / "teds_d" / name
    download(url, path, None if packed else known, watch=_watched(f"Fetching {name}"))
    if packed:
        check_inside(path, known)
    checked = "its SHA-256 is the published one" if known.sha256 else "no SHA-256 is known for it"
    return f"{path} is here; {checked}. {_put_under_dvc(path)}"


def _put_under_dvc(path: Path) -> str:
    """Register a raw file with DVC, where the study is under DVC."""
    if not any((folder / ".dvc").is_dir() for folder in path.resolve().parents):
        return "This folder is not under DVC: run `dvc init` and `dvc add` it to record its source."
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "add", "--quiet", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return f"DVC did not take it; run `dvc add {path}` and read what it says."
    return f"Its hash is recorded in {path}.dvc: commit that file."


def check(study: Study) -> Checked:
    """Hold the params file to its rules without touching a record."""
    source, mapping = read_draft(study.params).source, mapping_of(study.params)
    with told_of(mapping):
        check_source(source)
    return check_params(study.params)


def quality(study: Study) -> str:
    """What the records say of themselves, as far as it may leave; nothing where there are none.

    A params file of another folder is of another study, whatever records lie here.
    """
    if study.params.resolve().parent != study.data.root.resolve().parent:
        return ""
    try:
        tables = {name: study.data.table("records", name) for name in ACCOUNTS}
    except WorkspaceError:
        return ""
    return quality_text(**tables, protocol=read_protocol(study.params))


def freeze(study: Study, by: str, because: str | None = None) -> str:
    """Put the protocol to rest in the lock file beside the params file; returns what was done."""
    found = check(study)
    if found.refused():
        raise ProtocolError(f"{study.params}: {found.counted}; `iop-outcomes check` lists them")
    path = study.params.with_name(LOCK)
    frozen = freeze_protocol(
        read_protocol(study.params),
        read_section(study.params, "robustness", default={}),
        by=by,
        on=date.today(),
        version=version("iop-outcomes"),
        after_results=(study.data.root / "comparison").exists(),
        before=read_lock(path),
        because=because,
    )
    path.write_text(lock_text(frozen), "utf-8", newline="\n")
    return f"{path}: protocol {frozen.protocol_hash} is frozen; commit it, then run `dvc repro`"


def schema() -> str:
    """The params file as JSON schema, for editors."""
    sources = {kind: adapter.json_schema() for kind, (adapter, _) in READERS.items()}
    return json.dumps(params_schema(sources), indent=2, ensure_ascii=False)


def init(files: Sequence[Path], into: Path) -> str:
    """Begin a study of an export: guess its mapping, and copy the files to where DVC expects them.

    The files pass the gate, which lets dates in for the guessing alone; nothing is written if it
    refuses, and nothing is ever overwritten.
    """
    if not files:
        raise RecordsError("name the files of the export: iop-outcomes init --from stays.csv")
    raw = Workspace(into / "data").raw
    copies = {path: raw / path.name for path in files}
    refuse_if_taken(into, files, [*(into / name for name in WRITTEN), *copies.values()])
    guess = guess_mapping(*read_candidates(files))
    texts = (
        mapping_text(guess),
        protocol_text(_found(guess)),
        NOT_FROZEN,
        pipeline_text(path.relative_to(into).as_posix() for path in copies.values()),
        KEPT_OUT_OF_GIT,
    )
    write_study(into, dict(zip(WRITTEN, texts, strict=True)), copies)
    return f"{guess_summary(guess)}\n\n{next_steps(into, raw)}"


def _found(guess: MappingGuess) -> Found:
    """What a protocol has to know of an export."""
    stays, kinds = guess.table("stays"), guess.table("events")
    known = {each.target for each in (stays.columns if stays else ()) if each.column is not None}
    persons = guess.table("persons")
    returns = guess.words_found("events", "kind")
    return Found(
        levels=guess.words_found("stays", "level_of_care"),
        covariates=tuple(each.target for table in guess.tables for each in table.covariates),
        ages="age_years" in known,
        facilities="facility_id" in known,
        exit_days="end_day" in known,
        exit_reasons="exit_reason" in known,
        returns_to_use=kinds is not None and (EventKind.RETURN_TO_USE in returns or not returns),
        looks_back=guess.calendar is not None
        or (persons is not None and persons.column("first_observed_day") is not None),
    )


def _simulation(params: Path) -> dict[str, Any]:
    settings = read_section(params, "simulation")
    known = SIMULATION["properties"]
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise ProtocolError(f"simulation: unknown {unknown}; known are {sorted(known)}")
    missing = sorted(set(SIMULATION["required"]) - set(settings))
    if missing:
        raise ProtocolError(f"simulation: missing {missing}")
    return settings


def _progress(what: str) -> Callable[[Iterable], Iterator]:
    """A bar on a terminal; one plain line elsewhere, so that logs stay readable."""
    console = Console(stderr=True)

    def each(items: Iterable) -> Iterator:
        items = list(items)
        if console.is_terminal:
            yield from track(items, what, console=console, transient=True)
        elif items:
            console.print(f"{what} ...")
            yield from items

    return each


def _watched(what: str) -> Watch:
    """A bar of bytes on a terminal; one plain line elsewhere."""
    console = Console(stderr=True)

    def watch(chunks: Iterable[bytes], done: int, total: int | None) -> Iterator[bytes]:
        if not console.is_terminal:
            console.print(f"{what} ...")
            yield from chunks
            return
        columns = (*Progress.get_default_columns(), DownloadColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task(what, completed=done, total=total)
            for chunk in chunks:
                progress.advance(task, len(chunk))
                yield chunk

    return watch


def study_at(data: Path, params: Path) -> Study:
    """The study whose artefacts lie below `data` and whose protocol is `params`."""
    return Study(Workspace(data), params)
