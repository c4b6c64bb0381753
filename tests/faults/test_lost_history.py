"""History gets lost: topics are deleted, records expire unread, databases are set back. Scenarios 13 and 14 of the fault list."""

from collections.abc import Callable

import asyncpg
import pytest
from aiokafka.admin import RecordsToDelete
from amtsbus.postgres import Database
from amtsbus.testing.fixtures import create_topics

from .conftest import OfficeFactory
from .lost_property import LOST_PROPERTY, TOPIC
from .office import Office, Process, eventually

pytestmark = pytest.mark.timeout(240)  # the first one of a run also waits for Kafka to start

SESSION = "amtsbus.consumption.SESSION_TIMEOUT_MS"


@pytest.fixture
async def one_partition(open_office: OfficeFactory) -> Office:
    """The office, with all items on one partition."""
    return await open_office(partitions=1)


async def test_records_that_expired_before_they_were_read_raise_the_alarm_and_a_replay_heals(one_partition: Office):
    """Scenario 13, offset out of range: of one item something comes later, of another nothing ever does."""
    office = one_partition
    async with office.at_work(LOST_PROPERTY):
        reader = await office.worker("notices")
        going_on = await office.find("glove")
        await office.settled()
        reader.terminate()
        await reader.ended()
        await office.move(going_on, 1)
        silent = await office.find("umbrella")
        await eventually(lambda: nothing_unpublished(office))
        [partition] = await office.partitions()
        await office.admin.delete_records({partition: RecordsToDelete(before_offset=3)})
        await office.move(going_on, 2)

        reader = await office.worker("notices")
        await office.settled()
        assert await office.gaps() == [(going_on, 2)]
        assert await reader.metric("amtsbus_reader_gaps_total") == 1
        [alarm] = reader.logged("position_lost")
        assert (alarm["partition"], alarm["expected_offset"], alarm["found_offset"]) == (0, 1, 3)
        assert await reader.metric("amtsbus_reader_resets_total", direction="ahead") == 1

        await office.command("journal", "replay", "lostproperty", "--why", "records expired unread")
        await office.settled()
    assert await office.written(going_on) == ["glove", "moved 2", "moved 1"]
    assert await office.written(silent) == ["umbrella"]
    assert await office.gaps() == []
    await office.nothing_twice()


async def test_records_that_expire_under_a_reader_at_work_raise_the_alarm(one_partition: Office):
    """Scenario 13, offset out of range: the reader hangs for a moment, and keeps its place in the group."""
    office = one_partition
    async with office.at_work(LOST_PROPERTY):
        reader = await office.worker("notices", constants={SESSION: 20_000})  # so long it may hang
        await office.find("glove")
        await office.settled()
        reader.stop()
        items = []
        for number in range(4):
            items.append(await office.find(f"umbrella {number}"))
            await eventually(lambda: nothing_unpublished(office))
        [partition] = await office.partitions()
        await office.admin.delete_records({partition: RecordsToDelete(before_offset=4)})
        reader.go_on()
        await office.settled()
        assert await reader.metric("amtsbus_reader_resets_total", direction="ahead") == 1
        assert len(await office.written()) < 5

        await office.command("journal", "replay", "lostproperty", "--why", "records expired unread")
        await office.settled()
    assert [await office.written(item) for item in items] == [[f"umbrella {number}"] for number in range(4)]
    await office.nothing_twice()


async def test_a_topic_that_was_deleted_and_made_anew_raises_the_alarm_and_a_replay_heals(one_partition: Office):
    """Scenario 13, while the reader is away: what it had not read is gone, and what it had read comes again."""
    office = one_partition
    async with office.at_work(LOST_PROPERTY):
        reader = await office.worker("notices")
        going_on = await office.find("glove")
        await office.settled()
        reader.terminate()
        await reader.ended()
        await office.move(going_on, 1)
        silent = await office.find("umbrella")
        await eventually(lambda: nothing_unpublished(office))
        await recreate(office)
        await office.move(going_on, 2)

        reader = await office.worker("notices")
        await eventually(lambda: office.gaps())
        assert await office.gaps() == [(going_on, 2)]
        assert await alarms(reader)

        await office.command("journal", "replay", "lostproperty", "--why", "the topic was deleted")
        await office.settled()
    assert await office.written(going_on) == ["glove", "moved 2", "moved 1"]
    assert await office.written(silent) == ["umbrella"]
    assert await office.gaps() == []
    await office.nothing_twice()


