"""Every department has the same rooms under the same names, and stands on its own."""

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = sorted(file.parent.name for file in ROOT.glob("services/*/pyproject.toml"))
PARTS = ("README.md", "Dockerfile", "contracts", "migrations", "tests/unit", "tests/integration")
ROOMS = ("domain", "use_cases", "published", "consumed", "store", "subscribers", "settings", "main")
DOORS = ("http", "pages")
"""The outside world comes in by an API, by pages, or by both."""

each_service = pytest.mark.parametrize("service", SERVICES)


def project(service: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / "services" / service / "pyproject.toml").read_text(encoding="utf-8"))


def package(service: str) -> Path:
    return ROOT / "services" / service / "src" / service


def imported(file: Path) -> set[str]:
    """The modules that a file imports, by their absolute names."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_the_city_has_departments():
    assert {"notifications", "permits", "registration", "schooling"} <= set(SERVICES)


@each_service
def test_a_department_has_every_part(service):
    missing = [part for part in PARTS if not (ROOT / "services" / service / part).exists()]
    assert missing == []


@each_service
def test_a_department_has_every_room(service):
    folder = package(service)
    there = {room for room in (*ROOMS, *DOORS) if _is_room(folder, room)}
    assert there >= set(ROOMS)
    assert there & set(DOORS)
    assert (folder / "py.typed").is_file()


def _is_room(folder: Path, room: str) -> bool:
    return (folder / f"{room}.py").is_file() or (folder / room / "__init__.py").is_file()


@each_service
def test_migrations_are_numbered_without_gaps(service):
    names = sorted(file.name for file in (ROOT / "services" / service / "migrations").iterdir())
    assert names
    assert [name[:5] for name in names] == [f"{number:04}_" for number in range(1, len(names) + 1)]


@each_service
def test_a_department_depends_on_the_chassis_and_on_no_other_department(service):
    requirements = [
        re.split(r"[\s\[<>=!~;]", name, maxsplit=1)[0] for name in project(service)["project"]["dependencies"]
    ]
    assert [name for name in requirements if name.startswith("amtsbus")] == ["amtsbus"]


@each_service
def test_a_department_has_a_version_of_its_own(service):
    declared = project(service)["project"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", declared["version"])
    assert "dynamic" not in declared
    pinned = [name for name in declared["dependencies"] if name.startswith("amtsbus") and "==" in name]
    assert pinned == [], "a department takes a new chassis on its own day"


@each_service
def test_a_department_is_found_by_its_name(service):
    declared = project(service)["project"]
    assert declared["name"] == f"amtsbus-{service}"
    one = {"amtsbus.services": {service: f"{service}.main:SERVICE"}}
    several = {"amtsbus.instances": {service: f"{service}.main:{service.upper()}"}}
    assert declared["entry-points"] in (one, several)


@each_service
def test_the_tests_of_a_department_need_no_other_department(service):
    others = {*SERVICES, "town"} - {service}
    for file in (ROOT / "services" / service / "tests").rglob("*.py"):
        foreign = {name for name in imported(file) if name.split(".")[0] in others}
        assert foreign == set(), file


@each_service
def test_an_image_runs_without_rights_and_holds_this_department_alone(service):
    dockerfile = (ROOT / "services" / service / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^USER (?!root)", dockerfile, re.MULTILINE)
    assert f"--package amtsbus-{service}" in dockerfile
    # Of a package that runs several times the image names one; a deployment names its own.
    instance = "taxes" if service == "offices" else service
    assert f'"amtsbus", "api", "{instance}"' in dockerfile
    assert ":latest" not in dockerfile
