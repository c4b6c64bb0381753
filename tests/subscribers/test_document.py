"""What docs/subscribers.md shows is the subscriber that the tests run, and commands that exist."""

import re
import shlex
from pathlib import Path

import pytest
from amtsbus.cli import app
from typer.main import get_command

from .dying import EXAMPLE

DOCUMENT = (Path(__file__).parents[2] / "docs" / "subscribers.md").read_text()
SHOWN = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
COMMANDS = re.findall(r"amtsbus (?:[a-z]+ )+[^`]*", DOCUMENT.replace("\\\n", ""))


def test_something_is_shown():
    assert len(SHOWN) == 2
    assert len(COMMANDS) >= 6


@pytest.mark.parametrize("shown", SHOWN)
def test_what_is_shown_is_what_runs(shown):
    assert shown in EXAMPLE.read_text()


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_and_option_exists(line):
    _, *words = shlex.split(line.strip().replace("…", "x"))
    command = get_command(app)
    while words and not words[0].startswith("-") and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]  # type: ignore[attr-defined] # a group, as the line above has found
    options = {option for parameter in command.params for option in parameter.opts}
    assert [word for word in words if word.startswith("--") and word not in options] == []
    assert not hasattr(command, "commands"), line