async def test_a_topic_that_is_deleted_under_a_reader_at_work_is_read_anew_from_its_beginning(one_partition: Office):
    """Scenario 13, while it reads: its position is that of the old topic, and the new one may be longer than that."""
    office = one_partition
    async with office.at_work(LOST_PROPERTY):
        reader = await office.worker("notices")
        items = [await office.find(f"glove {number}") for number in range(5)]
        await office.settled()
        await recreate(office)
        for item in items:
            await office.move(item, 1)
        more = [await office.find(f"umbrella {number}") for number in range(20)]
        await office.settled(seconds=40)
        assert await alarms(reader)
    assert [await office.written(item) for item in items] == [[f"glove {n}", "moved 1"] for n in range(5)]
    assert [await office.written(item) for item in more] == [[f"umbrella {n}"] for n in range(20)]
    assert reader.is_alive


async def test_a_publisher_set_back_in_time_stops_the_streams_whose_past_it_changes_and_no_other(
    office: Office, owner_url: Callable[[Database], str]
):
    """Scenario 14: its database is restored to an earlier state, and other facts take the places of published ones."""
    reader = await office.worker("notices")
    async with office.at_work(LOST_PROPERTY):
        item, untouched = await office.find("glove"), await office.find("umbrella")
        await office.settled()
    snapshot = await copied(office, owner_url)
    async with office.at_work(LOST_PROPERTY):
        await office.move(item, 1, 2)
        await office.settled()
        assert await office.written(item) == ["glove", "moved 1", "moved 2"]
    await restored(office, owner_url, snapshot)
    async with office.at_work(LOST_PROPERTY):
        await office.move(item, 11)
        await office.move(item, 12)
        await office.move(untouched, 1)
        other = await office.find("hat")
        await office.settled()

    assert await office.written(item) == ["glove", "moved 1", "moved 2"]
    assert await office.written(untouched) == ["umbrella", "moved 1"]
    assert await office.written(other) == ["hat"]
    letters = await office.notices.pool.fetch("SELECT failed, reason FROM amtsbus.dead_letters ORDER BY dead_letter_id")
    assert [letter["failed"] for letter in letters] == [True, False]
    assert "was another event before" in letters[0]["reason"]
    assert await office.parked() == 1
    assert await reader.metric("amtsbus_reader_reused_sequences_total") == 1


async def recreate(office: Office) -> None:
    """Delete the topic and make it anew, as an operator might who wants to empty it."""
    name = office.prefix + TOPIC
    partitions = len(await office.partitions())
    await office.admin.delete_topics([name])

    async def gone() -> bool:
        return name not in await office.admin.list_topics()

    await eventually(gone)
    await create_topics(office.kafka, [name], partitions=partitions)


async def alarms(reader: Process) -> float:
    """How often the reader said that it goes on at another place than where it had been."""
    return await reader.metric("amtsbus_reader_resets_total", direction="back")


async def nothing_unpublished(office: Office) -> bool:
    return await office.unpublished() == 0


async def copied(office: Office, owner_url: Callable[[Database], str]) -> str:
    """A copy of the publisher's database as it is; gives its name."""
    owner = owner_url(office.lost)
    name = owner.rpartition("/")[2]
    await _rearrange(office, owner, f'CREATE DATABASE "{name}_before" TEMPLATE "{name}"')
    return f"{name}_before"


async def restored(office: Office, owner_url: Callable[[Database], str], snapshot: str) -> None:
    """Put the copy in the database's place."""
    owner = owner_url(office.lost)
    name = owner.rpartition("/")[2]
    await _rearrange(
        office, owner, f'DROP DATABASE "{name}" WITH (FORCE)', f'ALTER DATABASE "{snapshot}" RENAME TO "{name}"'
    )


async def _rearrange(office: Office, owner: str, *statements: str) -> None:
    await office.lost.stop()
    server = await asyncpg.connect(owner.rpartition("/")[0] + "/postgres")
    try:
        for statement in statements:
            await server.execute(statement)
    finally:
        await server.close()
    await office.lost.start()
