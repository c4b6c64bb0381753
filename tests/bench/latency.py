"""Latency: from a POST to the committed effect in another service.

Three processes of ours (the posting office's API and worker, the delivery service's worker) against three raw ones (a bare
FastAPI route, a loop that publishes and one that reads), on the same servers, in turn. The load generator is a process of
its own. It sends at a fixed rate whatever the answers do, and counts from the moment when a request was due: a service that
hesitates does not get fewer requests. Effects announce themselves when they are committed (NOTIFY from a trigger).

The highest load held is the highest rate at which effects keep up with requests until the end.
"""

import asyncio
import contextlib
import json
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import asyncpg
import uvloop
from amtsbus import migrate
from amtsbus.auth import Role
from amtsbus.settings import Environment, Settings
from amtsbus.testing.servers import free_ports
from amtsbus.testing.tokens import TestIssuer
from joserfc.jwk import ECKey

from tests.bench.measurement import Cpu, Measurement, Servers, alternate, databases, fresh_topic, note, ratio_of
from tests.bench.process import TOPIC, prepare

RATE = 50
OURS = ("posting-api", "posting-worker", "delivery-worker")
RAW = ("raw-api", "raw-relay", "raw-reader")
POSTS_PER_CALLER = 10
CONTENT = "A book of three hundred pages, a scarf and a letter to the aunt. " * 4
IDLE_SECONDS = 3
"""A connection that was idle for longer is not used any more: uvicorn closes it after five seconds."""
ACCEPTED = "201"
HELD_MS = 1000
"""A load is held when half of its last second's effects were there within this time."""


@dataclass(frozen=True)
class Order:
    """What the load generator has to do: `rate` requests per second, or as many as `connections` callers get answered."""

    port: int
    key: str
    delivery_url: str
    seconds: float
    rate: float | None = None
    connections: int = 16


