"""E-mails: sent once, in order, to a real mail server that may refuse, delay or vanish."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from amtsbus.clock import FixedClock
from amtsbus.ids import new_id
from amtsbus.postgres import Database
from notifications import store
from notifications.domain.addressee import Language
from notifications.sender import MAIL_SERVER_AWAY
from notifications.use_cases.resend_email import ResendEmail, resend_email
from prometheus_client import REGISTRY

from ..facts import PERSON, fact, postal_address
from ..towns import Post, Sending, email_states, happen, happen_in, journal, until, wants_email

ADDRESS_CHANGED = "registration.postal-address-changed.v1"
APPROVED = "permits.application-approved.v1"
ANNA = "anna@example.org"

Start = Callable[..., Sending]


async def _decided(database: Database, email: str = ANNA, person: UUID = PERSON, letters: int = 1) -> None:
    """A person with this e-mail address gets letters."""
    await wants_email(database, email, person)
    async with database.transaction() as tx:
        await happen_in(tx, ADDRESS_CHANGED, postal_address(person), subject=person)
        for _ in range(letters):
            await happen_in(tx, APPROVED, fact(APPROVED, applicant_id=str(person)))


async def _become(database: Database, **states: int) -> None:
    expected = {name.replace("_", "-"): count for name, count in states.items()}

    async def reached() -> bool:
        return await email_states(database) == expected

    await until(reached)


async def test_the_e_mail_says_that_something_waits_and_where_and_nothing_personal(
    database: Database, post: Post, sending: Start
) -> None:
    await _decided(database)
    sending(inbox_url="https://portal.example/postfach", sender_address="amt@leverkusen.example")
    await _become(database, sent=1)
    [mail] = post.accepted
    assert mail.recipient == ANNA
    assert mail.message["Subject"] == "Eine Nachricht wartet auf Sie"
    assert mail.message["From"] == "amt@leverkusen.example"
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert "https://portal.example/postfach" in mail.text
    whole = mail.text + str(mail.message.items())
    personal = ("Änne", "Özdemir", "Hauptstraße", "BA-2026", "Bau", str(PERSON))
    assert not any(word in whole for word in personal)


async def test_the_e_mail_is_in_the_persons_language(database: Database, post: Post, sending: Start) -> None:
    await wants_email(database, ANNA, language=Language.ENGLISH)
    await happen(database, ADDRESS_CHANGED, postal_address(), subject=PERSON)
    await happen(database, APPROVED, fact(APPROVED))
    sending()
    await _become(database, sent=1)
    assert post.accepted[0].message["Subject"] == "A message is waiting for you"


async def test_delivery_is_published_for_the_inbox_and_for_the_e_mail(
    database: Database, post: Post, sending: Start
) -> None:
    await _decided(database)
    sending()
    await _become(database, sent=1)
    delivered = await journal(database, "message-delivered")
    assert [event["channel"] for event in delivered] == ["inbox", "email"]
    assert len({event["message_id"] for event in delivered}) == 1
    assert post.accepted[0].message_id == UUID(delivered[0]["message_id"])


async def test_who_wants_no_e_mail_gets_none(database: Database, post: Post, sending: Start) -> None:
    await happen(database, ADDRESS_CHANGED, postal_address(), subject=PERSON)
    await happen(database, APPROVED, fact(APPROVED))
    assert await email_states(database) == {}


async def test_an_address_that_is_withdrawn_before_the_sending_gets_nothing(
    database: Database, post: Post, sending: Start
) -> None:
    await _decided(database)
    await database.pool.execute("UPDATE addressees SET email_notice = false")
    sending()
    await _become(database, not_wanted=1)
    assert post.accepted == []


async def test_two_senders_at_once_send_two_hundred_messages_two_hundred_times(
    database: Database, post: Post, sending: Start
) -> None:
    for number in range(200):
        await _decided(database, f"citizen-{number}@example.org", new_id())
    for _ in range(2):
        sending(smtp_connections=2, email_batch=7)
    await _become(database, sent=200)
    assert len(post.accepted) == 200
    assert set(Counter(mail.message_id for mail in post.accepted).values()) == {1}
    assert len(await journal(database, "message-delivered")) == 400
    assert post.connections < 50  # each connection is used for many e-mails


async def test_a_persons_e_mails_keep_their_order_with_several_senders(
    database: Database, post: Post, sending: Start
) -> None:
    persons = {f"person-{number}@example.org": new_id() for number in range(4)}
    for email, person in persons.items():
        await _decided(database, email, person, letters=8)
    for _ in range(3):
        sending(smtp_connections=2)
    await _become(database, sent=32)
    for email, person in persons.items():
        rows = await database.pool.fetch(
            "SELECT message_id FROM messages WHERE person_id = $1 ORDER BY position", person
        )
        assert [mail.message_id for mail in post.mails_to(email)] == [row["message_id"] for row in rows]


async def test_a_mailbox_that_does_not_exist_is_a_bounce_that_the_person_sees(
    database: Database, post: Post, sending: Start
) -> None:
    post.rcpt_answers[ANNA] = "550 5.1.1 no such mailbox"
    await _decided(database)
    sending()
    await _become(database, bounced=1)
    [bounced] = await journal(database, "message-bounced")
    assert bounced["person_id"] == str(PERSON)
    assert await database.pool.fetchval("SELECT email_bounced_at FROM addressees") is not None
    assert (await journal(database, "contact-preferences-changed"))[-1]["email_bounced_at"] is not None
    assert await database.pool.fetchval("SELECT smtp_code FROM email_attempts") == 550
    await wants_email(database, "anna.oezdemir@example.org")
    assert await database.pool.fetchval("SELECT email_bounced_at FROM addressees") is None


async def test_a_refusal_of_the_content_is_a_bounce_too(database: Database, post: Post, sending: Start) -> None:
    post.data_answers[ANNA] = "554 5.6.0 not here"
    await _decided(database)
    sending()
    await _become(database, bounced=1)


async def test_a_temporary_refusal_is_tried_again_after_a_growing_pause(
    database: Database, post: Post, sending: Start, clock: FixedClock
) -> None:
    post.rcpt_answers[ANNA] = "451 4.7.1 greylisted"
    await _decided(database)
    sending(email_backoff_seconds=60, email_attempts=5)

    async def attempts() -> int:
        count: int = await database.pool.fetchval("SELECT count(*) FROM email_attempts WHERE outcome = 'deferred'")
        return count

    async def pause() -> timedelta:
        next_attempt_at = await database.pool.fetchval("SELECT next_attempt_at FROM emails WHERE state = 'queued'")
        return next_attempt_at - clock.now()  # type: ignore[no-any-return] # asyncpg's rows are untyped

    async def tried(times: int) -> bool:
        return await attempts() == times and await email_states(database) == {"queued": 1}

    await until(lambda: tried(1))
    assert await pause() == timedelta(seconds=60)
    clock.advance(timedelta(seconds=60))
    await until(lambda: tried(2))
    assert await pause() == timedelta(seconds=120)
    del post.rcpt_answers[ANNA]
    clock.advance(timedelta(seconds=120))
    await _become(database, sent=1)
    assert len(post.accepted) == 1


async def test_when_all_attempts_are_used_up_it_has_failed_and_says_so(
    database: Database, post: Post, sending: Start, clock: FixedClock
) -> None:
    post.data_answers[ANNA] = "452 4.2.2 mailbox full"
    await _decided(database)
    sending(email_attempts=3, email_backoff_seconds=1)
    for _ in range(2):
        await until(lambda: _is_queued_for_later(database, clock))
        clock.advance(timedelta(hours=1))
    await _become(database, failed=1)
    [failed] = await journal(database, "message-failed")
    assert failed["attempts"] == 3


async def _is_queued_for_later(database: Database, clock: FixedClock) -> bool:
    later = await database.pool.fetchval("SELECT next_attempt_at > $1 FROM emails WHERE state = 'queued'", clock.now())
    return bool(later)


async def test_a_full_mailbox_holds_up_its_owner_and_nobody_else(
    database: Database, post: Post, sending: Start, clock: FixedClock
) -> None:
    other = new_id()
    post.rcpt_answers[ANNA] = "451 4.2.1 later"
    await _decided(database, letters=2)
    await _decided(database, "ben@example.org", other, letters=2)
    sending()
    await _become(database, queued=2, sent=2)
    assert [mail.recipient for mail in post.accepted] == ["ben@example.org"] * 2
    assert await database.pool.fetchval("SELECT count(*) FROM email_attempts WHERE outcome = 'deferred'") == 1
    del post.rcpt_answers[ANNA]
    clock.advance(timedelta(hours=1))
    await _become(database, sent=4)


async def test_a_mail_server_that_is_away_costs_no_attempt(
    database: Database, sending: Start, post: Post, unused_tcp_port: int
) -> None:
    for number in range(5):
        await _decided(database, f"citizen-{number}@example.org", new_id())
    MAIL_SERVER_AWAY.set(0)
    sending(smtp_port=unused_tcp_port)
    await until(lambda: REGISTRY.get_sample_value("notifications_mail_server_away") == 1)
    async with Post().open(unused_tcp_port) as returned:
        await _become(database, sent=5)
        assert len(returned.accepted) == 5
    assert await database.pool.fetchval("SELECT max(attempts) FROM emails") == 1


async def test_an_answer_that_does_not_come_leaves_the_outcome_unknown_and_is_not_tried_again(
    database: Database, post: Post, sending: Start, clock: FixedClock
) -> None:
    post.holding.add(ANNA)
    await _decided(database)
    sending(smtp_timeout_seconds=0.3, email_lease_seconds=10)
    await _become(database, unknown=1)
    clock.advance(timedelta(days=3))
    post.holding.clear()
    await _decided(database, "ben@example.org", new_id())  # the sender is alive, and sends what else there is
    await _become(database, unknown=1, sent=1)
    assert len(post.mails_to(ANNA)) == 1


async def test_a_sender_killed_after_the_mail_server_accepted_leads_to_no_second_e_mail(
    database: Database, post: Post, sending: Start
) -> None:
    """The e-mail becomes unknown, the operator sees it and has it sent again, with the same Message-ID."""
    post.holding.add(ANNA)  # the mail server has it; the answer is still on its way
    await _decided(database, letters=2)
    async with _sender_process(database, post) as process:
        await asyncio.wait_for(post.held.wait(), 30)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    post.holding.clear()
    post.release.set()
    await _lease_runs_out(database)
    sending()
    await _become(database, unknown=1, sent=1)  # the person's second e-mail goes its way
    first, second = post.mails_to(ANNA)
    assert first.message_id != second.message_id

    async with database.transaction() as tx:
        await resend_email(ResendEmail(first.message_id, "operator", "no trace in the mail server's log"), tx)
    await _become(database, sent=2)
    assert [mail.message["Message-ID"] for mail in post.mails_to(ANNA)].count(first.message["Message-ID"]) == 2
    assert len(await journal(database, "message-delivered")) == 4


async def test_a_sender_killed_between_the_answer_and_its_record_leads_to_no_second_e_mail(
    database: Database, post: Post, sending: Start
) -> None:
    post.holding.add(ANNA)
    await _decided(database)
    async with _sender_process(database, post) as process:
        await asyncio.wait_for(post.held.wait(), 30)
        async with database.transaction() as tx:
            await tx.execute("SELECT FROM messages FOR UPDATE")  # recording has to wait for us
            post.release.set()
            await until(lambda: _a_sender_waits_for_a_lock(database))
            process.send_signal(signal.SIGKILL)
            await process.wait()
    assert await email_states(database) == {"sending": 1}
    await _lease_runs_out(database)
    sending()
    await _become(database, unknown=1)
    assert len(post.accepted) == 1


async def test_an_e_mail_that_was_claimed_and_not_begun_is_sent_once_after_the_lease(
    database: Database, post: Post, sending: Start, clock: FixedClock
) -> None:
    await _decided(database)
    async with database.transaction() as tx:  # a sender that vanishes at once
        claimed = await store.claim_emails(tx, new_id(), lease=timedelta(minutes=5), now=clock.now(), limit=5)
    assert len(claimed) == 1
    sending()
    await _lease_runs_out(database)
    await _become(database, sent=1)
    assert len(post.accepted) == 1


async def test_a_sender_that_lost_its_claim_does_not_send(database: Database, clock: FixedClock) -> None:
    await _decided(database)
    lost, own, lease = new_id(), new_id(), timedelta(minutes=5)
    async with database.transaction() as tx:
        [message_id] = await store.claim_emails(tx, lost, lease=timedelta(seconds=-1), now=clock.now(), limit=5)
        await store.return_expired_claims(tx)
        await store.claim_emails(tx, own, lease=lease, now=clock.now(), limit=5)
        assert not await store.begin_attempt(tx, message_id, lost, lease=lease, now=clock.now())
        assert await store.begin_attempt(tx, message_id, own, lease=lease, now=clock.now())


async def test_two_senders_that_claim_at_the_same_moment_share_without_waiting(
    database: Database, clock: FixedClock
) -> None:
    for number in range(4):
        await _decided(database, f"citizen-{number}@example.org", new_id())
    lease = timedelta(minutes=5)
    async with database.transaction() as one, database.transaction() as other:
        first = await store.claim_emails(one, new_id(), lease=lease, now=clock.now(), limit=2)
        async with asyncio.timeout(5):
            second = await store.claim_emails(other, new_id(), lease=lease, now=clock.now(), limit=10)
    assert (len(first), len(second)) == (2, 2)
    assert not set(first) & set(second)


async def test_an_answer_that_comes_after_the_lease_turns_unknown_into_knowledge(
    database: Database, post: Post, sending: Start
) -> None:
    post.holding.add(ANNA)
    await _decided(database)
    sending()
    await asyncio.wait_for(post.held.wait(), 20)
    await _lease_runs_out(database)
    await _become(database, unknown=1)
    post.release.set()
    await _become(database, sent=1)
    assert len(post.accepted) == 1


async def test_a_sender_that_is_stopped_finishes_the_e_mail_at_work(
    database: Database, post: Post, sending: Start
) -> None:
    post.holding.add(ANNA)
    await _decided(database)
    sender = sending()
    await asyncio.wait_for(post.held.wait(), 20)
    stopping = asyncio.create_task(sender.stop())
    post.release.set()
    await stopping
    assert await email_states(database) == {"sent": 1}


@pytest.mark.parametrize("turns", range(4))
async def test_a_sender_can_be_stopped_while_it_says_goodbye_to_the_mail_server(
    database: Database, post: Post, sending: Start, turns: int
) -> None:
    await _decided(database)
    sender = sending()
    await post.left.wait()
    for _ in range(turns):  # of the event loop: the cancellation comes before, with or after the mail server's answer
        await asyncio.sleep(0)
    await sender.stop()


async def test_a_database_connection_lost_while_recording_does_not_lose_what_the_mail_server_said(
    database: Database, post: Post, sending: Start
) -> None:
    post.holding.add(ANNA)
    await _decided(database)
    sending()
    await asyncio.wait_for(post.held.wait(), 20)
    async with database.transaction() as tx:
        await tx.execute("SELECT FROM messages FOR UPDATE")  # recording has to wait for us
        post.release.set()
        await until(lambda: _a_sender_waits_for_a_lock(database))
        await tx.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    await _become(database, sent=1)
    assert len(post.accepted) == 1


async def _lease_runs_out(database: Database) -> None:
    await database.pool.execute(
        "UPDATE emails SET claimed_until = clock_timestamp() - interval '1 second' WHERE claimed_until IS NOT NULL"
    )


async def _a_sender_waits_for_a_lock(database: Database) -> bool:
    waiting: bool = await database.pool.fetchval(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')"
    )
    return waiting


_SENDER = """
import asyncio
from amtsbus.postgres import Database
from amtsbus.service import Running
from notifications.sender import send_emails
from notifications.settings import NotificationsSettings

async def main():
    settings = NotificationsSettings.load("notifications")
    database = Database(settings.database_url.get_secret_value(), settings.clock())
    await database.start()
    await send_emails(Running(settings, database))

asyncio.run(main())
"""


@asynccontextmanager
async def _sender_process(database: Database, post: Post) -> AsyncIterator[asyncio.subprocess.Process]:
    """A sender in a process of its own, as in operation."""
    environment: dict[str, Any] = {
        "AMTSBUS_ENVIRONMENT": "development",
        "NOTIFICATIONS_DATABASE_URL": database.url,
        "NOTIFICATIONS_SMTP_PORT": str(post.port),
        "NOTIFICATIONS_SMTP_CONNECTIONS": "1",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _SENDER, env={"PATH": os.environ.get("PATH", "")} | environment
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
