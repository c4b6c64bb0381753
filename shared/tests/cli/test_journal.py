"""`amtsbus journal`: an operator sees what is not published, and publishes parts of the journal again."""

import pytest
from aiokafka import AIOKafkaConsumer
from amtsbus.testing.fixtures import create_topics


async def test_status_shows_what_waits_for_the_worker(library, amtsbus):
    await library.lend()
    await library.lend()
    outcome = await amtsbus("journal", "status", "lending")
    assert outcome.exit_code == 0
    assert "lending.loan.events" in outcome.out
    assert "2 events, up to position 2" in outcome.out
    assert "2 not published yet, the oldest for" in outcome.out
    assert "is the worker of lending running?" in outcome.out


async def test_status_of_a_published_journal_for_programs(running, amtsbus):
    await running.lend()
    await running.bus.settled()
    outcome = await amtsbus("journal", "status", "lending", "--json")
    assert outcome.json == {
        "events": 1,
        "unpublished": 0,
        "oldest_unpublished_seconds": None,
        "newest_position": 1,
        "by_topic": {"lending.loan.events": 1},
    }


async def test_a_replay_has_no_second_effect(running, amtsbus):
    faust, egmont = await running.lend("Faust"), await running.lend("Egmont")
    await running.bus.settled()
    outcome = await amtsbus("journal", "replay", "lending", "--json")
    assert outcome.json == {"matching": 2, "replayed": 2, "position": 2, "dry_run": False}
    await running.bus.settled()
    assert await running.effects(faust) == ["Faust"]
    assert await running.effects(egmont) == ["Egmont"]


async def test_a_replay_is_on_record(running, amtsbus):
    loan = await running.lend()
    await running.bus.settled()
    await amtsbus("journal", "replay", "lending", "--stream-id", str(loan), "--by", "op-17")
    assert await running.operator_actions(running.lending) == [("op-17", "replay", "1 events")]


@pytest.mark.parametrize(
    ("restriction", "matching"),
    [
        ([], 3),
        (["--type", "lending.book-returned.v1"], 1),
        (["--topic", "lending.loan.events"], 3),
        (["--since", "2026-03-02"], 3),
        (["--since", "2026-03-02T10:00"], 3),  # the library's clock stands at 10:00 local time
        (["--since", "2026-03-02T10:00:01"], 0),
        (["--until", "2026-03-02T09:00:00Z"], 0),
        (["--until", "2026-03-03"], 3),
        (["--after-position", "2"], 1),
    ],
)
async def test_a_dry_run_counts_and_publishes_nothing(running, amtsbus, restriction, matching):
    await running.lend()
    await running.give_back(await running.lend())
    await running.bus.settled()
    outcome = await amtsbus("journal", "replay", "lending", "--dry-run", "--json", *restriction)
    assert outcome.json == {
        "matching": matching,
        "replayed": 0,
        "position": int(restriction[1]) if "--after-position" in restriction else 0,
        "dry_run": True,
    }
    assert await running.operator_actions(running.lending) == []


async def test_one_stream_is_replayed_by_itself(running, amtsbus):
    loan = await running.lend()
    await running.lend()
    await running.bus.settled()
    outcome = await amtsbus("journal", "replay", "lending", "--stream-id", str(loan))
    assert outcome.exit_code == 0
    assert "1 of 1 events published again" in outcome.out


async def test_a_topic_of_somebody_else_is_refused(library, amtsbus):
    outcome = await amtsbus("journal", "replay", "lending", "--topic", "parks.tree.events")
    assert outcome.exit_code == 2
    assert "lending does not publish on parks.tree.events; it has: lending.loan.events" in outcome.err


async def test_a_new_subscriber_gets_the_past_on_a_topic_of_its_own(running, amtsbus, kafka, topic_prefix):
    loan = await running.lend()
    await running.bus.settled()
    await create_topics(kafka, [f"{topic_prefix}archive.loans"], partitions=1)
    outcome = await amtsbus("journal", "replay", "lending", "--to-topic", "archive.loans")
    assert outcome.exit_code == 0, outcome.err
    consumer = AIOKafkaConsumer(f"{topic_prefix}archive.loans", bootstrap_servers=kafka, auto_offset_reset="earliest")
    async with consumer:
        record = await consumer.getone()
    assert record.key == str(loan).encode()
    assert dict(record.headers)["ce_sequence"] == b"1"


async def test_a_topic_that_does_not_exist_is_one_line(running, amtsbus):
    await running.lend()
    await running.bus.settled()
    outcome = await amtsbus("journal", "replay", "lending", "--to-topic", "archive.forgotten")
    assert outcome.exit_code == 1
    assert outcome.err.splitlines()[-1].startswith("amtsbus: Kafka does not answer or refuses: UnknownTopicOrPartition")
