"""A subscriber without a line of our code ends where the authority is, whatever happens on the way."""

import ast
import random
import sys
from datetime import datetime

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from amtsbus.ids import new_id
from amtsbus.relay import record_of
from amtsbus.settings import Settings

from .conftest import REPLAY, TOPIC, eventually
from .dying import EXAMPLE

WHY = ("--why", "statistics misses events, ticket 4711")
SEED = 2016


def test_it_knows_python_and_a_kafka_client_and_nothing_of_ours():
    imported = set()
    for node in ast.walk(ast.parse(EXAMPLE.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    assert {name for name in imported if name not in sys.stdlib_module_names} == {"aiokafka"}


async def test_it_counts_how_applications_end(authority, subscriber):
    statistics = subscriber("statistics")
    await statistics.start()
    await authority.history(random.Random(SEED), applications=30)
    await eventually(lambda: statistics.knows(authority))
    assert sum(authority.approvals.values()) > 5  # there was something to count
    assert statistics.rows("SELECT * FROM waiting") == []
    assert "missing" not in await statistics.stop()


@pytest.mark.parametrize(("moment", "nth"), [("effect", 1), ("effect", 17), ("commit", 1), ("commit", 3)])
async def test_killed_between_effect_and_commit_it_counts_nothing_twice(authority, subscriber, moment, nth):
    statistics = subscriber("statistics")
    await authority.history(random.Random(SEED), applications=15)
    await statistics.start(moment, nth)
    await statistics.dies()
    await authority.history(random.Random(SEED + 1), applications=15)
    await statistics.start()
    await eventually(lambda: statistics.knows(authority))


async def records_again(kafka, prefix, rows):
    """Put journal rows on the topic once more, in this order."""
    settings = Settings.load("permits", database_url="", topic_prefix=prefix)
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        for row in rows:
            await producer.send_and_wait(**record_of(row, settings))
    finally:
        await producer.stop()


async def test_repeats_in_any_order_have_no_second_effect(authority, subscriber, kafka):
    chance = random.Random(SEED)
    statistics = subscriber("statistics")
    await statistics.start()
    await authority.history(chance, applications=15)
    await eventually(lambda: statistics.knows(authority))
    before = statistics.state()
    rows = await authority.past.owner.fetch("SELECT * FROM amtsbus.events")
    chance.shuffle(rows)
    await records_again(kafka, authority.prefix, rows)
    await authority.publish("application-submitted", new_id())
    await eventually(lambda: statistics.knows(authority))
    after = statistics.state()
    assert [len(table) for table in after] == [
        len(table) + extra for table, extra in zip(before, [1, 0, 1, 0, 0, 1], strict=True)
    ]


async def test_it_sees_a_gap_keeps_what_follows_and_heals_from_a_topic_of_its_own(authority, subscriber):
    statistics = subscriber("statistics")
    await statistics.start()
    fence, house = new_id(), new_id()
    await authority.publish("application-submitted", fence)
    await authority.publish("application-refused", fence, lost=True)
    await authority.publish("application-approved", fence)  # on appeal
    await authority.publish("application-submitted", house)
    await authority.publish("application-approved", house)

    def house_is_counted():
        return statistics.rows(f"SELECT outcome FROM applications WHERE application_id = '{house}'") == [("approved",)]

    await eventually(house_is_counted)  # other keys go on
    assert statistics.rows("SELECT key, sequence FROM waiting") == [(str(fence), 3)]
    assert statistics.rows(f"SELECT outcome FROM applications WHERE application_id = '{fence}'") == [(None,)]
    replay = ("--stream-id", str(fence), "--first-sequence", "2", "--last-sequence", "2", "--to-topic", REPLAY)
    await authority.operates("journal", "replay", "permits", *replay, "--create-topic", *WHY)
    await eventually(lambda: statistics.knows(authority))
    assert statistics.rows("SELECT * FROM waiting") == []
    assert f"missing: {fence}, sequences 2 to 2; ask the owner of the topic for a replay" in await statistics.stop()


async def test_a_place_that_is_taken_twice_is_noted_and_has_no_effect(authority, subscriber, kafka):
    """The publisher's database was set back: its new event claims the place of one that was published before."""
    statistics = subscriber("statistics")
    await statistics.start()
    fence = new_id()
    await authority.publish("application-submitted", fence)
    await authority.publish("application-refused", fence)
    await eventually(lambda: statistics.knows(authority))
    [row] = await authority.past.owner.fetch("SELECT * FROM amtsbus.events WHERE sequence = 2")
    another = dict(row) | {"event_id": new_id(), "type": "permits.application-approved.v1"}
    await records_again(kafka, authority.prefix, [another])
    await eventually(lambda: statistics.rows("SELECT event_id FROM contradictions") == [(str(another["event_id"]),)])
    assert statistics.knows(authority)


async def test_one_that_subscribes_years_later_ends_where_one_is_that_was_there_from_the_start(
    authority, subscriber, kafka, tmp_path
):
    """The beginning lies in the archive, the topic has dropped what it had; the rest is in the journal and on the topic."""
    chance = random.Random(SEED)
    old, young = subscriber("old"), subscriber("young")
    await old.start()
    await authority.history(chance, applications=15)
    authority.at = datetime(2016, 2, 3, tzinfo=authority.at.tzinfo)
    await authority.history(chance, applications=10)
    await eventually(lambda: old.knows(authority))
    await authority.rests()  # a month with an event that is not published stays
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        partitions = [TopicPartition(authority.prefix + TOPIC, number) for number in range(3)]
        await admin.delete_records({partition: RecordsToDelete(before_offset=-1) for partition in partitions})
    finally:
        await admin.close()
    archive = tmp_path / "archive"
    archive.mkdir()
    await authority.operates("retention", "archive", "permits", "--older-than", "P5Y", "--archive", str(archive), *WHY)
    files = sorted(archive.iterdir())
    assert len(files) == 2
    authority.at = datetime.now(authority.at.tzinfo)
    await young.start()
    for application in list(authority.expected)[:8]:
        await authority.publish("application-approved", application)  # on appeal: what was before counts
    await eventually(lambda: len(young.rows("SELECT * FROM waiting")) == 8)
    archived = [part for file in files for part in ("--from-archive", str(file))]
    await authority.operates("journal", "replay", "permits", *archived, "--to-topic", REPLAY, "--create-topic", *WHY)
    await authority.operates("journal", "replay", "permits", "--to-topic", REPLAY, *WHY)
    # What an application has become is known before its last event has been read.
    await eventually(lambda: young.knows(authority) and old.knows(authority) and young.state() == old.state())
