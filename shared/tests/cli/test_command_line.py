"""The command line as such: quick, and clear about what went wrong."""

import resource
import subprocess
import sys

import pytest
from amtsbus.cli import run


def test_help_is_there_before_one_gets_impatient():
    command = [sys.executable, "-c", "from amtsbus.cli import main; main()", "--help"]
    spent = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        finished = subprocess.run(command, capture_output=True, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent) < 0.5  # seconds of processor time: the wall clock also measures what else the machine does
    for command_name in (
        "api",
        "worker",
        "migrate",
        "contracts",
        "journal",
        "deadletters",
        "topics",
        "status",
        "gaps",
        "reconcile",
        "actions",
    ):
        assert f"\n  {command_name} " in finished.stdout


def test_help_imports_no_driver_and_no_web_framework():
    code = (
        "import sys; from amtsbus.cli import run; run(['--help']); "
        "print([m for m in ('asyncpg', 'aiokafka', 'fastapi', 'pydantic', 'rich', 'yaml') if m in sys.modules])"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["fly"], "No such command 'fly'"),
        (["journal", "replay"], "Missing argument 'SERVICE'"),
        (["journal", "replay", "parks", "--since", "yesterday"], "'yesterday' is no date or time"),
        (
            ["journal", "replay", "parks", "--since", "2026-03-02", "--until", "2026-03-01"],
            "--since must be before --until",
        ),
        (["journal", "replay", "parks", "--stream-id", "7"], "stream-id"),
        (["journal", "replay", "parks", "--rate", "0"], "rate"),
        (["journal", "status", "parks"], "no service 'parks' is installed here"),
        (
            ["deadletters", "retry", "parks"],
            "say what to retry: an ID, a choice (--consumer, --key, --reason, --type, ",
        ),
        (["deadletters", "retry", "parks", "7", "--all"], "say what to retry: an ID, a choice"),
        (["deadletters", "retry", "parks", "--all", "--type", "x"], "say what to retry: an ID, a choice"),
        (["deadletters", "retry", "parks", "7"], "--why needs a reason"),
        (["deadletters", "skip", "parks"], "say what to skip: an ID, a choice"),
        (["deadletters", "skip", "parks", "7"], "--why needs a reason"),
        (["deadletters", "skip", "parks", "7", "--why", " "], "--why needs a reason"),
        (["deadletters", "show", "parks", "7", "--with-content"], "--why needs a reason"),
        (["deadletters", "export", "parks", "--with-content"], "--why needs a reason"),
        (
            ["deadletters", "list", "parks", "--older-than", "long"],
            "'long' is no span of time; write 45s, 30min, 2h or 3d",
        ),
        (["deadletters", "show", "parks", "first"], "Invalid value for 'ID'"),
    ],
)
def test_a_wrong_command_is_answered_in_one_line_with_exit_code_2(capsys, arguments, told):
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert told in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


async def test_a_missing_setting_is_named(library, amtsbus, monkeypatch):
    monkeypatch.delenv("LENDING_DATABASE_URL")
    outcome = await amtsbus("journal", "status", "lending")
    assert outcome.exit_code == 1
    assert outcome.err == "amtsbus: settings: LENDING_DATABASE_URL: Field required\n"


async def test_a_wrong_setting_is_named_without_its_content(library, amtsbus, monkeypatch):
    monkeypatch.setenv("AMTSBUS_LOG_FORMAT", "secret-xml")
    outcome = await amtsbus("journal", "status", "lending")
    assert outcome.exit_code == 1
    assert "AMTSBUS_LOG_FORMAT" in outcome.err
    assert "secret-xml" not in outcome.err


async def test_a_database_that_is_away_is_one_line(library, amtsbus, monkeypatch):
    monkeypatch.setenv("LENDING_DATABASE_URL", "postgresql://lending:hidden@127.0.0.1:1/lending")
    outcome = await amtsbus("journal", "status", "lending")
    assert outcome.exit_code == 1
    assert outcome.err.startswith("amtsbus: a server cannot be reached")
    assert outcome.err.count("\n") == 1
    assert "hidden" not in outcome.err


async def test_a_database_without_tables_says_what_to_do(library, amtsbus, monkeypatch, owner_url, postgres_url):
    monkeypatch.setenv("LENDING_DATABASE_URL", postgres_url)
    outcome = await amtsbus("journal", "status", "lending")
    assert outcome.exit_code == 1
    assert "run `amtsbus migrate SERVICE` first" in outcome.err


async def test_migrate_says_what_it_did(library, amtsbus, monkeypatch, owner_url):
    monkeypatch.setenv("LENDING_MIGRATOR_DATABASE_URL", owner_url(library.lending))
    outcome = await amtsbus("migrate", "lending")
    assert outcome.exit_code == 0, outcome.err
    assert outcome.out == "the database is up to date\n"
