"""The school office as tests meet it: its API, its database, and the registration authority's events."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from amtsbus.auth import Role
from amtsbus.clock import Clock
from amtsbus.events import EventMeta
from amtsbus.ids import new_id
from amtsbus.kafka import headers_of
from amtsbus.postgres import Database
from amtsbus.service import Running
from amtsbus.settings import Settings
from amtsbus.testing.browsing import Browser
from amtsbus.testing.tokens import ApiClient
from schooling.main import SERVICE
from schooling.use_cases.invite_cohort import invite_cohort
from schooling.use_cases.match_waiting_applications import match_waiting_applications
from schooling.use_cases.take_in_child import TakeInChild, take_in_child

from .handing_in import Counter

FIVE_YEARS_OLD = date(2020, 5, 1)
"""School year 2026; the tests' clock stands at 2 March 2026."""
EVERYTHING = ["birth-certificate", "measles-protection", "custody-evidence"]


@dataclass
class Office:
    """The school office, with short ways to say what people do there."""

    client: ApiClient
    database: Database

    def parent(self, person_id: UUID) -> dict[str, str]:
        return self.client.as_(Role.CITIZEN, person_id=person_id)

    def staff(self, role: Role = Role.CLERK, **claims: Any) -> dict[str, str]:
        return self.client.as_(role, **claims)

    async def get(self, path: str, who: dict[str, str], **params: Any) -> Any:
        answer = await self.client.get(path, headers=who, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, who: dict[str, str], form: dict[str, Any] | None = None) -> httpx.Response:
        return await self.client.post(path, json=form, headers=who)

    async def act(
        self,
        enrolment_id: str,
        action: str,
        who: dict[str, str],
        form: dict[str, Any] | None = None,
        *,
        version: str | None = None,
    ) -> httpx.Response:
        """Take an action on the enrolment as it stands now, or on `version` (an ETag)."""
        if version is None:
            seen = await self.client.get(f"/v1/enrolments/{enrolment_id}", headers=self.staff(Role.AUDITOR))
            version = seen.headers.get("ETag", '"1"')
        return await self.client.post(
            f"/v1/enrolments/{enrolment_id}/{action}", json=form, headers=who | {"If-Match": version}
        )

    async def must(
        self, enrolment_id: str, action: str, who: dict[str, str], form: dict[str, Any] | None = None
    ) -> Any:
        answer = await self.act(enrolment_id, action, who, form)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def school(self, name: str, places: int | None = None, school_year: int = 2026) -> str:
        answer = await self.post("/v1/schools", self.staff(Role.LEAD), {"name": name})
        assert answer.status_code == 201, answer.text
        school_id: str = answer.json()["school_id"]
        if places is not None:
            await self.capacity(school_id, places, school_year)
        return school_id

    async def capacity(self, school_id: str, places: int, school_year: int = 2026) -> None:
        answer = await self.post(
            f"/v1/schools/{school_id}/capacities",
            self.staff(Role.LEAD),
            {"school_year": school_year, "places": places},
        )
        assert answer.status_code == 200, answer.text

    async def arrival(self, *custodians: UUID, born: date = FIVE_YEARS_OLD, child_id: UUID | None = None) -> UUID:
        """The registration authority reports a child, here without the way over Kafka."""
        child_id = child_id or new_id()
        async with self.database.transaction() as tx:
            await take_in_child(TakeInChild(child_id, "Ada", "Öztürk", born, custodians, arrives=True), tx)
        return child_id

    async def order_invitation(self, school_year: int = 2026) -> None:
        answer = await self.post(f"/v1/cohorts/{school_year}/invitation", self.staff(Role.LEAD))
        assert answer.status_code == 202, answer.text

    async def work_through_invitations(self, batch: int = 50) -> int:
        """What the worker's task does, until there is nothing left to do."""
        invited = 0
        while True:
            async with self.database.transaction() as tx:
                now_invited = await invite_cohort(batch, tx)
            if not now_invited:
                return invited
            invited += now_invited

    async def look_anew(self) -> None:
        """What the worker's other task does, until there is nothing left to do."""
        while True:
            async with self.database.transaction() as tx:
                if not await match_waiting_applications(tx):
                    return

    async def invited(self, *custodians: UUID, born: date = FIVE_YEARS_OLD) -> str:
        """An invited child's enrolment."""
        child_id = await self.arrival(*custodians, born=born)
        await self.order_invitation()
        await self.work_through_invitations()
        enrolment_id: str = str(
            await self.database.pool.fetchval("SELECT enrolment_id FROM enrolments WHERE child_id = $1", child_id)
        )
        return enrolment_id

    async def confirmed(self, first_choice: str, *, criteria: tuple[str, ...] = (), **wishes: Any) -> str:
        """An enrolment that waits for the school's decision."""
        parent = new_id()
        enrolment_id = await self.invited(parent)
        form = {"first_choice": first_choice, "documents": EVERYTHING, **wishes}
        await self.must(enrolment_id, "registration", self.parent(parent), form)
        await self.must(enrolment_id, "confirmation", self.staff(), {"criteria": list(criteria)})
        return enrolment_id

    async def events(self, enrolment_id: str | UUID) -> list[str]:
        """The types of the enrolment's events, without prefix and version, in order."""
        rows = await self.database.pool.fetch(
            "SELECT type FROM amtsbus.events WHERE stream_id = $1 ORDER BY sequence", UUID(str(enrolment_id))
        )
        return [row["type"].removeprefix("schooling.").removesuffix(".v1") for row in rows]


@pytest.fixture
async def office(
    service_database: Callable[..., Awaitable[Database]], api: Callable[..., Awaitable[ApiClient]]
) -> Office:
    database = await service_database(SERVICE)
    return Office(await api(SERVICE, database), database)


@dataclass
class RegistrationAuthority:
    """Publishes on the topic of school-age children as the real one does: keyed, CloudEvents in binary mode."""

    producer: AIOKafkaProducer
    topic: str
    clock: Clock
    sequences: dict[UUID, int] = field(default_factory=dict)

    async def report(self, name: str, child_id: UUID, body: bytes) -> None:
        """Publish one event about a child; `body` as it is."""
        self.sequences[child_id] = self.sequences.get(child_id, 0) + 1
        meta = EventMeta(
            id=new_id(),
            source="/registration",
            type=f"registration.school-age-child-{name}.v1",
            subject=child_id,
            time=self.clock.now(),
            sequence=self.sequences[child_id],
            topic="registration.school-age-child.events",
        )
        await self.producer.send_and_wait(
            self.topic, body, key=str(child_id).encode(), headers=headers_of(meta, "de.amtsbus")
        )


@pytest.fixture
async def registration(kafka: str, topic_prefix: str, clock: Clock) -> AsyncIterator[RegistrationAuthority]:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True)
    await producer.start()
    yield RegistrationAuthority(producer, f"{topic_prefix}registration.school-age-child.events", clock)
    await producer.stop()


@pytest.fixture
async def desk(browse: Callable[..., Awaitable[Browser]], office: Office) -> Browser:
    """A browser in front of the school administration's desk; nobody sits there yet."""
    return await browse(SERVICE, office.database)


@pytest.fixture
async def counter(office: Office, settings_of: Callable[..., Settings]) -> Counter:
    """The office with two schools, and its service in the portal."""
    for name in ("Demo-Schule A", "Demo-Schule B"):
        await office.school(name, places=50)
    made = Counter(office)
    await made.publish(Running(settings_of(SERVICE, office.database), office.database))
    return made
