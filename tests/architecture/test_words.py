"""Names say what a thing is, and silenced warnings say why."""

import ast
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
EMPTY_WORDS = {"base", "common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}
EMPTY_CLASS = re.compile(r"(Manager|Helper|Helpers|Util|Utils|Common)(Error)?$|^(Abstract)?Base(?=[A-Z]|$)|Base$")
EMPTY_FUNCTION = re.compile(r"^_*(process_|handle_data|do_it|do_stuff|helper)")
SILENCED = re.compile(r"#\s*(type:\s*ignore|noqa|ruff:\s*noqa|mypy:|pylint:)(?P<rest>.*)$")
CODES = re.compile(r"^(\[[a-z-]+(,\s*[a-z-]+)*\]|:\s*[A-Z]+[0-9]+(,\s*[A-Z]+[0-9]+)*)")
WHY = re.compile(r"^\s*([-–—#:]|//)\s*\S+")


def tracked(*patterns: str) -> list[Path]:
    """The files of this repository that match, whether committed yet or not."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return sorted(file for line in set(listed.splitlines()) if (file := ROOT / line).is_file())


def test_no_file_or_folder_has_an_empty_name():
    found = [
        str(file.relative_to(ROOT))
        for file in tracked("shared", "services", "deploy", "tests")
        if {Path(part).stem.lower() for part in file.relative_to(ROOT).parts} & EMPTY_WORDS
    ]
    assert found == []


def test_no_class_or_function_has_an_empty_name():
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno}: {node.name}"
        for file in tracked("*.py")
        if "tests" not in file.relative_to(ROOT).parts
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if (isinstance(node, ast.ClassDef) and EMPTY_CLASS.search(node.name))
        or (isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and EMPTY_FUNCTION.match(node.name))
    ]
    assert found == []


def silenced(file: Path) -> Iterator[tuple[int, str]]:
    """(line number, what follows the marker) of every silenced warning in comments of a file."""
    with tokenize.open(file) as source:
        for token in tokenize.generate_tokens(source.readline):
            if token.type == tokenize.COMMENT and (match := SILENCED.search(token.string)):
                yield token.start[0], match["rest"]


def test_no_warning_is_silenced_without_its_code():
    found = [
        f"{file.relative_to(ROOT)}:{line}"
        for file in tracked("*.py")
        for line, rest in silenced(file)
        if not CODES.match(rest)
    ]
    assert found == []


def test_no_warning_is_silenced_without_a_reason():
    found = [
        f"{file.relative_to(ROOT)}:{line}"
        for file in tracked("*.py")
        if "tests" not in file.relative_to(ROOT).parts
        for line, rest in silenced(file)
        if (code := CODES.match(rest)) and not WHY.match(rest[code.end() :])
    ]
    assert found == []