@dataclass
class Outcome:
    """What came of it. `milliseconds` are those of each request until its effect, in the order of the requests."""

    requests: int
    statuses: dict[str, int]
    milliseconds: list[float] = field(default_factory=list)
    effects_per_second: float = 0.0

    def percentile(self, of_100: int) -> float:
        """The milliseconds within which so many of 100 effects were there."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, len(ordered) * of_100 // 100)]

    def held(self, rate: float) -> bool:
        """Whether everything was accepted, and the effects kept up until the end."""
        return set(self.statuses) == {ACCEPTED} and statistics.median(self.milliseconds[-round(rate) :]) < HELD_MS


# --- the load generator -----------------------------------------------------------------------------------------------


class Line(asyncio.Protocol):
    """One connection to the API, with at most one request on its way."""

    def __init__(self, answered: Callable[["Line", str], None]) -> None:
        self._answered = answered
        self._received = b""
        self.label = ""
        self.used_at = time.perf_counter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one, but not by inheritance

    def send(self, request: bytes) -> None:
        self._received = b""
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        _, _, length = head.lower().partition(b"\r\ncontent-length:")
        if separator and len(body) >= int(length.partition(b"\r\n")[0]):
            self.used_at = time.perf_counter()
            self._answered(self, head[9:12].decode())


class Load:
    """Sends requests and waits for their effects."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._run = uuid4().hex[:8]
        self._tokens = TestIssuer(ECKey.import_key(json.loads(Path(order.key).read_text())))
        self._token = ""
        self._made = 0
        self._idle: list[Line] = []
        self._due: dict[str, float] = {}
        self._effect: dict[str, float] = {}
        self._statuses: Counter[str] = Counter()
        self._unanswered = 0
        self._prepared = [self._request() for _ in range(round((order.rate or 0) * order.seconds))]

    def _request(self) -> tuple[str, bytes]:
        if self._made % POSTS_PER_CALLER == 0:
            person = uuid4()
            self._token = self._tokens.token(Role.CITIZEN, sub=f"citizen-{person}", person_id=person)
        self._made += 1
        label = f"{self._run}-{self._made}"
        body = json.dumps({"label": label, "content": CONTENT.strip()})
        head = (
            "POST /v1/parcels HTTP/1.1",
            "Host: posting.test",
            f"Authorization: Bearer {self._token}",
            f"Idempotency-Key: {uuid4()}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        )
        return label, "\r\n".join((*head, "", body)).encode()

    async def run(self) -> Outcome:
        """Send everything, wait until every effect is there."""
        listening = await asyncpg.connect(self._order.delivery_url)
        await listening.add_listener("effects", self._hear)
        for _ in range(self._order.connections):
            self._idle.append(await self._line())
        started = time.perf_counter()
        await (self._steadily(started) if self._order.rate else self._as_fast_as_it_goes(started))
        ended = time.perf_counter()
        await self._wait(lambda: not self._unanswered)
        await self._wait(lambda: self._effect.keys() >= self._due.keys())
        await listening.close()
        settled = started + 0.25 * (ended - started)
        return Outcome(
            len(self._due),
            dict(self._statuses),
            [(self._effect[label] - due) * 1000 for label, due in self._due.items()],
            sum(settled < at < ended for at in self._effect.values()) / (ended - settled),
        )

    def _hear(self, _: object, __: int, ___: str, label: object) -> None:
        self._effect.setdefault(str(label), time.perf_counter())

    async def _line(self) -> Line:
        loop = asyncio.get_running_loop()
        _, line = await loop.create_connection(lambda: Line(self._note), "127.0.0.1", self._order.port)
        return line

    def _note(self, line: Line, status: str) -> None:
        self._statuses[status] += 1
        self._unanswered -= 1
        if status != ACCEPTED:
            del self._due[line.label]  # what was refused has no effect to wait for
        if not self._order.rate and time.perf_counter() < self._ends_at:
            self._send(line, time.perf_counter(), *self._request())
        else:
            self._idle.append(line)

    def _send(self, line: Line, due: float, label: str, request: bytes) -> None:
        self._due[label] = due
        line.label = label
        self._unanswered += 1
        line.send(request)

    async def _steadily(self, started: float) -> None:
        assert self._order.rate is not None
        for number, (label, request) in enumerate(self._prepared):
            due = started + number / self._order.rate
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            line = self._idle.pop() if self._idle else None
            if line is None or time.perf_counter() - line.used_at > IDLE_SECONDS:
                line = await self._line()
            self._send(line, due, label, request)

    async def _as_fast_as_it_goes(self, started: float) -> None:
        self._ends_at = started + self._order.seconds
        for line in [self._idle.pop() for _ in range(len(self._idle))]:
            self._send(line, started, *self._request())
        await asyncio.sleep(self._order.seconds)

    async def _wait(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(90):
            while not condition():
                await asyncio.sleep(0.005)


# --- the two chains ---------------------------------------------------------------------------------------------------


@dataclass
class Chain:
    """Three processes from a POST to an effect, on databases of their own."""

    roles: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    pids: list[int] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Chain"]:
        """The processes are up, and the first requests have had their effects."""
        async with contextlib.AsyncExitStack() as stack:
            self.pids = [await stack.enter_async_context(self.process(role)) for role in self.roles]
            await self._answers()
            await self.load(seconds=2, rate=RATE)
            yield self

    @contextlib.asynccontextmanager
    async def process(self, role: str) -> AsyncIterator[int]:
        """One of the processes; yields its id."""
        with (self.folder / f"{role}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.bench.process", role),
                stdout=log,
                stderr=log,
                env=os.environ | dict(self.environment),
            )
        try:
            yield process.pid
        finally:
            await _end(process)

    async def _answers(self) -> None:
        port = int(self.environment["POSTING_API_PORT"])
        async with asyncio.timeout(60):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    return

    async def load(self, *, may_refuse: bool = False, **how: Any) -> Outcome:
        """Let the load generator run.

        Args:
            may_refuse: requests may be answered with something else than 201, as where more is asked than can be done.

        Raises:
            RuntimeError: an answer was not 201, or effects did not come.
        """
        order = Order(
            port=int(self.environment["POSTING_API_PORT"]),
            key=self.environment["BENCH_KEY"],
            delivery_url=self.environment["DELIVERY_DATABASE_URL"],
            **how,
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bench.latency", json.dumps(asdict(order)), stdout=asyncio.subprocess.PIPE
        )
        told, _ = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"the load generator ended with {process.returncode}; logs are in {self.folder}")
        outcome = Outcome(**json.loads(told))
        if not may_refuse and set(outcome.statuses) != {ACCEPTED}:
            raise RuntimeError(f"{self.roles[0]} answered {outcome.statuses}")
        return outcome


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), 15)
    except TimeoutError:
        process.kill()
        await process.wait()


@contextlib.asynccontextmanager
async def chain(servers: Servers, roles: tuple[str, ...], *, told: bool = True) -> AsyncIterator[Chain]:
    """A chain with fresh databases and a topic of its own; it is not running yet. With `told`, effects are announced."""
    key = servers.folder / "posting-key.json"
    made = ECKey.generate_key("P-256", {"kid": "bench", "use": "sig", "alg": "ES256"})
    key.write_text(json.dumps(made.as_dict(private=True)))
    async with databases(servers, "posting", "delivery") as (posting, delivery):
        api, posting_worker, delivery_worker = free_ports(3)
        if roles is OURS:
            for service, url in (("posting", posting), ("delivery", delivery)):
                settings = Settings.load(service, database_url=url, environment=Environment.DEVELOPMENT)
                await migrate.migrate(settings, Path("/none"))
        await prepare(posting, delivery, told=told)
        environment = {
            "POSTING_DATABASE_URL": posting,
            "DELIVERY_DATABASE_URL": delivery,
            "KAFKA_BOOTSTRAP_SERVERS": servers.kafka,
            "AMTSBUS_TOPIC_PREFIX": await fresh_topic(servers, TOPIC),
            "AMTSBUS_ENVIRONMENT": str(Environment.DEVELOPMENT),
            "POSTING_API_PORT": str(api),
            "POSTING_WORKER_PORT": str(posting_worker),
            "DELIVERY_WORKER_PORT": str(delivery_worker),
            "BENCH_KEY": str(key),
        }
        yield Chain(roles, environment, servers.folder)


