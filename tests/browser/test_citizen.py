"""A citizen registers a dog: with a browser of any kind, on a small screen, by keyboard alone, and in two languages."""

import re
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.async_api import expect
from pypdf import PdfReader
from pypdf.generic import DictionaryObject

from tests.browser import desk, dog
from tests.browser.keyboard import Keyboard
from tests.browser.waiting import reference_of, until_shown
from tests.browser.windows import NARROW

CITIZEN = f"Demo-Erna Hund-{uuid4().hex[:6]}"
KINDS = {
    "with JavaScript": {},
    "without JavaScript": {"javascript": False},
    "on a screen of 320 pixels": {"narrow": True},
}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_citizen_finds_fills_in_and_hands_in_and_has_the_decision_as_a_letter(window, tmp_path, kind):
    citizen = await window(**KINDS[kind])
    path = await dog.apply(citizen, CITIZEN)
    assert "Ihr Antrag ist abgegeben" in await citizen.text() or "in Bearbeitung" in await citizen.text()
    reference = await reference_of(citizen)

    clerk = await window()
    await desk.come(clerk, "taxes", "clerk-taxes")
    await desk.find(clerk, reference)
    await desk.act(clerk, "grant", {"Begründung": "Willkommen, Demo-Rex."})
    assert "Entschieden" in await clerk.text()

    await citizen.open(path)
    await until_shown(citizen, "Demo-Rex ist angemeldet")
    await citizen.follow(dog.GRANTED.format(reference=reference))
    assert "Willkommen, Demo-Rex." in await citizen.text()
    async with citizen.page.expect_download() as waiting:
        await citizen.page.get_by_role("link", name="Als PDF speichern").click()
    await (await waiting.value).save_as(tmp_path / "letter.pdf")
    _is_an_accessible_letter(tmp_path / "letter.pdf", reference)


def _is_an_accessible_letter(file: Path, reference: str) -> None:
    """Tagged, with its language and its title, as PDF/UA has it (ISO 14289-1)."""
    letter = PdfReader(BytesIO(file.read_bytes()))
    root = letter.root_object
    marks, preferences, about = root["/MarkInfo"], root["/ViewerPreferences"], letter.metadata
    assert isinstance(marks, DictionaryObject)
    assert isinstance(preferences, DictionaryObject)
    assert marks["/Marked"]
    assert "/StructTreeRoot" in root
    assert str(root["/Lang"]).startswith("de")
    assert preferences["/DisplayDocTitle"]
    assert about is not None
    assert reference in str(about.title)
    text = " ".join(page.extract_text() for page in letter.pages)
    assert "Willkommen, Demo-Rex." in text
    assert reference in text


async def test_no_page_of_the_journey_is_wider_than_a_small_screen(window):
    citizen = await window(narrow=True)
    await dog.begin(citizen, CITIZEN)
    for heading, answers in dog.PAGES.items():
        assert await citizen.heading() == heading
        assert await citizen.width_needed() <= NARROW["width"], heading
        await citizen.click("Weiter")  # what is missing is told there
        if await citizen.page.locator("#errors").count():
            assert await citizen.width_needed() <= NARROW["width"], f"{heading}, with mistakes"
            await citizen.fill(answers)
            await citizen.click("Weiter")
    assert await citizen.heading() == dog.CHECK
    assert await citizen.width_needed() <= NARROW["width"]
    for path in (
        "/",
        "/search?q=Hund",
        "/services",
        "/services/dog-registration",
        "/offices",
        "/mine",
        "/letters",
        "/my-data",
    ):
        await citizen.open(path)
        assert await citizen.width_needed() <= NARROW["width"], path


