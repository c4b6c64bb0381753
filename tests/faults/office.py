"""The lost property office under test: its databases, its topics, its processes, and what can be seen of them from outside."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import httpx
import psutil
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest
from amtsbus.auth import Role
from amtsbus.ids import new_id
from amtsbus.postgres import Database
from amtsbus.service import Service
from amtsbus.settings import Environment, Settings
from amtsbus.testing.fixtures import admin_partitions
from amtsbus.testing.servers import free_port
from amtsbus.testing.tokens import TestIssuer
from amtsbus.worker import Worker
from prometheus_client.parser import text_string_to_metric_families

from .lost_property import TOPIC, WRITING, ItemFoundV1, ItemMovedV1

ROOT = Path(__file__).parents[2]
QUICK: dict[str, object] = {
    "amtsbus.consumption.SESSION_TIMEOUT_MS": 2_000,
    "amtsbus.consumption.METADATA_MAX_AGE_MS": 1_000,
}
"""Scaled down in all processes: a killed worker's partitions are free after two seconds instead of ten, and so on."""


async def eventually(condition: Callable[[], Any], *, seconds: float = 20.0) -> Any:
    """Wait until `condition` (which may be a coroutine function) holds, and return what it returned."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if isinstance(value, Awaitable):
            value = await value
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{getattr(condition, '__name__', condition)} did not hold within {seconds} s")
        await asyncio.sleep(0.05)


def through(url: str, port: int) -> str:
    """The same server's URL by way of another port on loopback."""
    parts = urlsplit(url)
    credentials = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{credentials}@127.0.0.1:{port}"))