async def highest_load(ours: Chain, *, seconds: float) -> float:
    """Requests per second that the chain, which is running, keeps up with."""
    pushed = await ours.load(seconds=seconds, may_refuse=True)
    limit = min(pushed.requests / seconds, pushed.effects_per_second)
    note(f"as fast as it goes: {pushed.requests / seconds:.0f} requests/s, {pushed.effects_per_second:.0f} effects/s")
    for share in (1.0, 0.85, 0.7, 0.55, 0.4):
        rate = limit * share
        outcome = await ours.load(seconds=seconds, rate=rate, may_refuse=True)
        held = outcome.held(rate)
        refused = sum(outcome.statuses.values()) - outcome.statuses.get(ACCEPTED, 0)
        told = f"p99 {outcome.percentile(99):.0f} ms" + (f", {refused} refused" if refused else "")
        note(f"{rate:.0f} requests/s: {'held' if held else 'not held'}, {told}")
        if held:
            return rate
    raise RuntimeError(f"not even {rate:.0f} requests/s are held")


async def measure(servers: Servers, *, quick: bool) -> list[Measurement]:
    """At 50 requests/s, then at half of the highest load held."""
    rounds, seconds = (1, 3) if quick else (3, 10)
    async with chain(servers, RAW) as raw_chain, chain(servers, OURS) as our_chain:
        found: dict[str, list[Outcome]] = {"raw": [], "ours": []}
        cpu = {"raw": 0.0, "ours": 0.0}

        async def median_of(name: str, chain: Chain) -> float:
            async with chain.running():
                meter = Cpu(chain.pids)
                outcome = await chain.load(seconds=seconds, rate=RATE)
                cpu[name] += meter.seconds()
            found[name].append(outcome)
            return outcome.percentile(50)

        raw_medians, our_medians = await alternate(
            lambda: median_of("raw", raw_chain), lambda: median_of("ours", our_chain), rounds, warm_up=False
        )
        p99 = {
            name: Outcome(0, {}, [ms for outcome in outcomes for ms in outcome.milliseconds]).percentile(99)
            for name, outcomes in found.items()
        }
        async with our_chain.running():
            highest = await highest_load(our_chain, seconds=3 if quick else 6)
            half = await our_chain.load(seconds=seconds if quick else 15, rate=highest / 2)
    requests = rounds * seconds * RATE
    chart = {
        "raw, median": statistics.median(raw_medians),
        "ours, median": statistics.median(our_medians),
        "raw, 99 of 100": p99["raw"],
        "ours, 99 of 100": p99["ours"],
    }
    half_load = {"ours, median": half.percentile(50), "ours, 99 of 100": half.percentile(99)}
    return [
        Measurement(
            "latency",
            goal=2.0,
            ratio=ratio_of(our_medians, raw_medians),
            higher_is_better=False,
            ours=our_medians,
            raw=raw_medians,
            cpu_ours_per_1000=cpu["ours"] / requests * 1000,
            cpu_raw_per_1000=cpu["raw"] / requests * 1000,
            detail={"figure": "ms", "requests_per_second": RATE, "chart": chart},
        ),
        Measurement(
            "latency-p99",
            goal=100,
            ratio=p99["ours"],
            higher_is_better=False,
            unit="ms",
            ours=[outcome.percentile(99) for outcome in found["ours"]],
            raw=[outcome.percentile(99) for outcome in found["raw"]],
            detail={"figure": "ms", "requests_per_second": RATE, "chart": {}},
        ),
        Measurement(
            "latency-p99-at-half-load",
            goal=250,
            ratio=half.percentile(99),
            higher_is_better=False,
            unit="ms",
            ours=[half.percentile(99)],
            detail={"figure": "ms", "highest_load": highest, "requests_per_second": highest / 2, "chart": half_load},
        ),
    ]


def main() -> None:
    """The load generator: does the order in its argument, prints the outcome."""
    order = Order(**json.loads(sys.argv[1]))
    outcome = uvloop.run(Load(order).run())
    sys.stdout.write(json.dumps(asdict(outcome)) + "\n")


if __name__ == "__main__":
    main()
