"""Disclosure blocks at the desk (Auskunftssperre, BMG § 51): two people for each, and leads alone find who is protected."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from amtsbus.auth import Role
from amtsbus.testing.browsing import Browser, Page

from .conftest import Office, a_family, a_move_in, a_person
from .test_desk import PROPOSE, REGISTER, TAKE_OVER, offered
from .test_move_and_departure import a_move

GRANT, REFUSE = "Bestätigen: Auskunftssperre einrichten", "Auskunftssperre ablehnen"
NAME = "Rosa Demo-Tal"


async def rosa(office: Office, *relatives: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Somebody who lives here, and the declaration with which they came."""
    persons = [a_person(*NAME.split(), is_declarant=True), *relatives]
    case = await office.submit("move-ins", a_move_in(persons=persons), office.citizen(uuid4()))
    return case["persons"][0]["person_id"], await office.register("move-ins", case)


async def proposed(browser: Browser, case_id: str, name: str = NAME) -> str:
    """Propose a block for somebody of a declaration; the reference of the new case."""
    await browser.open(f"/cases/{case_id}")
    page = await browser.submit({"Person": name, "Begründung": "Demo-Gefahr"}, button=PROPOSE)
    assert page.status == 200, page
    page = await browser.open("/?scope=second")
    return next(text for text in page.links if text.startswith("AS-"))


async def search(browser: Browser, words: str) -> Page:
    await browser.open("/")
    return await browser.submit({"Aktenzeichen oder Name": words}, button="Suchen")


def listed(page: Page) -> int:
    return len(page.soup.select("[data-row]"))


def without_trace(page: Page) -> str:
    """What a page says, but for the id that finds the request in the log."""
    return page.text.partition("Kennung für Rückfragen")[0]


async def reads(office: Office, person_id: str, who: str) -> list[tuple[str, bool]]:
    """How somebody has read a person's record, and whether it was protected then."""
    rows = await office.database.pool.fetch(
        "SELECT how, protected FROM record_reads WHERE person_id = $1 AND read_by = $2 ORDER BY read_id",
        UUID(person_id),
        who,
    )
    return [(row["how"], row["protected"]) for row in rows]


async def test_a_block_is_proposed_by_a_clerk_and_granted_by_a_lead(
    clara: Browser, lena: Browser, office: Office
) -> None:
    person, case = await rosa(office)
    reference = await proposed(clara, case["case_id"])
    page = await clara.follow(reference)
    assert "Demo-Gefahr" in page.text
    assert offered(page) == set(), "a lead decides"
    await lena.open("/?scope=second")
    page = await lena.follow(reference)
    assert offered(page) == {GRANT, REFUSE}
    assert "Hauptstraße" not in page.response.text, "the address that it protects"
    page = await lena.submit(button=GRANT)
    for text in ("Gilt ab 2. März 2026", "Gilt bis 2. März 2028", "Entschieden: eingerichtet"):
        assert text in page.text, text
    assert offered(page) == set()
    assert await reads(office, person, "lena-lead") != []
    assert (await clara.open(lena.shown.path.removeprefix("/desk"))).status == 404


async def test_whoever_proposed_it_does_not_grant_it(lena: Browser, office: Office) -> None:
    _, case = await rosa(office)
    reference = await proposed(lena, case["case_id"])
    page = await lena.follow(reference)
    assert offered(page) == {REFUSE}
    form = next(form for form in page.forms if form.button(REFUSE))
    form.tag["action"] = str(form.tag["action"]).replace("/refuse", "/confirm-grant")
    assert (await lena.send(form)).status == 409
    assert await office.database.pool.fetchval("SELECT count(*) FROM disclosure_blocks") == 0


async def test_a_refused_block_protects_nobody(clara: Browser, lena: Browser, office: Office) -> None:
    _, case = await rosa(office)
    reference = await proposed(clara, case["case_id"])
    await lena.open("/?scope=second")
    await lena.follow(reference)
    page = await lena.submit(button=REFUSE)
    assert list(page.errors.values()) == ["„Begründung“ fehlt noch."]
    page = await lena.submit({"Begründung": "Keine Gefahr zu erkennen."}, button=REFUSE)
    assert "Entschieden: abgelehnt" in page.text
    assert listed(await search(clara, NAME)) == 1, "the declaration, and no request any more"
    assert (await clara.open(f"/cases/{case['case_id']}")).status == 200


