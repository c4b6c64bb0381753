"""Text blocks: kept by leads, seen by everybody who writes."""

import pytest
from amtsbus.auth import Role


@pytest.fixture
async def lena(browser):
    await browser.log_in(Role.LEAD, sub="lena", name="Lena Demo")
    await browser.open("/texts")
    return browser


async def _add(lena, title, text):
    await lena.open("/texts/new")
    return await lena.submit({"Titel": title, "Text": text, "Sprache": "Deutsch"}, button="Speichern")


async def test_a_lead_keeps_text_blocks(lena):
    page = await lena.follow("Neuer Textbaustein")
    page = await lena.submit({"Titel": "Gruß", "Text": "Mit Gruß", "Sprache": "Deutsch"}, button="Speichern")
    assert any("Gespeichert: Gruß" in notice for notice in page.notices)
    assert "Zuletzt geändert von Lena Demo" in page.text
    await lena.follow("Gruß")
    page = await lena.submit({"Text": "Mit freundlichem Gruß"}, button="Speichern")
    assert "Mit freundlichem Gruß" in page.text
    await lena.follow("Gruß")
    page = await lena.submit(button="Löschen")
    assert "Es gibt noch keine." in page.text


async def test_a_text_block_without_text_comes_back(lena):
    page = await _add(lena, "Gruß", "")
    assert (page.status, page.errors) == (422, {"Text": "„Text“ fehlt noch."})
    assert page.field("Titel") == "Gruß"


async def test_of_two_leads_who_change_the_same_block_the_second_keeps_their_words(lena):
    await _add(lena, "Gruß", "Mit Gruß")
    await lena.follow("Gruß")
    async with lena.another() as leo:
        await leo.log_in(Role.LEAD, sub="leo", name="Leo Demo")
        await leo.open("/texts")
        await leo.follow("Gruß")
        await leo.submit({"Text": "Leos Gruß"}, button="Speichern")
    page = await lena.submit({"Text": "Lenas Gruß"}, button="Speichern")
    assert page.status == 409
    assert "Leo Demo hat den Textbaustein inzwischen geändert" in page.text
    assert page.field("Text") == "Lenas Gruß"
    page = await lena.submit(button="Speichern")
    assert "Lenas Gruß" in page.text


async def test_a_clerk_reads_them_and_changes_none(lena):
    await _add(lena, "Gruß", "Mit Gruß")
    async with lena.another() as clara:
        await clara.log_in(Role.CLERK, sub="clara")
        page = await clara.open("/texts")
        assert "Mit Gruß" in page.text
        assert "Neuer Textbaustein" not in page.links
        assert (await clara.open("/texts/new")).status == 403
