"""The portal as the school office's tests meet it: what it tells, and what it hears."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from amtsbus.ids import new_id
from amtsbus.service import Running
from schooling import subscribers
from schooling.consumed import ApplicationSubmitted, ApplicationWithdrawn, DocumentsSupplied
from schooling.main import SERVICE
from schooling.published import APPLICATIONS as LETTERS
from schooling.published import CATALOGUE, PROGRESS

APPLICATIONS = "portal.schooling.applications"
_HANDLERS: dict[str, tuple[Any, Any]] = {
    "submitted": (subscribers.on_application_submitted, ApplicationSubmitted),
    "supplied": (subscribers.on_documents_supplied, DocumentsSupplied),
    "withdrawn": (subscribers.on_application_withdrawn, ApplicationWithdrawn),
}


def file(key: str, content: int = 1) -> dict[str, Any]:
    return {
        "key": key,
        "name": f"{key}.pdf",
        "sha256": f"{content:02x}" * 32,
        "size_bytes": 48_213,
        "media_type": "application/pdf",
    }


def submitted(
    applicant_id: UUID,
    schools: list[str],
    *,
    answers: dict[str, Any] | None = None,
    documents: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """What the portal tells of a registration of the child that `Office.invited` knows, with some other `answers`."""
    return {
        "office": "schooling",
        "application_id": str(new_id()),
        "procedure": "school-registration",
        "procedure_version": 1,
        "language": "de",
        "applicant": {
            "person_id": str(applicant_id),
            "name": "Demo-Deniz Öztürk",
            "identification": "substantial",
            "email": None,
        },
        "answers": {
            "given_names": "Ada",
            "family_name": "Öztürk",
            "date_of_birth": "2020-05-01",
            "first_choice": schools[0],
            "deferral": False,
        }
        | (answers or {}),
        "documents": documents or [],
        "handed_in_at": "2026-03-02T08:59:00Z",
    }


@dataclass
class Counter:
    """The school office, with the portal in front of it."""

    office: Any

    async def publish(self, running: Running) -> None:
        [folder] = [task for task in SERVICE.tasks if getattr(task, "__name__", "") == "procedure_folder"]
        await folder.publish(running)  # type: ignore[attr-defined] # it is that task

    async def tell(self, what: str, event: dict[str, Any]) -> UUID:
        handler, model = _HANDLERS[what]
        async with self.office.database.transaction() as tx:
            await handler(model.model_validate(event), tx)
        return UUID(event["application_id"])

    async def apply(self, applicant_id: UUID, **changes: Any) -> UUID:
        return await self.tell("submitted", submitted(applicant_id, await self.schools(), **changes))

    async def supply(
        self,
        application_id: UUID,
        *files: dict[str, Any],
        answers: dict[str, Any] | None = None,
        message: str | None = None,
    ) -> None:
        event = {
            "application_id": str(application_id),
            "documents": files,
            "answers": answers or {},
            "message": message,
            "supplied_at": "2026-03-03T09:00:00Z",
        }
        await self.tell("supplied", event)

    async def withdraw(self, application_id: UUID) -> None:
        await self.tell("withdrawn", {"application_id": str(application_id)})

    async def schools(self) -> list[str]:
        """The schools as answers of the form, by name."""
        rows = await self.office.database.pool.fetch("SELECT school_id FROM schools ORDER BY name")
        return [f"school-{row['school_id']}" for row in rows]

    async def enrolment(self, enrolment_id: str) -> Any:
        return await self.office.get(f"/v1/enrolments/{enrolment_id}", self.office.staff())

    async def told(self, application_id: UUID) -> list[tuple[str, dict[str, Any]]]:
        """What the portal hears of the application."""
        return await self._journal(PROGRESS.topic, application_id)

    async def letters(self, application_id: UUID) -> list[tuple[str, dict[str, Any]]]:
        """What the applicant is written to about."""
        return await self._journal(LETTERS, application_id)

    async def states(self, application_id: UUID) -> list[str]:
        """The states that the portal hears of, in order."""
        return [said["state"] for _, said in await self.told(application_id) if "state" in said]

    async def offers(self) -> list[dict[str, Any]]:
        """What the catalogue hears."""
        rows = await self.office.database.pool.fetch(
            "SELECT data FROM amtsbus.events WHERE topic = $1 ORDER BY position", CATALOGUE.topic
        )
        return [json.loads(row["data"]) for row in rows]

    def options(self, offer: dict[str, Any], field: str) -> list[str]:
        """What can be chosen in a field of the form."""
        pages = offer["declaration"]["form"]["pages"]
        [found] = [one for page in pages for one in page["fields"] if one["key"] == field]
        return [option["label"]["de"] for option in found["options"]]

    async def what_happened(self, application_id: UUID) -> list[str]:
        """The history of the application."""
        rows = await self.office.database.pool.fetch(
            "SELECT what FROM amtsbus.case_history WHERE case_id = $1 ORDER BY version, nth", application_id
        )
        return [row["what"] for row in rows]

    async def _journal(self, topic: str, stream_id: UUID) -> list[tuple[str, dict[str, Any]]]:
        rows = await self.office.database.pool.fetch(
            "SELECT type, data FROM amtsbus.events WHERE stream_id = $1 AND topic = $2 ORDER BY sequence",
            stream_id,
            topic,
        )
        return [(row["type"].removeprefix("schooling.").removesuffix(".v1"), json.loads(row["data"])) for row in rows]