class Nursery:
    """Where processes come from; see `tests.faults.process`."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.failpoints = folder / "failpoints"
        self.failpoints.mkdir()
        self.environment = environment | {
            "AMTSBUS_ENVIRONMENT": "development",
            "AMTSBUS_FAILPOINTS": str(self.failpoints),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.process"],
            env=self.environment,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def start(
        self, arguments: list[str], environment: dict[str, str], constants: dict[str, object], log: Path
    ) -> psutil.Process:
        """Start `amtsbus ARGUMENTS…`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"arguments": arguments, "environment": environment, "constants": constants, "log": str(log)}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return psutil.Process(int(self._process.stdout.readline()))

    def close(self) -> None:
        """Start no more."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


class Process:
    """One process of a service, started by the city's own command line."""

    def __init__(
        self,
        nursery: Nursery,
        command: str,
        service: str,
        environment: dict[str, str],
        constants: dict[str, object],
        log: Path,
    ) -> None:
        self.command = command
        self.service = service
        self.port = free_port()
        self.log = log
        self._nursery = nursery
        self._environment = environment | {f"{service.upper()}_{command.upper()}_PORT": str(self.port)}
        self._constants = constants
        self._process: psutil.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.is_running()

    async def start(self) -> None:
        """Start it; returns when it answers."""
        arguments = [self.command, self.service]
        self._process = self._nursery.start(arguments, self._environment, self._constants, self.log)
        await eventually(self.answers, seconds=30)

    async def answers(self) -> bool:
        """Whether `/livez` does; fails where the process has ended."""
        assert self.is_alive, f"{self.command} {self.service} ended:\n{self.log.read_text()[-3000:]}"
        with contextlib.suppress(httpx.HTTPError):
            async with httpx.AsyncClient(timeout=1) as client:
                return (await client.get(f"{self.url}/livez")).status_code == 200
        return False

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def ended(self, *, seconds: float = 20.0) -> None:
        """Wait for its end."""
        await eventually(lambda: not self.is_alive, seconds=seconds)

    async def is_stopped(self, *, seconds: float = 20.0) -> None:
        """Wait until SIGSTOP has stopped it."""
        assert self._process is not None
        process = self._process
        await eventually(lambda: process.status() == psutil.STATUS_STOPPED, seconds=seconds)

    def end(self) -> None:
        """End it whatever its state; for the end of a test."""
        if self._process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                self._process.kill()
                self._process.wait(5)

    def logged(self, event: str) -> list[dict[str, Any]]:
        """Its log lines about `event`."""
        lines = (json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{"))
        return [line for line in lines if line.get("event") == event]

    async def metric(self, name: str, **labels: str) -> float:
        """The sum of its samples of this name and these labels."""
        async with httpx.AsyncClient(timeout=5) as client:
            text = (await client.get(f"{self.url}/metrics")).text
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


@dataclass
class Issuer:
    """Who signs the logins of these tests, and the address where the services find the keys."""

    signs: TestIssuer
    url: str

    @cached_property
    def citizen(self) -> dict[str, str]:
        """The headers of a citizen."""
        person = UUID("018f0000-0000-7000-8000-000000000001")
        token = self.signs.token(Role.CITIZEN, iss=self.url, person_id=person, sub=f"citizen-{person}")
        return {"Authorization": f"Bearer {token}"}


@dataclass
class Office:
    """The office, the writer of notices, and the bus between them.

    `lost` and `notices` are connected directly; processes go by way of the two lines (see `conftest`).
    """

    lost: Database
    notices: Database
    kafka: str
    prefix: str
    admin: AIOKafkaAdminClient
    consumer: AIOKafkaConsumer
    issuer: Issuer
    nursery: Nursery
    folder: Path
    environment: dict[str, str]
    processes: list[Process] = field(default_factory=list)

    # -- processes ----------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def at_work(self, *services: Service) -> AsyncIterator[None]:
        """Workers of `services` in this process, never cut off, while the block runs: for those to whom nothing happens."""
        async with AsyncExitStack() as stack:
            for service in services:
                url = {"lostproperty": self.lost.url, "notices": self.notices.url}[service.name]
                settings = Settings.load(
                    service.name,
                    database_url=url,
                    environment=Environment.DEVELOPMENT,
                    kafka_bootstrap_servers=self.kafka,
                    topic_prefix=self.prefix,
                )
                await stack.enter_async_context(Worker(service, settings).running())
            yield

    async def worker(self, service: str, **constants_and_environment: Any) -> Process:
        """Start one (more) worker of a service; see `process`."""
        process = self.process("worker", service, **constants_and_environment)
        await process.start()
        return process

    async def api(self, service: str = "lostproperty", **constants_and_environment: Any) -> Process:
        """Start one (more) HTTP process of a service; see `process`."""
        process = self.process("api", service, **constants_and_environment)
        await process.start()
        return process

    def process(self, command: str, service: str, *, constants: dict[str, object] | None = None, **env: str) -> Process:
        """A process that is not started yet; `constants` of the chassis are scaled down in it."""
        log = self.folder / f"{service}-{command}-{len(self.processes)}.log"
        made = Process(self.nursery, command, service, self.environment | env, QUICK | (constants or {}), log)
        self.processes.append(made)
        return made

    def end(self) -> None:
        """End all processes, whatever their state, and disarm what is armed."""
        for process in self.processes:
            process.end()
        for file in self.nursery.failpoints.iterdir():
            file.unlink()

    def arm(self, service: str, point: str, action: str) -> None:
        """Arm a failpoint: the next process of `service` that gets there does it, once."""
        (self.nursery.failpoints / f"{service}.{point}").write_text(action)

    def hit(self, service: str, point: str) -> bool:
        """Whether a process has got to an armed failpoint."""
        return any(self.nursery.failpoints.glob(f"{service}.{point}.*.hit"))

    async def command(self, *arguments: str) -> str:
        """Run `amtsbus …` as an operator does; gives what it printed."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "from amtsbus.cli import main; main()", *arguments),
            env=self.environment,
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, errors = await process.communicate()
        assert process.returncode == 0, f"amtsbus {' '.join(arguments)}:\n{out.decode()}{errors.decode()}"
        return out.decode()

    async def forbid_writing(self, topic: str) -> None:
        """Have Kafka refuse what anybody writes to `topic`."""
        await self.admin._send_request(CreateAclsRequest(*self._rule(topic)))

    async def permit_writing(self, topic: str) -> None:
        """Take back `forbid_writing`."""
        await self.admin._send_request(DeleteAclsRequest(*self._rule(topic)))

    def _rule(self, topic: str) -> tuple[int, str, int, str, str, int, int]:
        a_topic, literally, write, deny = 2, 3, 4, 2
        return a_topic, self.prefix + topic, literally, "User:ANONYMOUS", "*", write, deny

    # -- what happens in it -------------------------------------------------------------------------------------

    async def find(self, what: str = "umbrella", item_id: UUID | None = None) -> UUID:
        """Somebody hands in an item."""
        item_id = item_id or new_id()
        async with self.lost.transaction() as tx:
            await tx.append(item_id, ItemFoundV1(item_id=item_id, what=what))
        return item_id

    async def move(self, item_id: UUID, *numbers: int) -> None:
        """The item is moved, for the `numbers`th time each."""
        async with self.lost.transaction() as tx:
            await tx.append(item_id, *(ItemMovedV1(item_id=item_id, nth=nth) for nth in numbers))

    def post(self, client: httpx.AsyncClient, path: str = "", **what: Any) -> Awaitable[httpx.Response]:
        """A citizen's POST."""
        headers = self.issuer.citizen | {"Idempotency-Key": what.pop("key", None) or str(uuid4())}
        return client.post(f"/v1/items{path}", headers=headers, **what)

    async def publish_again(self) -> None:
        """Everything that was published is published once more."""
        await self.lost.pool.execute(
            "INSERT INTO amtsbus.unpublished SELECT position, appended_at, topic, stream_id FROM amtsbus.events"
        )

    # -- what can be seen of it ---------------------------------------------------------------------------------

    async def written(self, item_id: UUID | None = None) -> list[str]:
        """The notices (about one item), in the order of their writing."""
        rows = await self.notices.pool.fetch(
            "SELECT what FROM notices WHERE $1::uuid IS NULL OR item_id = $1 ORDER BY notice_id", item_id
        )
        return [row["what"] for row in rows]

    async def unpublished(self) -> int:
        return int(await self.lost.pool.fetchval("SELECT count(*) FROM amtsbus.unpublished"))

    async def gaps(self) -> list[tuple[UUID, int]]:
        """(stream, sequence) of what the writing reader knows to be missing."""
        rows = await self.notices.pool.fetch(
            "SELECT stream_id, sequence FROM amtsbus.gaps WHERE consumer = $1 ORDER BY 1, 2", WRITING
        )
        return [(row["stream_id"], row["sequence"]) for row in rows]

    async def parked(self) -> int:
        return int(await self.notices.pool.fetchval("SELECT count(*) FROM amtsbus.parked_keys"))

    async def partitions(self, topic: str = TOPIC) -> list[TopicPartition]:
        return [TopicPartition(self.prefix + topic, p) for p in await admin_partitions(self.admin, self.prefix + topic)]

    async def committed(self, group: str = WRITING) -> dict[TopicPartition, int]:
        """The offsets that a reader has committed."""
        offsets = await self.admin.list_consumer_group_offsets(self.prefix + group)
        return {tp: known.offset for tp, known in offsets.items()}

    async def lag(self, group: str = WRITING) -> int:
        """How many records the reader has not committed."""
        partitions = await self.partitions()
        committed = await self.committed(group)
        ends = await self.consumer.end_offsets(partitions)
        return sum(ends[tp] - committed.get(tp, 0) for tp in partitions)

    async def records(self, topic: str = TOPIC) -> list["ConsumerRecord[bytes, bytes]"]:
        """Everything on a topic, in order per partition."""
        partitions = await self.partitions(topic)
        self.consumer.assign(partitions)
        await self.consumer.seek_to_beginning(*partitions)
        ends = await self.consumer.end_offsets(partitions)
        found: list[ConsumerRecord[bytes, bytes]] = []
        while any([await self.consumer.position(tp) < ends[tp] for tp in partitions]):
            for batch in (await self.consumer.getmany(timeout_ms=200)).values():
                found += batch
        return found

    async def sequences(self, item_id: UUID) -> list[int]:
        """The sequences of an item's records on the topic, in the order in which they lie there."""
        key = str(item_id).encode()
        return [int(dict(record.headers)["ce_sequence"]) for record in await self.records() if record.key == key]

    async def sequences_beyond(self, item_id: UUID, count: int) -> list[int]:
        """Those that came after the first `count`."""
        return (await self.sequences(item_id))[count:]

    async def settled(self, *, seconds: float = 30.0, groups: tuple[str, ...] = (WRITING,)) -> None:
        """Wait until everything is published and the readers have committed all of it.

        Raises:
            AssertionError: they had not within `seconds`.
        """
        deadline = time.monotonic() + seconds
        while True:
            still = {"unpublished": await self.unpublished()}
            if not still["unpublished"]:
                still |= {group: await self.lag(group) for group in groups}
            if not any(still.values()):
                return
            assert time.monotonic() < deadline, f"not settled within {seconds} s: {still}"
            await asyncio.sleep(0.1)

    async def nothing_twice(self) -> None:
        """Check that no notice was written twice."""
        rows = await self.notices.pool.fetch("SELECT item_id, what FROM notices")
        twice = [
            notice for notice, count in Counter((row["item_id"], row["what"]) for row in rows).items() if count > 1
        ]
        assert twice == []


def inherited() -> dict[str, str]:
    """This process's environment without what would lead a service to other servers."""
    foreign = ("KAFKA_", "AMTSBUS_", "OIDC_", "LOSTPROPERTY_", "NOTICES_")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
