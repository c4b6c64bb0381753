"""A portal of the tests, which tells a department over the bus what citizens hand in."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from amtsbus.events import Published
from amtsbus.postgres import Database
from amtsbus.service import Service
from amtsbus.testing.fixtures import Bus, DatabaseFactory


def submitted_to(department: str) -> type[Published]:
    """What the portal tells the department of an application."""

    class Submitted(Published, type="portal.application-submitted.v1", topic=f"portal.{department}.applications"):
        """An application was handed in."""

        office: str
        application_id: UUID
        procedure: str
        procedure_version: int
        language: str
        applicant: dict[str, Any]
        answers: dict[str, Any]
        documents: list[dict[str, Any]]
        handed_in_at: str

    return Submitted


@dataclass
class DemoPortal:
    """The portal, and the bus that it shares with a department's worker."""

    database: Database
    submitted: type[Published]
    bus: Bus

    @classmethod
    async def before(
        cls, department: tuple[Service, Database], service_database: DatabaseFactory, town_bus: Any, folder: Path
    ) -> "DemoPortal":
        """A portal in front of a department, whose worker runs from now on.

        Args:
            folder: an empty one.
        """
        submitted = submitted_to(department[0].name)
        portal = Service(name="portal", title="Portal", published=(submitted,), routers=(), migrations=folder)
        database = await service_database(portal)
        return cls(database, submitted, await town_bus((portal, database), department))

    async def hand_in(self, *events: dict[str, Any]) -> None:
        """Tell the department, and wait until it has dealt with it."""
        for event in events:
            async with self.database.transaction() as tx:
                await tx.append(UUID(event["application_id"]), self.submitted.model_validate(event))
        await self.bus.settled()
