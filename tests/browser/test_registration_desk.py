"""A day at the registration office: somebody who moves in is entered in the register, and their address is then protected."""

import asyncio
import random
from datetime import timedelta
from string import ascii_lowercase
from uuid import UUID, uuid4

import httpx
import pytest_asyncio
from playwright.async_api import expect
from town.day.residents import address, landlord
from town.people import Issuer

from tests.browser import desk
from tests.browser.town import RunningTown

OFFICE = "registration"
GROUNDS = "Demo: Tatsachen, aus denen sich eine Gefahr ergibt."


@pytest_asyncio.fixture(loop_scope="session")
async def newcomer(town: RunningTown) -> tuple[str, str]:
    """Somebody whose move-in was taken down, by name; with the reference of the declaration."""
    family_name = "Demo-Neu-" + "".join(random.choices(ascii_lowercase, k=8)).capitalize()
    moved_in_on = town.clock.today() - timedelta(days=3)
    person = {
        "given_names": "Nele",
        "family_name": family_name,
        "date_of_birth": "1990-05-17",
        "language": "de",
        "is_declarant": True,
        "custodian_positions": [],
    }
    form = {
        "moved_in_on": moved_in_on.isoformat(),
        "address": address("Demostraße", "7"),
        "landlord_confirmation": landlord(moved_in_on),
        "persons": [person],
    }
    async with httpx.AsyncClient(timeout=30) as http:
        issuer = Issuer(town.addresses.issuer, http)
        headers = {
            "Authorization": f"Bearer {await issuer.token('clerk-registration')}",
            "Idempotency-Key": str(uuid4()),
        }
        answer = await http.post(f"{town.addresses.services[OFFICE].api}/v1/move-ins", json=form, headers=headers)
        assert answer.status_code == 201, answer.text
        name = f"Nele {family_name}"
        await issuer.add_citizen(name, UUID(answer.json()["persons"][0]["person_id"]), "nele@example.org")
    return name, answer.json()["reference"]


async def test_a_newcomer_is_entered_in_the_register_and_finds_the_confirmation_in_the_portal(window, newcomer):
    name, reference = newcomer
    clerk = await window()
    await desk.come(clerk, OFFICE, "clerk-registration")
    await desk.find(clerk, reference)
    assert name in await clerk.text()
    await desk.act(clerk, "take-over")
    await desk.act(clerk, "register")
    assert "Entschieden: eingetragen" in await clerk.text()
    await clerk.open_desk(OFFICE)
    await expect(clerk.page.get_by_role("link", name=reference)).to_be_visible()

    citizen = await window()
    await citizen.open("/letters")
    await citizen.page.get_by_role("main").get_by_role("link", name="Anmelden").click()
    await citizen.choose_person(name)
    letter = citizen.page.get_by_role("link", name=f"Ihre Anmeldung ist eingetragen ({reference})")
    async with asyncio.timeout(60):
        while not await letter.count():
            await citizen.page.reload()
    await letter.click()
    assert "amtliche Meldebestätigung" in await citizen.text()


async def test_an_address_is_protected_by_two_people_and_the_clerk_finds_nobody_then(window, newcomer):
    name, reference = newcomer
    clerk = await window()
    await desk.come(clerk, OFFICE, "clerk-registration")
    await desk.find(clerk, reference)
    await desk.act(clerk, "register")
    await desk.act(clerk, "request-block", {"Begründung": GROUNDS})

    lead = await window()
    await desk.come(lead, OFFICE, "lead-registration")
    await lead.page.get_by_role("link", name="Vier Augen").click()
    await lead.page.get_by_role("row").filter(has_text=name).get_by_role("link").first.click()
    assert GROUNDS in await lead.text()
    await desk.act(lead, "confirm-grant")

    await clerk.open_desk(OFFICE)
    await clerk.page.locator("#words").fill(reference)
    await clerk.click("Suchen")
    await expect(clerk.page.locator("[data-row]")).to_have_count(0)
