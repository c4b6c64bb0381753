"""`amtsbus journal`: an operator sees what is not published, and publishes parts of the journal again."""

import asyncio
import signal
import sys
from functools import partial
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from amtsbus import replay
from amtsbus.testing.fixtures import create_topics

from ..bus.conftest import eventually

TREE = Path(__file__).parents[3]
WHY = ("--why", "ticket 4711")


async def read(kafka, topic, count):
    """The first `count` records of a topic as (key, sequence)."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest")
    async with consumer:
        found = [await asyncio.wait_for(consumer.getone(), 20) for _ in range(count)]
    return [(record.key.decode(), int(dict(record.headers)["ce_sequence"])) for record in found]


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
    async with running.lending.transaction() as tx:
        [this_month] = await tx.fetch(
            "SELECT date_trunc('month', now() AT TIME ZONE 'UTC')::date AS first, "
            "(date_trunc('month', now() AT TIME ZONE 'UTC') + interval '13 months')::date AS ready"
        )
    assert outcome.json == {
        "events": 1,
        "unpublished": 0,
        "oldest_unpublished_seconds": None,
        "newest_position": 1,
        "by_topic": {"lending.loan.events": 1},
        "oldest_month": str(this_month["first"]),
        "ready_until": str(this_month["ready"]),
        "archived_months": 0,
    }


async def test_a_replay_has_no_second_effect(running, amtsbus):
    faust, egmont = await running.lend("Faust"), await running.lend("Egmont")
    await running.bus.settled()
    outcome = await amtsbus("journal", "replay", "lending", "--json", *WHY)
    assert outcome.json == {"matching": 2, "replayed": 2, "position": 2, "dry_run": False}
    await running.bus.settled()
    assert await running.effects(faust) == ["Faust"]
    assert await running.effects(egmont) == ["Egmont"]


async def test_a_replay_is_on_record_with_its_reason_and_how_far_it_came(running, amtsbus):
    loan = await running.lend()
    await running.bus.settled()
    await amtsbus("journal", "replay", "lending", "--stream-id", str(loan), "--by", "op-17", *WHY)
    assert await running.operator_actions(running.lending) == [
        ("op-17", "replay", f"1 events: --stream-id {loan}"),
        ("op-17", "replay ended", "1 of 1 events, up to position 1"),
    ]
    async with running.lending.transaction() as tx:
        assert await tx.fetchval("SELECT array_agg(DISTINCT why) FROM amtsbus.operator_actions") == ["ticket 4711"]


async def test_without_a_reason_nothing_is_published_again(running, amtsbus):
    await running.lend()
    await running.bus.settled()
    outcome = await amtsbus("journal", "replay", "lending")
    assert outcome.exit_code == 2
    assert "--why needs a reason" in outcome.err
    assert await running.operator_actions(running.lending) == []


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
        (["--first-sequence", "2"], 1),
        (["--last-sequence", "1"], 2),
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
    outcome = await amtsbus("journal", "replay", "lending", "--stream-id", str(loan), *WHY)
    assert outcome.exit_code == 0
    assert "1 of 1 events published again" in outcome.out


async def test_a_topic_of_somebody_else_is_refused(library, amtsbus):
    outcome = await amtsbus("journal", "replay", "lending", "--topic", "parks.tree.events", *WHY)
    assert outcome.exit_code == 2
    assert "lending does not publish on parks.tree.events; it has: lending.loan.events" in outcome.err


async def test_the_services_own_topic_is_no_subscribers_topic(library, amtsbus):
    outcome = await amtsbus("journal", "replay", "lending", "--to-topic", "lending.loan.events", *WHY)
    assert outcome.exit_code == 2
    assert "lending.loan.events is lending's own topic: leave --to-topic out" in outcome.err


async def test_an_older_event_that_still_waits_is_not_overtaken(library, amtsbus, kafka, topic_prefix):
    """The first event of the loan was published; a second and third wait. Replaying the third alone must not put it first."""
    loan = await library.lend()
    await library.give_back(loan)
    await library.give_back(loan)
    async with library.lending.transaction() as tx:
        await tx.execute("DELETE FROM amtsbus.unpublished WHERE position <> 2")  # so far the relay came, as it were
    replaying = asyncio.create_task(
        amtsbus("journal", "replay", "lending", "--stream-id", str(loan), "--first-sequence", "3", *WHY)
    )

    async def is_put_back():
        async with library.lending.transaction() as tx:
            return await tx.fetchval("SELECT array_agg(position ORDER BY position) FROM amtsbus.unpublished") == [2, 3]

    await eventually(is_put_back)
    await library.start()  # only now is there a relay
    assert (await replaying).exit_code == 0
    assert await read(kafka, f"{topic_prefix}lending.loan.events", 2) == [(str(loan), 2), (str(loan), 3)]


async def test_on_a_compacted_topic_the_newest_event_is_the_last_one_in_any_case(
    running, amtsbus, kafka, topic_prefix, tmp_path, monkeypatch
):
    topics = tmp_path / "topics.yaml"
    topics.write_text(
        "topics: [{name: lending.loan.events, owner: lending, key: loan_id, partitions: 3, retention: forever, "
        "cleanup: compact, purpose: x, personal_data: none, legal_basis: x, readers: []}]"
    )
    monkeypatch.setenv("AMTSBUS_TOPICS_FILE", str(topics))
    loan = await running.lend()
    for _ in range(2):
        await running.give_back(loan)
    await running.bus.settled()
    outcome = await amtsbus("journal", "replay", "lending", "--last-sequence", "1", "--json", *WHY)
    assert outcome.json["replayed"] == 1
    sequences = [number for _, number in await read(kafka, f"{topic_prefix}lending.loan.events", 5)]
    assert sequences == [1, 2, 3, 1, 3]


async def test_an_interrupted_replay_says_how_to_go_on(running, amtsbus, monkeypatch, topic_prefix):
    for number in range(30):
        await running.lend(f"book {number}")
    await running.bus.settled()
    command = (
        "import sys; from types import SimpleNamespace; import amtsbus.service; from amtsbus.cli import main; "
        "from shared.tests.bus.lending import LENDING; "
        "amtsbus.service.installed_services = lambda: {'lending': SimpleNamespace(load=lambda: LENDING)}; main()"
    )
    arguments = ["journal", "replay", "lending", "--rate", "5", "--by", "op-17", *WHY]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", command, *arguments),
        cwd=TREE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # Whoever runs these tests in the background lets them ignore Ctrl-C; an operator's terminal does not.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )

    async def has_begun():
        return await running.operator_actions(running.lending)

    await eventually(has_begun)
    process.send_signal(signal.SIGINT)
    out, err = [text.decode() for text in await asyncio.wait_for(process.communicate(), 30)]
    assert process.returncode == 130, err
    assert out == ""
    last = err.splitlines()[-1]
    assert "of 30 events (interrupted); go on with: amtsbus journal replay lending --rate 5 --after-position" in last
    position = int(last.split("--after-position ")[1].split()[0])
    assert 0 <= position < 30
    actions = await running.operator_actions(running.lending)
    assert actions[-1] == ("op-17", "replay stopped", f"{position} of 30 events, up to position {position}")
    rest = await amtsbus("journal", "replay", "lending", "--after-position", str(position), "--json", *WHY)
    assert rest.json["replayed"] == 30 - position


async def test_a_replay_without_a_worker_ends_and_says_so(library, amtsbus, monkeypatch):
    monkeypatch.setattr(replay, "PATIENCE_SECONDS", 0.3)
    await library.lend()
    async with library.lending.transaction() as tx:
        await tx.execute("DELETE FROM amtsbus.unpublished")
    outcome = await amtsbus("journal", "replay", "lending", *WHY)
    assert outcome.exit_code == 1
    assert "is the worker of lending running?); go on with: amtsbus journal replay lending" in outcome.err


async def test_a_new_subscriber_gets_the_past_on_a_topic_of_its_own(running, amtsbus, kafka, topic_prefix):
    loan = await running.lend()
    await running.bus.settled()
    await create_topics(kafka, [f"{topic_prefix}archive.loans"], partitions=1)
    outcome = await amtsbus("journal", "replay", "lending", "--to-topic", "archive.loans", *WHY)
    assert outcome.exit_code == 0, outcome.err
    assert await read(kafka, f"{topic_prefix}archive.loans", 1) == [(str(loan), 1)]


async def test_a_subscribers_topic_is_created_on_request(running, amtsbus, kafka, topic_prefix):
    loan = await running.lend()
    await running.give_back(loan)
    outcome = await amtsbus(
        "journal", "replay", "lending", "--to-topic", "statistics.lending-replay", "--create-topic", *WHY
    )
    assert outcome.exit_code == 0, outcome.err
    assert await read(kafka, f"{topic_prefix}statistics.lending-replay", 2) == [(str(loan), 1), (str(loan), 2)]


async def test_a_topic_that_does_not_exist_is_one_line(running, amtsbus):
    await running.lend()
    await running.bus.settled()
    outcome = await amtsbus("journal", "replay", "lending", "--to-topic", "archive.forgotten", *WHY)
    assert outcome.exit_code == 1
    assert outcome.err == "amtsbus: Kafka has no topic archive.forgotten: add --create-topic, or have it created\n"


async def test_a_topic_is_created_for_one_subscriber_only(library, amtsbus):
    outcome = await amtsbus("journal", "replay", "lending", "--create-topic", *WHY)
    assert outcome.exit_code == 2
    assert "--create-topic is for --to-topic TOPIC" in outcome.err
