"""`amtsbus retention`: months leave the journal, and everything is there again from archive and journal together."""

import asyncio
import random
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from amtsbus import refill as refill_module
from amtsbus.ids import new_id
from amtsbus.relay import record_of
from amtsbus.testing.fixtures import Bus, create_topics
from amtsbus.worker import Worker

from ..bus.conftest import eventually
from ..bus.past import Past
from .conftest import LENDING, REQUESTS, TOPIC, TOPICS, reminders_service

IN_JANUARY = datetime(2016, 1, 15, 12, tzinfo=UTC)
WHY = ("--why", "records schedule")


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "archive"
    folder.mkdir()
    return folder


@pytest.fixture
async def past(library, owner_url, monkeypatch):
    monkeypatch.setenv("LENDING_MIGRATOR_DATABASE_URL", owner_url(library.lending))
    past = await Past.of(owner_url(library.lending))
    yield past
    await past.owner.close()


async def test_a_month_that_is_older_than_the_rule_leaves(past, amtsbus, folder):
    loan = new_id()
    await past.append(IN_JANUARY, loan, "Faust")
    arguments = ("retention", "archive", "lending", "--older-than", "P10Y", "--archive", str(folder))
    planned = await amtsbus(*arguments, "--dry-run", "--json")
    assert planned.json == [{"month": "2016-01", "events": 1, "unpublished": 0}]
    assert list(folder.iterdir()) == []
    outcome = await amtsbus(*arguments, *WHY, "--json")
    assert outcome.exit_code == 0, outcome.err
    [left] = outcome.json["archived"]
    assert (left["month"], left["events"]) == ("2016-01", 1)
    [file] = folder.iterdir()
    verified = await amtsbus("retention", "verify", str(file), "--json")
    assert verified.json == [left]
    status = await amtsbus("journal", "status", "lending", "--json")
    assert status.json["events"] == 1  # ever appended
    assert status.json["archived_months"] == 1
    assert (await amtsbus(*arguments, *WHY)).out == "0 months have left the journal of lending\n"


async def test_a_month_that_must_stay_is_named_and_the_ones_before_it_have_left(past, amtsbus, folder):
    await past.append(IN_JANUARY, new_id(), "Faust")
    await past.append(IN_JANUARY + timedelta(days=31), new_id(), "Egmont", published=False)
    outcome = await amtsbus("retention", "archive", "lending", "--older-than", "P1Y", "--archive", str(folder), *WHY)
    assert outcome.exit_code == 1
    assert outcome.out == "1 months have left the journal of lending\n"
    assert "1 events of 2016-02 are not published; it stays until they are" in outcome.err


async def test_the_role_that_a_service_runs_as_cannot_archive(past, amtsbus, folder, monkeypatch):
    await past.append(IN_JANUARY, new_id(), "Faust")
    monkeypatch.delenv("LENDING_MIGRATOR_DATABASE_URL")
    outcome = await amtsbus("retention", "archive", "lending", "--older-than", "P10Y", "--archive", str(folder), *WHY)
    assert outcome.exit_code == 1
    assert outcome.err == "amtsbus: only the owner of the tables may do this: set LENDING_MIGRATOR_DATABASE_URL\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--older-than", "10 years", "--archive", "."], "--older-than: write years and months, for example P10Y"),
        (["--older-than", "P10Y", "--archive", "./nowhere"], "nowhere is no folder"),
        (["--older-than", "P10Y", "--archive", "."], "--why needs a reason"),
    ],
)
async def test_a_wrong_rule_is_one_line(library, amtsbus, arguments, told):
    outcome = await amtsbus("retention", "archive", "lending", *arguments)
    assert outcome.exit_code == 2
    assert told in outcome.err


async def test_a_damaged_file_is_one_line(amtsbus, tmp_path):
    file = tmp_path / "lending.2016-01.jsonl.gz"
    file.write_bytes(b"something else")
    outcome = await amtsbus("retention", "verify", str(file))
    assert outcome.exit_code == 1
    assert outcome.err.startswith("amtsbus: lending.2016-01.jsonl.gz cannot be read")


