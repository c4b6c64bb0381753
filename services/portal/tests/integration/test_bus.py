"""The portal at work: what an office publishes is in the portal, and what a citizen hands in reaches the office."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest
from amtsbus.events import Consumed, Published
from amtsbus.ids import new_id
from amtsbus.postgres import Database, Tx
from amtsbus.reader import Reader
from amtsbus.service import Service
from amtsbus.testing.fixtures import Bus, create_topics
from amtsbus.worker import Worker
from portal.main import SERVICE, declared

from ..demo import ERIKA, animals, procedure
from ..portals import Portal

PORTAL = declared(("animals",))
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


def test_the_portal_reads_every_office_and_writes_to_each_on_its_own_topic():
    readers = {reader.topic for reader in declared(("taxes", "youth")).readers}
    for name in ("taxes", "youth"):
        assert {f"{name}.{kind}" for kind in ("case.events", "letter.events", "procedure.events")} <= readers
    assert SERVICE.pattern is not None
    assert "{office}.case.events" in {reader.topic for reader in SERVICE.pattern.readers}
