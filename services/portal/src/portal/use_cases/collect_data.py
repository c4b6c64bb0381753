"""Somebody wants everything that is stored about them (GDPR article 15 (3), and article 20)."""

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from amtsbus.postgres import Tx

from portal.domain.owner import Owner
from portal.domain.upload import KeptFile
from portal.store import applications, contact, drafts, files, letters, payments


@dataclass(frozen=True, slots=True)
class CollectData:
    owner: Owner


@dataclass(frozen=True, slots=True)
class CollectedData:
    """Everything as JSON, and the files, each with its path in the archive."""

    json: str
    files: list[tuple[str, KeptFile]]


async def collect_data(command: CollectData, tx: Tx) -> CollectedData:
    """Everything that the portal keeps about this owner."""
    owner = command.owner
    collected: dict[str, Any] = {"drafts": [], "applications": []}
    found: list[tuple[str, KeptFile]] = []
    for draft in await drafts.all_of(tx, owner):
        uploaded = await files.of(tx, draft.draft_id)
        collected["drafts"].append(asdict(draft) | {"files": [asdict(one) for one in uploaded]})
        found += [(_path("drafts", draft.draft_id, one), one) for one in uploaded]
    for application in await applications.all_of(tx, owner):
        application_id = application.application_id
        uploaded = await files.of(tx, application_id)
        collected["applications"].append(
            asdict(application)
            | {
                "files": [asdict(one) for one in uploaded],
                "happenings": [asdict(one) for one in await applications.happenings(tx, application_id)],
                "payments": [asdict(one) for one in await payments.of(tx, application_id)],
            }
        )
        found += [(_path("applications", application_id, one), one) for one in uploaded]
    if owner.person_id is not None:
        collected["contact_preferences"] = asdict(await contact.of(tx, owner.person_id))
    collected["letters"] = [asdict(letter) for letter in await letters.all_of(tx, owner)]
    return CollectedData(json.dumps(collected, ensure_ascii=False, indent=2, default=_plain), found)


def _path(kind: str, application_id: UUID, file: KeptFile) -> str:
    """Where a file lies in the archive; its name is without folders since it was uploaded."""
    return f"{kind}/{application_id}/{file.slot}/{file.sha256[:8]}-{file.name}"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
