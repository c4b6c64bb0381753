"""The way of a school registration between two departments that know nothing of each other's code."""

from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from amtsbus.auth import Role
from amtsbus.ids import new_id
from amtsbus.procedures.declaration import ProcedureFile
from amtsbus.testing.fixtures import Bus
from portal.main import declared
from schooling.main import SERVICE as SCHOOLING
from schooling.use_cases.take_in_child import TakeInChild, take_in_child

from services.portal.tests.filling import Applicant

PORTAL = declared((), ("schooling",))
MOTHER = UUID("01980a52-7c1e-7d40-9a3b-52d1f5a0e009")
SERVICE_PAGE = "/services/school-registration"


@pytest.fixture
def documents(tmp_path: Path) -> str:
    """Where documents lie."""
    return (tmp_path / "documents").as_uri()


@pytest.fixture
async def databases(service_database: Any) -> dict[str, Any]:
    return {service.name: await service_database(service) for service in (PORTAL, SCHOOLING)}


@pytest.fixture
async def bus(databases: dict[str, Any], town_bus: Any, documents: str) -> Bus:
    """Both departments at work."""
    made: Bus = await town_bus(
        *((service, databases[service.name]) for service in (PORTAL, SCHOOLING)), documents_url=documents
    )
    return made


@pytest.fixture
async def office(databases: dict[str, Any], api: Any) -> Any:
    """The school administration's API, with two schools and an invited child."""
    office = await api(SCHOOLING, databases["schooling"])
    lead = office.as_(Role.LEAD, sub="lena-lead")

    async def post(path: str, form: dict[str, Any] | None = None) -> None:
        answer = await office.post(path, json=form, headers=lead | {"Idempotency-Key": str(new_id())})
        assert answer.is_success, answer.text

    for name in ("Demo-Grundschule Am Park", "Demo-Grundschule Im Feld"):
        await post("/v1/schools", {"name": name})
    async with databases["schooling"].transaction() as tx:
        child = TakeInChild(new_id(), "Ada Lena", "Demo-Öztürk", date(2020, 5, 1), (MOTHER,), arrives=True)
        await take_in_child(child, tx)
    await post("/v1/cohorts/2026/invitation")
    return office


@pytest.fixture
async def mother(databases: dict[str, Any], bus: Bus, office: Any, browse: Any, documents: str) -> Any:
    """A parent at the portal, as soon as the service and the invitation are there."""
    browser = await browse(PORTAL, databases["portal"], documents_url=documents)
    await browser.log_in(person_id=MOTHER, name="Deniz Demo-Öztürk", identification="substantial")
    while (await browser.open(SERVICE_PAGE)).status == 404:
        await bus.settled()
    while not await databases["schooling"].pool.fetchval("SELECT count(*) FROM enrolments"):
        await bus.settled()
    return browser


async def fill_in(browser: Any, databases: dict[str, Any], **answers: Any) -> str:
    """Hand in the form as it is offered now; returns the application's id."""
    text = await databases["portal"].pool.fetchval(
        "SELECT declaration::text FROM procedures ORDER BY version DESC LIMIT 1"
    )
    form = ProcedureFile.model_validate_json(text)
    [schools] = [
        [option.key for option in field.options]
        for page in form.form.pages
        for field in page.fields
        if field.type == "choice" and field.key == "first_choice"
    ]
    await browser.open("/apply/school-registration")
    page = await browser.submit(button="Antrag beginnen")
    case_id: str = page.path.split("/")[3]
    told = {
        "given_names": "Ada",
        "family_name": "Demo-Öztürk",
        "date_of_birth": "2020-05-01",
        "first_choice": schools[1],
        "second_choice": schools[0],
        "criteria": ["sibling"],
        "deferral": False,
    }
    await Applicant(form, told | answers).fill_in(browser)
    await browser.submit(button="Antrag abgeben")
    return case_id


async def test_a_child_that_is_known_is_registered_while_its_parent_looks_on(
    mother: Any, bus: Bus, office: Any, databases: dict[str, Any]
) -> None:
    case_id = await fill_in(mother, databases)
    await bus.settled()
    page = await mother.open(f"/mine/{case_id}")
    assert "angemeldet" in page.text
    [seen] = (await office.get("/v1/enrolments", headers=office.as_(Role.CLERK, sub="clara-clerk"))).json()["items"]
    assert (seen["state"], seen["child"]["given_names"]) == ("received", "Ada Lena")
    schools = (await office.get("/v1/schools", headers=office.as_(Role.CLERK, sub="clara-clerk"))).json()["items"]
    wanted = {school["school_id"]: school["name"] for school in schools}
    assert wanted[seen["first_choice"]] == "Demo-Grundschule Im Feld"
    for database in databases.values():
        assert await database.pool.fetchval("SELECT count(*) FROM amtsbus.dead_letters") == 0


async def test_a_child_that_is_not_known_yet_is_registered_when_it_is(
    mother: Any, bus: Bus, databases: dict[str, Any]
) -> None:
    case_id = await fill_in(mother, databases, given_names="Eva")
    await bus.settled()
    assert "wird zugeordnet" in (await mother.open(f"/mine/{case_id}")).text
    async with databases["schooling"].transaction() as tx:
        child = TakeInChild(new_id(), "Eva", "Demo-Öztürk", date(2020, 5, 1), (MOTHER,), arrives=True)
        await take_in_child(child, tx)
    while "angemeldet" not in (await mother.open(f"/mine/{case_id}")).text:
        await bus.settled()


async def test_a_name_that_does_not_fit_is_asked_about_and_corrected(
    mother: Any, bus: Bus, office: Any, databases: dict[str, Any], browse: Any
) -> None:
    case_id = await fill_in(mother, databases, given_names="Adda")
    await bus.settled()
    assert "wird zugeordnet" in (await mother.open(f"/mine/{case_id}")).text
    desk = await browse(SCHOOLING, databases["schooling"])
    await desk.log_in(Role.CLERK, sub="clara-clerk", name="Clara Demo")
    await desk.open(f"/cases/{case_id}")
    await desk.submit({"Welche Angaben soll die Person prüfen?": ["Vornamen des Kindes"]}, button="Rückfrage stellen")
    await bus.settled()
    page = await mother.open(f"/mine/{case_id}/supply")
    assert "Vornamen des Kindes" in page.text
    assert "Ada Lena" not in page.text
    await mother.submit({"Vornamen des Kindes": "Ada"}, button="Abschicken")
    await bus.settled()
    assert "angemeldet" in (await mother.open(f"/mine/{case_id}")).text
    for database in databases.values():
        assert await database.pool.fetchval("SELECT count(*) FROM amtsbus.dead_letters") == 0
