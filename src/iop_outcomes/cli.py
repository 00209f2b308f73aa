"""`iop-outcomes`: run one station of a study by hand, or check its protocol."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from iop_outcomes.errors import ProtocolError, StudyError

app = typer.Typer(
    name="iop-outcomes",
    help="Relapse and retention after intensive outpatient versus inpatient treatment.\n\n"
    "A study is a folder with a protocol (params.yaml) and records (data/raw). `dvc repro` runs "
    "its stations in order and only as far as needed; each can be run by hand with the command "
    "of its name. Errors are one sentence and exit status 2.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Params = Annotated[Path, typer.Option(help="The study's protocol.", show_default=True)]
Data = Annotated[Path, typer.Option(help="The study's data folder.", show_default=True)]
PARAMS, DATA = Path("params.yaml"), Path("data")

# The order of the road, and what --help says of each. The stages say it again at more length.
STATIONS = {
    "simulate": "Records with a planted truth, in place of an extract.",
    "records": "Raw extracts to typed, validated tables.",
    "cohort": "Records and protocol to the people compared.",
    "weighting": "People to weights that balance the arms; sees no outcome.",
    "comparison": "Cohort and weights to effects.",
    "robustness": "The comparison again, under each alternative protocol.",
    "report": "Effects to released tables, figures and the report.",
}


def _station(name: str, line: str) -> None:
    def run(params: Params = PARAMS, data: Data = DATA) -> None:
        from iop_outcomes.stages import STAGES, study_at  # seconds of imports: not for --help

        STAGES[name](study_at(data, params))

    app.command(name, help=line)(run)


for _name, _line in STATIONS.items():
    _station(_name, _line)


@app.command()
def init(
    more: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="Further files.")
    ] = None,
    files: Annotated[
        list[Path] | None,
        typer.Option("--from", metavar="FILE", help="A file of the export; may be repeated."),
    ] = None,
    into: Annotated[Path, typer.Option(help="An empty or a new folder.")] = Path(),
) -> None:
    """Begin a study of a site's export: guess how its columns and codes read as ours."""
    from iop_outcomes.stages import init as begin_study

    typer.echo(begin_study([*(files or []), *(more or [])], into))


@app.command()
def check(
    params: Params = PARAMS,
    data: Data = DATA,
    strict: Annotated[bool, typer.Option("--strict", help="Let warnings count too.")] = False,
) -> None:
    """Say what is wrong with the protocol, and how good the records are if they were read."""
    from iop_outcomes.stages import check as check_study
    from iop_outcomes.stages import quality, study_at

    study = study_at(data, params)
    found = check_study(study)
    typer.echo(found.text)
    if found.refused(strict=strict):
        raise ProtocolError(f"{params}: {found.counted}; mend what is listed above")
    if said := quality(study):
        typer.echo(f"\n{said}")


@app.command()
def freeze(
    by: Annotated[str, typer.Option(help="Who answers for the protocol.")],
    because: Annotated[
        str | None, typer.Option(help="Why a frozen protocol is amended.", show_default=False)
    ] = None,
    params: Params = PARAMS,
    data: Data = DATA,
) -> None:
    """Freeze the protocol with its hash and today's date, before an outcome is read."""
    from iop_outcomes.stages import freeze as freeze_study
    from iop_outcomes.stages import study_at

    typer.echo(freeze_study(study_at(data, params), by, because))


@app.command()
def schema() -> None:
    """Print the JSON schema of params.yaml, with which editors complete and explain its keys."""
    from iop_outcomes.stages import schema as schema_of_params

    typer.echo(schema_of_params())


@app.command()
def fetch(
    source: Annotated[Literal["teds-d"], typer.Argument(help="What to fetch.")],
    year: Annotated[int, typer.Argument(help="Year of discharge.")],
    url: Annotated[str, typer.Option(help="Address of the file itself, .zip or .csv.")],
    params: Params = PARAMS,
    data: Data = DATA,
) -> None:
    """Download a public file into data/raw, check it, and put it under DVC."""
    from iop_outcomes.stages import fetch as fetch_year
    from iop_outcomes.stages import study_at

    typer.echo(fetch_year(study_at(data, params), year, url))


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    typer.echo(installed("iop-outcomes"))


def main() -> None:
    """Run the command line; a fault that someone can mend is one sentence and status 2."""
    try:
        app()
    except StudyError as error:
        _stop(str(error))
    except OSError as error:
        _stop(f"{error.filename or 'a file'}: {(error.strerror or 'cannot be read').lower()}")


def _stop(sentence: str) -> None:
    typer.echo(f"iop-outcomes: {sentence}", err=True)
    sys.exit(2)