async def test_a_refill_asks_for_the_archive(past, amtsbus, folder, listed):
    await past.append(IN_JANUARY, new_id(), "Faust")
    await amtsbus("retention", "archive", "lending", "--older-than", "P10Y", "--archive", str(folder), *WHY)
    outcome = await amtsbus("refill", "lending", *WHY)
    assert outcome.exit_code == 1
    assert "months of the journal lie in the archive (1 of lending): say where with --archive FOLDER" in outcome.err


async def test_a_subscriber_gets_archived_months_on_a_topic_of_its_own(past, amtsbus, folder, kafka, topic_prefix):
    faust, egmont = new_id(), new_id()
    await past.append(IN_JANUARY, faust, "Faust")
    await past.append(IN_JANUARY, egmont, "Egmont")
    await past.append(IN_JANUARY, faust)
    await amtsbus("retention", "archive", "lending", "--older-than", "P10Y", "--archive", str(folder), *WHY)
    [file] = folder.iterdir()
    outcome = await amtsbus(
        *("journal", "replay", "lending", "--from-archive", str(file), "--stream-id", str(faust)),
        *("--to-topic", "statistics.loans", "--create-topic", *WHY),
    )
    assert outcome.exit_code == 0, outcome.err
    assert "2 of 2 events published again, up to position 3" in outcome.out
    consumer = AIOKafkaConsumer(
        f"{topic_prefix}statistics.loans", bootstrap_servers=kafka, auto_offset_reset="earliest"
    )
    async with consumer:
        found = [await asyncio.wait_for(consumer.getone(), 20) for _ in range(2)]
    assert [(one.key.decode(), dict(one.headers)["ce_sequence"]) for one in found] == [
        (str(faust), b"1"),
        (str(faust), b"2"),
    ]


async def test_a_gap_closes_with_what_lies_in_the_archive(past, library, amtsbus, folder, listed):
    """A reader never got the first event of a loan; by now it lies in the archive."""
    await library.start()
    loan = new_id()
    await past.append(IN_JANUARY, loan, "Faust")
    await past.append(IN_JANUARY, loan, published=False)

    async def misses_one():
        return await library.effects(loan) == ["returned"]

    await eventually(misses_one)
    await amtsbus("retention", "archive", "lending", "--older-than", "P10Y", "--archive", str(folder), *WHY)
    [file] = folder.iterdir()
    outcome = await amtsbus("journal", "replay", "lending", "--from-archive", str(file), "--json", *WHY)
    assert outcome.exit_code == 0, outcome.err
    assert outcome.json["replayed"] == 2
    await library.bus.settled()
    assert await library.effects(loan) == ["returned", "Faust"]
    async with library.reminders.transaction() as tx:
        assert await tx.fetchval("SELECT count(*) FROM amtsbus.gaps") == 0


async def test_what_is_compacted_is_never_published_from_the_archive_again(past, amtsbus, folder, listed):
    listed.write_text(TOPICS.replace("cleanup: delete", "cleanup: compact"))
    await past.append(IN_JANUARY, new_id(), "Faust")
    await amtsbus("retention", "archive", "lending", "--older-than", "P10Y", "--archive", str(folder), *WHY)
    [archived] = folder.iterdir()
    arguments = ("journal", "replay", "lending", "--from-archive", str(archived), "--dry-run", "--json")
    assert (await amtsbus(*arguments)).json["matching"] == 0
    assert (await amtsbus(*arguments, "--to-topic", "statistics.loans")).json["matching"] == 1


# -- a reader that is added a year later --------------------------------------------------------------------------------


async def history(past, chance, *, since, loans, events):
    """A part of the library's history: `events` lendings and returns of `loans`, some of which are new, a few an hour."""
    at = since
    for _ in range(events):
        at += timedelta(minutes=chance.randrange(1, 120))
        if not loans or chance.random() < 0.3:
            loans.append(new_id())
        await past.append(at, chance.choice(loans), chance.choice(["Faust", "Egmont", None]), published=False)