async def test_a_form_that_is_sent_twice_proposes_once(clara: Browser, office: Office) -> None:
    _, case = await rosa(office)
    await proposed(clara, case["case_id"])
    await clara.open(f"/cases/{case['case_id']}")
    page = await clara.submit({"Person": NAME, "Begründung": "Demo-Gefahr"}, button=PROPOSE)
    assert list(page.errors.values()) == [
        "Sie haben diese Auskunftssperre schon vorgeschlagen. Die Leitung entscheidet darüber."
    ]
    assert await office.database.pool.fetchval("SELECT count(*) FROM disclosure_block_requests") == 1


@pytest.mark.parametrize("forged", ["elsewhere", "nobody", ""])
async def test_only_somebody_of_the_declaration_can_be_proposed(clara: Browser, office: Office, forged: str) -> None:
    [other] = await office.registered(a_person("Ada", "Demo-Berg", is_declarant=True))
    _, case = await rosa(office)
    page = await clara.open(f"/cases/{case['case_id']}")
    form = next(form for form in page.forms if form.button(PROPOSE))
    form.fill({"Begründung": "Demo-Gefahr"})
    [choice] = [field for field in form.fields if field.name == "person"]
    assert len(choice.chosen) == 1, "of one person nobody has to be chosen"
    choice.chosen = [{"elsewhere": other, "nobody": "nobody", "": ""}[forged]]
    page = await clara.send(form)
    assert page.status == 422
    assert len(page.errors) == 1
    assert await office.database.pool.fetchval("SELECT count(*) FROM disclosure_block_requests") == 0


async def test_a_clerk_finds_nothing_of_a_blocked_person_and_of_nobody_the_same(clara: Browser, office: Office) -> None:
    person, case = await rosa(office)
    move = await office.submit("moves", a_move(person), office.clerk)
    await clara.open(f"/cases/{move['case_id']}")
    await clara.submit(button=TAKE_OVER)
    block = await office.block(person)
    other = await office.submit("move-ins", a_move_in(), office.citizen(uuid4()))
    for words in (NAME, "Demo-Tal", case["reference"], move["reference"], block["reference"]):
        page = await search(clara, words)
        assert listed(page) == 0, words
    for place in ("/", "/?scope=mine", "/?scope=team", "/?scope=second", "/?scope=all", "/?scope=all&state=registered"):
        page = await clara.open(place)
        assert not any(one["reference"] in page.response.text for one in (case, move, block)), place
    page = await clara.open("/?scope=all")
    assert listed(page) == 1
    for one in (case, move, block):
        hidden = await clara.open(f"/cases/{one['case_id']}")
        nobody = await clara.open(f"/cases/{uuid4()}")
        assert (hidden.status, nobody.status) == (404, 404)
        assert without_trace(hidden) == without_trace(nobody)
        assert (await clara.open(f"/cases/{one['case_id']}/live")).status == 404
        assert (await clara.open(f"/cases/{one['case_id']}/documents/1")).status == 404
        page = await clara.open(f"/cases/{other['case_id']}")
        form = next(form for form in page.forms if form.button(TAKE_OVER))
        form.tag["action"] = f"{clara.base}/cases/{one['case_id']}/actions/take-over"
        assert (await clara.send(form)).status == 404
    assert True not in {protected for _, protected in await reads(office, person, "clara-clerk")}


async def test_a_family_is_as_protected_as_the_one_of_them_who_is(
    clara: Browser, lena: Browser, office: Office
) -> None:
    """Who is not blocked themself is found by their own cases, and by none that names the one who is."""
    relatives = [one | {"is_declarant": False} for one in a_family()[1:2]]
    person, case = await rosa(office, *relatives)
    other = case["persons"][1]["person_id"]
    alone = await office.submit("moves", a_move(other), office.clerk)
    await office.block(person)
    page = await search(clara, "Weiß")
    assert listed(page) == 1
    page = await clara.follow(alone["reference"])
    assert case["reference"] not in page.response.text
    assert NAME not in page.response.text
    page = await lena.open(f"/cases/{case['case_id']}")
    assert f"Auskunftssperre bis zum 2. März 2028: {NAME}. Geben Sie keine Auskunft." in page.text


