"""One message per event and person, and none before it is known who that is."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest
from amtsbus.clock import FixedClock
from amtsbus.ids import new_id
from amtsbus.postgres import Database
from amtsbus.service import Running
from amtsbus.settings import Environment
from notifications.patience import deliver_unaddressed
from notifications.published import LETTERS
from notifications.settings import NotificationsSettings

from ..facts import CASE, PERSON, SECOND_CUSTODIAN, fact, postal_address
from ..towns import happen, happen_in, journal, kinds_in_inbox, until, wants_email

ADDRESS_CHANGED = "registration.postal-address-changed.v1"
SUBMITTED = "permits.application-submitted.v1"
APPROVED = "permits.application-approved.v1"
FEE = "permits.fee-noticed.v1"
INVITED = "schooling.parents-invited.v1"
CHOSEN = "portal.contact-preferences-chosen.v1"
LETTER_OF_AN_OFFICE = "offices.letter-written.v1"
MARCH = datetime(2026, 3, 2, 8, tzinfo=UTC)


async def test_a_letter_is_written_in_the_persons_language_to_their_present_address(database: Database) -> None:
    await happen(database, ADDRESS_CHANGED, postal_address(language="en"), subject=PERSON)
    await happen(database, APPROVED, fact(APPROVED))
    [letter] = await database.pool.fetch("SELECT * FROM letters")
    assert letter["subject"] == "Building permit BA-2026-000123"
    assert letter["postal_address"] == ["Änne Özdemir-Groß", "Hauptstraße 12 a", "51373 Leverkusen"]
    assert letter["deemed_delivered_on"].isoformat() == "2026-03-06"


async def test_a_message_waits_until_the_address_is_known_and_then_keeps_its_order(database: Database) -> None:
    for event_type in (SUBMITTED, APPROVED, FEE):
        await happen(database, event_type, fact(event_type))
    assert await kinds_in_inbox(database, PERSON) == []
    assert await journal(database, "message-delivered") == []

    await happen(database, ADDRESS_CHANGED, postal_address(), subject=PERSON)
    kinds = ["permits.application-submitted", "permits.application-approved", "permits.fee-noticed"]
    assert await kinds_in_inbox(database, PERSON) == kinds
    delivered = await journal(database, "message-delivered")
    assert [event["kind"] for event in delivered] == kinds
    assert {event["channel"] for event in delivered} == {"inbox"}


async def test_the_letter_about_a_move_waits_for_the_new_address(database: Database) -> None:
    moved = "registration.resident-moved.v1"
    await happen(database, ADDRESS_CHANGED, postal_address(), subject=PERSON, at=MARCH)
    await happen(database, moved, fact(moved), subject=PERSON, at=MARCH + timedelta(hours=1))
    assert await kinds_in_inbox(database, PERSON) == []
    # An address from before the move that arrives late is not the one.
    await happen(
        database, ADDRESS_CHANGED, postal_address(street="Altweg"), subject=PERSON, at=MARCH + timedelta(minutes=30)
    )
    assert await kinds_in_inbox(database, PERSON) == []
    await happen(
        database, ADDRESS_CHANGED, postal_address(street="Neuweg"), subject=PERSON, at=MARCH + timedelta(hours=1)
    )
    assert await database.pool.fetchval("SELECT postal_address[2] FROM letters") == "Neuweg 12 a"


async def test_somebody_whom_the_register_does_not_know_gets_letters_in_the_inbox_after_an_hour(
    database: Database, clock: FixedClock
) -> None:
    for event_type in (SUBMITTED, APPROVED):
        await happen(database, event_type, fact(event_type))
    settings = NotificationsSettings.load(
        "notifications", database_url=database.url, environment=Environment.DEVELOPMENT
    )
    patience = asyncio.create_task(deliver_unaddressed(Running(settings, database)))
    try:
        clock.advance(timedelta(minutes=40))
        await happen(database, FEE, fact(FEE))
        assert await kinds_in_inbox(database, PERSON) == []
        clock.advance(timedelta(minutes=20))
        patience.cancel()
        patience = asyncio.create_task(deliver_unaddressed(Running(settings, database)))

        async def delivered() -> bool:
            return await kinds_in_inbox(database, PERSON) == [
                "permits.application-submitted",
                "permits.application-approved",
            ]

        await until(delivered)
    finally:
        patience.cancel()
    letters = await database.pool.fetch("SELECT postal_address, body FROM letters")
    assert [letter["postal_address"] for letter in letters] == [[], []]
    assert all("Guten Tag," in letter["body"] for letter in letters)


async def test_an_address_that_is_not_known_any_more_does_not_hold_up_the_inbox(database: Database) -> None:
    await happen(database, SUBMITTED, fact(SUBMITTED))
    await happen(database, ADDRESS_CHANGED, postal_address(street=None), subject=PERSON)
    assert await database.pool.fetchval("SELECT postal_address FROM letters") == []


async def test_the_decision_reaches_the_new_address_and_the_old_letter_keeps_the_old_one(database: Database) -> None:
    await happen(database, ADDRESS_CHANGED, postal_address(), subject=PERSON)
    await happen(database, SUBMITTED, fact(SUBMITTED))
    await happen(database, ADDRESS_CHANGED, postal_address(street="Rathenaustraße"), subject=PERSON)
    await happen(database, APPROVED, fact(APPROVED))
    rows = await database.pool.fetch(
        "SELECT postal_address[2] AS street FROM letters JOIN messages USING (message_id) ORDER BY position"
    )
    assert [row["street"] for row in rows] == ["Hauptstraße 12 a", "Rathenaustraße 12 a"]


async def test_each_custodian_gets_their_own_letter_at_their_own_address(database: Database) -> None:
    await happen(database, ADDRESS_CHANGED, postal_address(PERSON), subject=PERSON)
    await happen(
        database,
        ADDRESS_CHANGED,
        postal_address(SECOND_CUSTODIAN, given_names="John", language="en", street="Kölner Straße"),
        subject=SECOND_CUSTODIAN,
    )
    await happen(database, INVITED, fact(INVITED))
    rows = await database.pool.fetch(
        "SELECT language, postal_address[2] AS street FROM letters JOIN messages USING (message_id) ORDER BY person_id"
    )
    assert [tuple(row) for row in rows] == [("de", "Hauptstraße 12 a"), ("en", "Kölner Straße 12 a")]


async def test_the_same_event_a_second_time_writes_nothing(database: Database) -> None:
    await happen(database, ADDRESS_CHANGED, postal_address(), subject=PERSON)
    event_id = new_id()
    for _ in range(3):
        await happen(database, APPROVED, fact(APPROVED), event_id=event_id)
    assert await kinds_in_inbox(database, PERSON) == ["permits.application-approved"]
    assert len(await journal(database, "message-delivered")) == 1


async def test_the_same_event_at_the_same_moment_writes_one_letter(database: Database) -> None:
    await happen(database, ADDRESS_CHANGED, postal_address(), subject=PERSON)
    event_id = new_id()
    await asyncio.gather(*(happen(database, APPROVED, fact(APPROVED), event_id=event_id) for _ in range(8)))
    assert await kinds_in_inbox(database, PERSON) == ["permits.application-approved"]


@pytest.mark.parametrize("message_first", [True, False])
@pytest.mark.parametrize("person_is_new", [True, False])
async def test_a_message_is_not_forgotten_when_the_address_arrives_at_the_same_moment(
    database: Database, message_first: bool, person_is_new: bool
) -> None:
    """Whichever transaction comes first, the other waits for it and sees what it did."""
    person = new_id()
    if not person_is_new:  # new rows lock themselves, known ones have to be locked
        await wants_email(database, "anna@example.org", person)
    message = (SUBMITTED, fact(SUBMITTED, applicant_id=str(person)), new_id())
    address = (ADDRESS_CHANGED, postal_address(person), person)
    (first, facts, subject), second = (message, address) if message_first else (address, message)
    async with database.transaction() as tx:
        await happen_in(tx, first, facts, subject=subject)
        other = asyncio.create_task(happen(database, second[0], second[1], subject=second[2]))
        await until(lambda: _someone_waits_for_a_lock(database))
    await other
    assert await kinds_in_inbox(database, person) == ["permits.application-submitted"]


async def test_under_a_storm_of_addresses_and_messages_none_waits_and_the_order_is_kept(database: Database) -> None:
    persons = [new_id() for _ in range(12)]
    kinds = [SUBMITTED, APPROVED, FEE]

    async def case_of(person: UUID) -> None:
        for event_type in kinds:
            await happen(database, event_type, fact(event_type, applicant_id=str(person)), subject=person)

    async def register_of(person: UUID) -> None:
        await asyncio.sleep(0.001 * (person.int % 17))
        await happen(database, ADDRESS_CHANGED, postal_address(person), subject=person)

    await asyncio.gather(*(work(person) for person in persons for work in (case_of, register_of)))
    for person in persons:
        assert await kinds_in_inbox(database, person) == [kind.removesuffix(".v1") for kind in kinds]
    assert await database.pool.fetchval("SELECT count(*) FROM messages WHERE state = 'waiting-for-address'") == 0


async def test_a_letter_can_be_changed_by_nobody(database: Database) -> None:
    await happen(database, ADDRESS_CHANGED, postal_address(), subject=PERSON)
    await happen(database, APPROVED, fact(APPROVED))
    for attack in ("UPDATE letters SET body = 'refused'", "DELETE FROM letters", "TRUNCATE letters"):
        with pytest.raises(asyncpg.PostgresError):
            await database.pool.execute(attack)


async def test_the_letter_goes_to_the_portal_as_it_lies_in_the_inbox(database: Database) -> None:
    await happen(database, ADDRESS_CHANGED, postal_address(), subject=PERSON)
    await happen(database, APPROVED, fact(APPROVED))
    await happen(database, LETTER_OF_AN_OFFICE, fact(LETTER_OF_AN_OFFICE))
    [issued] = await journal(database, "letter-issued")
    letter = await database.pool.fetchrow(
        "SELECT message_id, subject, body FROM letters JOIN messages USING (message_id) ORDER BY position"
    )
    assert letter is not None
    assert (issued["letter_id"], issued["subject"]) == (str(letter["message_id"]), letter["subject"])
    assert all(text in letter["body"] for text in (*issued["paragraphs"], issued["remedy"]))
    assert (issued["office"], issued["about"], issued["reference"]) == (
        "permits",
        "application-approved",
        "BA-2026-000123",
    )
    assert (issued["case_id"], issued["person_id"]) == (str(CASE), str(PERSON))
    assert (issued["addressee"], issued["language"], issued["is_decision"]) == ("Änne Özdemir-Groß", "de", True)
    assert len(await kinds_in_inbox(database, PERSON)) == 2, (
        "the office's own letter is only announced: it is in the portal already"
    )


async def test_a_letter_about_a_resident_belongs_to_the_case_and_not_to_the_person(database: Database) -> None:
    registered = "registration.resident-registered.v1"
    await happen(database, ADDRESS_CHANGED, postal_address(), subject=PERSON)
    await happen(database, registered, fact(registered), subject=PERSON)
    [issued] = await journal(database, "letter-issued")
    assert (issued["case_id"], issued["person_id"]) == (str(CASE), str(PERSON))


async def test_what_somebody_chooses_in_the_portal_holds_and_is_told_back(database: Database) -> None:
    chosen = {"person_id": str(PERSON), "email": "anna@example.org", "language": "en", "email_notice": True}
    await happen(database, CHOSEN, chosen, subject=PERSON)
    await happen(database, ADDRESS_CHANGED, postal_address(), subject=PERSON)
    await happen(database, APPROVED, fact(APPROVED))
    assert await database.pool.fetchval("SELECT language FROM letters") == "en"
    assert await database.pool.fetchval("SELECT count(*) FROM emails WHERE state = 'queued'") == 1
    assert await journal(database, "contact-preferences-changed") == [chosen | {"email_bounced_at": None}]


async def test_an_address_is_in_no_event_and_a_name_in_none_but_the_letter_for_the_portal(database: Database) -> None:
    await happen(database, ADDRESS_CHANGED, postal_address(blocked=True), subject=PERSON)
    await happen(database, APPROVED, fact(APPROVED))
    assert await database.pool.fetchval("SELECT postal_address[2] FROM letters") == "Hauptstraße 12 a"
    published = str(await database.pool.fetch("SELECT data FROM amtsbus.events"))
    assert not any(word in published for word in ("Hauptstraße", "51373"))
    named = await database.pool.fetch("SELECT DISTINCT topic FROM amtsbus.events WHERE data::text ~ 'Änne|Özdemir'")
    assert [row["topic"] for row in named] == [LETTERS]


async def _someone_waits_for_a_lock(database: Database) -> bool:
    waiting: bool = await database.pool.fetchval(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')"
    )
    return waiting
