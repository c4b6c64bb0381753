"""An office with a small folder of procedures on a real database."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from amtsbus.casework.roles import Actor, Role
from amtsbus.ids import new_id
from amtsbus.postgres import Database
from amtsbus.procedures.checking import read_office
from amtsbus.procedures.publishing import publish_procedures
from amtsbus.service import Service
from amtsbus.testing.browsing import Browser
from offices.domain.case_file import CaseFile, Document, Payment
from offices.domain.office import Office
from offices.domain.target import Target
from offices.main import make
from offices.published import CATALOGUE
from offices.store import StoredLetter, get, letters
from offices.use_cases.open_case import OpenCase, open_case

FOLDER = Path(__file__).parents[1] / "procedures" / "pets"
CLERK = Actor("clerk-1", frozenset({Role.CLERK}))
LEAD = Actor("lead-1", frozenset({Role.LEAD}))
PARROTS = {"keeper": "Erika Demo-Muster", "parrots": 2, "loud": False, "since": "2026-01-05"}


def document(key: str = "cage_plan", digest: str = "ab" * 32) -> Document:
    return Document(key, f"{key}.pdf", digest, 1000, "application/pdf", datetime(2026, 3, 2, 9, tzinfo=UTC))


@dataclass
class Pets:
    """The pet office, and shorthands for what tests do all the time."""

    database: Database
    office: Office

    async def publish(self, folder: Path = FOLDER) -> list[str]:
        read = read_office(folder)
        async with self.database.transaction() as tx:
            return await publish_procedures(read, CATALOGUE, tx)

    async def apply(
        self,
        procedure: str = "parrot",
        *,
        answers: dict[str, object] | None = None,
        documents: tuple[Document, ...] = (),
        language: str = "de",
        version: int = 1,
        applicant_name: str | None = "Erika Demo-Muster",
    ) -> UUID:
        command = OpenCase(
            application_id=new_id(),
            procedure=procedure,
            procedure_version=version,
            language=language,
            applicant_id=new_id(),
            applicant_name=applicant_name,
            applicant_email=None,
            identification="basic",
            answers=dict(PARROTS if answers is None else answers),
            documents=documents,
            handed_in_at=self.database.clock.now(),
        )
        async with self.database.transaction() as tx:
            await open_case(command, self.office, tx)
        return command.application_id

    async def file(self, case_id: UUID) -> CaseFile:
        async with self.database.transaction() as tx:
            return await get(tx, case_id, self.office.land)

    async def seen_by(self, actor: Actor, case_id: UUID) -> Target:
        return Target(case_id, (await self.file(case_id)).case.version, actor)

    async def do(self, use_case, command):
        async with self.database.transaction() as tx:
            return await use_case(command, self.office, tx)

    async def letters(self, case_id: UUID) -> list[StoredLetter]:
        async with self.database.transaction() as tx:
            return await letters(tx, case_id)

    async def events(self, case_id: UUID, topic: str = "pets.case.events") -> list[tuple[str, dict[str, Any]]]:
        """What the world has heard of the case, but for the announcements of letters."""
        async with self.database.transaction() as tx:
            rows = await tx.fetch(
                "SELECT type, data FROM amtsbus.events WHERE stream_id = $1 AND topic = $2 ORDER BY position",
                case_id,
                topic,
            )
        told = [(row["type"].split(".")[1], json.loads(row["data"])) for row in rows]
        return [(kind, said) for kind, said in told if kind != "letter-written"]


def payment(cents: int) -> Payment:
    return Payment(new_id(), cents, datetime(2026, 3, 2, 10, tzinfo=UTC))


@pytest.fixture(autouse=True)
def _folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMTSBUS_PROCEDURES", str(FOLDER.parent))


@pytest.fixture
async def pets(service_database) -> Pets:
    database = await service_database(make("pets"))
    made = Pets(database, Office("pets", "NW", "Verwaltungsgericht Demostadt", 30))
    await made.publish()
    return made


@pytest.fixture
def documents(tmp_path: Path) -> str:
    """Where documents lie."""
    return (tmp_path / "documents").as_uri()


@pytest.fixture
def desk(browse, pets: Pets, documents: str):
    """Makes browsers in front of the office's desk."""

    async def make_browser(service: Service | None = None) -> Browser:
        browser: Browser = await browse(service or make("pets"), pets.database, documents_url=documents)
        return browser

    return make_browser
