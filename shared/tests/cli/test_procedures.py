"""`amtsbus procedures`: what is wrong with procedure files, their schemas, and applicants that do not exist."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import jsonschema_rs
import pytest
from amtsbus.cli import run

from ..procedures.allotments import ALLOTMENT, OFFICE
from .conftest import Outcome

DEPLOYED = Path(__file__).parents[3] / "deploy/procedures"


@pytest.fixture
def procedures(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Types `amtsbus procedures` with these arguments."""

    def typed(*arguments: object) -> Outcome:
        capsys.readouterr()
        code = run(["procedures", *(str(argument) for argument in arguments)])
        return Outcome(code, *capsys.readouterr())

    return typed


@pytest.fixture
def office(tmp_path: Path) -> Path:
    """The folder of an office with one procedure, in the folder of a city."""
    folder = tmp_path / "environment"
    folder.mkdir()
    (folder / "office.yaml").write_text(OFFICE, encoding="utf-8")
    (folder / "allotment.yaml").write_text(ALLOTMENT, encoding="utf-8")
    return folder


@pytest.fixture
def wrong(office: Path) -> Path:
    """A procedure with two mistakes, in lines 8 and 12."""
    file = office / "wrong.yaml"
    changes = {"resident": "dog", "GARTEN": "garden"}
    text = ALLOTMENT
    for before, after in changes.items():
        text = text.replace(before, after)
    file.write_text(text, encoding="utf-8")
    return file


# check


@pytest.mark.parametrize("below", ["..", ".", "allotment.yaml"])
def test_files_of_a_city_of_an_office_or_a_single_one_can_be_checked(procedures, office, below):
    assert procedures("check", office / below) == Outcome(0, "1 procedure: nothing is wrong\n", "")


def test_several_paths_are_checked_at_once(procedures, office):
    outcome = procedures("check", office, office / "allotment.yaml")
    assert outcome == Outcome(0, "2 procedures: nothing is wrong\n", "")


def test_every_mistake_is_a_line_and_their_number_is_the_last_word(procedures, office, wrong):
    outcome = procedures("check", office)
    assert outcome.exit_code == 1
    first, second = outcome.out.splitlines()
    assert first.startswith(f"{wrong}:8: applicant: input should be 'anyone', 'resident'")
    assert second.startswith(f"{wrong}:12: reference_prefix: string should match pattern")
    assert outcome.err == "amtsbus: 2 mistakes in procedure files\n"


def test_a_single_mistake_is_one(procedures, office):
    (office / "wrong.yaml").write_text("", encoding="utf-8")
    outcome = procedures("check", office)
    assert (outcome.exit_code, outcome.err) == (1, "amtsbus: 1 mistake in procedure files\n")
    assert outcome.out == f"{office / 'wrong.yaml'}:1: the file is empty: write it, or remove it\n"


def test_programs_get_json(procedures, office):
    outcome = procedures("check", office, "--json")
    assert (outcome.exit_code, outcome.json, outcome.err) == (0, {"checked": 1, "mistakes": []}, "")


def test_programs_get_mistakes_as_json_too(procedures, office, wrong):
    outcome = procedures("check", "--json", office, office / "allotment.yaml")
    assert outcome.exit_code == 1
    assert outcome.json["checked"] == 1
    assert [(one["file"], one["line"]) for one in outcome.json["mistakes"]] == [(str(wrong), 8), (str(wrong), 12)]
    assert outcome.json["mistakes"][1]["what"].startswith("reference_prefix: ")
    assert outcome.err == "amtsbus: 2 mistakes in procedure files\n"


def test_a_condition_that_fails_in_a_function_leaves_standard_error_to_its_one_line(procedures, office):
    text = ALLOTMENT.replace("that: form.area < 350", "that: age_on(form.tenant_name, today) < 350")
    (office / "allotment.yaml").write_text(text, encoding="utf-8")
    outcome = procedures("check", office)
    assert outcome.exit_code == 1
    assert "with sample answers" in outcome.out
    assert outcome.err == "amtsbus: 1 mistake in procedure files\n"


def test_a_folder_without_an_office_is_told(procedures, tmp_path):
    outcome = procedures("check", tmp_path)
    assert outcome.exit_code == 1
    assert outcome.out == f"{tmp_path}:1: there is no office here: a folder with office.yaml for each\n"


# schema


@pytest.mark.parametrize(
    ("options", "committed"), [((), "procedure.schema.json"), (("--office",), "office.schema.json")]
)
def test_the_committed_schemas_are_what_the_command_writes(procedures, tmp_path, options, committed):
    written = tmp_path / "schema.json"
    assert procedures("schema", *options, "--file", written) == Outcome(0, "", "")
    assert written.read_bytes() == (DEPLOYED / committed).read_bytes()
    assert procedures("schema", *options).out == written.read_text(encoding="utf-8")


def test_the_schema_of_an_application_is_that_of_its_procedure(procedures, office):
    outcome = procedures("schema", "--application", office / "allotment.yaml")
    assert outcome.exit_code == 0
    assert outcome.json["title"] == "Rent an allotment"
    assert list(outcome.json["properties"]) == ["tenant_name", "area", "hut", "colour"]


