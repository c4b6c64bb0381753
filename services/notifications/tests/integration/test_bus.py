"""The service at work: real Kafka, real PostgreSQL, a real mail server."""

import json
import logging
from typing import Any
from uuid import UUID

import pytest
from aiokafka import AIOKafkaConsumer
from amtsbus.events import EventMeta
from amtsbus.ids import new_id
from amtsbus.kafka import headers_of
from amtsbus.postgres import Database
from notifications.published import LETTERS

from ..facts import CASE, PERSON, SECOND_CUSTODIAN, fact, postal_address
from ..towns import Departments, Post, email_states, kinds_in_inbox, until, wants_email
from .conftest import AtWork

ADDRESS_CHANGED = "registration.postal-address-changed.v1"
REGISTERED = "registration.resident-registered.v1"
CASE_OF_A_BUILDER = (
    "permits.application-submitted.v1",
    "permits.documents-requested.v1",
    "permits.documents-supplied.v1",
    "permits.application-complete.v1",
    "permits.agency-heard.v1",
    "permits.agency-responded.v1",
    "permits.application-approved.v1",
    "permits.fee-noticed.v1",
)
LETTERS_OF_A_BUILDER = [
    "permits.application-submitted",
    "permits.documents-requested",
    "permits.application-complete",
    "permits.application-approved",
    "permits.fee-noticed",
]
UNTOLD: dict[str, dict[str, Any]] = {
    "permits.documents-supplied.v1": {"documents": ["site-plan"]},
    "permits.agency-heard.v1": {"agency": "fire-protection", "due_on": "2026-04-10"},
    "permits.agency-responded.v1": {"agency": "fire-protection", "outcome": "silent"},
}


def _permit_fact(event_type: str, applicant: UUID) -> dict[str, Any]:
    if event_type in UNTOLD:
        return {"application_id": str(CASE), "applicant_id": str(applicant), "reference": "BA-2026-1"} | UNTOLD[
            event_type
        ]
    return fact(event_type, applicant_id=str(applicant))


async def test_a_family_moves_in_enrols_its_child_and_each_parent_gets_each_letter_once(
    at_work: AtWork, departments: Departments, database: Database, post: Post
) -> None:
    child, enrolment = new_id(), new_id()
    await wants_email(database, "mother@example.org", PERSON)
    async with at_work(**post.settings) as bus:
        for person, adult in ((PERSON, True), (SECOND_CUSTODIAN, True), (child, False)):
            await departments.publish(REGISTERED, person, fact(REGISTERED, person_id=str(person), adult=adult))
            await departments.publish(ADDRESS_CHANGED, person, postal_address(person, language="en"))
        await bus.settled()
        kinds = ["parents-invited", "enrolment-received", "enrolment-confirmed", "child-accepted"]
        for kind in kinds:
            await departments.publish(f"schooling.{kind}.v1", enrolment, fact(f"schooling.{kind}.v1"))
        await bus.settled()
        await until(lambda: _sent(database, 5))
    for person in (PERSON, SECOND_CUSTODIAN):
        expected = ["registration.resident-registered", *(f"schooling.{kind}" for kind in kinds)]
        assert await kinds_in_inbox(database, person) == expected
    assert await kinds_in_inbox(database, child) == []
    assert await database.pool.fetchval("SELECT array_agg(DISTINCT language) FROM letters") == ["en"]
    assert [mail.recipient for mail in post.accepted] == ["mother@example.org"] * 5


