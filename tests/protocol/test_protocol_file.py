"""What is said about a params file that cannot be read as one."""

import pytest

from iop_outcomes.protocol.parsing import read_protocol


def test_a_missing_file_is_named_with_the_ways_to_point_at_the_right_one(complaint, tmp_path):
    path = tmp_path / "parms.yaml"
    assert complaint(path) == (
        f"{path} is not there; run this from a study's folder, or name its file with --params"
    )


def test_a_folder_is_no_params_file(complaint, tmp_path):
    assert str(tmp_path) in complaint(tmp_path)


def test_a_file_in_another_encoding_asks_to_be_saved_in_utf_8(complaint, tmp_path):
    path = tmp_path / "params.yaml"
    path.write_bytes("protocol: {title: Café}".encode("latin-1"))
    assert complaint(path) == f"{path} is not a text file in UTF-8; save it as one"


def test_letters_beyond_english_are_read_as_written(written, study, changed):
    path = written(changed(study, "protocol.title", "Café and Müller"))
    assert read_protocol(path).title == "Café and Müller"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("protocol: {title: [A\n", 2),
        ("protocol:\n\ttitle: A\n", 2),
        ("protocol:\n  title: A: B\n", 2),
        ("protocol: !!python/object/apply:os.getcwd []\n", 1),
    ],
    ids=["unclosed bracket", "tab", "two colons", "code instead of values"],
)
def test_what_is_not_yaml_is_named_by_file_and_line(complaint, written, text, line):
    path = written(text)
    assert complaint(path).startswith(f"{path}, line {line}: ")


@pytest.mark.parametrize("text", ["", "# only a remark\n", "- protocol\n", "protocol\n"])
def test_a_file_without_sections_says_which_section_it_needs(complaint, written, text):
    path = written(text)
    assert complaint(path) == f"{path} holds no sections; it needs `protocol:`"


def test_a_missing_section_is_named_beside_those_that_are_there(complaint, written, study):
    path = written({"simulation": {"persons": 10}, "protocl": study["protocol"]})
    assert complaint(path) == (
        f"{path} has no section `protocol:`; it has ['protocl', 'simulation']"
    )


def test_a_section_named_by_a_number_does_not_hide_the_complaint(complaint, written):
    """A slip of the keyboard may leave `1: 2` at the left margin."""
    assert "has no section `protocol:`" in complaint(written("protocl: {}\n1: 2\n"))


@pytest.mark.parametrize("section", ["", " text", " [a, b]"])
def test_a_section_that_is_not_a_mapping_is_named(complaint, written, section):
    assert complaint(written(f"protocol:{section}\n")).startswith("protocol: ")


@pytest.mark.parametrize(
    ("line", "doubled"),
    [
        ("  title: A study of nobody", "title"),
        ("      definition: first recorded return to use", "definition"),
        ("  disclosure: {smallest_count: 11}", "disclosure"),
    ],
)
def test_a_key_written_twice_is_an_error_and_not_the_last_one_winning(
    complaint, written, study_text, line, doubled
):
    path = written(study_text.replace(line, f"{line}\n{line}"))
    second = study_text.splitlines().index(line) + 2
    assert complaint(path) == f"{path}, line {second}: the key `{doubled}` stands twice"


def test_an_outcome_written_twice_is_an_error(complaint, written, study_text):
    path = written(study_text.replace("    discontinuation:", "    relapse:"))
    assert complaint(path).endswith("the key `relapse` stands twice")


def test_a_key_that_cannot_be_a_name_is_named_by_file_and_line(complaint, written):
    path = written("protocol:\n  ? [title, question]\n  : A\n")
    assert str(path) in complaint(path)
