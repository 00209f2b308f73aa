"""Files that are not there, are no files, lie elsewhere, or have a name that nobody reads."""

import os
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from iop_outcomes.errors import RecordsError


def gone(path):
    path.unlink()


def folder(path):
    path.unlink()
    path.mkdir()


def link_to_nothing(path):
    path.unlink()
    path.symlink_to(path.with_name("zanzibar.csv"))


def link_to_itself(path):
    path.unlink()
    path.symlink_to(path)


def pipe(path):
    path.unlink()
    os.mkfifo(path)


NOT_THERE = {
    "a file that is not there": (gone, "is not there; put the extract in"),
    "a folder of its name": (folder, "is a folder and no file; mend protocol.source"),
    "a link to nothing": (link_to_nothing, "is not there"),
    "a link to itself": (link_to_itself, "is not there"),
    "a pipe, which would be waited for": (pipe, "is not there"),
}


@pytest.mark.parametrize("fault", NOT_THERE)
def test_it_is_refused_with_a_sentence(study, refuses, fault):
    change, said = NOT_THERE[fault]
    change(study.raw / "stays.csv")
    refuses(study, "stays.csv", said)


@contextmanager
def as_nobody():
    """Without the rights of whoever runs the tests, if they run with all rights."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="rights are not by user here")
def test_a_file_that_may_not_be_read_is_refused(study):
    study.map_stays("stays.csv")
    for path in study.raw.iterdir():
        path.chmod(0)
    with as_nobody(), pytest.raises(RecordsError) as refused:
        study.read()
    assert str(refused.value).endswith(
        "cannot be read (permission denied); check it and who may read it"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="a file that breaks off is made by /proc")
@pytest.mark.parametrize("name", ["stays.csv", "stays.xlsx"])
def test_a_file_that_breaks_off_is_refused(study, refuses, name):
    (study.raw / name).unlink(missing_ok=True)
    (study.raw / name).symlink_to("/proc/self/mem")
    study.map_stays(name)
    refuses(study, f"{name} cannot be read (input/output error)")


NAMES = {
    "an old workbook": "stays.xls",
    "a zip file": "stays.zip",
    "a zipped text": "stays.csv.zip",
    "a packed workbook": "stays.xlsx.gz",
    "a text with tabs": "stays.tsv",
    "no suffix": "stays",
    "another format": "stays.rds",
}


@pytest.mark.parametrize("fault", NAMES)
def test_a_file_of_another_kind_is_refused_with_those_that_are_read(study, refuses, fault):
    (study.raw / "stays.csv").rename(study.raw / NAMES[fault])
    study.map_stays(NAMES[fault])
    refuses(study, "a file of this kind is not read; unpack it or export it as one of ['.csv'")


def test_names_in_other_letters_are_read(study, reads_as):
    names = {"persons": "persons.CSV", "stays": "Stays of 2023, v2.txt", "events": "events.Csv"}
    study.map_stays("stays.csv")
    for table, name in names.items():
        (study.raw / f"{table}.csv").rename(study.raw / name)
        study.source["tables"][table]["file"] = name
    reads_as(study)


def test_a_name_longer_than_a_disk_can_hold_is_refused(study, refuses):
    study.map_stays("z" * 300 + ".csv")
    refuses(study, "cannot be read (file name too long)", longest=1000)


def test_a_name_with_a_nul_byte_is_refused(study, refuses):
    study.map_stays("stays\0.csv")
    refuses(study, "is not there")


ESCAPES = {
    "a step up": lambda outside: "../outside/stays.csv",
    "a step down and two up": lambda outside: "below/../../outside/stays.csv",
    "a full path": lambda outside: str(outside / "stays.csv"),
}


@pytest.mark.parametrize("fault", ESCAPES)
def test_a_file_outside_the_raw_folder_is_refused(study, refuses, fault):
    outside = study.raw.parent / "outside"
    outside.mkdir()
    (study.raw / "below").mkdir()
    shutil.copy(study.raw / "stays.csv", outside)
    study.map_stays(ESCAPES[fault](outside))
    refuses(study, "stays.csv lies outside")


@pytest.mark.parametrize("fault", ESCAPES)
def test_a_folder_outside_the_raw_folder_is_refused(study, refuses, fault):
    outside = study.raw.parent / "outside"
    shutil.copytree(study.raw, outside)
    (study.raw / "below").mkdir()
    study.source["folder"] = str(Path(ESCAPES[fault](outside)).parent)
    refuses(study, "persons.csv lies outside")


def test_a_file_and_a_folder_that_are_linked_in_are_read(study, reads_as):
    """Where large files are kept elsewhere, and by DVC."""
    kept = study.folder / "kept"
    study.raw.rename(kept)
    study.raw.symlink_to(kept, target_is_directory=True)
    (kept / "stays.csv").rename(study.folder / "stays.bin")
    (kept / "stays.csv").symlink_to(study.folder / "stays.bin")
    reads_as(study)


@pytest.mark.parametrize("name", ["events.xlsx", "Events.csv", "events.parquet", "STAYS.csv"])
def test_a_table_of_ours_in_a_form_that_is_not_looked_for_is_not_passed_over(study, refuses, name):
    """Without its events, a study would see no relapse."""
    (study.raw / f"{name.split('.')[0].lower()}.csv").rename(study.raw / name)
    refuses(study, name, "which would not be read")