async def test_the_builders_letters_come_in_order_and_the_decision_reaches_the_new_address(
    at_work: AtWork, departments: Departments, database: Database, post: Post
) -> None:
    application = new_id()
    async with at_work(**post.settings) as bus:
        for event_type in CASE_OF_A_BUILDER:  # nobody has told us yet who the builder is
            if event_type == "permits.application-complete.v1":
                await departments.publish(ADDRESS_CHANGED, PERSON, postal_address())
                await bus.settled()
            if event_type == "permits.application-approved.v1":
                await bus.settled()  # between two topics there is no order but that of time
                await departments.publish(ADDRESS_CHANGED, PERSON, postal_address(street="Rathenaustraße"))
                await bus.settled()
            await departments.publish(event_type, application, _permit_fact(event_type, PERSON))
        await bus.settled()
    assert await kinds_in_inbox(database, PERSON) == LETTERS_OF_A_BUILDER
    rows = await database.pool.fetch(
        "SELECT kind, postal_address[2] AS street FROM letters JOIN messages USING (message_id) ORDER BY position"
    )
    streets = {row["kind"]: row["street"] for row in rows}
    assert streets["permits.application-complete"] == "Hauptstraße 12 a"
    assert streets["permits.application-approved"] == "Rathenaustraße 12 a"


async def test_after_a_morning_without_notifications_each_citizen_gets_each_letter_once_and_in_order(
    at_work: AtWork, departments: Departments, database: Database, post: Post
) -> None:
    builders = [new_id() for _ in range(50)]
    for number, builder in enumerate(builders):
        await wants_email(database, f"builder-{number}@example.org", builder)
    async with at_work(**post.settings) as bus:
        for builder in builders[:40]:
            await departments.publish(ADDRESS_CHANGED, builder, postal_address(builder))
        await bus.settled()
    # The morning without notifications. Some citizens have moved in only now.
    for event_type in CASE_OF_A_BUILDER:
        for builder in builders:
            await departments.publish(event_type, builder, _permit_fact(event_type, builder))
    for builder in builders[40:]:
        await departments.publish(ADDRESS_CHANGED, builder, postal_address(builder))
    async with at_work(**post.settings) as bus:
        await bus.settled(seconds=60)
        await until(lambda: _sent(database, 250), seconds=60)
    for number, builder in enumerate(builders):
        assert await kinds_in_inbox(database, builder) == LETTERS_OF_A_BUILDER
        rows = await database.pool.fetch(
            "SELECT message_id FROM messages WHERE person_id = $1 ORDER BY position", builder
        )
        sent = [mail.message_id for mail in post.mails_to(f"builder-{number}@example.org")]
        assert sent == [row["message_id"] for row in rows]
    assert len(post.accepted) == 250


async def test_records_that_come_again_and_a_topic_read_from_the_beginning_write_nothing_twice(
    at_work: AtWork, departments: Departments, database: Database, post: Post
) -> None:
    builder = new_id()
    async with at_work(**post.settings) as bus:
        await departments.publish(ADDRESS_CHANGED, builder, postal_address(builder))
        await bus.settled()
        event_id = await departments.publish(CASE_OF_A_BUILDER[0], builder, _permit_fact(CASE_OF_A_BUILDER[0], builder))
        departments.sequences["permits.application.events", builder] = 0
        await departments.publish(
            CASE_OF_A_BUILDER[0], builder, _permit_fact(CASE_OF_A_BUILDER[0], builder), event_id=event_id
        )
        await bus.settled()
    # even if the chassis had forgotten everything
    await database.pool.execute("DELETE FROM amtsbus.inbox")
    await database.pool.execute("DELETE FROM amtsbus.high_water_marks")
    async with at_work(**post.settings) as bus:
        departments.sequences["permits.application.events", builder] = 0
        await departments.publish(
            CASE_OF_A_BUILDER[0], builder, _permit_fact(CASE_OF_A_BUILDER[0], builder), event_id=event_id
        )
        await bus.settled()
    assert await kinds_in_inbox(database, builder) == ["permits.application-submitted"]


