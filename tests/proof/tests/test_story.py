"""The story of a case has everything that is known of it, from all services, in the order of time."""

import json
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from tests.proof.ledger import FILE, Deed, book_of, lines_of
from tests.proof.story import story
from tests.proof.tests.small_city import Happened, SmallCity

pytestmark = pytest.mark.timeout(300)  # the first test waits for the small city


def a_decision(city: SmallCity) -> Deed:
    """A decision that somebody was written to about, also by e-mail."""
    book = book_of(lines_of(city.home.folder / "ledger" / FILE))
    return next(
        deed for deed in book.deeds if deed.accepted and "permits.application-approved.v1" in deed.asked.expects
    )


async def test_it_goes_from_the_request_to_the_letter(city: SmallCity) -> None:
    deed = a_decision(city)
    assert deed.case_id is not None
    told = await story(city, deed.case_id)
    for what in (
        f"lead-permits asks permits: POST /v1/applications/{deed.case_id}/decision",
        "answered 200",
        "journal permits",
        "permits.application-approved.v1 number",
        "topic permits.application.events",
        "inbox notifications",
        "notifications.permit-applications has handled",
        "journal notifications",
        "notifications.message-delivered.v1",
        "message permits.application-approved to",
        ": approved, version",
    ):
        assert what in told
    times = [line[:12] for line in told.splitlines() if line[:2].isdigit()]
    assert times == sorted(times)


async def test_it_has_the_mails_about_the_case(city: SmallCity) -> None:
    book = book_of(lines_of(city.home.folder / "ledger" / FILE))
    connection = await asyncpg.connect(city.owner_url("notifications"))
    mail = book.mails[-1]
    case_id = await connection.fetchval(
        "SELECT case_id::text FROM messages WHERE message_id = $1::text::uuid", mail.message_id
    )
    await connection.close()
    assert f"an e-mail about the message {mail.message_id} arrives" in await story(city, case_id)


async def test_it_has_the_log_lines_of_the_case_and_its_traces_and_no_others(city: SmallCity) -> None:
    deed = a_decision(city)
    assert deed.case_id is not None
    assert deed.answered is not None
    at = deed.answered.at.isoformat()
    lines = [
        {"event": "by_case", "level": "info", "timestamp": at, "case_id": deed.case_id, "attempt": 3},
        {"event": "by_trace", "level": "warning", "timestamp": at, "trace_id": deed.asked.trace_id},
        {"event": "somebody_elses", "level": "error", "timestamp": at, "case_id": "another"},
    ]
    log = city.home.logs / "permits-worker.log"
    log.write_text("".join(json.dumps(line) + "\n" for line in lines) + "Traceback …\n" + json.dumps(lines[0])[:-9])
    told = await story(city, deed.case_id)
    assert "log permits-worker" in told
    assert "info by_case: attempt 3" in told
    assert "warning by_trace" in told
    assert "somebody_elses" not in told


async def test_it_has_the_faults_that_happened_meanwhile(city: SmallCity) -> None:
    deed = a_decision(city)
    assert deed.case_id is not None
    at, hour = deed.asked.at, timedelta(hours=1)
    city.happened += [
        Happened(7, "kill", "permits-worker", at, at),
        Happened(8, "kill", "schooling-worker", at - hour, at - hour),
    ]
    told = await story(city, deed.case_id)
    assert "fault #7 kill permits-worker begins" in told
    assert "fault #8" not in told


async def test_it_shows_what_is_parked(city: SmallCity) -> None:
    deed = a_decision(city)
    assert deed.case_id is not None
    async with city.broken("notifications") as db:
        await db.execute(
            "INSERT INTO amtsbus.dead_letters (consumer, topic, partition, record_offset, record_timestamp, key, headers, "
            "event_type, reason, failed, parked_at) VALUES ('notifications.permit-applications', 'permits.application.events', "
            "0, 0, 0, $1, '[]', 'permits.application-approved.v1', 'CheckViolationError', true, $2)",
            deed.case_id.encode(),
            datetime.now(UTC),
        )
    told = await story(city, deed.case_id)
    assert "notifications.permit-applications parks permits.application-approved.v1: CheckViolationError" in told


async def test_of_a_case_that_nobody_knows_it_says_so(city: SmallCity) -> None:
    told = await story(city, "01980a52-7c1e-7d40-9a3b-000000000000")
    assert "nothing is on record" in told
