"""A backlog after an outage: how fast the reading service works it off while new events keep flowing.

50,000 events are on the topic when the delivery service's worker comes back. Meanwhile parcels are posted over HTTP at 100
a second, and their events pass journal and relay as always. The limit is the rate of the same worker with the same backlog
and no new events. It counts from the first effect until nothing is left, the new ones included.
"""

import time
from contextlib import AsyncExitStack

import asyncpg

from tests.bench.latency import OURS, Chain, chain, end
from tests.bench.measurement import Cpu, Measurement, Servers, alternate, ratio_of, resident_mb, until
from tests.bench.relay import FILL_OURS, fill

RATE = 100
LONGEST_SECONDS = 100


async def _drain(ours: Chain, backlog: int, *, rate: int) -> tuple[float, float, float]:
    """Events of the backlog per second, CPU seconds per 1,000 of them, and the memory of the worker in MB."""
    posting = await asyncpg.connect(ours.environment["POSTING_DATABASE_URL"])
    delivery = await asyncpg.connect(ours.environment["DELIVERY_DATABASE_URL"])
    effects = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM effects_effect_id_seq"

    appended = "SELECT last_value FROM amtsbus.event_positions"

    async def all_published() -> bool:
        return not await posting.fetchval("SELECT EXISTS (SELECT FROM amtsbus.unpublished)")

    async def parcels_are_posted() -> bool:
        return bool(await posting.fetchval(appended) >= backlog + rate // 2)

    async def something_happens() -> bool:
        return bool(await delivery.fetchval(effects))

    async def nothing_left() -> bool:
        # Of what flows some is always on its way.
        return bool(await delivery.fetchval(effects) >= await posting.fetchval(appended) - rate // 2)

    async with AsyncExitStack() as stack:
        stack.push_async_callback(posting.close)
        stack.push_async_callback(delivery.close)
        for role in ("posting-api", "posting-worker"):
            await stack.enter_async_context(ours.process(role))
        await ours.answers()
        await until(all_published, pause=0.1)
        if rate:
            stack.push_async_callback(end, await ours.generator(seconds=LONGEST_SECONDS, rate=rate))
        await until(parcels_are_posted, pause=0.1)
        worker = await stack.enter_async_context(ours.process("delivery-worker"))
        await until(something_happens, pause=0.005)
        started, meter = time.perf_counter(), Cpu([worker])
        await until(nothing_left, seconds=LONGEST_SECONDS, pause=0.05)
        return backlog / (time.perf_counter() - started), meter.seconds() / backlog * 1000, resident_mb(worker)


async def measure(servers: Servers, *, quick: bool) -> list[Measurement]:
    """Alternate both ways and compare."""
    backlog, rounds = (5_000, 1) if quick else (50_000, 2)
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
            detail={"events": backlog, "new_events_per_second": RATE, "raw_is": "the same reader without new events"},
        )
    ]
