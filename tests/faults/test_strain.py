"""Strain: a full disk, a clock that jumps, a case with 10,000 events, a slow reader. Scenario 16 of the fault list."""

import asyncio
import subprocess
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from aiokafka.partitioner import DefaultPartitioner
from amtsbus.ids import new_id
from amtsbus.testing.servers import EmbeddedPostgres

from .conftest import OfficeFactory
from .lost_property import COUNTING, LOST_PROPERTY, STATISTICS, WRITING
from .office import Office, eventually

pytestmark = pytest.mark.timeout(240)  # the first one of a run also waits for Kafka to start

MEGABYTE = 1_048_576


async def test_ten_thousand_events_of_one_case_arrive_in_order_and_hold_up_no_other_partition(office: Office):
    """Scenario 16: one key with 10,000 events."""
    worker = await office.worker("notices")
    async with office.at_work(LOST_PROPERTY):
        popular = await office.find("the mayor's hat")
        for start in range(1, 10_000, 500):
            await office.move(popular, *range(start, min(start + 500, 10_000)))
        for partition in {0, 1, 2} - {partition_of(popular)}:
            item = next(item for item in iter(new_id, None) if partition_of(item) == partition)
            began = time.monotonic()
            await office.find("umbrella", item)
            await eventually(partial(office.written, item))
            assert time.monotonic() - began < 10
        await office.settled(seconds=60)
    assert await office.written(popular) == ["the mayor's hat", *(f"moved {nth}" for nth in range(1, 10_000))]
    assert await office.parked() == 0
    assert worker.is_alive


def partition_of(item_id: UUID) -> int:
    """The partition of an item's events, of three."""
    return int(DefaultPartitioner()(str(item_id).encode(), [0, 1, 2], [0, 1, 2]))


async def test_a_reader_a_hundred_times_slower_than_its_topic_lags_visibly_and_alone(open_office: OfficeFactory):
    """Scenario 16: what one reader has to wait for, nobody else waits for."""
    office = await open_office(partitions=1, services=(STATISTICS,))
    slow, quick = await asyncio.gather(office.worker("notices"), office.worker("statistics"))
    async with office.at_work(LOST_PROPERTY):
        for number in range(100):
            await office.find(f"heavy 0.03 box {number}")
        await eventually(lambda: nothing_unpublished(office), seconds=5)
        await office.settled(groups=(COUNTING,), seconds=5)
        assert await office.lag(WRITING) > 20
        assert await slow.metric("amtsbus_reader_lag_events", consumer=WRITING) >= 0
        assert await quick.metric("amtsbus_reader_lag_events", consumer=COUNTING) == 0
        await office.settled()
    assert await office.written() == [f"heavy 0.03 box {number}" for number in range(100)]


async def test_a_clock_that_jumps_an_hour_forth_and_back_loses_doubles_and_reorders_nothing(office: Office):
    """Scenario 16: the clock of the publisher; readers go by sequences, leases and timeouts by the real clock."""
    clock = office.folder / "clock"
    api = await office.api()
    reader = await office.worker("notices")
    async with office.at_work(LOST_PROPERTY), httpx.AsyncClient(base_url=api.url, timeout=10) as client:
        item = (await office.post(client, json={"what": "umbrella"})).json()["item_id"]
        for shift in (3600, 0, -3600, 0):
            clock.write_text(str(shift))
            await asyncio.sleep(0.1)  # the clock's file is read again after 50 ms
            assert (await office.post(client, f"/{item}/moves")).status_code == 201
        await office.settled()
    times = [
        row["occurred_at"]
        for row in await office.lost.pool.fetch("SELECT occurred_at FROM amtsbus.events ORDER BY position")
    ]
    assert times != sorted(times), "the clock did jump"
    assert await office.written(item) == ["umbrella", *(f"moved {nth}" for nth in range(1, 5))]
    assert await office.parked() == 0
    assert await reader.metric("amtsbus_reader_reused_sequences_total") == 0


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of 160 MB."""
    folder = Path(tempfile.mkdtemp(prefix="amtsbus-small-disk-"))
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m,mode=755", "tmpfs", str(folder)], check=False)
    if mounted.returncode:
        folder.rmdir()
        pytest.skip("a small disk needs the right to mount one")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
    folder.rmdir()


class TestFullDisk:
    """Both services' databases lie on a small disk of their own."""

    @pytest.fixture
    def server(self, small_disk: Path) -> Iterator[EmbeddedPostgres]:
        settings = {"max_wal_size": "48MB", "min_wal_size": "48MB", "wal_recycle": "on"}
        server = EmbeddedPostgres(small_disk / "postgres", settings=settings)
        server.start()
        yield server
        server.stop()

    @pytest.fixture
    def postgres_url(self, server: EmbeddedPostgres) -> str:
        return server.url()

    async def test_a_full_disk_refuses_clearly_and_when_there_is_room_again_everything_goes_on(
        self, office: Office, small_disk: Path, server: EmbeddedPostgres
    ):
        """Scenario 16: what was accepted stays, what is refused is refused as 503, and nobody has to be restarted."""
        api, reader, _ = await asyncio.gather(office.api(), office.worker("notices"), office.worker("lostproperty"))
        async with httpx.AsyncClient(base_url=api.url, timeout=20) as client:
            assert (await office.post(client, json={"what": "umbrella"})).status_code == 201
            await office.settled()
            filler = small_disk / "filler"
            fill(filler)
            accepted, refused = await until_refused(office, client)
            assert refused.status_code == 503
            assert refused.headers["retry-after"]
            assert refused.json()["type"] == "urn:amtsbus:problem:unavailable"
            assert api.is_alive
            assert reader.is_alive

            filler.unlink()
            if server.process is None or server.process.poll() is not None:
                await asyncio.to_thread(
                    server.start
                )  # PostgreSQL itself may have given up; that is its operator's to mend
            await eventually(lambda: accepts(office, client), seconds=30)
        await office.settled()
        assert await office.lost.pool.fetchval("SELECT count(*) FROM items") == accepted + 2
        assert len(await office.written()) == accepted + 2
        assert await office.parked() == 0
        await office.nothing_twice()


def fill(file: Path) -> None:
    """Take all the room that there is."""
    with file.open("wb", buffering=0) as filler:
        for size in (MEGABYTE, 4096):
            try:
                while True:
                    filler.write(bytes(size))
            except OSError:
                continue


async def until_refused(office: Office, client: httpx.AsyncClient) -> tuple[int, httpx.Response]:
    """Hand in items until one is refused; gives how many were accepted, and the refusal."""
    for accepted in range(2000):
        answer = await office.post(client, json={"what": "x" * 200})
        if answer.status_code != 201:
            return accepted, answer
    raise AssertionError("2000 items fitted onto a full disk")


async def accepts(office: Office, client: httpx.AsyncClient) -> bool:
    return (await office.post(client, json={"what": "hat"})).status_code == 201


async def nothing_unpublished(office: Office) -> bool:
    return await office.unpublished() == 0