async def test_a_lead_works_on_it_and_every_reading_is_logged(clara: Browser, lena: Browser, office: Office) -> None:
    person, _ = await rosa(office)
    move = await office.submit("moves", a_move(person), office.clerk)
    await office.block(person)
    assert await reads(office, person, "lena-lead") == []
    page = await search(lena, "demo-tal")
    assert listed(page) == 3
    assert set(await reads(office, person, "lena-lead")) == {("search", True)}
    before = len(await reads(office, person, "lena-lead"))
    page = await lena.follow(move["reference"])
    assert ("case", True) in (await reads(office, person, "lena-lead"))[before:]
    page = await lena.submit(button=REGISTER)
    assert "eingetragen: Hauptwohnung seit 1. März 2026" in page.text


async def test_a_protected_case_is_handed_to_leads_alone(clara: Browser, lena: Browser, office: Office) -> None:
    person, _ = await rosa(office)
    move = await office.submit("moves", a_move(person), office.clerk)
    await office.block(person)
    page = await lena.open(f"/cases/{move['case_id']}")
    assert "Clara Demo" not in page.response.text
    async with lena.another() as lotte:
        await lotte.log_in(Role.LEAD, sub="lotte-lead", name="Lotte Demo")
    page = await lena.open(f"/cases/{move['case_id']}")
    form = next(form for form in page.forms if form.button("Übergeben"))
    option = form.tag.find("option", attrs={"value": "lotte-lead"})
    assert option is not None
    option["value"] = "clara-clerk"
    option["selected"] = ""
    page = await lena.send(form)
    assert list(page.errors.values()) == [
        "Für eine Person des Vorgangs gilt eine Auskunftssperre. Nur die Leitung kann ihn bearbeiten."
    ]
    await lena.open(f"/cases/{move['case_id']}")
    await lena.submit({"An wen?": "Lotte Demo"}, button="Übergeben")
    assert await assignee(office, move) == "lotte-lead"


async def assignee(office: Office, case: dict[str, Any]) -> str | None:
    who: str | None = await office.database.pool.fetchval(
        "SELECT assignee FROM amtsbus.cases WHERE case_id = $1", UUID(case["case_id"])
    )
    return who


async def test_a_proposal_for_somebody_protected_does_not_name_them_to_its_clerk(
    clara: Browser, office: Office
) -> None:
    """A clerk can name an id that they have; that it is somebody's, and whose, they do not learn at the desk."""
    person, _ = await rosa(office)
    await office.block(person)
    again = await office.client.post(
        "/v1/disclosure-blocks",
        json={"person_id": person, "grounds": "Demo-Gefahr"},
        headers=office.client.as_(Role.CLERK, sub="clara-clerk"),
    )
    assert again.status_code == 201, again.text
    assert (await clara.open(f"/cases/{again.json()['case_id']}")).status == 404
    assert listed(await clara.open("/?scope=second")) == 0


async def test_a_custodian_who_is_protected_is_named_to_leads_alone(
    clara: Browser, lena: Browser, office: Office
) -> None:
    mother, father, child, _ = await office.registered(*a_family())
    move = await office.submit("moves", a_move(child), office.clerk)
    await office.block(mother)
    page = await clara.open(f"/cases/{move['case_id']}")
    assert "sorgeberechtigt: nicht bekannt, Łukasz Weiß" in page.text
    page = await lena.open(f"/cases/{move['case_id']}")
    assert "sorgeberechtigt: Ayşe Müller, Łukasz Weiß" in page.text
    assert ("search", True) in await reads(office, mother, "lena-lead")
    assert await reads(office, father, "lena-lead") == []


async def test_who_may_be_the_same_person_is_not_said_where_they_are_protected(
    clara: Browser, lena: Browser, office: Office
) -> None:
    person, _ = await rosa(office)
    await office.block(person)
    again = a_move_in(persons=[a_person(*NAME.split(), is_declarant=True)])
    case = await office.submit("move-ins", again, office.citizen(uuid4()))
    page = await clara.open(f"/cases/{case['case_id']}")
    assert "schon im Melderegister" not in page.text
    page = await lena.open(f"/cases/{case['case_id']}")
    assert "Eine Person dieses Namens und Geburtsdatums steht schon im Melderegister." in page.text
    assert ("search", True) in await reads(office, person, "lena-lead")
