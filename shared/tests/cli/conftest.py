"""The command line on this test's library: two services with their workers running, and an operator at the keyboard."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
import structlog
from amtsbus import replay_requests
from amtsbus.cli import run
from amtsbus.ids import new_id
from amtsbus.postgres import Database, Tx
from amtsbus.service import Service
from amtsbus.testing.fixtures import Bus

from ..bus.lending import LENDING as LIBRARY
from ..bus.lending import BookLentV1, BookReturnedV1
from ..bus.lending import reminders_service as readers_only

LENDING = replace(LIBRARY, readers=replay_requests.answered_by("lending", reminders=["lending.loan.events"]))

TOPIC = "lending.loan.events"
REQUESTS = "reminders.replay.requests"
TOPICS = """
topics:
  - {name: lending.loan.events, owner: lending, key: loan_id, partitions: 3, retention: forever, cleanup: delete,
     purpose: Where a loan stands., personal_data: pseudonymous, legal_basis: Library statute § 4, readers: []}
  - {name: reminders.replay.requests, owner: reminders, key: stream_id, partitions: 3, retention: forever, cleanup: delete,
     purpose: What a reader misses., personal_data: pseudonymous, legal_basis: Library statute § 5, readers: []}
"""


def reminders_service() -> Service:
    """The reminder service, which asks for what it misses."""
    return replace(readers_only(), published=(replay_requests.asked_by("reminders"),))


@dataclass
class Outcome:
    """What a command said on its two outputs, and its exit code."""

    exit_code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Operator:
    """Types commands; they run as in a shell, beside the workers of this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        # the workers of this test log in the same process; a command's own output is what it prints
        structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))

    async def __call__(self, *arguments: str) -> Outcome:
        self._capsys.readouterr()
        code = await asyncio.to_thread(run, arguments)
        return Outcome(code, *self._capsys.readouterr())


@pytest.fixture
def amtsbus(capsys: pytest.CaptureFixture[str]) -> Iterator[Operator]:
    yield Operator(capsys)
    structlog.reset_defaults()


@dataclass
class Library:
    """Both services' databases, and the bus between them where the workers run."""

    lending: Database
    reminders: Database
    start: Callable[..., Any]
    bus: Bus | None = None

    async def lend(self, title: str = "Faust", loan_id: UUID | None = None) -> UUID:
        loan_id = loan_id or new_id()
        async with self.lending.transaction() as tx:
            await self.append_lent(tx, loan_id, title)
        return loan_id

    async def append_lent(self, tx: Tx, loan_id: UUID, title: str) -> None:
        await tx.append(loan_id, BookLentV1(loan_id=loan_id, title=title))

    async def give_back(self, loan_id: UUID) -> None:
        async with self.lending.transaction() as tx:
            await tx.append(loan_id, BookReturnedV1(loan_id=loan_id))

    async def mend(self) -> None:
        async with self.reminders.transaction() as tx:
            await tx.execute("INSERT INTO mended DEFAULT VALUES")

    async def effects(self, loan_id: UUID) -> list[str]:
        async with self.reminders.transaction() as tx:
            rows = await tx.fetch("SELECT what FROM effects WHERE loan_id = $1 ORDER BY effect_id", loan_id)
        return [row["what"] for row in rows]

    async def operator_actions(self, database: Database) -> list[tuple[str, str, str]]:
        async with database.transaction() as tx:
            rows = await tx.fetch("SELECT done_by, action, about FROM amtsbus.operator_actions ORDER BY done_at")
        return [(row["done_by"], row["action"], row["about"]) for row in rows]


@pytest.fixture
async def library(service_database, town_bus, kafka, topic_prefix, monkeypatch) -> Library:
    """Databases and settings of both services; no worker runs yet."""
    reminders = reminders_service()
    services = {"lending": LENDING, "reminders": reminders}
    points = {name: SimpleNamespace(load=lambda service=service: service) for name, service in services.items()}
    monkeypatch.setattr("amtsbus.service.installed_services", lambda: points)
    databases = {name: await service_database(service) for name, service in services.items()}
    for name, database in databases.items():
        monkeypatch.setenv(f"{name.upper()}_DATABASE_URL", database.url)
    monkeypatch.setenv("AMTSBUS_ENVIRONMENT", "development")
    monkeypatch.setenv("AMTSBUS_TOPIC_PREFIX", topic_prefix)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka)

    async def start(*names: str) -> Bus:
        """Run the workers of the named services, of both where none is named."""
        chosen = names or tuple(services)
        made.bus = await town_bus(*((services[name], databases[name]) for name in chosen))
        return made.bus

    made = Library(databases["lending"], databases["reminders"], start)
    return made


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The list of topics of both services."""
    file = tmp_path / "topics.yaml"
    file.write_text(TOPICS, encoding="utf-8")
    monkeypatch.setenv("AMTSBUS_TOPICS_FILE", str(file))
    return file


@pytest.fixture
async def running(library: Library) -> Library:
    """The library with the workers of both services running."""
    await library.start()
    return library
