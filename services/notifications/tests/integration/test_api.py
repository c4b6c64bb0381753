"""The inbox, the preferences, and what staff may see."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from amtsbus.auth import Role
from amtsbus.ids import new_id
from amtsbus.postgres import Database
from amtsbus.testing.tokens import ApiClient
from notifications.main import SERVICE

from ..facts import PERSON, fact, postal_address
from ..towns import Post, Sending, email_states, happen, journal, until, wants_email

ADDRESS_CHANGED = "registration.postal-address-changed.v1"
SUBMITTED = "permits.application-submitted.v1"
APPROVED = "permits.application-approved.v1"
SOMEBODY_ELSE = UUID(int=77)

Start = Callable[..., Sending]


@pytest.fixture
async def client(api: Callable[..., Awaitable[ApiClient]], database: Database) -> ApiClient:
    return await api(SERVICE, database)


@pytest.fixture
def anna(client: ApiClient) -> dict[str, str]:
    """The headers of the person whom the letters are for."""
    return client.as_(Role.CITIZEN, person_id=PERSON)


async def _letters(database: Database, *event_types: str) -> None:
    await happen(database, ADDRESS_CHANGED, postal_address(), subject=PERSON)
    for event_type in event_types:
        await happen(database, event_type, fact(event_type))


async def test_a_citizen_reads_a_decision_with_its_day_of_delivery(
    client: ApiClient, database: Database, anna: dict[str, str]
) -> None:
    await _letters(database, SUBMITTED, APPROVED)
    newest, oldest = (await client.get("/v1/messages", headers=anna)).json()["items"]
    assert newest["kind"] == "permits.application-approved"
    assert newest["is_decision"]
    assert newest["deemed_delivered_on"] == "2026-03-06"
    assert oldest["kind"] == "permits.application-submitted"
    assert oldest["deemed_delivered_on"] is None
    assert "body" not in newest
    letter = (await client.get(f"/v1/messages/{newest['message_id']}", headers=anna)).json()
    assert "genehmigt" in letter["body"]
    assert letter["postal_address"][0] == "Änne Özdemir-Groß"


async def test_the_inbox_is_read_page_by_page_without_doubles(
    client: ApiClient, database: Database, anna: dict[str, str]
) -> None:
    await _letters(database, *[SUBMITTED] * 7)
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = (await client.get("/v1/messages", params={"limit": "3"} | after, headers=anna)).json()
        seen += [item["message_id"] for item in page["items"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    rows = await database.pool.fetch("SELECT message_id FROM messages ORDER BY position DESC")
    assert seen == [str(row["message_id"]) for row in rows]


async def test_reading_is_published_once(client: ApiClient, database: Database, anna: dict[str, str]) -> None:
    await _letters(database, APPROVED)
    message_id = (await client.get("/v1/messages", headers=anna)).json()["items"][0]["message_id"]
    first = await client.post(f"/v1/messages/{message_id}/read", headers=anna)
    second = await client.post(f"/v1/messages/{message_id}/read", headers=anna)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
    assert [event["message_id"] for event in await journal(database, "message-read")] == [message_id]


async def test_somebody_elses_message_is_not_there(client: ApiClient, database: Database, anna: dict[str, str]) -> None:
    await _letters(database, APPROVED)
    message_id = (await client.get("/v1/messages", headers=anna)).json()["items"][0]["message_id"]
    somebody = client.as_(Role.CITIZEN, person_id=SOMEBODY_ELSE)
    assert (await client.get("/v1/messages", headers=somebody)).json()["items"] == []
    for answer in (
        await client.get(f"/v1/messages/{message_id}", headers=somebody),
        await client.post(f"/v1/messages/{message_id}/read", headers=somebody),
    ):
        assert answer.status_code == 404
        assert "Özdemir" not in answer.text
    assert await journal(database, "message-read") == []


async def test_a_message_that_waits_for_its_address_is_not_in_the_inbox(
    client: ApiClient, database: Database, anna: dict[str, str]
) -> None:
    await happen(database, APPROVED, fact(APPROVED))
    message_id = await database.pool.fetchval("SELECT message_id FROM messages")
    assert (await client.get("/v1/messages", headers=anna)).json()["items"] == []
    assert (await client.get(f"/v1/messages/{message_id}", headers=anna)).status_code == 404
    assert (await client.post(f"/v1/messages/{message_id}/read", headers=anna)).status_code == 404


async def test_preferences_begin_with_the_defaults_and_are_replaced_whole(
    client: ApiClient, anna: dict[str, str]
) -> None:
    defaults = {"email": None, "language": None, "email_notice": True, "email_bounced_at": None}
    assert (await client.get("/v1/preferences", headers=anna)).json() == defaults
    wish = {"email": "Anna@Example.ORG", "language": "en", "email_notice": False}
    answer = await client.put("/v1/preferences", json=wish, headers=anna)
    assert answer.status_code == 200
    assert answer.json() == wish | {"email": "Anna@example.org", "email_bounced_at": None}
    assert (await client.get("/v1/preferences", headers=anna)).json() == answer.json()


async def test_the_language_that_a_person_asks_for_holds_for_the_next_letter(
    client: ApiClient, database: Database, anna: dict[str, str]
) -> None:
    await _letters(database, SUBMITTED)
    await client.put("/v1/preferences", json={"email": None, "language": "en", "email_notice": True}, headers=anna)
    await happen(database, APPROVED, fact(APPROVED))
    items = (await client.get("/v1/messages", headers=anna)).json()["items"]
    assert [item["language"] for item in items] == ["en", "de"]


WRONG_PREFERENCES: list[Any] = [
    {},
    {"email": "anna"},
    {"email": "anna@example.org\r\nBcc: all@example.org"},
    {"email": "änne@example.org"},
    {"email": "anna@example.org, ben@example.org"},
    {"email": "a" * 250 + "@example.org"},
    {"email": {"$ne": ""}},
    {"language": "fr"},
    {"email_notice": "yes"},
    {"person_id": str(SOMEBODY_ELSE)},
    {"email_bounced_at": None},
    ["email"],
    "x",
    None,
]


async def test_wrong_preferences_are_refused_and_change_nothing(client: ApiClient, anna: dict[str, str]) -> None:
    good = {"email": None, "language": None, "email_notice": True}
    for wrong in WRONG_PREFERENCES:
        form = good | wrong if wrong and isinstance(wrong, dict) else wrong
        answer = await client.put("/v1/preferences", json=form, headers=anna)
        assert answer.status_code == 422, wrong
        assert answer.headers["content-type"] == "application/problem+json"
        assert "Bcc" not in answer.text
        assert (await client.get("/v1/preferences", headers=anna)).json()["email"] is None


async def test_what_is_no_json_is_refused(client: ApiClient, anna: dict[str, str]) -> None:
    headers = anna | {"Content-Type": "application/json"}
    for body, statuses in (
        (b"{", (400, 422)),
        (b"\xff\xfe", (400, 422)),
        (b"[" * 100_000, (400, 422)),
        (b" " * 10_000_000, (413,)),
    ):
        answer = await client.put("/v1/preferences", content=body, headers=headers)
        assert answer.status_code in statuses, body[:10]
        assert answer.headers["content-type"] == "application/problem+json"


async def test_an_absurd_page_is_refused(client: ApiClient, anna: dict[str, str]) -> None:
    for query in (
        *("limit=0", "limit=101", "limit=x", "limit=1&limit=0"),
        *("after=x", "after=WzFd%00", "after=WyJhIl0", "after=WzEsMl0", "after=W10"),
    ):
        answer = await client.get(f"/v1/messages?{query}", headers=anna)
        assert answer.status_code in (400, 422), query


async def test_without_a_login_nothing_is_told(client: ApiClient) -> None:
    for path in ("/v1/messages", f"/v1/messages/{uuid4()}", "/v1/preferences", "/v1/deliveries"):
        assert (await client.get(path)).status_code == 401


async def test_no_member_of_staff_reads_a_citizens_message(client: ApiClient, database: Database) -> None:
    await _letters(database, APPROVED)
    message_id = await database.pool.fetchval("SELECT message_id FROM messages")
    staff = client.as_(Role.CLERK, Role.LEAD, Role.AUDITOR, Role.OPERATOR)
    for answer in (
        await client.get("/v1/messages", headers=staff),
        await client.get(f"/v1/messages/{message_id}", headers=staff),
        await client.post(f"/v1/messages/{message_id}/read", headers=staff),
        await client.get("/v1/preferences", headers=staff),
    ):
        assert answer.status_code == 403


async def test_deliveries_are_for_operators_and_clerks_of_this_department(client: ApiClient) -> None:
    for headers, status in (
        (client.as_(Role.CITIZEN, Role.LEAD, Role.AUDITOR), 403),
        (client.as_(Role.OPERATOR, department="permits"), 403),
        (client.as_(Role.OPERATOR), 200),
        (client.as_(Role.CLERK), 200),
    ):
        assert (await client.get("/v1/deliveries", headers=headers)).status_code == status


async def test_an_operator_sees_states_and_attempts_and_neither_content_nor_addressee(
    client: ApiClient, database: Database, post: Post, sending: Start
) -> None:
    post.rcpt_answers["anna@example.org"] = "550 no such mailbox anna@example.org"
    await wants_email(database, "anna@example.org")
    await _letters(database, APPROVED)
    await happen(database, APPROVED, fact(APPROVED, applicant_id=str(SOMEBODY_ELSE)))
    sending()
    await until(lambda: _all(database, "bounced"))
    operator = client.as_(Role.OPERATOR)
    listed = await client.get("/v1/deliveries", headers=operator)
    waiting, bounced = listed.json()["items"]
    assert (waiting["state"], waiting["email_state"]) == ("waiting-for-address", None)
    assert (bounced["state"], bounced["email_state"]) == ("available", "bounced")
    detail = await client.get(f"/v1/deliveries/{bounced['message_id']}", headers=operator)
    assert detail.json()["attempts"][0]["smtp_code"] == 550
    assert detail.json()["attempts"][0]["outcome"] == "refused"
    for word in ("anna", "Änne", "genehm", "BA-2026", "Hauptstr", str(PERSON), str(SOMEBODY_ELSE)):
        assert word not in listed.text + detail.text
    only = await client.get("/v1/deliveries", params={"email_state": "bounced"}, headers=operator)
    assert [item["message_id"] for item in only.json()["items"]] == [bounced["message_id"]]
    assert (await client.get("/v1/deliveries", params={"state": "lost"}, headers=operator)).status_code == 422


async def test_an_operator_has_a_bounced_e_mail_sent_again_with_a_reason(
    client: ApiClient, database: Database, post: Post, sending: Start
) -> None:
    post.rcpt_answers["anna@example.org"] = "550 no such mailbox"
    await wants_email(database, "anna@example.org")
    await _letters(database, APPROVED)
    sending()
    await until(lambda: _all(database, "bounced"))
    message_id = await database.pool.fetchval("SELECT message_id FROM messages")
    address = f"/v1/deliveries/{message_id}/resend"
    elsewhere = f"/v1/deliveries/{new_id()}/resend"
    for path, form, role, status in (
        (address, {"reason": "x"}, Role.CLERK, 403),
        (address, {"reason": " "}, Role.OPERATOR, 422),
        (address, {}, Role.OPERATOR, 422),
        (elsewhere, {"reason": "x"}, Role.OPERATOR, 404),
    ):
        refused = await client.post(path, json=form, headers=client.as_(role))
        assert refused.status_code == status
    await wants_email(database, "anna.new@example.org")
    answer = await client.post(
        address, json={"reason": "the address was mistyped"}, headers=client.as_(Role.OPERATOR, sub="olga")
    )
    assert answer.status_code == 200
    assert answer.json()["resends"][0]["reason"] == "the address was mistyped"
    assert answer.json()["resends"][0]["resent_by"] == "olga"
    await until(lambda: _all(database, "sent"))
    assert [mail.recipient for mail in post.accepted] == ["anna.new@example.org"]
    again = await client.post(address, json={"reason": "once more"}, headers=client.as_(Role.OPERATOR))
    assert again.status_code == 422
    assert again.json()["type"].endswith("not-resendable")


async def _all(database: Database, state: str) -> bool:
    return set(await email_states(database)) == {state}
