"""A day at the desks: cases are found, taken, asked about, decided by two people, and worked on by two at once."""

from uuid import uuid4

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser import desk, dog
from tests.browser.conftest import Opens
from tests.browser.keyboard import Keyboard
from tests.browser.waiting import reference_of, until_shown
from tests.browser.walking import CityBrowser
from tests.browser.windows import Window

CITIZEN = f"Demo-Dora Hund-{uuid4().hex[:6]}"
FOUR_EYES = "disclosure-block"
REASON = "Demo-Rex ist ein freundlicher Dackel."


@pytest_asyncio.fixture(loop_scope="session")
async def citizen(window: Opens) -> Window:
    """Somebody who has applied for something that one caseworker decides."""
    made = await window()
    await dog.apply(made, CITIZEN)
    return made


async def come(window: Opens, name: str, reference: str, *, office: str = "taxes") -> Window:
    """Somebody of the staff who has opened a case."""
    made = await window()
    await desk.come(made, office, name)
    await desk.find(made, reference)
    return made


async def test_a_caseworker_takes_a_case_asks_for_a_document_and_decides_when_it_is_there(window, citizen, tmp_path):
    reference = await reference_of(citizen)
    clerk = await come(window, "clerk-taxes", reference)
    await desk.act(clerk, "take-over")
    assert "clerk-taxes" in await clerk.text()
    form = await desk.unfold(clerk, "request-documents")
    await form.get_by_label("Nachweis für die Ermäßigung oder Befreiung").check()
    await desk.act(clerk, "request-documents", {"Begründung": "Bitte zeigen Sie uns den Vertrag des Tierheims."})
    assert "Unterlagen angefordert" in await clerk.text()

    await until_shown(citizen, "Das Amt braucht noch etwas")
    await citizen.follow("Jetzt beantworten")
    proof = tmp_path / "vertrag.pdf"
    proof.write_bytes(b"%PDF-1.7\n1 0 obj <</Demo true>> endobj\ntrailer <<>>\n%%EOF\n")
    await citizen.page.locator("input[type=file]").set_input_files(proof)
    await citizen.click("Abschicken")
    assert "Das ist abgeschickt." in await citizen.text()

    await until_shown(clerk, "vertrag.pdf")
    await desk.act(clerk, "grant", {"Begründung": REASON})
    assert "nichts mehr" in await clerk.text()
    assert "Bewilligen" not in await desk.offered(clerk)
    await until_shown(citizen, "Demo-Rex ist angemeldet")


async def test_two_people_decide_where_the_procedure_needs_both(window, town):
    await town.add_citizen("Demo-Vera Vorsicht", email="vera@example.org")
    async with CityBrowser(town, "Demo-Vera Vorsicht") as vera:
        application = await vera.apply(town.offices()["citizens"].procedures[FOUR_EYES], seed=1)
        reference = await vera.reference(application)
    clerk = await come(window, "clerk-citizens", reference, office="citizens")
    await desk.act(clerk, "propose-grant", {"Begründung": "Die Gefahr ist glaubhaft."})
    assert "Sie haben das vorgeschlagen. Bestätigen muss es jemand anderes." in await clerk.text()
    assert "Bestätigen: Bewilligen" not in await desk.offered(clerk)

    lead = await window()
    await desk.come(lead, "citizens", "lead-citizens")
    await lead.page.get_by_role("link", name="Vier Augen").click()
    await lead.follow(reference)
    await desk.act(lead, "confirm-grant")
    assert "Entschieden" in await lead.text()
    assert "Die Gefahr ist glaubhaft." in await lead.text()
    await until_shown(clerk, "nichts mehr")