async def state(database):
    """What a reader knows: its effects stream by stream in their order, its marks, its gaps, and what it parked."""
    async with database.transaction() as tx:
        return [
            [tuple(row) for row in await tx.fetch(query)]
            for query in (
                "SELECT loan_id, array_agg(what ORDER BY effect_id) FROM effects GROUP BY loan_id ORDER BY loan_id",
                "SELECT consumer, topic, stream_id, sequence, event_id, occurred_at FROM amtsbus.high_water_marks ORDER BY 3",
                "SELECT consumer, event_id FROM amtsbus.inbox ORDER BY event_id",
                "SELECT * FROM amtsbus.gaps",
                "SELECT dead_letter_id, reason FROM amtsbus.dead_letters",
            )
        ]


async def repeated(kafka, topic, settings, rows):
    """Records come once more, out of order, as after restarts of relays and readers."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        for row in rows:
            await producer.send_and_wait(**record_of(row, settings) | {"topic": topic})
    finally:
        await producer.stop()


@pytest.fixture
def city(settings_of):
    """Runs the workers of some services on the topics of one prefix."""

    @asynccontextmanager
    async def run(prefix, *services):
        async with AsyncExitStack() as stack:
            workers = [
                Worker(service, settings_of(service, database).model_copy(update={"topic_prefix": prefix}), database)
                for service, database in services
            ]
            for worker in workers:
                await stack.enter_async_context(worker.running())
            yield Bus(workers[0].settings.kafka_bootstrap_servers, prefix, workers)
        for _, database in services:
            await database.start()  # a worker closes it when it ends, and the test goes on

    return run


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [4, 711])
async def test_a_reader_added_years_later_ends_where_one_is_that_was_there_from_the_start(
    library, past, amtsbus, folder, listed, service_database, settings_of, city, kafka, topic_prefix, monkeypatch, seed
):
    """From the archive, the journal and what is appended meanwhile, in another Kafka, as if the first one had been lost."""
    monkeypatch.setattr(refill_module, "SETTLE_SECONDS", 2.0)
    chance = random.Random(seed)
    loans: list[UUID] = []
    await create_topics(kafka, [topic_prefix + TOPIC, topic_prefix + REQUESTS])
    async with city(topic_prefix, (LENDING, library.lending), (reminders_service(), library.reminders)) as bus:
        for month in (1, 2, 3):
            await history(past, chance, since=datetime(2016, month, 1, tzinfo=UTC), loans=loans, events=40)
        await bus.settled(seconds=60)
        rows = await past.owner.fetch("SELECT * FROM amtsbus.events ORDER BY position")
        chance.shuffle(rows)
        await repeated(kafka, topic_prefix + TOPIC, settings_of(LENDING, library.lending), rows[:60])
        arguments = ("--older-than", "P10Y", "--archive", str(folder), *WHY)
        outcome = await amtsbus("retention", "archive", "lending", *arguments)
        assert outcome.exit_code == 0, outcome.err
        assert await past.owner.fetchval("SELECT count(*) FROM amtsbus.events") == 0
        for _ in range(40):
            await library.lend("again", chance.choice(loans))
        await bus.settled(seconds=60)
    there_from_the_start = await state(library.reminders)
    assert len(there_from_the_start[2]) == 160
    assert there_from_the_start[3:] == [[], []]

    elsewhere = f"{topic_prefix}elsewhere."
    monkeypatch.setenv("AMTSBUS_TOPIC_PREFIX", elsewhere)
    late_service = reminders_service()
    late = await service_database(late_service)
    async with city(elsewhere, (LENDING, library.lending), (late_service, late)) as bus:
        outcome = await amtsbus("refill", "--archive", str(folder), "--wait", "60", "--json", *WHY)
        assert outcome.exit_code == 0, outcome.err
        [lending] = [one for one in outcome.json["services"] if one["service"] == "lending"]
        assert (lending["events"], lending["archived"]) == (40, 120)
        await bus.settled(seconds=60)
    assert await state(late) == there_from_the_start
