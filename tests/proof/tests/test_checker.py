"""The checker finds what is broken on purpose, each under the right promise, and nothing where nothing is broken."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.proof import checker
from tests.proof.checker import Verdict
from tests.proof.ledger import FILE, Ledger, lines_of
from tests.proof.tests.small_city import Excuse, Happened, Raw, SmallCity

pytestmark = pytest.mark.timeout(300)  # the first test waits for the small city

APPLICATIONS = "permits.application.events"
PROMISES = ("lost", "doubled", "out_of_order", "stuck", "unexplained_dead_letters", "unseen_failures")

Connection = Any


def counted(verdict: Verdict) -> dict[str, int]:
    """The promises that were broken."""
    return {name: count for name in PROMISES if (count := getattr(verdict, name))}


def told(verdict: Verdict, *words: str) -> bool:
    """Whether a finding says all these words."""
    return any(all(word in finding.what for word in words) for finding in verdict.findings)


async def decided(city: SmallCity) -> str:
    """A case that was decided, by the ledger."""
    for line in lines_of(city.home.folder / "ledger" / FILE):
        if line["what"] == "answered" and line["told"].get("state") == "approved":
            return str(line["told"]["case_id"])
    raise AssertionError("nothing was approved in the small city")


# -- a city in which nothing is broken -----------------------------------------------------------------------------


async def test_a_city_that_kept_its_promises_is_found_to_have_kept_them(city: SmallCity) -> None:
    verdict = await city.verdict()
    assert verdict.findings == ()
    assert verdict.accepted > 50
    assert verdict.events > 100
    assert verdict.effects > 100


async def test_it_is_drained(city: SmallCity) -> None:
    assert await checker.drained(city, seconds=5) == []


async def test_repeats_on_a_topic_break_nothing(city: SmallCity) -> None:
    await city.retold(APPLICATIONS, lambda records: records + records)
    assert counted(await city.verdict()) == {}


# -- lost ----------------------------------------------------------------------------------------------------------


async def test_a_case_that_was_answered_with_201_and_is_gone_is_lost(city: SmallCity) -> None:
    case_id = await decided(city)
    async with city.broken("permits") as db:
        for table, column in (("applications", "application_id"), ("amtsbus.cases", "case_id")):
            await db.execute(f"DELETE FROM {table} WHERE {column} = $1::text::uuid", case_id)
    verdict = await city.verdict()
    assert counted(verdict) == {"lost": 1}
    assert verdict.findings[0].case_id == case_id
    assert verdict.findings[0].trace_id is not None


async def test_a_step_that_was_answered_and_is_gone_is_lost(city: SmallCity) -> None:
    case_id = await decided(city)
    async with city.broken("permits") as db:
        await db.execute(
            "UPDATE amtsbus.cases SET version = version - 1, state = 'complete' WHERE case_id = $1::text::uuid", case_id
        )
        await db.execute(
            "DELETE FROM amtsbus.case_history h USING amtsbus.cases c WHERE h.case_id = c.case_id "
            "AND h.version > c.version AND c.case_id = $1::text::uuid",
            case_id,
        )
    verdict = await city.verdict()
    assert counted(verdict) == {"lost": 1, "stuck": 1}
    assert {finding.case_id for finding in verdict.findings} == {case_id}


async def test_an_event_that_is_gone_from_the_journal_is_lost_and_leaves_a_hole(city: SmallCity) -> None:
    case_id = await decided(city)
    async with city.broken("permits") as db:
        assert (
            await db.execute(
                "DELETE FROM amtsbus.events WHERE stream_id = $1::text::uuid AND topic = $2 AND sequence = 2",
                case_id,
                APPLICATIONS,
            )
            == "DELETE 1"
        )
    verdict = await city.verdict()
    assert counted(verdict) == {"lost": 2, "doubled": 1, "out_of_order": 1}
    assert told(verdict, "was accepted, but not on record")
    assert told(verdict, "is on the topic and not in the journal")
    assert told(verdict, "has no [2] in the journal")
    assert told(verdict, "there without a fact that it tells")


async def test_the_last_event_of_a_stream_cannot_go_unnoticed_either(city: SmallCity) -> None:
    async with city.broken("registration") as db:
        assert (
            await db.execute("DELETE FROM amtsbus.events WHERE topic = 'registration.school-age-child.events'")
            != "DELETE 0"
        )
    verdict = await city.verdict()
    assert verdict.lost > 0
    assert told(verdict, "has no event")


async def test_an_event_that_is_not_on_its_topic_is_lost(city: SmallCity) -> None:
    case_id = await decided(city)
    await city.retold(
        APPLICATIONS, lambda records: [r for r in records if not _is(r, case_id, newest_of(records, case_id))]
    )
    verdict = await city.verdict()
    assert counted(verdict) == {"lost": 1}
    assert told(verdict, "is in the journal and not on its topic")


async def test_an_event_that_says_something_else_on_its_topic_is_lost(city: SmallCity) -> None:
    case_id = await decided(city)

    def falsified(records: list[Raw]) -> list[Raw]:
        return [
            Raw(r.partition, r.key, r.value.replace(b"-", b"+"), r.headers, r.timestamp) if _is(r, case_id, 1) else r
            for r in records
        ]

    await city.retold(APPLICATIONS, falsified)
    verdict = await city.verdict()
    assert counted(verdict) == {"lost": 1}
    assert told(verdict, "says something else than the journal")


async def test_an_effect_that_is_gone_from_the_inbox_is_lost(city: SmallCity) -> None:
    case_id = await decided(city)
    async with city.broken("notifications") as db:
        assert (
            await db.execute(
                "DELETE FROM amtsbus.inbox USING messages m WHERE event_id = m.caused_by AND m.case_id = $1::text::uuid "
                "AND m.kind = 'permits.application-approved'",
                case_id,
            )
            == "DELETE 1"
        )
    verdict = await city.verdict()
    assert counted(verdict) == {"lost": 1}
    assert told(verdict, "never had its effect at notifications.permit-applications")


async def test_an_event_that_a_reader_skipped_is_lost_although_its_mark_is_higher(city: SmallCity) -> None:
    async with city.broken("schooling") as db:
        assert await db.execute("DELETE FROM amtsbus.inbox") != "DELETE 0"
        await db.execute(
            "INSERT INTO amtsbus.gaps (consumer, topic, stream_id, sequence) "
            "SELECT consumer, topic, stream_id, sequence FROM amtsbus.high_water_marks"
        )
        gaps = await db.fetchval("SELECT count(*) FROM amtsbus.gaps")
    verdict = await city.verdict()
    assert counted(verdict) == {"lost": gaps}
    assert told(verdict, "never had its effect at schooling.school-age-children; it is shown as missing")


@pytest.mark.parametrize("kind", ["permits.application-approved", "schooling.parents-invited"])
async def test_a_message_that_is_gone_is_lost(city: SmallCity, kind: str) -> None:
    async with city.broken("notifications") as db:
        message_id = await db.fetchval("SELECT min(message_id::text) FROM messages WHERE kind = $1", kind)
        for table in ("emails", "letters", "messages"):
            await db.execute(f"DELETE FROM {table} WHERE message_id = $1::text::uuid", message_id)
    verdict = await city.verdict()
    assert told(verdict, "was handled, but", "was not told")
    assert set(counted(verdict)) == {"lost"}


async def test_a_message_without_its_letter_is_lost(city: SmallCity) -> None:
    async with city.broken("notifications") as db:
        await db.execute("DELETE FROM letters WHERE message_id = (SELECT max(message_id::text)::uuid FROM letters)")
    verdict = await city.verdict()
    assert counted(verdict) == {"lost": 1}
    assert told(verdict, "without its letter")


async def test_an_email_that_counts_as_sent_and_never_arrived_is_lost(city: SmallCity) -> None:
    gone: list[str] = []

    def lose_one(line: dict[str, Any]) -> dict[str, Any] | None:
        if line["what"] == "mail" and not gone:
            gone.append(line["mail_id"])
            return None
        return line

    city.rewrite(lose_one)
    (city.home.mail / f"{gone[0]}.json").unlink()
    verdict = await city.verdict()
    assert counted(verdict) == {"lost": 1}
    assert told(verdict, "is sent and never arrived")


async def test_what_comes_a_moment_later_is_not_lost(city: SmallCity, monkeypatch: pytest.MonkeyPatch) -> None:
    """The city lives while it is looked at: here a mail is in the post at the first look."""
    monkeypatch.setattr(checker, "LOOKS", 3)
    in_the_post = max(city.home.mail.glob("*.json"))
    mail = in_the_post.read_text()
    city.rewrite(lambda line: None if line.get("mail_id") == in_the_post.stem else line)
    in_the_post.unlink()

    class Late(Ledger):
        looks = 0

        def collect_mails(self, folder: Path) -> int:
            self.looks += 1
            if self.looks == 2:
                in_the_post.write_text(mail)
            return super().collect_mails(folder)

    ledger = Late(city.home.folder / "ledger")
    assert counted(await checker.check(city, ledger)) == {}
    assert ledger.looks == 2
    ledger.close()


async def test_a_wished_email_that_nobody_queued_is_lost(city: SmallCity) -> None:
    async with city.broken("notifications") as db:
        message_id = await db.fetchval("SELECT max(message_id::text) FROM emails")
        await db.execute("DELETE FROM emails WHERE message_id = $1::text::uuid", message_id)

    city.rewrite(lambda line: None if line.get("message_id") == message_id else line)
    for file in city.home.mail.glob("*.json"):
        if message_id in file.read_text():
            file.unlink()
    verdict = await city.verdict()
    assert counted(verdict) == {"lost": 1}
    assert told(verdict, "without the e-mail that its addressee has asked for")


async def test_an_accepted_wish_that_is_forgotten_is_lost(city: SmallCity) -> None:
    async with city.broken("notifications") as db:
        await db.execute("UPDATE addressees SET email = NULL WHERE email IS NOT NULL")
    verdict = await city.verdict()
    assert set(counted(verdict)) == {"lost"}
    assert told(verdict, "a wish for e-mails was accepted and is not on record")


async def test_half_of_a_request_is_lost_even_if_nobody_knows_the_answer(city: SmallCity) -> None:
    """A decision appends two events; one of them without the other is half a transaction."""
    decision: list[int] = []

    def never_answered(line: dict[str, Any]) -> dict[str, Any] | None:
        if line["what"] == "asked" and "permits.fee-noticed.v1" in line["expects"] and not decision:
            decision.append(line["number"])
            return line | {"expects": [*line["expects"], "permits.application-complete.v1"]}
        return None if line["what"] == "answered" and line["number"] in decision else line

    city.rewrite(never_answered)
    verdict = await city.verdict()
    assert counted(verdict) == {"lost": 1}
    assert told(verdict, "was done in part")


# -- doubled -------------------------------------------------------------------------------------------------------


async def test_two_cases_for_one_idempotency_key_are_doubled(city: SmallCity) -> None:
    case_id = await decided(city)
    async with city.broken("permits") as db:
        await _copy(db, "applications", "application_id", case_id)
    verdict = await city.verdict()
    assert counted(verdict) == {"doubled": 1}
    assert told(verdict, "one Idempotency-Key opened 2 cases")


async def test_a_request_that_was_carried_out_twice_is_doubled(city: SmallCity) -> None:
    case_id = await decided(city)
    async with city.broken("permits") as db:
        await db.execute(
            "INSERT INTO amtsbus.events "
            "(position, event_id, topic, stream_id, sequence, type, data, traceparent, occurred_at) "
            "SELECT nextval('amtsbus.event_positions'), gen_random_uuid(), topic, stream_id, s.sequence + 1, type, data, "
            "traceparent, occurred_at "
            "FROM amtsbus.events e JOIN amtsbus.streams s USING (topic, stream_id) "
            "WHERE stream_id = $1::text::uuid AND topic = $2 AND e.sequence = 1",
            case_id,
            APPLICATIONS,
        )
        await db.execute(
            "UPDATE amtsbus.streams SET sequence = sequence + 1 WHERE stream_id = $1::text::uuid AND topic = $2",
            case_id,
            APPLICATIONS,
        )
    verdict = await city.verdict()
    assert told(verdict, "was asked once, but on record: permits.application-submitted.v1")
    assert verdict.doubled == 1


async def test_what_was_refused_and_yet_done_is_doubled(city: SmallCity) -> None:
    case_id = await decided(city)

    def refused(line: dict[str, Any]) -> dict[str, Any]:
        if line["what"] == "answered" and line["told"].get("case_id") == case_id and line["told"]["version"] == 1:
            return line | {"status": 422, "told": {}, "attempts": 1}
        return line

    city.rewrite(refused)
    verdict = await city.verdict()
    assert counted(verdict) == {"doubled": 2}
    assert told(verdict, "was refused, but on record")
    assert told(verdict, "a refused request opened the case")


async def test_a_refusal_after_a_repetition_says_nothing_for_sure(city: SmallCity) -> None:
    """An earlier copy of the request may have been under way still when the later one was refused."""
    case_id = await decided(city)

    def refused(line: dict[str, Any]) -> dict[str, Any]:
        if line["what"] == "answered" and line["told"].get("case_id") == case_id and line["told"]["version"] == 1:
            return line | {"status": 409, "told": {}, "attempts": 3}
        return line

    city.rewrite(refused)
    assert counted(await city.verdict()) == {}


async def test_two_messages_for_one_fact_are_doubled(city: SmallCity) -> None:
    async with city.broken("notifications") as db:
        await db.execute("ALTER TABLE messages DROP CONSTRAINT messages_caused_by_person_id_kind_key")
        message_id = await db.fetchval("SELECT min(message_id::text) FROM messages")
        columns = "message_id, person_id, kind, caused_by, case_id, facts, state, created_at, address_as_of, read_at"
        await db.execute(
            f"INSERT INTO messages ({columns}) SELECT {columns.replace('message_id', 'gen_random_uuid()', 1)} "
            "FROM messages WHERE message_id = $1::text::uuid",
            message_id,
        )
    verdict = await city.verdict()
    assert told(verdict, "there 2 times for one fact")
    assert verdict.doubled == 1


async def test_a_message_without_a_fact_is_doubled(city: SmallCity) -> None:
    async with city.broken("notifications") as db:
        await db.execute(
            "UPDATE messages SET caused_by = gen_random_uuid() "
            "WHERE message_id = (SELECT max(message_id::text)::uuid FROM letters)"
        )
    verdict = await city.verdict()
    assert counted(verdict) == {"lost": 1, "doubled": 1}
    assert told(verdict, "there without a fact that it tells")


async def test_two_mails_of_one_message_are_doubled(city: SmallCity) -> None:
    mail = next(line for line in lines_of(city.home.folder / "ledger" / FILE) if line["what"] == "mail")
    city.note(**mail | {"mail_id": "another"})
    verdict = await city.verdict()
    assert counted(verdict) == {"doubled": 1}
    assert told(verdict, "announced by 2 e-mails")


async def test_two_events_in_one_place_are_doubled(city: SmallCity) -> None:
    case_id = await decided(city)

    def with_another(records: list[Raw]) -> list[Raw]:
        first = next(r for r in records if _is(r, case_id, 1))
        return [*records, first.with_header("ce_id", "018f0000-0000-7000-8000-00000000abcd")]

    await city.retold(APPLICATIONS, with_another)
    verdict = await city.verdict()
    assert counted(verdict) == {"lost": 1, "doubled": 1}
    assert told(verdict, "another event has the same place")


async def test_a_reader_that_counts_more_effects_than_there_are_events_has_doubled_some(city: SmallCity) -> None:
    name = 'amtsbus_reader_events_total{consumer="notifications.residents",outcome="handled"}'

    def sample(life: float, handled: float) -> str:
        metrics = {"process_start_time_seconds": life, name: handled}
        return json.dumps({"at": now(60).isoformat(), "process": "notifications-worker", "metrics": metrics}) + "\n"

    events = len((await city.verdict()).findings) + await _events_on(city, "registration.resident.events")
    city.metrics_samples.write_text(sample(1, 1) + sample(1, events))
    assert counted(await city.verdict()) == {}
    city.metrics_samples.write_text(sample(1, events) + sample(2, 1))  # a second life, and one event too many
    verdict = await city.verdict()
    assert counted(verdict) == {"doubled": 1}
    assert told(verdict, "notifications.residents has handled")


# -- at most once: the e-mail --------------------------------------------------------------------------------------


async def _with_unknown_outcome(city: SmallCity) -> str:
    async with city.broken("notifications") as db:
        message_id: str = await db.fetchval(
            "SELECT min(message_id::text) FROM emails JOIN messages m USING (message_id) "
            "WHERE emails.state = 'sent' AND m.state = 'available'"  # so its delivery is the last that happened to it
        )
        await db.execute(
            "UPDATE emails SET state = 'unknown', sent_at = NULL WHERE message_id = $1::text::uuid", message_id
        )
        # Nobody has been told that it arrived.
        await db.execute(
            "DELETE FROM amtsbus.events WHERE stream_id = $1::text::uuid AND data LIKE '%\"email\"%'", message_id
        )
        await db.execute(
            "UPDATE amtsbus.streams s SET sequence = "
            "(SELECT max(sequence) FROM amtsbus.events e WHERE e.stream_id = s.stream_id) "
            "WHERE stream_id = $1::text::uuid",
            message_id,
        )
        ids = [str(row[0]) for row in await db.fetch("SELECT event_id FROM amtsbus.events")]
    await city.retold("notifications.message.events", lambda records: [r for r in records if r.header("ce_id") in ids])
    return message_id


async def test_an_email_of_unknown_outcome_may_have_arrived(city: SmallCity) -> None:
    await _with_unknown_outcome(city)
    assert counted(await city.verdict()) == {}


async def test_an_email_of_unknown_outcome_may_not_have_arrived(city: SmallCity) -> None:
    message_id = await _with_unknown_outcome(city)
    for file in city.home.mail.glob("*.json"):
        if message_id in file.read_text():
            file.unlink()
    city.rewrite(lambda line: None if line.get("message_id") == message_id else line)
    assert counted(await city.verdict()) == {}


async def test_an_email_of_unknown_outcome_that_was_sent_again_by_itself_is_doubled(city: SmallCity) -> None:
    message_id = await _with_unknown_outcome(city)
    mail = next(line for line in lines_of(city.home.folder / "ledger" / FILE) if line.get("message_id") == message_id)
    city.note(**mail | {"mail_id": "another"})
    assert counted(await city.verdict()) == {"doubled": 1}


async def test_an_email_that_an_operator_had_sent_again_may_arrive_twice(city: SmallCity) -> None:
    mail = next(line for line in lines_of(city.home.folder / "ledger" / FILE) if line["what"] == "mail")
    city.note(**mail | {"mail_id": "another"})
    async with city.broken("notifications") as db:
        await db.execute(
            "INSERT INTO email_resends (message_id, was, resent_by, reason, resent_at) "
            "VALUES ($1::text::uuid, 'unknown', 'operator', 'nobody knows', now())",
            mail["message_id"],
        )
    assert counted(await city.verdict()) == {}


# -- out of order --------------------------------------------------------------------------------------------------


async def test_events_of_a_key_that_are_swapped_on_their_topic_are_out_of_order(city: SmallCity) -> None:
    case_id = await decided(city)

    def swapped(records: list[Raw]) -> list[Raw]:
        places = [place for place, r in enumerate(records) if _is(r, case_id, 2) or _is(r, case_id, 3)]
        records[places[0]], records[places[1]] = records[places[1]], records[places[0]]
        return records

    await city.retold(APPLICATIONS, swapped)
    verdict = await city.verdict()
    assert verdict.out_of_order > 0
    assert set(counted(verdict)) == {"out_of_order"}


async def test_a_key_that_changes_its_partition_is_out_of_order(city: SmallCity) -> None:
    case_id = await decided(city)
    await city.retold(
        APPLICATIONS,
        lambda records: [
            Raw(1 - r.partition, r.key, r.value, r.headers, r.timestamp) if _is(r, case_id, 3) else r for r in records
        ],
    )
    verdict = await city.verdict()
    assert set(counted(verdict)) == {"out_of_order"}
    assert told(verdict, "is in another partition than before")


async def test_letters_of_a_case_that_are_swapped_are_out_of_order(city: SmallCity) -> None:
    case_id = await decided(city)
    async with city.broken("notifications") as db:
        await _swap_letters(db, case_id)
    verdict = await city.verdict()
    assert verdict.out_of_order > 0
    assert told(verdict, "which happened later")


async def test_mails_of_a_person_that_arrive_in_another_order_are_out_of_order(city: SmallCity) -> None:
    first, second = await _two_messages_with_mails(city)
    times = {
        line["message_id"]: line["arrived_at"]
        for line in lines_of(city.home.folder / "ledger" / FILE)
        if line["what"] == "mail" and line["message_id"] in (first, second)
    }
    times = {first: times[second], second: times[first]}
    city.rewrite(
        lambda line: line | {"arrived_at": times[line["message_id"]]} if line.get("message_id") in times else line
    )
    verdict = await city.verdict()
    assert set(counted(verdict)) == {"out_of_order"}
    assert told(verdict, second, "announced before an earlier one of the same person")


async def test_a_letter_that_waited_for_an_address_has_its_mail_later(city: SmallCity) -> None:
    """It lies before the letters that were written meanwhile; its e-mail was queued after theirs."""
    await test_mails_of_a_person_that_arrive_in_another_order_are_out_of_order(city)
    first, _ = await _two_messages_with_mails(city)
    async with city.broken("notifications") as db:
        await db.execute(
            "UPDATE amtsbus.events SET position = nextval('amtsbus.event_positions') WHERE stream_id = $1::text::uuid "
            "AND sequence = 1",
            first,
        )
        await db.execute(
            "UPDATE amtsbus.events SET position = nextval('amtsbus.event_positions') WHERE stream_id = $1::text::uuid "
            "AND sequence > 1",
            first,
        )
    assert counted(await city.verdict()) == {}


async def test_events_that_lie_in_the_journal_in_another_order_are_out_of_order(city: SmallCity) -> None:
    case_id = await decided(city)
    async with city.broken("permits") as db:
        await db.execute(
            "UPDATE amtsbus.events SET position = position + 1000000 WHERE stream_id = $1::text::uuid AND topic = $2 "
            "AND sequence = 2",
            case_id,
            APPLICATIONS,
        )
    verdict = await city.verdict()
    assert counted(verdict) == {"out_of_order": 1}
    assert told(verdict, "lies in the journal as")


async def test_a_history_that_is_not_in_the_order_of_time_is_out_of_order(city: SmallCity) -> None:
    case_id = await decided(city)
    async with city.broken("permits") as db:
        await db.execute(
            "UPDATE amtsbus.case_history SET at = at + interval '1 day' WHERE case_id = $1::text::uuid AND version = 2",
            case_id,
        )
    assert counted(await city.verdict()) == {"out_of_order": 1}


async def test_an_old_address_that_has_overwritten_a_newer_one_is_out_of_order(city: SmallCity) -> None:
    async with city.broken("notifications") as db:
        await db.execute(
            """UPDATE addressees SET address = jsonb_set(address, '{street}', '"Altweg"') """
            "WHERE person_id = (SELECT min(person_id::text)::uuid FROM addressees WHERE address IS NOT NULL)"
        )
    verdict = await city.verdict()
    assert counted(verdict) == {"out_of_order": 1}
    assert told(verdict, "is not the address that notifications knows")


async def test_an_outdated_child_is_out_of_order(city: SmallCity) -> None:
    async with city.broken("schooling") as db:
        await db.execute(
            "UPDATE children SET family_name = 'Vorher' WHERE child_id = (SELECT min(child_id::text)::uuid FROM children)"
        )
    assert counted(await city.verdict()) == {"out_of_order": 1}


# -- stuck ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("service", "sql", "words"),
    [
        (
            "permits",
            "INSERT INTO amtsbus.unpublished (position, appended_at, topic, stream_id) "
            "SELECT position, appended_at, topic, stream_id FROM amtsbus.events ORDER BY position DESC LIMIT 1",
            "is still to be published",
        ),
        (
            "notifications",
            "INSERT INTO amtsbus.parked_keys (consumer, topic, key, retry_requested_at) "
            "VALUES ('notifications.residents', 'registration.resident.events', 'k', now())",
            "was asked to retry a key",
        ),
        (
            "notifications",
            "UPDATE emails SET state = 'claimed', claim_id = gen_random_uuid(), claimed_until = now(), sent_at = NULL "
            "WHERE message_id = (SELECT max(message_id::text)::uuid FROM emails)",
            "with its e-mail still claimed",
        ),
        (
            "notifications",
            "UPDATE messages SET state = 'waiting-for-address', read_at = NULL "
            "WHERE message_id = (SELECT max(message_id::text)::uuid FROM messages)",
            "waiting for an address",
        ),
        (
            "permits",
            "UPDATE amtsbus.case_periods SET due_on = '2020-01-01', ends_on = '2020-01-01', due_soon_at = NULL, "
            "overdue_at = NULL, ended_at = NULL, suspended_on = NULL "
            "WHERE (case_id, nth) = (SELECT case_id, nth FROM amtsbus.case_periods LIMIT 1)",
            "periods that it should have announced",
        ),
        (
            "schooling",
            "DELETE FROM enrolments WHERE enrolment_id = (SELECT min(enrolment_id::text)::uuid FROM enrolments)",
            "is not invited",
        ),
    ],
)
async def test_what_waits_for_ever_is_stuck(city: SmallCity, service: str, sql: str, words: str) -> None:
    async with city.broken(service) as db:
        assert not (await db.execute(sql)).endswith(" 0")
    verdict = await city.verdict()
    assert verdict.stuck == 1
    assert told(verdict, words)
    assert await checker.drained(city, seconds=0)


async def test_a_reader_that_does_not_read_on_is_stuck(city: SmallCity) -> None:
    group = "notifications.permit-applications"
    await city.retold(APPLICATIONS, lambda records: records, unread_by=frozenset({group}))
    verdict = await city.verdict()
    assert counted(verdict) == {"stuck": 1}
    assert told(verdict, group, "records of its topic still to read")


# -- dead letters --------------------------------------------------------------------------------------------------

PARK = (
    "INSERT INTO amtsbus.dead_letters (consumer, topic, partition, record_offset, record_timestamp, key, headers, event_id, "
    "event_type, reason, failed) SELECT i.consumer, 'permits.application.events', 0, 0, 0, convert_to(m.case_id::text, 'UTF8'), "
    "'[]', m.caused_by, 'permits.application-approved.v1', $2, true "
    "FROM messages m JOIN amtsbus.inbox i ON i.event_id = m.caused_by "
    "WHERE m.case_id = $1::text::uuid AND m.kind = 'permits.application-approved'"
)
REUSED = (
    "sequence 3 of this stream was another event before; was the publisher's database restored to an earlier state?"
)


async def test_a_parked_event_is_an_unexplained_dead_letter(city: SmallCity) -> None:
    case_id = await decided(city)
    async with city.broken("notifications") as db:
        await db.execute(PARK, case_id, "CheckViolationError (SQLSTATE 23514)")
    verdict = await city.verdict()
    assert counted(verdict) == {"unexplained_dead_letters": 1}
    assert verdict.findings[0].case_id == case_id


async def test_a_dead_letter_that_was_handled_is_none(city: SmallCity) -> None:
    case_id = await decided(city)
    async with city.broken("notifications") as db:
        await db.execute(PARK, case_id, "ConnectionError in the handler")
        await db.execute("UPDATE amtsbus.dead_letters SET state = 'handled', resolved_at = now()")
    assert counted(await city.verdict()) == {}


async def test_a_place_taken_twice_is_explained_where_the_publisher_was_set_back_and_only_there(
    city: SmallCity,
) -> None:
    case_id = await decided(city)
    async with city.broken("notifications") as db:
        await db.execute(PARK, case_id, REUSED)
    assert counted(await city.verdict()) == {"unexplained_dead_letters": 1}
    city.excuses.append(Excuse("restored", service="permits", since=now(-7200), until=now(-7100)))
    assert counted(await city.verdict()) == {}


# -- what a fault has made impossible ------------------------------------------------------------------------------


async def test_what_a_set_back_publisher_has_forgotten_is_excused_if_it_is_reported(city: SmallCity) -> None:
    case_id = await decided(city)
    city.excuses.append(Excuse("restored", service="permits", since=now(-3600), until=now()))
    async with city.broken("permits") as db:
        newest = await db.fetchrow(
            "SELECT event_id::text, sequence FROM amtsbus.events WHERE stream_id = $1::text::uuid AND topic = $2 "
            "ORDER BY sequence DESC LIMIT 1",
            case_id,
            APPLICATIONS,
        )
        assert newest is not None
        await db.execute("DELETE FROM amtsbus.events WHERE event_id = $1::text::uuid", newest["event_id"])
        await db.execute(
            "UPDATE amtsbus.streams SET sequence = sequence - 1 WHERE stream_id = $1::text::uuid AND topic = $2",
            case_id,
            APPLICATIONS,
        )
    verdict = await city.verdict()
    assert counted(verdict) == {"unseen_failures": 1}
    assert told(verdict, "reconcile does not say so")
    assert city.operations[-1][:4] == ("reconcile", "notifications", "--publisher", "permits")
    city.said = json.dumps({"findings": [{"kind": "unknown_to_publisher", "event_id": newest["event_id"]}]})
    assert counted(await city.verdict()) == {}


async def test_letters_that_came_late_are_excused_only_after_the_fault_that_took_their_events_away(
    city: SmallCity,
) -> None:
    case_id = await decided(city)
    async with city.broken("notifications") as db:
        await _swap_letters(db, case_id)
    assert told(await city.verdict(), "which happened later")
    city.excuses.append(Excuse("topic-lost", topic=APPLICATIONS, at=now()))
    assert told(await city.verdict(), "which happened later")
    city.excuses[0] = Excuse("topic-lost", topic=APPLICATIONS, at=now(-7200))
    assert not told(await city.verdict(), "which happened later")


async def test_what_was_forgotten_outside_of_the_window_is_lost_all_the_same(city: SmallCity) -> None:
    case_id = await decided(city)
    city.excuses.append(Excuse("restored", service="permits", since=now(-7200), until=now(-3600)))
    async with city.broken("permits") as db:
        await db.execute("DELETE FROM amtsbus.cases WHERE case_id = $1::text::uuid", case_id)
    assert counted(await city.verdict()) == {"lost": 1}


async def test_a_topic_that_was_emptied_has_no_order_and_still_has_to_be_complete(city: SmallCity) -> None:
    case_id = await decided(city)
    city.excuses.append(Excuse("topic-lost", topic=APPLICATIONS, at=now(-7200)))
    await city.retold(APPLICATIONS, lambda records: records[::-1])
    assert counted(await city.verdict()) == {}
    await city.retold(APPLICATIONS, lambda records: [r for r in records if not _is(r, case_id, 1)])
    assert counted(await city.verdict()) == {"lost": 1}


# -- failures that nobody could see --------------------------------------------------------------------------------


def _sample(process: str, at: datetime, **metrics: float) -> str:
    return json.dumps({"at": at.isoformat(), "process": process, "metrics": metrics}) + "\n"


async def test_a_process_that_was_killed_and_never_shown_as_restarted_is_unseen(city: SmallCity) -> None:
    city.happened.append(Happened(1, "kill", "permits-worker", now(-30), now(-30)))
    same = {"process_start_time_seconds": 1.0}
    city.metrics_samples.write_text(
        _sample("permits-worker", now(-32), **same) + _sample("permits-worker", now(60), **same)
    )
    verdict = await city.verdict()
    assert counted(verdict) == {"unseen_failures": 1}
    assert told(verdict, "fault #1 (kill permits-worker)")


async def test_a_process_that_was_killed_is_seen_by_its_new_start(city: SmallCity) -> None:
    city.happened.append(Happened(1, "kill", "permits-worker", now(-30), now(-30)))
    started = now(-28).timestamp()
    city.metrics_samples.write_text(_sample("permits-worker", now(60), process_start_time_seconds=started))
    assert counted(await city.verdict()) == {}


async def test_a_database_that_was_away_is_seen_by_a_failure_that_was_counted_or_by_a_log_line(city: SmallCity) -> None:
    city.happened.append(Happened(1, "terminate", "postgres", now(-30), now(-25)))
    before = _sample("permits-worker", now(-32), process_start_time_seconds=1, amtsbus_clock_failures_total=0)
    after = _sample("permits-worker", now(60), process_start_time_seconds=1, amtsbus_clock_failures_total=0)
    city.metrics_samples.write_text(before + after)
    assert counted(await city.verdict()) == {"unseen_failures": 1}
    counted_failure = json.loads(before) | {
        "at": now(-28).isoformat(),
        "metrics": {"process_start_time_seconds": 1, 'amtsbus_relay_failures_total{reason="OSError"}': 1},
    }
    city.metrics_samples.write_text(before + json.dumps(counted_failure) + "\n" + after)
    assert counted(await city.verdict()) == {}
    city.metrics_samples.write_text(before + after)
    line = {"event": "sweep_waits", "level": "warning", "timestamp": now(-28).isoformat()}
    (city.home.logs / "permits-worker.log").write_text(json.dumps(line) + "\n")
    assert counted(await city.verdict()) == {}


async def test_a_fault_that_did_not_come_about_needs_no_trace(city: SmallCity) -> None:
    city.happened.append(Happened(1, "kill", "permits-worker", now(-30), now(-30), "it was not running"))
    assert counted(await city.verdict()) == {}


# -- how it is told ------------------------------------------------------------------------------------------------


def now(seconds: float = 0) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def _is(raw: Raw, key: str, sequence: int) -> bool:
    return raw.key.decode() == key and int(raw.header("ce_sequence")) == sequence


def newest_of(records: list[Raw], key: str) -> int:
    return max(int(r.header("ce_sequence")) for r in records if r.key.decode() == key)


async def _copy(db: Connection, table: str, key: str, of: str) -> None:
    """Another row that differs in its key alone."""
    row = await db.fetchrow(f"SELECT * FROM {table} WHERE {key} = $1::text::uuid", of)
    assert row is not None
    columns = ", ".join(row.keys())
    values = ", ".join("gen_random_uuid()" if name == key else name for name in row.keys())  # noqa: SIM118 - asyncpg's record
    await db.execute(f"INSERT INTO {table} ({columns}) SELECT {values} FROM {table} WHERE {key} = $1::text::uuid", of)


async def _two_messages_with_mails(city: SmallCity) -> tuple[str, str]:
    """The first two messages of a person that were announced by e-mail."""
    connection = await asyncpg.connect(city.owner_url("notifications"))
    try:
        row = await connection.fetchrow(
            "SELECT (array_agg(message_id::text ORDER BY position))[1:2] AS messages FROM emails "
            "WHERE state = 'sent' GROUP BY person_id HAVING count(*) > 1 ORDER BY count(*), person_id LIMIT 1"
        )
        assert row is not None
        first, second = row["messages"]
        return first, second
    finally:
        await connection.close()


async def _swap_letters(db: Connection, case_id: str) -> None:
    """The decision before the receipt."""
    await db.execute("ALTER TABLE messages ALTER position DROP IDENTITY, DROP CONSTRAINT messages_position_key")
    await db.execute(
        "UPDATE messages m SET position = other.position FROM messages other "
        "WHERE m.case_id = $1::text::uuid AND other.case_id = m.case_id AND m.kind <> other.kind "
        "AND m.kind IN ('permits.application-submitted', 'permits.application-approved') "
        "AND other.kind IN ('permits.application-submitted', 'permits.application-approved')",
        case_id,
    )


async def _events_on(city: SmallCity, topic: str) -> int:
    owner = topic.partition(".")[0]
    connection = await asyncpg.connect(city.owner_url(owner))
    try:
        count: int = await connection.fetchval("SELECT count(*) FROM amtsbus.events WHERE topic = $1", topic)
        return count
    finally:
        await connection.close()
