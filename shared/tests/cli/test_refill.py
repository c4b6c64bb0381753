"""`amtsbus refill`: Kafka is lost, and everything is there again, in order and without a second effect."""

import asyncio
import shutil
from uuid import UUID

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from amtsbus import refill as refill_module
from amtsbus.events import Published
from amtsbus.relay import leading_session
from amtsbus.testing.servers import EmbeddedKafka

from ..bus.conftest import eventually
from .conftest import REQUESTS, TOPIC, TOPICS

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    node = EmbeddedKafka(tmp_path_factory.mktemp("lost") / "kafka")
    node.start()
    yield node
    node.stop()


@pytest.fixture
def kafka(node):
    """A Kafka of this test's own, since it is going to be lost."""
    return node.bootstrap_servers


async def lose(node):
    """The disk of the only broker is gone; an empty one takes its place."""
    await asyncio.to_thread(node.stop)
    shutil.rmtree(node.data)
    await asyncio.to_thread(node.start)


async def records(kafka, topic, partitions=3):
    """Everything on a topic: (key, sequence), in order per partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        parts = [TopicPartition(topic, number) for number in range(partitions)]
        consumer.assign(parts)
        ends = await consumer.end_offsets(parts)
        found = []
        while any([await consumer.position(tp) < ends[tp] for tp in parts]):
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                found += [(one.key.decode(), int(dict(one.headers)["ce_sequence"])) for one in batch]
        return found
    finally:
        await consumer.stop()


def first_appearances(found):
    """The sequences of each key in the order in which they first appear."""
    by_key: dict[str, dict[int, None]] = {}
    for key, sequence in found:
        by_key.setdefault(key, {})[sequence] = None
    return {key: list(sequences) for key, sequences in by_key.items()}


async def clerks(library, lent, stop):
    """Lend and take back, all the time: `lent` is what was done, by loan."""
    while not stop.is_set():
        loan = await library.lend("Faust")
        lent[loan] = ["Faust"]
        if len(lent) % 3 == 0:
            earlier = next(iter(lent))
            await library.give_back(earlier)
            lent[earlier].append("returned")
        await asyncio.sleep(0.03)


async def test_a_lost_kafka_is_filled_again_while_the_library_works_on(running, amtsbus, node, listed, topic_prefix):
    lent: dict[UUID, list[str]] = {}
    stop = asyncio.Event()
    working = asyncio.create_task(clerks(running, lent, stop))

    async def there_is_a_past():
        async with running.reminders.transaction() as tx:
            return await tx.fetchval("SELECT count(*) > 30 FROM effects")

    await eventually(there_is_a_past)
    await lose(node)
    outcome = await amtsbus("refill", "--why", "the disk is gone", "--by", "op-17", "--wait", "120", "--json")
    assert outcome.exit_code == 0, outcome.err
    stop.set()
    await working
    told = outcome.json
    assert told["topics_created"] == [topic_prefix + TOPIC, topic_prefix + REQUESTS]
    assert told["remaining"] == 0
    lending, reminders = told["services"]
    assert (lending["service"], reminders["service"]) == ("lending", "reminders")
    assert lending["events"] > 30  # had been published into the Kafka that is lost
    assert lending["waited"] > 0  # came after it was lost
    await running.bus.settled(seconds=60)
    assert {loan: await running.effects(loan) for loan in lent} == lent
    found = first_appearances(await records(node.bootstrap_servers, topic_prefix + TOPIC))
    assert found == {str(loan): list(range(1, len(what) + 1)) for loan, what in lent.items()}
    [(by, action, about)] = await running.operator_actions(running.lending)
    assert (by, action) == ("op-17", "refill")
    assert about.startswith(f"{lending['events']} events of {TOPIC} up to position ")
    assert about.endswith(f"; topics that Kafka did not have: {TOPIC}")


async def test_called_again_it_changes_nothing_for_readers(running, amtsbus, listed, topic_prefix, monkeypatch):
    monkeypatch.setattr(refill_module, "SETTLE_SECONDS", 0.0)
    loan = await running.lend("Faust")
    await running.bus.settled()
    for _ in range(2):
        outcome = await amtsbus("refill", "lending", "--why", "to be sure", "--wait", "30")
        assert outcome.exit_code == 0, outcome.err
        assert "everything is published" in outcome.out
    await running.bus.settled()
    assert await running.effects(loan) == ["Faust"]


async def test_a_dry_run_says_what_is_missing_and_touches_nothing(library, amtsbus, listed):
    await library.lend()
    outcome = await amtsbus("refill", "--dry-run", "--json")
    assert outcome.exit_code == 0, outcome.err
    assert outcome.json == {
        "services": [
            {"service": "lending", "by_topic": {TOPIC: 1}, "left_out": {}, "archived_months": 0},
            {"service": "reminders", "by_topic": {}, "left_out": {}, "archived_months": 0},
        ],
        "topics_missing": [TOPIC, REQUESTS],
        "dry_run": True,
    }
    assert await library.operator_actions(library.lending) == []


async def test_two_refills_at_once_are_one_too_many(library, amtsbus, listed, monkeypatch):
    monkeypatch.setattr(refill_module, "SETTLE_SECONDS", 3.0)
    await library.lend()
    first = asyncio.create_task(amtsbus("refill", "--why", "first"))
    async with library.lending.transaction() as tx:

        async def is_held():
            return await leading_session(tx.connection)

        await eventually(is_held)
    second = await amtsbus("refill", "--why", "second")
    assert second.exit_code == 1
    assert second.err.splitlines()[-1] == "amtsbus: another refill of lending is at work"
    await first


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["lending", "--topic", "parks.tree.events", "--why", "x"], "parks.tree.events is not a topic of lending"),
        (["lending"], "--why needs a reason"),
    ],
)
async def test_what_cannot_be_refilled_is_one_line(library, amtsbus, listed, arguments, told):
    outcome = await amtsbus("refill", *arguments)
    assert outcome.exit_code == 2
    assert told in outcome.err
    assert outcome.err.count("\n") == 1


async def test_one_topic_that_was_deleted_is_filled_again(running, amtsbus, kafka, listed, topic_prefix):
    loan = await running.lend("Faust")
    await running.bus.settled()
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.delete_topics([topic_prefix + TOPIC])
        await running.give_back(loan)
        outcome = await amtsbus("refill", "lending", "--topic", TOPIC, "--why", "deleted by mistake", "--wait", "60")
        assert outcome.exit_code == 0, outcome.err
    finally:
        await admin.close()
    await running.bus.settled(seconds=60)
    assert await running.effects(loan) == ["Faust", "returned"]
    assert first_appearances(await records(kafka, topic_prefix + TOPIC)) == {str(loan): [1, 2]}


async def test_what_is_left_where_it_is_is_told_with_the_reason(library, amtsbus, listed):
    fees, trees = "lending.fee.events", "parks.tree.events"
    other = (
        "  - {name: %s, owner: %s, key: loan_id, partitions: 3, retention: forever, cleanup: delete, purpose: Fees.,\n"
        "     personal_data: pseudonymous, legal_basis: Library statute § 6, readers: []}\n"
    )
    listed.write_text(TOPICS + other % (fees, "lending") + other % (trees, "parks"))
    loan = await library.lend("Faust")
    async with library.lending.transaction() as tx:
        for topic in (fees, trees, "lending.old.events"):
            await tx.append(loan, type("Told", (Published,), {}, type="lending.told.v1", topic=topic)())
    outcome = await amtsbus("refill", "lending", "--topic", TOPIC, "--why", "deleted by mistake")
    assert outcome.exit_code == 0, outcome.err
    assert [line for line in outcome.out.splitlines() if "stay where they are" in line] == [
        f"1 events of {fees} stay where they are: it was not asked for",
        "1 events of lending.old.events stay where they are: it is not in the list of topics",
        f"1 events of {trees} stay where they are: in the list of topics it belongs to parks",
    ]


async def test_a_topic_gets_more_partitions_by_being_filled_again(running, amtsbus, kafka, listed, topic_prefix):
    """The one way to another number that keeps the order of a case: delete, and fill again."""
    loans = [await running.lend(f"book {number}") for number in range(10)]
    for loan in loans:
        await running.give_back(loan)
    await running.bus.settled()
    listed.write_text(TOPICS.replace("partitions: 3", "partitions: 5", 1))
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.delete_topics([topic_prefix + TOPIC])
        outcome = await amtsbus("refill", "lending", "--topic", TOPIC, "--why", "more partitions", "--wait", "60")
        assert outcome.exit_code == 0, outcome.err
        [described] = await admin.describe_topics([topic_prefix + TOPIC])
        assert len(described["partitions"]) == 5
    finally:
        await admin.close()
    new = await running.lend("new")
    await running.bus.settled(seconds=60)
    assert await running.effects(new) == ["new"]
    for number, loan in enumerate(loans):
        assert await running.effects(loan) == [f"book {number}", "returned"]
    found = first_appearances(await records(kafka, topic_prefix + TOPIC, partitions=5))
    assert found == {str(loan): [1, 2] for loan in loans} | {str(new): [1]}
