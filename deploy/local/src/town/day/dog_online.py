"""Journey 9: a dog is registered in the portal, decided at the desk, and the letter is there."""

import asyncio
import re
from datetime import timedelta

from amtsbus.testing.browsing import Page, Value

from town.browser import TownBrowser
from town.day.city import City, JourneyFailedError
from town.day.residents import settle
from town.people import Person, staff

TITLE = "A dog is registered online"
OFFICE = "taxes"
KEY = "dog-registration"
REFERENCE = re.compile(r"HUND-\d{4}-\d{6}")
CODE = re.compile(r"[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}")


def _pages(city: City) -> dict[str, dict[str, Value]]:
    """What is entered on each page of the form, by the keys of pages and fields."""
    return {
        "keeper": {
            "keeper_born_on": "12.8.1985",
            "keeper_address.street": "Hauptstraße",
            "keeper_address.house_number": "7",
            "keeper_address.postal_code": "51373",
            "keeper_address.locality": "Leverkusen",
        },
        "contact": {},
        "dog": {"dog_name": "Demo-Rex", "breed": "Dackel", "kind": "small", "dog_born_on": "1.5.2020"},
        "since": {"kept_since": f"{city.clock.today() - timedelta(days=3):%d.%m.%Y}", "other_dogs": "0"},
        "relief": {"relief": "none"},
        "payment": {"direct_debit": "no"},
        "statement": {"truth": True},
    }


async def play(city: City) -> None:
    """From the search with a typing error to the letter that anybody can verify."""
    [citizen] = await settle(city, "Demo-Hundefreund", [("Hanna", 41)])
    async with TownBrowser(city.addresses, citizen.name) as browser:
        await _choose_notices(city, citizen, browser)
        case_id, reference = await _apply(city, citizen, browser)
        await _decide(city, case_id, reference)
        await _read(city, citizen, browser, case_id, reference)


async def _choose_notices(city: City, citizen: Person, browser: TownBrowser) -> None:
    await browser.open("/contact")
    await browser.submit(
        {"Schicken Sie mir eine E-Mail, wenn ein Brief da ist": True, "E-Mail-Adresse": citizen.email},
        button="Speichern",
    )
    city.says(citizen, "wants an e-mail when there is a letter")
    await city.follows("notifications.contact-preferences-changed.v1", person_id=citizen.person_id, email=citizen.email)


async def _apply(city: City, citizen: Person, browser: TownBrowser) -> tuple[str, str]:
    """Returns the id of the application, and the reference that the office has given it."""
    page = await browser.open("/search?q=Hund+anmleden")
    city.says(citizen, "looks for „Hund anmleden“ in the portal, and finds it all the same")
    city.expect("Hund anmelden (Hundesteuer)" in page.links, "a typing error hides no service")
    await browser.open(f"/apply/{KEY}")
    page = await browser.submit(button="Antrag beginnen")
    for key, entered in _pages(city).items():
        city.expect(page.path.endswith(f"/{key}"), f"the page {key} comes next, and not {page.path}")
        page = await browser.submit(entered, button="Weiter")
    city.says(citizen, "fills in seven pages, looks at all answers once more, and presses the last button twice")
    [form] = [one for one in page.forms if one.button("Antrag abgeben")]
    answers = await asyncio.gather(*(browser.send(form, form.button("Antrag abgeben")) for _ in range(2)))
    [path] = {answer.path for answer in answers}
    application_id = path.removeprefix("/mine/")
    await city.follows("portal.application-submitted.v1", application_id=application_id)
    await city.follows("offices.case-opened.v1", case_id=application_id)

    async def received() -> str | None:
        found = REFERENCE.search((await browser.open(f"/mine/{application_id}")).text)
        return found[0] if found else None

    reference = await city.until("the portal shows the reference", received)
    city.says(citizen, f"sees that the office has received it: {reference}")
    return application_id, reference


async def _decide(city: City, case_id: str, reference: str) -> None:
    clerk = staff("clerk", OFFICE)
    async with TownBrowser(city.addresses, clerk.name, office=OFFICE) as desk:
        page = await desk.open("/?scope=team")
        city.expect(reference in page.links, "the case is in the office's work list")
        await desk.open(f"/cases/{case_id}")
        await desk.submit(button="Selbst übernehmen")
        await desk.open(f"/cases/{case_id}")
        form = next(one for one in desk.shown.forms if one.action.endswith("/actions/grant"))
        form.fill({"Begründung": "Herzlich willkommen, Demo-Rex!"})
        await desk.send(form, form.buttons[-1])
    city.says(clerk, "takes the case at the desk and grants it")
    await city.follows("offices.case-decided.v1", case_id=case_id, outcome="granted")


async def _read(city: City, citizen: Person, browser: TownBrowser, case_id: str, reference: str) -> None:
    subject = f"Demo-Rex ist angemeldet: {reference}"

    async def written() -> Page | None:
        page = await browser.open(f"/mine/{case_id}")
        return page if subject in page.links else None

    await city.until("the letter is in the portal", written)
    page = await browser.follow(subject)
    code = CODE.search(page.text)
    if code is None:
        raise JourneyFailedError("not so: a letter has a code by which it can be verified")
    pdf = await browser.client.get(f"{page.url}/pdf")
    city.expect(pdf.content.startswith(b"%PDF-"), "the letter is a PDF")
    city.says(citizen, f"reads the letter and saves it as PDF ({len(pdf.content):,} bytes): {subject}")
    async with TownBrowser(city.addresses) as somebody:
        await somebody.open("/verify")
        page = await somebody.submit({"reference": reference, "code": code[0]})
        city.expect("Der Brief ist echt" in page.text, "whoever holds the letter can see that it is genuine")
    city.notes("whoever holds the letter sees by its code that it is genuine")
    await city.letter(citizen, "offices.letter-written", containing=reference)
    for mail in await city.mail(citizen):
        city.expect(reference not in str(mail), "an e-mail says that something is there, and not what")