async def test_an_event_that_cannot_be_told_is_parked_with_its_case_and_all_others_go_on(
    at_work: AtWork, departments: Departments, database: Database, post: Post
) -> None:
    broken, other = new_id(), new_id()
    async with at_work(**post.settings) as bus:
        for builder in (broken, other):
            await departments.publish(ADDRESS_CHANGED, builder, postal_address(builder))
        await bus.settled()
        wrong = _permit_fact("permits.application-submitted.v1", broken) | {"submitted_on": "the day after tomorrow"}
        await departments.publish("permits.application-submitted.v1", broken, wrong)
        for event_type in LETTERS_OF_A_BUILDER[1:3]:
            await departments.publish(f"{event_type}.v1", broken, _permit_fact(f"{event_type}.v1", broken))
            await departments.publish(f"{event_type}.v1", other, _permit_fact(f"{event_type}.v1", other))
        await bus.settled()
    assert await kinds_in_inbox(database, broken) == []
    assert await kinds_in_inbox(database, other) == LETTERS_OF_A_BUILDER[1:3]
    reasons = await database.pool.fetch("SELECT reason, failed FROM amtsbus.dead_letters ORDER BY dead_letter_id")
    assert [row["failed"] for row in reasons] == [True, False, False]
    assert "submitted_on" in reasons[0]["reason"]


async def test_a_blocked_address_is_in_no_log_event_e_mail_or_reason(
    at_work: AtWork,
    departments: Departments,
    database: Database,
    post: Post,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.INFO)
    await wants_email(database, "secret.person@example.org")
    hidden = postal_address(given_names="Verborgene", street="Geheimgasse", blocked=True)
    async with at_work(**post.settings) as bus:
        await departments.publish(ADDRESS_CHANGED, PERSON, hidden)
        await bus.settled()
        case = new_id()
        for event_type in CASE_OF_A_BUILDER:
            await departments.publish(event_type, case, _permit_fact(event_type, PERSON))
        await departments.publish(ADDRESS_CHANGED, PERSON, hidden | {"family_name": "Geheim\nnis"})  # is parked
        await bus.settled()
        await until(lambda: _sent(database, 5))
    assert (
        await database.pool.fetchval("SELECT count(*) FROM letters WHERE postal_address[2] = 'Geheimgasse 12 a'") == 5
    )
    tables = ("amtsbus.events", "amtsbus.gaps", "messages", "emails", "email_attempts", "amtsbus.idempotency_keys")
    rows = [str(row) for table in tables for row in await database.pool.fetch(f"SELECT * FROM {table}")]
    for_the_portal = [row for row in rows if LETTERS in row]
    assert not any("Geheimgasse" in row for row in for_the_portal)
    rows = [row for row in rows if row not in for_the_portal]
    rows += [
        str(row) for row in await database.pool.fetch("SELECT reason, traceback, event_type FROM amtsbus.dead_letters")
    ]
    mails = [str(mail.message) + mail.text for mail in post.accepted]
    printed = capsys.readouterr()
    # without the log of the mail server, which runs in this process
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name != "mail.log")
    logged += printed.out + printed.err
    assert "email_attempted" in logged
    for place in (rows, mails, [logged]):
        for word in ("Geheimgasse", "Verborgene", "Geheim\\nnis", "Özdemir"):
            assert word not in " ".join(place), word
    assert "secret.person" not in logged
    assert await database.pool.fetchval("SELECT count(*) FROM amtsbus.dead_letters") == 1


BROKEN = {
    "no JSON": b"{",
    "no object": b"[1, 2]",
    "empty": b"",
    "a tombstone": None,
    "wrong types": json.dumps({"applicant_id": 7, "reference": None}).encode(),
    "an absurd date": json.dumps(fact("permits.application-submitted.v1", submitted_on="9999-99-99")).encode(),
    "a reference of two lines": json.dumps(fact("permits.application-submitted.v1", reference="BA\nBcc: x")).encode(),
}