async def test_a_dog_is_registered_by_keyboard_alone(window):
    citizen = await window()
    keyboard = Keyboard(citizen.page)
    await citizen.open("/")
    await keyboard.type_into("Wonach suchen Sie?", "Hund anmelden")
    await keyboard.press_enter()
    await keyboard.activate(dog.SERVICE)
    await keyboard.activate("Jetzt beantragen")
    await citizen.page.wait_for_url(f"{citizen.town.addresses.issuer}/**")
    await keyboard.type_into("Name (oder ein Teil davon)", CITIZEN)
    await keyboard.press_enter()
    await keyboard.activate(re.compile(f"^{CITIZEN},"))
    await keyboard.activate("Antrag beginnen")
    for heading, answers in dog.PAGES.items():
        await expect(citizen.page.locator("h1")).to_have_text(heading)
        for label, answer in answers.items():
            if answer is True:
                await keyboard.choose(label)
            else:
                await keyboard.type_into(label, str(answer))
        await keyboard.activate("Weiter")
    await expect(citizen.page.locator("h1")).to_have_text(dog.CHECK)
    await keyboard.activate("Antrag abgeben")
    await citizen.page.wait_for_url("**/mine/*")
    assert await reference_of(citizen)


async def test_the_first_tab_on_a_page_leads_past_its_head(window):
    citizen = await window()
    await citizen.open("/services")
    keyboard = Keyboard(citizen.page)
    await citizen.page.keyboard.press("Tab")
    assert await keyboard.focused_name() == "Zum Inhalt"
    await keyboard.press_enter()
    await expect(citizen.page.locator("main")).to_be_focused()


async def test_mistakes_are_told_at_the_head_of_the_page_and_lead_to_their_fields(window):
    citizen = await window()
    await dog.begin(citizen, CITIZEN)
    await citizen.fill({"Geburtsdatum": "31.2.1980"})
    await citizen.click("Weiter")
    assert (await citizen.page.title()).startswith("Fehler: ")
    summary = citizen.page.locator("#errors")
    await expect(summary).to_be_focused()
    await summary.get_by_role("link").first.click()
    focused = await citizen.page.evaluate("document.activeElement.id")
    assert focused == await citizen.field("Geburtsdatum").get_attribute("id")
    assert await citizen.field("Geburtsdatum").input_value() == "31.2.1980"


async def test_a_double_click_hands_in_one_application(window):
    citizen = await window()
    await citizen.open("/mine")
    await dog.begin(citizen, CITIZEN)
    await dog.fill_in(citizen)
    draft = citizen.page.url.rsplit("/", 1)[-1]
    await citizen.page.get_by_role("button", name="Antrag abgeben").dblclick()
    await citizen.page.wait_for_url(f"**/mine/{draft}")
    await citizen.page.go_back()
    await citizen.page.wait_for_url(f"**/mine/{draft}")
    await citizen.open("/mine")
    assert await citizen.page.locator(f"a[href$='/mine/{draft}']").count() == 1


async def test_what_was_begun_on_one_device_is_finished_on_another(window):
    first = await window()
    await dog.begin(first, CITIZEN)
    await dog.fill_in(first, until=dog.RELIEF)
    other = await window(narrow=True)
    await other.page.goto(first.page.url)
    await other.choose_person(CITIZEN)
    await expect(other.page.locator("h1")).to_have_text(dog.RELIEF)


async def test_switching_the_language_stays_on_the_page_and_with_its_answers(window):
    citizen = await window()
    await dog.begin(citizen, CITIZEN)
    await dog.fill_in(citizen, until=dog.RELIEF)
    german = citizen.page.url
    await citizen.follow("English")
    assert citizen.page.url.partition("?")[0] == german
    assert await citizen.page.locator("html").get_attribute("lang") == "en"
    assert await citizen.heading() == "Should the tax be reduced or dropped?"
    await citizen.follow("Back")
    assert await citizen.heading() == "Since when have you kept the dog here?"
    assert await citizen.field("Beginning in this city").input_value() == "01.11.2026"
    await citizen.follow("Deutsch")
    assert await citizen.heading() == "Seit wann halten Sie den Hund hier?"


async def test_a_browser_that_prefers_english_is_answered_in_english(window):
    citizen = await window(language="en")
    await citizen.open("/services/dog-registration")
    assert await citizen.page.locator("html").get_attribute("lang") == "en"
    assert await citizen.heading() == "Register a dog (dog tax)"
