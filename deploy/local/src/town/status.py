"""What runs in the town, and how much memory it takes."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import psutil
from amtsbus.testing.servers import recorded_process

from town.home import Home


@dataclass(frozen=True)
class Running:
    """A process of the town with those that it started; memory in bytes.

    `resident` counts pages that several processes share once for each of them (PostgreSQL's backends do), `own` counts
    each page once; it is None where the system does not tell.
    """

    name: str
    pid: int
    processes: int
    resident: int
    own: int | None


def running(home: Home) -> list[Running]:
    """The town's processes that are alive, servers first."""
    records: list[tuple[str, Path]] = [
        ("town", home.supervisor),
        ("postgres", home.postgres / "process.json"),
        ("kafka", home.kafka / "process.json"),
        *((file.stem, file) for file in sorted(home.processes.glob("*.json"))),
    ]
    found = []
    for name, record in records:
        process = recorded_process(record)
        if process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                # The town started all the others; they are listed by themselves.
                family = [process] if name == "town" else [process, *process.children(recursive=True)]
                found.append(_measure(name, process.pid, family))
    return found


def _measure(name: str, pid: int, family: list[psutil.Process]) -> Running:
    resident, own, known = 0, 0, True
    for process in family:
        with contextlib.suppress(psutil.Error):
            resident += process.memory_info().rss
            try:
                own += process.memory_full_info().pss
            except (psutil.AccessDenied, AttributeError):
                known = False
    return Running(name, pid, len(family), resident, own if known else None)