async def test_of_two_caseworkers_at_once_the_slower_one_is_told_and_keeps_what_they_typed(window, citizen):
    reference = await reference_of(citizen)
    slower = await come(window, "clerk-taxes", reference)
    faster = await come(window, "lead-taxes", reference)
    form = await desk.unfold(slower, "grant")
    await form.get_by_label("Begründung").fill(REASON)
    await desk.act(faster, "note", {"Notiz": "Die Halterin hat angerufen."})
    await expect(slower.page.locator("#desk-changed")).to_be_visible()
    await form.get_by_role("button").last.click()
    await expect(slower.page.locator("#conflict")).to_be_visible()
    assert "Notiz geschrieben" in await slower.page.locator("#conflict").inner_text()
    form = desk.action(slower, "grant")
    assert await form.get_by_label("Begründung").input_value() == REASON
    await form.get_by_role("button").last.click()
    await expect(slower.page.locator("#conflict")).to_have_count(0)
    assert "Entschieden" in await slower.text()


async def test_who_has_a_case_open_sees_who_else_has(window, citizen):
    reference = await reference_of(citizen)
    first = await come(window, "clerk-taxes", reference)
    await come(window, "lead-taxes", reference)
    await expect(first.page.locator("#desk-watching")).to_contain_text("lead-taxes")


async def test_what_arrives_stands_in_the_open_list_without_reloading(window):
    clerk = await window()
    await desk.come(clerk, "taxes", "clerk-taxes")
    await clerk.page.get_by_role("link", name="Unser Amt").click()
    await clerk.page.evaluate("window.demoStillHere = true")
    before = set(await clerk.page.locator("[data-row] a[data-open]").all_inner_texts())
    citizen = await window()
    await dog.apply(citizen, CITIZEN)
    reference = await reference_of(citizen)
    assert reference not in before
    await expect(clerk.page.locator("#desk-list")).to_contain_text(reference)
    assert await clerk.page.evaluate("window.demoStillHere")


async def test_a_case_is_decided_by_keyboard_alone(window, citizen):
    reference = await reference_of(citizen)
    clerk = await window()
    await desk.come(clerk, "taxes", "clerk-taxes")
    keyboard = Keyboard(clerk.page)
    await clerk.page.keyboard.press("/")
    await expect(clerk.page.locator("#words")).to_be_focused()
    await clerk.page.keyboard.type(reference)
    await keyboard.press_enter()
    await clerk.page.keyboard.press("j")
    assert await keyboard.focused_name() == reference
    await keyboard.press_enter()
    await keyboard.reach("Bewilligen")
    await clerk.page.keyboard.press("Enter")
    await keyboard.type_into("Begründung", REASON)
    await keyboard.activate("Bewilligen")
    assert "Entschieden" in await clerk.text()


async def test_without_javascript_the_desk_does_the_same(window, citizen):
    reference = await reference_of(citizen)
    clerk = await window(javascript=False)
    await desk.come(clerk, "taxes", "clerk-taxes")
    await desk.find(clerk, reference)
    await desk.act(clerk, "refuse", {"Begründung": "Das ist kein Hund."})
    assert "Das ist kein Hund." in await clerk.text()
    await until_shown(citizen, "nicht angemeldet")


@pytest.mark.parametrize(
    ("role", "sees", "does_not"),
    [
        ("clerk", "/", "/lead"),
        ("lead", "/lead", "/operations"),
        ("auditor", "/audit", "/operations"),
        ("operator", "/operations", "/lead"),
    ],
)
async def test_everybody_sees_their_part_of_the_desk_and_nothing_else(window, role, sees, does_not):
    one = await window()
    await desk.come(one, "taxes", f"{role}-taxes")
    answer = await one.page.goto(f"{one.town.desk('taxes')}{sees}")
    assert answer is not None
    assert answer.status == 200
    refused = await one.context.request.get(f"{one.town.desk('taxes')}{does_not}", max_redirects=0)
    assert refused.status == 403


async def test_an_auditor_finds_who_has_opened_a_case(window, citizen):
    reference = await reference_of(citizen)
    await come(window, "clerk-taxes", reference)
    auditor = await window()
    await desk.come(auditor, "taxes", "auditor-taxes")
    await auditor.open_desk("taxes", "/audit")
    await auditor.field("Aktenzeichen").fill(reference)
    await auditor.click("Vorgang prüfen")
    assert "clerk-taxes" in await auditor.text()
    assert "Vorgang geöffnet" in await auditor.text()
