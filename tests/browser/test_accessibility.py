"""axe finds no violation of WCAG 2.2 AA on any kind of page, in light and dark, and on a small screen."""

from uuid import uuid4

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser import axe, desk, dog
from tests.browser.conftest import Opens
from tests.browser.waiting import reference_of, until_shown
from tests.browser.windows import Window

CITIZEN = f"Demo-Aylin Barrierefrei-{uuid4().hex[:6]}"
"""Somebody of their own: nobody may have more than twenty drafts."""
PUBLIC = {
    "start": "/",
    "search": "/search?q=Hund+anmelden",
    "search without a result": "/search?q=Zeppelin",
    "services from A to Z": "/services",
    "offices": "/offices",
    "an office": "/offices/taxes",
    "a life event": "/life-events/animals",
    "a service": "/services/dog-registration",
    "nobody's applications": "/mine",
    "verifying a letter": "/verify",
    "imprint": "/imprint",
    "privacy": "/privacy",
    "accessibility": "/accessibility",
    "my data": "/my-data",
    "in English": "/services/dog-registration?language=en",
}
LOOKS = {
    "light": {},
    "dark": {"dark": True},
    "narrow": {"narrow": True},
}


@pytest.mark.parametrize("look", LOOKS)
async def test_what_everybody_may_see_is_accessible(window, look):
    citizen = await window(**LOOKS[look])
    found = {}
    for name, path in PUBLIC.items():
        await citizen.open(path)
        found[name] = await axe.violations(citizen.page)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("look", LOOKS)
async def test_applying_is_accessible_with_and_without_mistakes(window, look):
    citizen = await window(**LOOKS[look])
    found = {}
    await dog.begin(citizen, CITIZEN)
    for heading, answers in dog.PAGES.items():
        found[heading] = await axe.violations(citizen.page)
        await citizen.click("Weiter")
        if await citizen.page.locator("#errors").count():
            found[f"{heading}, with mistakes"] = await axe.violations(citizen.page)
            await citizen.fill(answers)
            await citizen.click("Weiter")
    assert await citizen.heading() == dog.CHECK
    found["check"] = await axe.violations(citizen.page)
    await citizen.open("/mine")
    found["mine"] = await axe.violations(citizen.page)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("look", LOOKS)
async def test_an_upload_and_a_group_are_accessible(window, look):
    citizen = await window(**LOOKS[look])
    found = {}
    await dog.begin(citizen, CITIZEN)
    await dog.fill_in(citizen, until=dog.RELIEF)
    await citizen.fill({"Hund aus einem Tierheim": True})
    await citizen.click("Weiter")
    for heading in list(dog.PAGES)[-2:]:
        await citizen.fill(dog.PAGES[heading])
        await citizen.click("Weiter")
    await expect(citizen.page.locator("input[type=file]")).to_be_visible()
    found["upload"] = await axe.violations(citizen.page)
    await citizen.click("Weiter")
    found["upload, with a mistake"] = await axe.violations(citizen.page)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest_asyncio.fixture(loop_scope="session")
async def citizen(window: Opens) -> Window:
    """Somebody whose application has been received."""
    made = await window()
    await dog.apply(made, CITIZEN)
    return made


@pytest.mark.parametrize("look", LOOKS)
async def test_what_is_ones_own_is_accessible(window, citizen, look):
    path = citizen.page.url
    reference = await reference_of(citizen)
    found = {}
    other = await window(**LOOKS[look])
    await other.page.goto(path)
    await other.choose_person(CITIZEN)
    await until_shown(other, dog.RECEIVED.format(reference=reference))
    found["application"] = await axe.violations(other.page)
    for summary in await other.page.locator("main summary").all():
        await summary.click()
    found["application, unfolded"] = await axe.violations(other.page)
    await other.follow(dog.RECEIVED.format(reference=reference))
    found["letter"] = await axe.violations(other.page)
    await other.open("/letters")
    found["letters"] = await axe.violations(other.page)
    await other.open("/contact")
    found["notices"] = await axe.violations(other.page)
    await other.page.get_by_label("Schicken Sie mir eine E-Mail").check()
    await other.page.get_by_label("E-Mail-Adresse").fill("")
    await other.click("Speichern")
    found["notices, with a mistake"] = await axe.violations(other.page)
    for part in ("supply", "withdraw"):
        await other.page.goto(f"{path}/{part}")
        found[part] = await axe.violations(other.page)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("look", LOOKS)
async def test_the_desk_of_a_caseworker_is_accessible(window, citizen, look):
    reference = await reference_of(citizen)
    found = {}
    clerk = await window(**LOOKS[look])
    await desk.come(clerk, "taxes", "clerk-taxes")
    found["own cases"] = await axe.violations(clerk.page)
    await clerk.open_desk("taxes", "/?scope=all")
    found["list"] = await axe.violations(clerk.page)
    await desk.find(clerk, reference)
    found["case"] = await axe.violations(clerk.page)
    await desk.act(clerk, "refuse", {"Begründung": " "})
    found["case, with a mistake"] = await axe.violations(clerk.page)
    folded = clerk.page.locator("main details:not([open]) > summary")
    while await folded.count():
        await folded.first.click()
    found["case, unfolded"] = await axe.violations(clerk.page)
    await desk.act(clerk, "grant", {"Begründung": "Alles stimmt."})
    found["decided"] = await axe.violations(clerk.page)
    for path in ("/texts", "/absence"):
        await clerk.open_desk("taxes", path)
        found[path] = await axe.violations(clerk.page)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("department", ["permits", "schooling", "registration"])
@pytest.mark.parametrize(("role", "path"), [("clerk", "/?scope=all"), ("lead", "/lead"), ("operator", "/operations")])
async def test_the_desk_of_a_department_with_code_of_its_own_is_accessible(window, department, role, path, look):
    one = await window(**LOOKS[look])
    await desk.come(one, department, f"{role}-{department}")
    await one.open_desk(department, path)
    assert await axe.violations(one.page) == []


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize(("role", "path"), [("lead", "/lead"), ("auditor", "/audit"), ("operator", "/operations")])
async def test_the_desk_of_everybody_else_is_accessible(window, citizen, role, path, look):
    await reference_of(citizen)
    one = await window(**LOOKS[look])
    await desk.come(one, "taxes", f"{role}-taxes")
    await one.open_desk("taxes", path)
    assert await axe.violations(one.page) == []


async def test_the_page_of_an_address_that_is_not_there_is_accessible(window):
    citizen = await window()
    await citizen.open("/services/flying-carpet")
    assert await axe.violations(citizen.page) == []
    citizen.complaints.clear()  # the status itself
