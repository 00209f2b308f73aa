"""The DVC stages: read, call the public function, write. Anything cleverer belongs below."""

import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
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
from iop_outcomes.errors import ProtocolError, RecordsError
from iop_outcomes.protocol.parsing import (
    protocol_hash,
    read_alternatives,
    read_protocol,
    read_section,
)
from iop_outcomes.records.fetching import Expected, Watch, check_inside, download
from iop_outcomes.records.ingestion import check_source, read_records
from iop_outcomes.records.schema import Records
from iop_outcomes.records.simulation import simulate_records
from iop_outcomes.records.sources.teds_contract import vintage_of_year
from iop_outcomes.report.document import Findings, write_report
from iop_outcomes.workspace import Workspace

TRUTH_PERSONS = 100_000  # Monte Carlo error of a risk difference about 0.1 points
SIMULATION = {"persons", "facilities", "log_hazard_ratio", "seed"}


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
    study.data.write("records", read_records(study.data.raw, read_protocol(study.params)))


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
        attrition=data.table("cohort", "attrition"),
        **{
            name: data.table("weighting", name) for name in ("balance", "sample_size", "propensity")
        },
        comparison=data.read("comparison", Comparison),
        robustness=data.read("robustness", Robustness),
        **{
            name: data.table("records", name)
            for name in ("ledger", "broken_rules", "provenance", "truth")
        },
    )
    for name, text in write_report(findings, protocol).files.items():
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


def check(study: Study) -> str:
    """Hold the params file to its rules without touching a record; returns what was found."""
    protocol = read_protocol(study.params)
    check_source(protocol.source)
    alternatives = read_alternatives(study.params)
    return (
        f"{study.params} is a protocol (hash {protocol_hash(protocol)}) with "
        f"{len(protocol.outcomes)} outcome(s) and {len(alternatives)} alternative(s)"
    )


def _simulation(params: Path) -> dict[str, Any]:
    settings = read_section(params, "simulation")
    unknown = sorted(set(settings) - SIMULATION)
    if unknown:
        raise ProtocolError(f"simulation: unknown {unknown}; known are {sorted(SIMULATION)}")
    missing = sorted({"persons", "seed"} - set(settings))
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
