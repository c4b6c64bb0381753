"""A backlog after an outage: how fast the reading service works it off while new events keep flowing.

50,000 events are on the topic when the delivery service's worker comes back. Meanwhile parcels are posted at 100 a second, and
their events pass journal, relay and Kafka as always. (Not over HTTP: what API and load generator take of the two cores is
measured elsewhere.) The limit is the rate of the same worker with the same backlog and no new events. It counts from the first
effect until nothing is left, the new ones included.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from statistics import median

import asyncpg
from amtsbus.clock import SystemClock
from amtsbus.ids import new_id
from amtsbus.postgres import Database

from tests.bench.latency import OURS, Chain, chain
from tests.bench.measurement import Cpu, Measurement, Servers, alternate, ratio_of, resident_mb, until
from tests.bench.process import ParcelPostedV1
from tests.bench.relay import FILL_OURS, fill

RATE = 100


async def _post_for_ever(posting: Database, rate: int) -> None:
    started, posted = time.perf_counter(), 0
    while True:
        parcel = new_id()
        async with posting.transaction() as tx:
            await tx.append(parcel, ParcelPostedV1(parcel_id=parcel, label="A", content="x" * 240))
        posted += 1
        await asyncio.sleep(max(0.0, started + posted / rate - time.perf_counter()))


async def _drain(ours: Chain, backlog: int, *, rate: int) -> tuple[float, float, float]:
    """Events of the backlog per second, CPU seconds per 1,000 of them, and the memory of the worker in MB."""
    posting = Database(ours.environment["POSTING_DATABASE_URL"], SystemClock())
    delivery = await asyncpg.connect(ours.environment["DELIVERY_DATABASE_URL"])
    effects = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM effects_effect_id_seq"
    appended = "SELECT last_value FROM amtsbus.event_positions"

    async def all_published() -> bool:
        return not await posting.pool.fetchval("SELECT EXISTS (SELECT FROM amtsbus.unpublished)")

    async def parcels_are_posted() -> bool:
        return bool(await posting.pool.fetchval(appended) >= backlog + rate // 2)

    async def something_happens() -> bool:
        return bool(await delivery.fetchval(effects))

    async def nothing_left() -> bool:
        # Of what flows some is always on its way.
        return bool(await delivery.fetchval(effects) >= await posting.pool.fetchval(appended) - rate // 2)

    async with AsyncExitStack() as stack:
        stack.push_async_callback(delivery.close)
        await posting.start()
        stack.push_async_callback(posting.stop)
        await stack.enter_async_context(ours.process("posting-worker"))
        await until(all_published, pause=0.1)
        if rate:
            flowing = asyncio.create_task(_post_for_ever(posting, rate))
            stack.push_async_callback(asyncio.wait, [flowing])
            stack.callback(flowing.cancel)
        await until(parcels_are_posted, pause=0.1)
        worker = await stack.enter_async_context(ours.process("delivery-worker"))
        await until(something_happens, pause=0.005)
        started, meter = time.perf_counter(), Cpu([worker])
        await until(nothing_left, pause=0.05)
        return backlog / (time.perf_counter() - started), meter.seconds() / backlog * 1000, resident_mb(worker)


async def measure(servers: Servers, *, quick: bool) -> list[Measurement]:
    """Alternate both ways and compare."""
    backlog, rounds = (5_000, 1) if quick else (50_000, 3)
    cpu: dict[int, list[float]] = {0: [], RATE: []}
    memory: list[float] = []

    async def drained(rate: int) -> float:
        async with chain(servers, OURS, told=False) as ours:
            await fill(ours.environment["POSTING_DATABASE_URL"], FILL_OURS, backlog)
            found, seconds, megabytes = await _drain(ours, backlog, rate=rate)
        cpu[rate].append(seconds)
        memory.append(megabytes)
        return found

    alone, flowing = await alternate(lambda: drained(0), lambda: drained(RATE), rounds, warm_up=False)
    return [
        Measurement(
            "backlog",
            goal=0.8,
            ratio=ratio_of(flowing, alone),
            ours=flowing,
            raw=alone,
            cpu_ours_per_1000=min(cpu[RATE]),
            cpu_raw_per_1000=min(cpu[0]),
            memory_mb=max(memory),
            detail={
                "events": backlog,
                "new_events_per_second": RATE,
                "chart": {"with new events": median(flowing), "without": median(alone)},
            },
        )
    ]
