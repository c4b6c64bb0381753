"""The portal at work: what an office publishes is in the portal, and what a citizen hands in reaches the office."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest
from amtsbus.casework.progress import Progress
from amtsbus.events import Consumed, Published
from amtsbus.ids import new_id
from amtsbus.postgres import Database, Tx
from amtsbus.procedures.catalogue import Catalogue
from amtsbus.reader import Reader
from amtsbus.service import Service
from amtsbus.testing.browsing import File
from amtsbus.testing.fixtures import Bus, create_topics
from amtsbus.worker import Worker
from portal.main import SERVICE, declared

from ..demo import ERIKA, PDF, animals, procedure
from ..portals import Portal

PORTAL = declared(("animals",))
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
CASES, LETTERS, PROCEDURES = "animals.case.events", "animals.letter.events", "animals.procedure.events"


class CaseOpened(Published, type="offices.case-opened.v1", topic=CASES):
    office: str
    case_id: UUID
    procedure: str
    procedure_version: int
    reference: str
    applicant_id: UUID
    state: str
    due_on: str | None
    opened_at: str


class LetterIssued(Published, type="offices.letter-issued.v1", topic=LETTERS):
    office: str
    case_id: UUID
    letter_id: UUID
    person_id: UUID
    about: str
    language: str
    reference: str
    addressee: str
    subject: str
    paragraphs: tuple[str, ...]
    remedy: str | None
    is_decision: bool
    verification_code: str
    issued_at: str


class ProcedurePublished(Published, type="offices.procedure-published.v1", topic=PROCEDURES):
    office: str
    procedure_id: UUID
    key: str
    version: int
    declaration: dict[str, Any]
    office_declaration: dict[str, Any]
    published_at: str


class ProcedureWithdrawn(Published, type="offices.procedure-withdrawn.v1", topic=PROCEDURES):
    office: str
    procedure_id: UUID
    key: str
    withdrawn_at: str


class ApplicationSubmitted(Consumed, type="portal.application-submitted.v1"):
    application_id: UUID
    procedure: str
    procedure_version: int
    applicant: dict[str, Any]


@dataclass
class Office:
    """An office of the tests: opens a case for each application and writes a letter."""

    database: Database
    service: Service
    handed_in: list[UUID] = field(default_factory=list)

    async def publish(self, key: str, version: int = 1, **changes: Any) -> None:
        told = json.loads(procedure(key).model_dump_json(by_alias=True, exclude_none=True)) | changes
        office = json.loads(animals().declaration.model_dump_json(exclude_none=True))
        event = ProcedurePublished(
            office="animals",
            procedure_id=uuid5(ERIKA, key),
            key=key,
            version=version,
            declaration=told,
            office_declaration=office,
            published_at="2026-03-02T09:00:00Z",
        )
        async with self.database.transaction() as tx:
            await tx.append(event.procedure_id, event)

    async def withdraw(self, key: str) -> None:
        event = ProcedureWithdrawn(
            office="animals", procedure_id=uuid5(ERIKA, key), key=key, withdrawn_at="2026-03-02T10:00:00Z"
        )
        async with self.database.transaction() as tx:
            await tx.append(event.procedure_id, event)


@pytest.fixture
async def office(service_database: Any, tmp_path: Path) -> Office:
    applications = Reader("portal.animals.applications", group="animals.applications")
    migrations = tmp_path / "migrations"
    migrations.mkdir()
    service = Service(
        name="animals",
        title="Tieramt",
        published=(CaseOpened, LetterIssued, ProcedurePublished, ProcedureWithdrawn),
        routers=(),
        readers=(applications,),
        migrations=migrations,
    )
    made = Office(await service_database(service), service)

    @applications(ApplicationSubmitted)
    async def on_application_submitted(event: ApplicationSubmitted, tx: Tx) -> None:
        made.handed_in.append(event.application_id)
        person_id = UUID(event.applicant["person_id"])
        opened = CaseOpened(
            office="animals",
            case_id=event.application_id,
            procedure=event.procedure,
            procedure_version=event.procedure_version,
            reference="TORT-2026-000001",
            applicant_id=person_id,
            state="received",
            due_on=None,
            opened_at="2026-03-02T09:00:00Z",
        )
        letter = LetterIssued(
            office="animals",
            case_id=event.application_id,
            letter_id=new_id(),
            person_id=person_id,
            about="received",
            language="de",
            reference="TORT-2026-000001",
            addressee="Erika Demo-Muster",
            subject="Ihr Antrag ist angekommen",
            paragraphs=("Danke.",),
            remedy=None,
            is_decision=False,
            verification_code="7KQ2-M4XD-9TRA",
            issued_at="2026-03-02T09:00:00Z",
        )
        await tx.append(event.application_id, opened, letter)

    return made


@dataclass
class Town:
    """The bus with the workers that run on it."""

    kafka: str
    prefix: str
    settings_of: Any
    stack: AsyncExitStack
    workers: list[Worker] = field(default_factory=list)

    async def start(self, service: Service, database: Database, **settings: Any) -> None:
        worker = Worker(service, self.settings_of(service, database, **settings), database)
        await self.stack.enter_async_context(worker.running())
        self.workers.append(worker)

    async def settled(self) -> None:
        await Bus(self.kafka, self.prefix, self.workers).settled()


@pytest.fixture
async def town(kafka: str, topic_prefix: str, settings_of: Any) -> AsyncIterator[Town]:
    topics = ["portal.animals.applications", CASES, LETTERS, PROCEDURES]
    topics += ["portal.replay.requests", "animals.replay.requests"]
    await create_topics(kafka, [topic_prefix + topic for topic in topics])
    async with AsyncExitStack() as stack:
        yield Town(kafka, topic_prefix, settings_of, stack)


async def start_portal(town: Town, portal: Portal) -> None:
    await town.start(PORTAL, portal.database, documents_url=portal.settings["documents_url"])


async def test_what_an_office_publishes_is_in_the_portal_and_an_application_comes_back_received(
    portal: Portal, office: Office, town: Town
):
    for key in animals().procedures:
        await portal.withdraw_offer(key)
    await start_portal(town, portal)
    await town.start(office.service, office.database)
    await office.publish("tortoise", version=2)
    await town.settled()
    browser = await portal.erika()
    assert "Schildkröte anmelden" in (await browser.open("/services")).links
    application_id = await portal.apply(browser)
    await town.settled()
    assert office.handed_in == [application_id]
    page = await browser.open(f"/mine/{application_id}")
    assert "TORT-2026-000001" in page.text
    assert "Ihr Antrag ist angekommen" in page.links


async def test_an_office_that_is_down_misses_nothing(portal: Portal, office: Office, town: Town):
    await start_portal(town, portal)
    browser = await portal.erika()
    application_id = await portal.apply(browser)
    assert "Ihr Antrag ist abgegeben" in browser.shown.text
    await town.settled()
    assert office.handed_in == []
    await town.start(office.service, office.database)
    await town.settled()
    assert office.handed_in == [application_id]
    assert "TORT-2026-000001" in (await browser.reload()).text


async def test_a_service_that_is_withdrawn_and_offered_again_comes_and_goes(portal: Portal, office: Office, town: Town):
    await start_portal(town, portal)
    await town.start(office.service, office.database)
    browser = await portal.browser()
    for change, status in ((office.withdraw, 404), (office.publish, 200)):
        await change("eagle")
        await town.settled()
        assert (await browser.open("/services/eagle")).status == status


async def test_a_procedure_that_makes_no_sense_is_set_aside_and_the_others_go_on(
    portal: Portal, office: Office, town: Town
):
    await start_portal(town, portal)
    await town.start(office.service, office.database)
    await office.publish("eagle", version=2, form={"pages": []})
    await office.publish("stray-cat", version=2)
    await town.settled()
    rows = await portal.database.pool.fetch("SELECT key, version FROM catalogue WHERE key <> 'tortoise' ORDER BY key")
    assert [(row["key"], row["version"]) for row in rows] == [("eagle", 1), ("stray-cat", 2)]
    assert await portal.count("amtsbus.dead_letters") == 1


# A department with code of its own


GARDENS = declared((), ("gardens",))
GARDEN_CASES, GARDEN_PROCEDURES = "gardens.case.events", "gardens.procedure.events"
PROGRESS, CATALOGUE = Progress("gardens"), Catalogue("gardens")


@dataclass
class Department:
    """A department of the tests: opens a case for each application, asks once for something, and decides."""

    database: Database
    service: Service
    handed_in: list[UUID] = field(default_factory=list)

    async def tell(self, case_id: UUID, *events: Published) -> None:
        async with self.database.transaction() as tx:
            await tx.append(case_id, *events)

    async def offer(self) -> None:
        told = json.loads(procedure("tortoise").model_dump_json(by_alias=True, exclude_none=True))
        told |= {"key": "allotment", "name": {"de": "Kleingarten pachten", "en": "Rent an allotment"}, "own_code": True}
        del told["letters"]
        office = json.loads(animals().declaration.model_dump_json(exclude_none=True)) | {"key": "gardens"}
        event = CATALOGUE.procedure_published(
            office="gardens",
            procedure_id=uuid5(ERIKA, "allotment"),
            key="allotment",
            version=1,
            declaration=told,
            office_declaration=office,
            published_at=NOW,
        )
        await self.tell(event.procedure_id, event)

    def opened(self, case_id: UUID, applicant_id: UUID) -> Published:
        return PROGRESS.case_opened(
            office="gardens",
            case_id=case_id,
            procedure="allotment",
            procedure_version=1,
            reference="GART-2026-000007",
            applicant_id=applicant_id,
            state="received",
            due_on=None,
            opened_at=NOW,
        )

    def moved(self, case_id: UUID, action: str, state: str) -> Published:
        return PROGRESS.case_moved(
            office="gardens",
            case_id=case_id,
            action=action,
            state=state,
            due_on=None,
            closed=state == "granted",
            moved_at=NOW,
        )


@pytest.fixture
async def department(service_database: Any, tmp_path: Path) -> Department:
    applications = Reader("portal.gardens.applications", group="gardens.applications")
    migrations = tmp_path / "gardens-migrations"
    migrations.mkdir()
    service = Service(
        name="gardens",
        title="Gartenamt",
        published=(*PROGRESS.events, *CATALOGUE.events),
        routers=(),
        readers=(applications,),
        migrations=migrations,
    )
    made = Department(await service_database(service), service)

    @applications(ApplicationSubmitted)
    async def on_application_submitted(event: ApplicationSubmitted, tx: Tx) -> None:
        made.handed_in.append(event.application_id)
        await tx.append(event.application_id, made.opened(event.application_id, UUID(event.applicant["person_id"])))

    return made


@pytest.fixture
async def gardens_town(town: Town, portal: Portal, department: Department) -> Town:
    topics = ["portal.gardens.applications", GARDEN_CASES, GARDEN_PROCEDURES, "gardens.replay.requests"]
    await create_topics(town.kafka, [town.prefix + topic for topic in topics])
    await town.start(GARDENS, portal.database, documents_url=portal.settings["documents_url"])
    await town.start(department.service, department.database)
    await department.offer()
    await town.settled()
    return town


async def test_a_department_with_code_of_its_own_is_found_applied_to_and_followed(
    portal: Portal, department: Department, gardens_town: Town
):
    browser = await portal.erika()
    assert "Kleingarten pachten" in (await browser.open("/services")).links
    assert "Kleingarten pachten" in (await browser.open("/offices/gardens")).links
    application_id = await portal.apply(browser, "allotment")
    await gardens_town.settled()
    assert department.handed_in == [application_id]
    page = await browser.reload()
    assert "GART-2026-000007" in page.text
    assert "noch keine Briefe" in page.text

    asked = PROGRESS.documents_requested(
        office="gardens", case_id=application_id, documents=("origin_proof",), fields=(), due_on=date(2026, 3, 30)
    )
    await department.tell(
        application_id, department.moved(application_id, "request-documents", "documents-requested"), asked
    )
    await gardens_town.settled()
    page = await browser.reload()
    assert "30. März 2026" in page.text
    await browser.open(f"/mine/{application_id}/supply")
    await browser.submit({"Datei auswählen: Herkunftsnachweis": File("neu.pdf", PDF + b"neu")}, button="Abschicken")
    rows = await portal.database.pool.fetch(
        "SELECT type, topic FROM amtsbus.events WHERE stream_id = $1 ORDER BY position", application_id
    )
    assert [(row["type"], row["topic"]) for row in rows] == [
        ("portal.application-submitted.v1", "portal.gardens.applications"),
        ("portal.documents-supplied.v1", "portal.gardens.applications"),
    ]

    decided = PROGRESS.case_decided(
        office="gardens", case_id=application_id, outcome="granted", automatic=False, decided_at=NOW
    )
    charged = PROGRESS.fee_charged(office="gardens", case_id=application_id, amount_cents=4200, due_on=date(2026, 4, 2))
    await department.tell(application_id, department.moved(application_id, "grant", "granted"), decided, charged)
    await gardens_town.settled()
    page = await browser.open(f"/mine/{application_id}")
    assert "42,00" in page.text
    settled = PROGRESS.fee_settled(office="gardens", case_id=application_id, amount_cents=4200, settled_at=NOW)
    await department.tell(application_id, settled)
    await gardens_town.settled()
    row = await portal.database.pool.fetchrow("SELECT * FROM applications WHERE application_id = $1", application_id)
    assert row is not None
    assert (row["outcome"], row["is_closed"], row["settled_cents"]) == ("granted", True, 4200)


async def test_a_case_that_did_not_come_through_the_portal_holds_nobody_up(
    portal: Portal, department: Department, gardens_town: Town
):
    elsewhere = new_id()
    asked = PROGRESS.documents_requested(
        office="gardens", case_id=elsewhere, documents=("origin_proof",), fields=(), due_on=date(2026, 3, 30)
    )
    await department.tell(
        elsewhere,
        department.opened(elsewhere, new_id()),
        department.moved(elsewhere, "request-documents", "documents-requested"),
        asked,
        PROGRESS.case_decided(office="gardens", case_id=elsewhere, outcome="refused", automatic=False, decided_at=NOW),
        PROGRESS.fee_charged(office="gardens", case_id=elsewhere, amount_cents=1, due_on=date(2026, 4, 2)),
        PROGRESS.fee_settled(office="gardens", case_id=elsewhere, amount_cents=1, settled_at=NOW),
    )
    await gardens_town.settled()
    assert await portal.count("applications") == 0
    assert await portal.count("amtsbus.dead_letters") == 0


def test_the_portal_reads_of_a_department_where_its_cases_stand_and_what_it_offers_and_its_letters_of_notifications():
    [service] = [declared((), ("permits",))]
    read = {reader.topic: sorted(reader.handlers) for reader in service.readers}
    assert set(read) == {
        "permits.case.events",
        "permits.procedure.events",
        "permits.replay.requests",
        "notifications.letter.events",
        "notifications.contact-preferences.events",
        "notifications.replay.requests",
    }
    assert "permits.case-documents-requested.v1" in read["permits.case.events"]


def test_the_portal_reads_every_office_and_writes_to_each_on_its_own_topic():
    readers = {reader.topic for reader in declared(("taxes", "youth")).readers}
    for name in ("taxes", "youth"):
        assert {f"{name}.{kind}" for kind in ("case.events", "letter.events", "procedure.events")} <= readers
    assert SERVICE.pattern is not None
    assert "{office}.case.events" in {reader.topic for reader in SERVICE.pattern.readers}
