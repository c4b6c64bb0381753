"""How somebody hears of their letters: chosen here, told to notifications, which has the last word."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from portal.domain.contact import ContactPreferences
from portal.use_cases.record_contact import RecordContact, record_contact

from ..demo import ERIKA
from ..portals import Portal

NOTICE, EMAIL, LANGUAGE = (
    "Schicken Sie mir eine E-Mail, wenn ein Brief da ist",
    "E-Mail-Adresse",
    "Sprache Ihrer Briefe",
)


async def told(portal: Portal) -> list[dict[str, Any]]:
    rows = await portal.database.pool.fetch(
        "SELECT data FROM amtsbus.events WHERE stream_id = $1 ORDER BY sequence", ERIKA
    )
    return [json.loads(row["data"]) for row in rows]


async def test_somebody_chooses_notices_by_e_mail_and_sees_what_holds(portal: Portal):
    browser = await portal.erika()
    await browser.open("/letters")
    await browser.follow("Per E-Mail erfahren, dass ein Brief da ist")
    page = await browser.submit({NOTICE: True, EMAIL: "Erika@Example.ORG", LANGUAGE: "en"}, button="Speichern")
    assert "Ihre Angaben sind gespeichert." in page.text
    chosen = {"person_id": str(ERIKA), "email": "Erika@example.org", "language": "en", "email_notice": True}
    assert await told(portal) == [chosen]
    assert page.field(EMAIL) == "Erika@example.org"
    await browser.submit({NOTICE: False, EMAIL: "", LANGUAGE: ""}, button="Speichern")
    assert (await told(portal))[1:] == [chosen | {"email": None, "language": None, "email_notice": False}]


async def test_the_address_of_the_log_in_is_offered(portal: Portal):
    browser = await portal.erika(email="erika@example.org")
    page = await browser.open("/contact")
    assert page.field(EMAIL) == "erika@example.org"
    assert await told(portal) == []


@pytest.mark.parametrize(
    ("entered", "said"),
    [
        ("", "Geben Sie an, wohin wir die E-Mail schicken."),
        ("erika", "wie name@example.org"),
        ("a@b@c.de", "wie name@"),
    ],
)
async def test_an_address_that_is_none_is_asked_for_and_nothing_is_lost(portal: Portal, entered: str, said: str):
    browser = await portal.erika()
    await browser.open("/contact")
    page = await browser.submit({NOTICE: True, EMAIL: entered, LANGUAGE: "en"}, button="Speichern")
    assert page.status == 422
    assert said in page.text
    assert (page.field(EMAIL), page.field(LANGUAGE)) == (entered, "en")
    assert await told(portal) == []


async def test_an_e_mail_that_came_back_is_told_until_another_address_is_given(portal: Portal):
    browser = await portal.erika()
    bounced = ContactPreferences(
        "old@example.org", None, email_notice=True, email_bounced_at=datetime(2026, 3, 1, 9, tzinfo=UTC)
    )
    await portal.do(record_contact, RecordContact(ERIKA, bounced))
    page = await browser.open("/contact")
    assert "Am 1. März 2026 hat der Mailserver Ihre Adresse abgelehnt." in page.text
    page = await browser.submit({EMAIL: "new@example.org"}, button="Speichern")
    assert "abgelehnt" not in page.text


async def test_nobody_has_preferences_without_a_log_in(portal: Portal):
    browser = await portal.browser()
    page = await browser.open("/contact")
    assert any("/login" in one for one in (*page.history, page.path))
