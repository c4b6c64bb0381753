"""A registration office to call: its API on a real database, and what people hand in there."""

import json
from collections.abc import Awaitable, Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from amtsbus.auth import Role
from amtsbus.postgres import Database
from amtsbus.testing.browsing import Browser
from amtsbus.testing.tokens import ApiClient
from registration.main import SERVICE

HOME = {"street": "Hauptstraße", "house_number": "12a", "postal_code": "51373", "locality": "Leverkusen"}
OTHER_HOME = {"street": "Am Büchelter Hof", "house_number": "7", "postal_code": "51371", "locality": "Leverkusen"}
ELSEWHERE = {"street": "Rheingasse", "house_number": "1", "postal_code": "53113", "locality": "Bonn"}
LANDLORD = {"landlord_name": "Wohnbau am Rhein eG", "landlord_address": ELSEWHERE, "moved_in_on": "2026-02-25"}


def a_person(
    given_names: str = "Ayşe", family_name: str = "Müller", born_on: str = "1990-05-17", **more: Any
) -> dict[str, Any]:
    """A person as a form names them."""
    return {"given_names": given_names, "family_name": family_name, "date_of_birth": born_on, **more}


def a_family() -> list[dict[str, Any]]:
    """Two parents, a child of five, a baby."""
    return [
        a_person(is_declarant=True, language="en"),
        a_person("Łukasz", "Weiß", "1988-11-30"),
        a_person("Jana", "Müller", "2020-08-14", custodian_positions=[0, 1]),
        a_person("Émile", "Müller", "2025-01-02", custodian_positions=[0, 1]),
    ]


def a_move_in(**more: Any) -> dict[str, Any]:
    """A complete move-in of one person."""
    form: dict[str, Any] = {
        "moved_in_on": "2026-02-25",
        "address": HOME,
        "persons": [a_person(is_declarant=True)],
        "landlord_confirmation": LANDLORD,
    }
    return deepcopy(form | more)


@dataclass
class Office:
    """What tests do at the office again and again."""

    client: ApiClient
    database: Database

    def citizen(self, person_id: UUID | str) -> dict[str, str]:
        return self.client.as_(Role.CITIZEN, person_id=UUID(str(person_id)))

    @property
    def clerk(self) -> dict[str, str]:
        return self.client.as_(Role.CLERK, sub="clerk-schmitz")

    @property
    def lead(self) -> dict[str, str]:
        return self.client.as_(Role.LEAD, sub="lead-yilmaz")

    @property
    def auditor(self) -> dict[str, str]:
        return self.client.as_(Role.AUDITOR, sub="auditor-klein")

    async def act(self, path: str, who: dict[str, str], case: dict[str, Any], form: Any = None) -> Any:
        """POST an action on a case at the version that `case` shows."""
        return await self.client.post(path, headers=who | {"If-Match": f'"{case["version"]}"'}, json=form)

    async def submit(self, noun: str, form: dict[str, Any], who: dict[str, str]) -> dict[str, Any]:
        answer = await self.client.post(f"/v1/{noun}", json=form, headers=who)
        assert answer.status_code == 201, answer.text
        case: dict[str, Any] = answer.json()
        return case

    async def register(self, noun: str, case: dict[str, Any], who: dict[str, str] | None = None) -> dict[str, Any]:
        answer = await self.act(f"/v1/{noun}/{case['case_id']}/register", who or self.clerk, case)
        assert answer.status_code == 200, answer.text
        registered: dict[str, Any] = answer.json()
        return registered

    async def registered(self, *persons: dict[str, Any], **more: Any) -> list[str]:
        """Register persons who move in; returns their ids."""
        form = a_move_in(persons=list(persons) or [a_person(is_declarant=True)], **more)
        case = await self.submit("move-ins", form, self.citizen(uuid4()))
        await self.register("move-ins", case)
        return [person["person_id"] for person in case["persons"]]

    async def block(self, person_id: str) -> dict[str, Any]:
        """Put a disclosure block into force."""
        answer = await self.client.post(
            "/v1/disclosure-blocks",
            json={"person_id": person_id, "grounds": "Threats by a third party"},
            headers=self.clerk,
        )
        assert answer.status_code == 201, answer.text
        case = answer.json()
        answer = await self.act(f"/v1/disclosure-blocks/{case['case_id']}/grant", self.lead, case)
        assert answer.status_code == 200, answer.text
        granted: dict[str, Any] = answer.json()
        return granted

    async def events(self, topic: str | None = None, stream_id: str | None = None) -> list[tuple[str, dict[str, Any]]]:
        """What was appended to the journal: short type and content, in order."""
        rows = await self.database.pool.fetch(
            """
            SELECT type, data FROM amtsbus.events
            WHERE ($1::text IS NULL OR topic = $1) AND ($2::uuid IS NULL OR stream_id = $2) ORDER BY position
            """,
            topic,
            None if stream_id is None else UUID(stream_id),
        )
        return [(row["type"].split(".")[1], json.loads(row["data"])) for row in rows]


@pytest.fixture
async def office(service_database: Callable[..., Awaitable[Database]], api: Callable[..., Awaitable[Any]]) -> Office:
    """A registration office with an empty register, on Monday, 2 March 2026."""
    database = await service_database(SERVICE)
    return Office(await api(SERVICE, database), database)


@pytest.fixture
async def desk(browse: Callable[..., Awaitable[Browser]], office: Office) -> Browser:
    """A browser in front of the registration office's desk; nobody sits there yet."""
    return await browse(SERVICE, office.database)