async def test_broken_records_are_parked_with_their_reasons_and_all_other_cases_go_on(
    at_work: AtWork, departments: Departments, database: Database, post: Post
) -> None:
    async with at_work(**post.settings) as bus:
        await departments.publish(ADDRESS_CHANGED, PERSON, postal_address())
        await bus.settled()
        for value in BROKEN.values():
            subject = new_id()
            meta = EventMeta(
                id=new_id(),
                source="/permits",
                type="permits.application-submitted.v1",
                subject=subject,
                time=departments.happened,
                sequence=1,
                topic="permits.application.events",
            )
            await departments.send_raw(meta.topic, str(subject).encode(), value, headers_of(meta, "de.amtsbus"))
            await departments.publish(CASE_OF_A_BUILDER[0], new_id(), _permit_fact(CASE_OF_A_BUILDER[0], PERSON))
        await bus.settled()
    assert await kinds_in_inbox(database, PERSON) == ["permits.application-submitted"] * len(BROKEN)
    reasons = [row["reason"] for row in await database.pool.fetch("SELECT reason FROM amtsbus.dead_letters")]
    assert len(reasons) == len(BROKEN)
    assert all(reasons)
    assert "Bcc" not in "".join(reasons)


async def test_null_keys_missing_envelopes_and_future_versions_hurt_nobody(
    at_work: AtWork, departments: Departments, database: Database, post: Post
) -> None:
    topic = "permits.application.events"
    future = fact("permits.application-approved.v1") | {"decided_by_machine": True}
    async with at_work(**post.settings) as bus:
        await departments.send_raw(topic, None, b"{}", [])
        await departments.send_raw(
            topic, b"no uuid", b"{}", [("ce_type", b"de.amtsbus.permits.application-approved.v1")]
        )
        await departments.publish("permits.application-approved.v9", new_id(), future)
        await departments.publish(ADDRESS_CHANGED, PERSON, postal_address())
        await departments.publish("permits.application-approved.v1", new_id(), future)
        await bus.settled()
    assert await kinds_in_inbox(database, PERSON) == ["permits.application-approved"]
    assert await database.pool.fetchval("SELECT count(*) FROM amtsbus.dead_letters WHERE failed") == 2


async def test_hostile_names_reach_the_letter_as_they_are(
    at_work: AtWork, departments: Departments, database: Database, post: Post
) -> None:
    name = "{{ letter.city }}'; DROP TABLE letters; --<b>👩‍👧 Z\u0351o\u0308e"
    async with at_work(**post.settings) as bus:
        await departments.publish(ADDRESS_CHANGED, PERSON, postal_address(given_names=name))
        await bus.settled()
        await departments.publish(CASE_OF_A_BUILDER[0], new_id(), _permit_fact(CASE_OF_A_BUILDER[0], PERSON))
        await bus.settled()
    body = await database.pool.fetchval("SELECT body FROM letters")
    assert "Guten Tag {{ letter.city }}'; DROP TABLE letters; --<b>👩‍👧 Z\u0351öe Özdemir-Groß," in body


async def test_what_became_of_a_message_is_published(
    at_work: AtWork, departments: Departments, database: Database, post: Post, kafka: str, topic_prefix: str
) -> None:
    await wants_email(database, "anna@example.org")
    async with at_work(**post.settings) as bus:
        await departments.publish(ADDRESS_CHANGED, PERSON, postal_address())
        await departments.publish(CASE_OF_A_BUILDER[0], new_id(), _permit_fact(CASE_OF_A_BUILDER[0], PERSON))
        await bus.settled()
        await until(lambda: _sent(database, 1))
        await bus.settled()
    consumer = AIOKafkaConsumer(
        f"{topic_prefix}notifications.message.events", bootstrap_servers=kafka, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        records = [await consumer.getone() for _ in range(2)]
    finally:
        await consumer.stop()
    values = [json.loads(record.value or b"") for record in records]
    assert [value["channel"] for value in values] == ["inbox", "email"]
    assert {record.key for record in records} == {values[0]["message_id"].encode()}


async def _sent(database: Database, count: int) -> bool:
    return (await email_states(database)).get("sent", 0) == count
