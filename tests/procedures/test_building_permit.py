"""The way of a building application between two departments that know nothing of each other's code."""

from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from amtsbus.auth import Role
from amtsbus.ids import new_id
from amtsbus.procedures import sampling
from amtsbus.procedures.checking import read_office
from amtsbus.testing.fixtures import Bus
from notifications import store as notifications
from notifications.main import declared as notifications_of
from permits.main import SERVICE as PERMITS
from portal.main import declared
from pypdf import PdfReader

from services.portal.tests.filling import Applicant

PORTAL = declared((), ("permits",))
NOTIFICATIONS = notifications_of(())
FOLDER = Path(__file__).parents[2] / "services" / "permits" / "procedures"
FORM = read_office(FOLDER).procedures["building-permit"]
BUILDER = UUID("01980a52-7c1e-7d40-9a3b-52d1f5a0d009")


@pytest.fixture
def documents(tmp_path: Path) -> str:
    """Where documents lie."""
    return (tmp_path / "documents").as_uri()


@pytest.fixture
async def databases(service_database: Any) -> dict[str, Any]:
    return {service.name: await service_database(service) for service in (PORTAL, PERMITS, NOTIFICATIONS)}


@pytest.fixture
async def bus(databases: dict[str, Any], town_bus: Any, documents: str) -> Bus:
    """Both departments at work."""
    made: Bus = await town_bus(
        *((service, databases[service.name]) for service in (PORTAL, PERMITS, NOTIFICATIONS)), documents_url=documents
    )
    return made


@pytest.fixture
async def citizen(databases: dict[str, Any], bus: Bus, browse: Any, documents: str) -> Any:
    """Somebody who wants to build, at the portal, as soon as the service is there."""
    browser = await browse(PORTAL, databases["portal"], documents_url=documents, payment_provider="development")
    await browser.log_in(person_id=BUILDER, name="Berta Demo-Bauer", identification="basic")
    while (await browser.open("/services/building-permit")).status == 404:
        await bus.settled()
    async with databases["notifications"].transaction() as tx:
        await notifications.lock_addressee(tx, BUILDER)
        await notifications.store_registry_entry(
            tx,
            BUILDER,
            given_names="Berta",
            family_name="Demo-Bauer",
            language="de",
            address=None,
            disclosure_blocked=False,
            told_at=tx.clock.now(),
        )
    return browser


async def test_a_permit_is_applied_for_in_the_portal_and_granted_by_two_people(
    citizen: Any, bus: Bus, databases: dict[str, Any], api: Any
):
    assert "Den Betrag setzt das Amt mit seiner Entscheidung fest." in citizen.shown.text
    await citizen.open("/apply/building-permit")
    page = await citizen.submit(button="Antrag beginnen")
    case_id = page.path.split("/")[3]
    applicant = Applicant(FORM, sampling.one(FORM, 3))
    await applicant.fill_in(citizen)
    await citizen.submit(button="Antrag abgeben")
    await bus.settled()
    office = await api(PERMITS, databases["permits"])
    clerk, lead = office.as_(Role.CLERK, sub="clara-clerk"), office.as_(Role.LEAD, sub="lena-lead")

    async def step(what: str, form: dict[str, Any] | None, who: dict[str, str]) -> None:
        path = f"/v1/applications/{case_id}"
        seen = await office.get(path, headers=clerk)
        headers = who | {"If-Match": seen.headers["ETag"], "Idempotency-Key": str(new_id())}
        answer = await office.post(f"{path}/{what}", json=form, headers=headers)
        assert answer.status_code == 200, answer.text
        await bus.settled()

    view = (await office.get(f"/v1/applications/{case_id}", headers=clerk)).json()
    assert view["description"] == applicant.answers["description"]
    page = await citizen.open(f"/mine/{case_id}")
    assert view["reference"] in page.text
    assert "Vollständigkeit wird geprüft" in page.text

    request = {"documents": ["site-plan"], "reasons": "Die Abstände fehlen.", "period_days": 28}
    await step("document-requests", request, clerk)
    page = await citizen.open(f"/mine/{case_id}/supply")
    assert "Lageplan" in page.text
    await applicant.supply(citizen, "site_plan")
    await bus.settled()
    assert (await office.get(f"/v1/applications/{case_id}", headers=clerk)).json()["state"] == "submitted"

    await step("completeness", None, clerk)
    assert "vollständig, in Prüfung" in (await citizen.open(f"/mine/{case_id}")).text
    await step("proposals", {"decision": "approve"}, clerk)
    await step("decision", {"verdict": "confirm"}, lead)
    page = await citizen.open(f"/mine/{case_id}")
    assert "genehmigt" in page.text
    assert "Bezahlen Sie die Gebühr" in page.text
    for subject in ("Ihr Bauantrag {} ist eingegangen", "Gebührenbescheid zu Ihrem Bauantrag {}"):
        assert subject.format(view["reference"]) in page.links
    page = await citizen.follow(f"Baugenehmigung {view['reference']}")
    assert "Klage erheben" in page.text
    pdf = await citizen.client.get(f"{page.url}/pdf")
    text = "".join(one.extract_text() for one in PdfReader(BytesIO(pdf.content)).pages)
    assert all(said in text for said in ("Bauaufsicht", "Guten Tag Berta Demo-Bauer", "Ihre Rechte", view["reference"]))
    for database in databases.values():
        assert await database.pool.fetchval("SELECT count(*) FROM amtsbus.dead_letters") == 0
