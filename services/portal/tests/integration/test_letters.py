"""Letters: read by their addressee, saved as PDF, and checked by whoever holds one."""

from io import BytesIO

import pytest
from amtsbus.ids import new_id
from portal.pages import letters as pages
from pypdf import PdfReader

from ..demo import ERIKA, MAX
from ..portals import Portal


async def test_a_letter_is_unread_until_it_is_opened(portal: Portal):
    browser = await portal.erika()
    application_id = await portal.apply(browser)
    await portal.wrote(application_id)
    page = await browser.open("/letters")
    assert "ungelesen" in page.text
    page = await browser.follow("Ihre Schildkröte ist angemeldet")
    assert "Alles ist gut." in page.text
    assert "Klage" in page.text
    assert "ungelesen" not in (await browser.open("/letters")).text


async def test_a_letter_is_read_before_the_office_has_said_that_it_opened_the_case(portal: Portal):
    browser = await portal.erika()
    application_id = await portal.apply(browser)
    letter = await portal.wrote(application_id)
    assert (await browser.open(f"/letters/{letter.letter_id}")).status == 200


async def test_somebody_finds_a_letter_though_they_have_not_applied_for_anything(portal: Portal):
    browser = await portal.erika()
    for case_id in (new_id(), ERIKA):  # whatever the writer calls the case
        letter = await portal.wrote(case_id, subject="Ihre Anmeldung ist eingetragen", addressee="")
        page = await browser.open(f"/letters/{letter.letter_id}")
        assert "Zum Antrag" not in page.links
        pdf = await browser.client.get(f"{page.url}/pdf")
        assert "Guten Tag," in PdfReader(BytesIO(pdf.content)).pages[0].extract_text()
    other = await portal.browser()
    await other.log_in(person_id=MAX, name="Max Demo-Muster")
    assert (await other.open(f"/letters/{letter.letter_id}")).status == 404


async def test_the_pdf_of_a_letter_is_the_same_for_good(portal: Portal):
    browser = await portal.erika()
    letter = await portal.wrote(await portal.apply(browser))
    answers = [(await browser.open(f"/letters/{letter.letter_id}/pdf")).response for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert answers[0].headers["content-type"] == "application/pdf"
    text = PdfReader(BytesIO(answers[0].content)).pages[0].extract_text()
    for said in ("Demo-Stadt", "Tieramt", "Erika Demo-Muster", "TORT-2026-000001", "7KQ2-M4XD-9TRA", "/verify"):
        assert said in text


async def test_a_pdf_that_the_store_has_lost_is_made_again(portal: Portal):
    browser = await portal.erika()
    letter = await portal.wrote(await portal.apply(browser))
    first = (await browser.open(f"/letters/{letter.letter_id}/pdf")).response.content
    await portal.documents.delete(await portal.database.pool.fetchval("SELECT encode(pdf_sha256, 'hex') FROM letters"))
    again = (await browser.open(f"/letters/{letter.letter_id}/pdf")).response.content
    assert again == first


async def check(portal: Portal, reference: str, code: str):
    browser = await portal.browser()
    await browser.open("/verify")
    return await browser.submit({"Zeichen": reference, "Code": code}, button="Prüfen")


@pytest.mark.parametrize("code", ["7KQ2-M4XD-9TRA", "7kq2m4xd9tra", " 7KQ2 M4XD 9TRA "])
async def test_a_genuine_letter_is_recognised_however_its_code_is_typed(portal: Portal, code):
    await portal.wrote(await portal.apply(await portal.erika()))
    page = await check(portal, "tort-2026-000001", code)
    assert "Der Brief ist echt" in page.text
    assert "Erika" not in page.text


@pytest.mark.parametrize(
    ("reference", "code"),
    [("TORT-2026-000001", "7KQ2-M4XD-9TRB"), ("TORT-2026-000002", "7KQ2-M4XD-9TRA"), ("", ""), ("x", "0000-0000-0000")],
)
async def test_anything_else_is_not_genuine(portal: Portal, reference, code):
    await portal.wrote(await portal.apply(await portal.erika()))
    page = await check(portal, reference, code)
    assert "Der Brief ist echt" not in page.text


async def test_codes_cannot_be_tried_without_end(portal: Portal, monkeypatch):
    monkeypatch.setattr(pages, "CHECKS", type(pages.CHECKS)(times=2, per_seconds=60))
    statuses = [(await check(portal, "TORT-2026-000001", "1111-1111-1111")).status for _ in range(3)]
    assert statuses == [200, 200, 429]
