"""Paying: once, and only when the provider has said so."""

import asyncio
from uuid import uuid4

import httpx
import pytest
from portal.domain.payment import Outcome
from portal.providers import DevelopmentProvider
from portal.use_cases.record_settlement import RecordSettlement, record_settlement

from ..demo import ERIKA
from ..portals import Portal

PROVIDER = DevelopmentProvider(b"only for development")


@pytest.fixture
async def owing(portal: Portal):
    """Erika's browser on an application for which she owes 12,50 €."""
    browser = await portal.erika()
    application_id = await portal.apply(browser)
    await portal.opened(application_id)
    await portal.charged(application_id)
    await browser.open(f"/mine/{application_id}")
    return browser, application_id


async def paid(portal: Portal, application_id) -> list[int]:
    return [told["amount_cents"] for kind, told in await portal.events(application_id) if kind == "fee-paid"]


async def test_a_fee_is_paid_and_the_office_hears_of_it(portal: Portal, owing):
    browser, application_id = owing
    await browser.submit(button="12,50 € bezahlen")
    page = await browser.follow("Weiter zum Bezahlen")
    assert page.heading == "Demo-Bezahldienst"
    page = await browser.submit(button="Bezahlen")
    assert page.path == f"/mine/{application_id}"
    assert page.notices == ["Erfolg: Ihre Zahlung ist bestätigt."]
    assert "Noch zu zahlen" not in page.text
    assert await paid(portal, application_id) == [1250]


async def test_a_payment_that_was_cancelled_is_none(portal: Portal, owing):
    browser, application_id = owing
    await browser.submit(button="12,50 € bezahlen")
    await browser.follow("Weiter zum Bezahlen")
    page = await browser.submit(button="Abbrechen")
    assert "Noch zu zahlen: 12,50 €" in page.text
    assert await paid(portal, application_id) == []


async def begun(portal: Portal, browser) -> dict[str, str]:
    """The order that the provider gets."""
    await browser.submit(button="12,50 € bezahlen")
    [row] = await portal.database.pool.fetch("SELECT payment_id, amount_cents FROM payments")
    return {"payment": str(row["payment_id"]), "amount_cents": str(row["amount_cents"])}


def webhook(browser) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(browser.app), base_url="https://service.test")


async def test_the_browser_the_provider_and_five_repetitions_are_one_payment(portal: Portal, owing):
    browser, application_id = owing
    order = await begun(portal, browser)
    answer = PROVIDER.signed_answer(order, Outcome.PAID)
    async with webhook(browser) as provider:
        told = await asyncio.gather(*(provider.post("/payments/notices", json=answer) for _ in range(5)))
    assert {one.status_code for one in told} == {204}
    page = await browser.open(PROVIDER.return_address(order, Outcome.PAID))
    assert page.path == f"/mine/{application_id}"
    assert await paid(portal, application_id) == [1250]


async def test_a_browser_that_never_returns_loses_nothing(portal: Portal, owing):
    browser, application_id = owing
    order = await begun(portal, browser)
    async with webhook(browser) as provider:
        answer = await provider.post("/payments/notices", json=PROVIDER.signed_answer(order, Outcome.PAID))
    assert answer.status_code == 204
    assert "Noch zu zahlen" not in (await browser.open(f"/mine/{application_id}")).text


async def test_who_begins_to_pay_twice_goes_on_with_the_same_payment(portal: Portal, owing):
    browser, application_id = owing
    first = await browser.submit(button="12,50 € bezahlen")
    await browser.open(f"/mine/{application_id}")
    again = await browser.submit(button="12,50 € bezahlen")
    assert first.path == again.path
    assert await portal.count("payments") == 1


@pytest.mark.parametrize("changed", ["payment", "amount_cents", "outcome", "signature"])
async def test_an_answer_that_was_changed_on_the_way_counts_nothing(portal: Portal, owing, changed):
    browser, application_id = owing
    order = await begun(portal, browser)
    values = {"payment": str(uuid4()), "amount_cents": "1", "outcome": "cancelled", "signature": "0" * 64}
    answer = PROVIDER.signed_answer(order, Outcome.PAID) | {changed: values[changed]}
    async with webhook(browser) as provider:
        assert (await provider.post("/payments/notices", json=answer)).status_code == 404
        assert (await provider.post("/payments/notices", content=b"{")).status_code == 400
    assert await paid(portal, application_id) == []


async def test_another_amount_than_was_asked_for_is_refused(portal: Portal, owing):
    browser, application_id = owing
    order = await begun(portal, browser)
    answer = PROVIDER.signed_answer(order | {"amount_cents": "1"}, Outcome.PAID)
    async with webhook(browser) as provider:
        assert (await provider.post("/payments/notices", json=answer)).status_code == 422
    assert await paid(portal, application_id) == []


async def test_the_providers_page_takes_no_order_that_we_have_not_given(portal: Portal, owing):
    browser, _ = owing
    page = await browser.open(f"/payments/development?payment={uuid4()}&amount_cents=1&signature=00")
    assert page.status == 404


async def test_where_there_is_no_provider_the_fee_is_paid_by_bank_transfer(portal: Portal, owing):
    browser, application_id = owing
    order = await begun(portal, browser)
    other = await portal.browser(payment_provider="none")
    await other.log_in(person_id=ERIKA)
    page = await other.open(f"/mine/{application_id}")
    assert "Überweisen Sie den Betrag" in page.text
    assert (await other.open(f"/payments/{order['payment']}")).status == 404
    assert (await other.open(PROVIDER.return_address(order, Outcome.PAID))).status == 404


async def test_a_fee_that_was_paid_otherwise_is_not_asked_for(portal: Portal, owing):
    browser, application_id = owing
    await portal.do(record_settlement, RecordSettlement(application_id, 1250, portal.clock.now()))
    page = await browser.submit(button="12,50 € bezahlen")
    assert page.notices == ["Hinweis: Es ist nichts zu bezahlen."]