def test_there_is_no_schema_of_an_application_for_a_wrong_file(procedures, wrong):
    outcome = procedures("schema", "--application", wrong)
    assert (outcome.exit_code, outcome.out) == (1, "")
    assert outcome.err.startswith(f"amtsbus: {wrong}:8: applicant: ")
    assert outcome.err.endswith("(and 1 more)\n")
    assert outcome.err.count("\n") == 1


def test_one_schema_is_written_at_a_time(procedures, office):
    outcome = procedures("schema", "--office", "--application", office / "allotment.yaml")
    assert (outcome.exit_code, outcome.out) == (2, "")
    assert "say one of --office and --application" in outcome.err
    assert outcome.err.count("\n") == 1


# sample


def test_somebody_invented_fits_the_schema_of_the_application(procedures, office):
    sample = procedures("sample", office / "allotment.yaml", "--seed", 3).json
    schema = procedures("schema", "--application", office / "allotment.yaml").json
    assert list(sample) == ["answers", "computed", "documents", "fee_cents"]
    assert jsonschema_rs.is_valid(schema, sample["answers"])
    assert sample["computed"] == {"rent": sample["answers"]["area"] * 40}
    assert sample["documents"] == (["sketch"] if sample["answers"]["hut"] else [])
    assert sample["fee_cents"] == 2500


def test_a_seed_is_somebody_and_another_seed_somebody_else(procedures, office):
    file = office / "allotment.yaml"
    assert procedures("sample", file).json == procedures("sample", file, "--seed", 0).json
    assert len({procedures("sample", file, "--seed", seed).out for seed in range(10)}) > 5


def test_where_nobody_gets_through_today_one_line_says_so(procedures, office, monkeypatch):
    monkeypatch.setattr("amtsbus.clock.SystemClock.today", lambda _: date(2030, 1, 1))
    condition = "that: today == '2026-11-24'"  # the day on which files are checked
    text = ALLOTMENT.replace("that: form.area < 350 || !form.hut", condition)
    (office / "allotment.yaml").write_text(text, encoding="utf-8")
    assert procedures("check", office).exit_code == 0
    outcome = procedures("sample", office / "allotment.yaml")
    assert (outcome.exit_code, outcome.out) == (1, "")
    assert outcome.err == "amtsbus: allotment: no applicant was found\n"


def test_the_example_in_the_help_works_as_it_stands_there(procedures, monkeypatch):
    [example] = [line for line in procedures("sample", "--help").out.splitlines() if "Example:" in line]
    monkeypatch.chdir(DEPLOYED / "taxes")
    outcome = procedures(*example.split("amtsbus procedures ")[1].split())
    assert outcome.exit_code == 0, outcome.err
    assert "dog_name" in outcome.json["answers"]


# what it says in words


def test_a_file_is_described_in_words_with_its_office_and_its_states(procedures, office):
    outcome = procedures("describe", office / "allotment.yaml")
    assert outcome.exit_code == 0, outcome.err
    lines = outcome.out.splitlines()
    assert lines[0].startswith("# ")
    assert any(line.startswith("| Zuständig | ") for line in lines)
    assert "stateDiagram-v2" in lines
    assert "    [*] --> received" in lines


def test_a_description_is_written_to_a_file_in_english(procedures, office, tmp_path):
    outcome = procedures("describe", office / "allotment.yaml", "--language", "en", "--file", tmp_path / "a.md")
    assert (outcome.exit_code, outcome.out) == (0, "")
    assert "## What is asked" in (tmp_path / "a.md").read_text(encoding="utf-8")


# the command line


@pytest.mark.parametrize(
    "arguments", [["--help"], ["check", "--help"], ["schema", "--help"], ["sample", "--help"], ["describe", "--help"]]
)
def test_help_says_what_a_command_is_for(procedures, arguments):
    outcome = procedures(*arguments)
    assert (outcome.exit_code, outcome.err) == (0, "")
    assert outcome.out.startswith("Usage: amtsbus procedures")


def test_the_group_lists_its_commands(procedures):
    out = procedures("--help").out
    for command in ("check", "schema", "sample", "describe"):
        assert f"\n  {command} " in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["check"], "Missing argument 'PATH...'"),
        (["sample"], "Missing argument 'FILE'"),
        (["sample", "a.yaml", "--seed", "-1"], "seed"),
        (["sample", "a.yaml", "--seed", "many"], "seed"),
        (["improve"], "No such command 'improve'"),
    ],
)
def test_a_wrong_command_is_answered_in_one_line_with_exit_code_2(procedures, arguments, told):
    outcome = procedures(*arguments)
    assert (outcome.exit_code, outcome.out) == (2, "")
    assert told in outcome.err
    assert outcome.err.count("\n") == 1


def test_a_file_that_is_not_there_is_one_line(procedures, tmp_path):
    for command in (
        ["sample", tmp_path / "a.yaml"],
        ["describe", tmp_path / "a.yaml"],
        ["schema", "--application", tmp_path / "a.yaml"],
    ):
        outcome = procedures(*command)
        assert (outcome.exit_code, outcome.out) == (1, "")
        assert outcome.err == f"amtsbus: {tmp_path / 'a.yaml'}:1: cannot be read: No such file or directory\n"
