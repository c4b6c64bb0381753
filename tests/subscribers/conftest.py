"""The building authority publishes, and another system reads along: the example of docs/subscribers.md as a process."""

import asyncio
import os
import random
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from amtsbus.cli import run
from amtsbus.contracts.places import released_example
from amtsbus.events import Published
from amtsbus.ids import new_id
from amtsbus.relay import Relay
from amtsbus.service import load_service
from amtsbus.testing.fixtures import (
    clock,
    create_topics,
    kafka,
    owner_url,
    postgres_url,
    service_database,
    settings_of,
    topic_prefix,
)

from shared.tests.bus.past import Past

from .dying import EXAMPLE

# Imported instead of `pytest_plugins`, which only the topmost conftest may name.
__all__ = ["clock", "kafka", "owner_url", "postgres_url", "service_database", "settings_of", "topic_prefix"]

PERMITS = load_service("permits")
TOPIC = "permits.application.events"
REPLAY = "statistics.permits-replay"
EVENTS = {event.event_type: event for event in PERMITS.published if event.topic == TOPIC}
ENDS = {"application-approved": "decided_on", "application-refused": "decided_on", "application-lapsed": "lapsed_on"}


def event(kind: str, application_id: UUID, **changes: str) -> Published:
    """An event as the contract's own example has it, of this application."""
    event_type = f"permits.{kind}.v1"
    example = released_example(PERMITS.contracts, event_type)
    assert example is not None
    return EVENTS[event_type].model_validate(example["value"] | {"application_id": str(application_id)} | changes)


@dataclass
class Authority:
    """The journal of the building authority with its relay, and its operator at the keyboard."""

    past: Past
    prefix: str
    at: datetime = datetime(2016, 1, 4, 8, tzinfo=UTC)
    expected: dict[str, list[str | None]] = field(default_factory=dict)
    """What has become of each application: the day of its receipt, the day of its end, the outcome."""
    approvals: Counter[str] = field(default_factory=Counter)

    async def publish(self, kind: str, application_id: UUID, *, lost: bool = False, on: str = "2016-12-24") -> None:
        """Append an event an hour later; one that is `lost` is never published, though the authority believes it was.

        Args:
            on: the day on which the application ends, where it does.
        """
        self.at += timedelta(hours=1)
        told = event(kind, application_id, **({ENDS[kind]: on} if kind in ENDS else {}))
        await self.past.append_event(self.at, application_id, told, published=lost)
        content = told.model_dump(mode="json")
        if kind == "application-submitted":
            self.expected[str(application_id)] = [content["submitted_on"], None, None]
        if kind in ENDS:
            self.expected[str(application_id)][1:] = [content[ENDS[kind]], kind.removeprefix("application-")]
        if kind == "application-approved":
            self.approvals[content["decided_on"][:7]] += 1

    async def history(self, chance: random.Random, *, applications: int) -> None:
        """Applications come in, are dealt with side by side, and most of them end; some more than once."""
        steps = []
        for _ in range(applications):
            kinds = [
                "application-submitted",
                *chance.sample(["application-complete", "agency-heard", "fee-noticed"], 2),
            ]
            kinds += chance.choices([*ENDS, "deadline-overdue"], k=chance.randrange(3))
            steps.append((new_id(), kinds))
        while steps:
            application_id, kinds = chance.choice(steps)
            on = f"2016-{chance.randrange(1, 13):02}-17"
            kind = kinds.pop(0)
            await self.publish(kind, application_id, on=on)
            steps = [step for step in steps if step[1]]

    async def rests(self) -> None:
        """Wait until the relay has noted everything as published, which is after readers have it."""
        async with asyncio.timeout(20):
            while await self.past.owner.fetchval("SELECT count(*) FROM amtsbus.unpublished"):
                await asyncio.sleep(0.05)

    async def operates(self, *arguments: str) -> None:
        """Its operator types a command."""
        assert await asyncio.to_thread(run, arguments) == 0, arguments


@pytest.fixture
async def authority(
    service_database: Any, settings_of: Any, owner_url: Any, kafka: str, topic_prefix: str, monkeypatch: Any
) -> AsyncIterator[Authority]:
    database = await service_database(PERMITS)
    await create_topics(kafka, [topic_prefix + TOPIC])
    for name, value in {
        "PERMITS_DATABASE_URL": database.url,
        "PERMITS_MIGRATOR_DATABASE_URL": owner_url(database),
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "AMTSBUS_TOPIC_PREFIX": topic_prefix,
        "AMTSBUS_ENVIRONMENT": "development",
        "OIDC_ISSUER": "http://127.0.0.1/issuer",
    }.items():
        monkeypatch.setenv(name, value)
    relay = asyncio.create_task(Relay(settings_of(PERMITS, database)).run())
    past = await Past.of(owner_url(database))
    yield Authority(past, topic_prefix)
    relay.cancel()
    await asyncio.wait([relay])
    await past.owner.close()


@dataclass
class Subscriber:
    """Another system: the example with a database of its own."""

    file: Path
    prefix: str
    process: asyncio.subprocess.Process | None = None

    async def start(self, moment: str = "never", nth: int = 0) -> None:
        topics = [self.prefix + TOPIC, self.prefix + REPLAY]
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.subscribers.dying", moment, str(nth), str(self.file), *topics),
            cwd=EXAMPLE.parents[2],
            env=os.environ | {"GROUP_PREFIX": f"{self.prefix}{self.file.stem}."},
            stderr=asyncio.subprocess.PIPE,
        )

    async def dies(self) -> None:
        """Wait until the moment has come that it was started for."""
        assert self.process is not None
        assert await asyncio.wait_for(self.process.wait(), 60) == -signal.SIGKILL

    async def stop(self) -> str:
        """End it, and return what it told its operator."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.kill()
        _, told = await self.process.communicate()
        return told.decode()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        database = sqlite3.connect(f"file:{self.file}?mode=ro", uri=True, timeout=10)
        try:
            return database.execute(sql).fetchall()
        except sqlite3.OperationalError:  # it has not made its tables yet
            return []
        finally:
            database.close()

    def knows(self, authority: Authority) -> bool:
        """Whether its state is what the authority's history means."""
        found = self.rows("SELECT application_id, submitted_on, ended_on, outcome FROM applications")
        return {application: list(rest) for application, *rest in found} == authority.expected and dict(
            self.rows("SELECT month, number FROM approvals")
        ) == dict(authority.approvals)

    def state(self) -> list[list[tuple[Any, ...]]]:
        """All that it remembers."""
        return [
            self.rows(f"SELECT * FROM {table} ORDER BY 1, 2")
            for table in ("applications", "approvals", "marks", "waiting", "contradictions")
        ] + [self.rows("SELECT event_id FROM handled ORDER BY 1")]


@pytest.fixture
async def subscriber(tmp_path: Path, topic_prefix: str) -> AsyncIterator[Callable[[str], Subscriber]]:
    """Makes subscribers, each with a database and a consumer group of its own."""
    made: list[Subscriber] = []

    def make(name: str) -> Subscriber:
        file = tmp_path / f"{name}.db"
        sqlite3.connect(file).close()
        made.append(Subscriber(file, topic_prefix))
        return made[-1]

    yield make
    for one in made:
        if one.process is not None:
            await one.stop()


async def eventually(condition: Callable[[], object], *, seconds: float = 60.0) -> None:
    """Wait until `condition` holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.1)
