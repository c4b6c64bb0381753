"""A building authority with its database, its clock and its API."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from amtsbus.auth import Role
from amtsbus.casework.deadlines import DeadlineClock
from amtsbus.clock import BERLIN, FixedClock
from amtsbus.postgres import Database
from amtsbus.testing.browsing import Browser
from permits.main import SERVICE
from permits.published import TOPIC

BUILDER = UUID("01980a52-7c1e-7d40-9a3b-52d1f5a0c002")
CODES = ("site-plan", "building-drawings", "building-description", "structural-calculation-declaration")


def document(code: str, content: int = 1) -> dict[str, Any]:
    return {"code": code, "name": f"{code}.pdf", "sha256": f"{content:02x}" * 32, "size": 482_133}


@dataclass
class Office:
    """Speaks to the API as the people of a building authority do: each step on the version that was read before."""

    client: Any
    database: Database
    clock: FixedClock

    @property
    def builder(self) -> dict[str, str]:
        return self.login(Role.CITIZEN, person_id=BUILDER)

    @property
    def clerk(self) -> dict[str, str]:
        return self.login(Role.CLERK, sub="clara-clerk")

    @property
    def lead(self) -> dict[str, str]:
        return self.login(Role.LEAD, sub="lena-lead")

    @property
    def auditor(self) -> dict[str, str]:
        return self.login(Role.AUDITOR, sub="anna-auditor")

    @property
    def operator(self) -> dict[str, str]:
        return self.login(Role.OPERATOR, sub="otto-operator")

    def login(self, *roles: Role, **claims: Any) -> dict[str, str]:
        headers: dict[str, str] = self.client.as_(*roles, **claims)
        return headers

    def form(self, *missing: str, **changes: Any) -> dict[str, Any]:
        """A building application without the documents `missing`."""
        return {
            "kind": "new-building",
            "description": "A house for one family",
            "site": {
                "parcel": {"district": "Wiesdorf", "section": "12", "number": "345/6"},
                "address": {
                    "street": "Hauptstraße",
                    "house_number": "12 a",
                    "postal_code": "51373",
                    "locality": "Leverkusen",
                },
            },
            "gross_building_sum_cents": 30_000_000,
            "documents": [document(code) for code in CODES if code not in missing],
        } | changes

    async def submit(self, *missing: str, **changes: Any) -> UUID:
        answer = await self.client.post("/v1/applications", json=self.form(*missing, **changes), headers=self.builder)
        assert answer.status_code == 201, answer.text
        return UUID(answer.json()["application_id"])

    async def read(self, application_id: UUID, who: dict[str, str] | None = None) -> dict[str, Any]:
        answer = await self.client.get(f"/v1/applications/{application_id}", headers=who or self.builder)
        assert answer.status_code == 200, answer.text
        view: dict[str, Any] = answer.json()
        return view

    async def try_step(
        self, application_id: UUID, step: str, form: dict[str, Any] | None, who: dict[str, str], **headers: str
    ) -> httpx.Response:
        """Take a step on the version that the staff see now."""
        seen = await self.client.get(f"/v1/applications/{application_id}", headers=self.clerk)
        answer: httpx.Response = await self.client.post(
            f"/v1/applications/{application_id}/{step}",
            json=form,
            headers=who | {"If-Match": seen.headers["ETag"]} | headers,
        )
        return answer

    async def step(
        self, application_id: UUID, step: str, form: dict[str, Any] | None = None, who: dict[str, str] | None = None
    ) -> str:
        """Take a step that succeeds; returns the state afterwards."""
        answer = await self.try_step(application_id, step, form, who or self.clerk)
        assert answer.status_code == 200, answer.text
        state: str = answer.json()["state"]
        return state

    async def request_site_plan(self, application_id: UUID, days: int = 14) -> None:
        await self.step(
            application_id,
            "document-requests",
            {"documents": ["site-plan"], "reasons": "The site plan is missing.", "period_days": days},
        )

    async def approve(self, application_id: UUID) -> None:
        """From completeness on, in the shortest way."""
        await self.step(application_id, "completeness")
        await self.step(application_id, "proposals", {"decision": "approve"})
        await self.step(application_id, "decision", {"verdict": "confirm"}, self.lead)

    async def morning_of(self, day: date) -> None:
        """It is nine o'clock on `day`, and the clock has announced everything until then."""
        instant = datetime.combine(day, time(9), BERLIN)
        assert instant >= self.clock.now(), "time goes forward only"
        self.clock.instant = instant
        [ring] = [task for task in SERVICE.tasks if isinstance(task, DeadlineClock)]
        await ring.ring_due(self.database)

    async def days_pass(self, days: int) -> None:
        await self.morning_of(self.clock.today() + timedelta(days=days))

    async def journal(self, application_id: UUID, topic: str = TOPIC) -> list[str]:
        """The types of the application's events on one topic, in order."""
        rows = await self.database.pool.fetch(
            "SELECT type, sequence FROM amtsbus.events WHERE stream_id = $1 AND topic = $2 ORDER BY sequence",
            application_id,
            topic,
        )
        assert [row["sequence"] for row in rows] == list(range(1, len(rows) + 1))
        return [row["type"].removeprefix("permits.").removesuffix(".v1") for row in rows]


@pytest.fixture
async def office(
    service_database: Callable[..., Awaitable[Database]], api: Callable[..., Awaitable[Any]], clock: FixedClock
) -> Office:
    database = await service_database(SERVICE)
    return Office(await api(SERVICE, database), database, clock)


@pytest.fixture
def documents(tmp_path: Path) -> str:
    """Where documents lie."""
    return (tmp_path / "documents").as_uri()


@pytest.fixture
async def desk(browse: Callable[..., Awaitable[Browser]], office: Office, documents: str) -> Browser:
    """A browser in front of the building authority's desk; nobody sits there yet."""
    return await browse(SERVICE, office.database, documents_url=documents)
