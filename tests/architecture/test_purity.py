"""Rules are pure, SQL has one place, nobody calls another department or loads its code; what import-linter cannot see."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(path for path in ROOT.glob("services/*/src/*") if path.is_dir())

PURE_CHASSIS = {
    "amtsbus.casework",
    "amtsbus.casework.calendar",
    "amtsbus.casework.case",
    "amtsbus.casework.holidays",
    "amtsbus.casework.periods",
    "amtsbus.casework.procedure",
    "amtsbus.casework.roles",
    "amtsbus.errors",
}
IMPURE_PROCEDURES = {f"amtsbus.procedures.{module}" for module in ("catalogue", "publishing", "store")}
IMPURE_LIBRARY = {
    *(
        "asyncio",
        "concurrent",
        "ftplib",
        "http",
        "io",
        "multiprocessing",
        "os",
        "pathlib",
        "random",
        "secrets",
        "selectors",
    ),
    *(
        "shutil",
        "signal",
        "smtplib",
        "socket",
        "sqlite3",
        "ssl",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "time",
        "urllib",
    ),
}
CLOCKS_AND_DICE = {"now", "utcnow", "today", "uuid1", "uuid4", "uuid7", "new_id", "monotonic", "perf_counter"}
HTTP_CLIENTS = {"aiohttp", "http.client", "httpx", "requests", "urllib.request", "urllib3", "websockets"}
SQL = re.compile(
    r"\s*(SELECT\s|INSERT INTO\s|UPDATE\s+\w+\s+SET\s|DELETE FROM\s|WITH\s+\w+\s+AS|CREATE\s+(TABLE|INDEX)|TRUNCATE\s)"
)
QUERIES = {"fetch", "fetchrow", "fetchval", "execute", "executemany"}

each_package = pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)


def sources(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def nodes(file: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(file.read_text(encoding="utf-8")))


def imports(file: Path) -> Iterator[str]:
    for node in nodes(file):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def place(file: Path, node: ast.stmt | ast.expr | None = None) -> str:
    return f"{file.relative_to(ROOT)}{f':{node.lineno}' if node is not None else ''}"


def _is_pure_besides(name: str, package: Path) -> bool:
    """Reading procedure files is pure but for the library that reads them; so are comparing words and taking addresses apart."""
    if package.name in ("offices", "portal") and name.startswith("amtsbus.procedures"):
        return name not in IMPURE_PROCEDURES
    return name == "urllib.parse" or name.split(".")[0] == "rapidfuzz"


@each_package
def test_the_domain_imports_the_standard_library_and_the_pure_kernel_only(package):
    own = f"{package.name}.domain"
    found = [
        f"{place(file)} imports {name}"
        for file in sources(package / "domain")
        for name in imports(file)
        if not (name == own or name.startswith(f"{own}.") or name in PURE_CHASSIS or _is_pure_besides(name, package))
        and (name.split(".")[0] not in sys.stdlib_module_names or name.split(".")[0] in IMPURE_LIBRARY)
    ]
    assert found == []


@each_package
def test_the_domain_asks_nobody_for_the_time_or_for_an_id(package):
    found = []
    for file in sources(package / "domain"):
        for node in nodes(file):
            if isinstance(node, ast.Call):
                called = node.func
                name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
                if name in CLOCKS_AND_DICE:
                    found.append(f"{place(file, node)} calls {name}()")
    assert found == []


@each_package
def test_the_domain_does_not_wait(package):
    found = [
        place(file, node)
        for file in sources(package / "domain")
        for node in nodes(file)
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
    ]
    assert found == []


@each_package
def test_sql_is_written_in_the_store_only(package):
    found = []
    for file in sources(package):
        if file.name == "store.py" or "store" in file.parent.relative_to(package).parts:
            continue
        for node in nodes(file):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value):
                found.append(f"{place(file, node)}: {node.value.strip()[:40]}")
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in QUERIES:
                found.append(f"{place(file, node)}: .{node.func.attr}(…)")
    assert found == []


@each_package
def test_the_driver_is_known_to_the_store_and_to_tasks_only(package):
    """Whoever decides meets our errors; a task may have to know that the database is away."""
    rooms = [
        package / name
        for name in ("domain", "use_cases", "published.py", "consumed.py", "http.py", "http", "subscribers.py")
    ]
    files = [file for room in rooms for file in (sources(room) if room.is_dir() else [room] if room.exists() else [])]
    assert [place(file) for file in files for name in imports(file) if name.split(".")[0] == "asyncpg"] == []


@each_package
def test_no_department_calls_another(package):
    found = [
        f"{place(file)} imports {name}"
        for file in sources(package)
        for name in imports(file)
        if any(name == client or name.startswith(f"{client}.") for client in HTTP_CLIENTS)
    ]
    assert found == []


@each_package
def test_a_use_case_is_named_by_what_it_does(package):
    found = []
    for file in sources(package / "use_cases"):
        if file.name == "__init__.py":
            continue
        body = ast.parse(file.read_text(encoding="utf-8")).body
        functions = {node.name: node for node in body if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef)}
        if file.stem not in functions:
            found.append(f"{place(file)} has no function {file.stem}; it has {', '.join(functions)}")
        elif "_" not in file.stem:
            found.append(f"{place(file)}: {file.stem} says not to what it is done")
        elif not ast.get_docstring(functions[file.stem]):
            found.append(f"{place(file)}: {file.stem} has no docstring")
    assert found == []


@each_package
def test_the_edge_commits_and_no_use_case_does(package):
    found = [
        place(file, node)
        for room in ("use_cases", "domain")
        for file in sources(package / room)
        for node in nodes(file)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("commit", "rollback")
    ]
    assert found == []


@each_package
def test_the_processes_of_a_service_load_no_other_one_and_no_library_for_terminals(package):
    """All are installed beside each other in a town; each megabyte counts once for every process."""
    name = "taxes" if package.name == "offices" else package.name
    script = f"from amtsbus.service import load_service; load_service({name!r}); import sys; print(*sys.modules)"
    loaded = {
        module.partition(".")[0]
        for module in subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout.split()
    }
    unwanted = {other.name for other in PACKAGES} - {package.name} | {"prompt_toolkit", "obstore", "typst"}
    assert package.name in loaded
    assert loaded & unwanted == set()
