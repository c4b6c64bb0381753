"""The office's folder has changed: what it offers is told to the city."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from uuid import UUID, uuid5

from amtsbus.postgres import Tx
from amtsbus.procedures.declaration import OfficeFile, ProcedureFile

from offices import store
from offices.domain.office import Office
from offices.published import ProcedurePublishedV1, ProcedureWithdrawnV1
from offices.store import StoredProcedure

_PROCEDURES: Final = UUID("6f1f5f04-6f3c-5d0a-9a55-7f6d1c1c2b6e")
"""The namespace of procedures' ids, which follow from office and key (RFC 9562, UUIDv5)."""


@dataclass(frozen=True, slots=True)
class PublishProcedures:
    office: OfficeFile
    procedures: Mapping[str, ProcedureFile]


async def publish_procedures(command: PublishProcedures, office: Office, tx: Tx) -> list[str]:
    """Publish what is new or has changed, as a new version, and withdraw what is gone; cases that are open keep their version.

    Returns:
        The keys of what was published or withdrawn.
    """
    now = tx.clock.now()
    known = await store.procedures_to_change(tx)
    changed: list[str] = []
    office_text = command.office.model_dump_json(exclude_none=True)
    for key, declared in sorted(command.procedures.items()):
        text = declared.model_dump_json(by_alias=True, exclude_none=True)
        digest = sha256(f"{text}\n{office_text}".encode()).hexdigest()
        before = known.get(key)
        if before and before.sha256 == digest and not before.withdrawn:
            continue
        if before and before.sha256 == digest:
            await store.set_offered(tx, key, before.version, None)
            version = before.version
        else:
            version = before.version + 1 if before else 1
            stored = StoredProcedure(
                procedure_id(office.key, key), key, version, digest, declared, command.office, withdrawn=False
            )
            await store.add_procedure(tx, stored, text, office_text, now)
        await tx.append(
            procedure_id(office.key, key),
            ProcedurePublishedV1(
                office=office.key,
                procedure_id=procedure_id(office.key, key),
                key=key,
                version=version,
                declaration=json.loads(text),
                office_declaration=json.loads(office_text),
                published_at=now,
            ),
        )
        changed.append(key)
    for key, before in sorted(known.items()):
        if key not in command.procedures and not before.withdrawn:
            await store.set_offered(tx, key, before.version, now)
            await tx.append(
                before.procedure_id,
                ProcedureWithdrawnV1(office=office.key, procedure_id=before.procedure_id, key=key, withdrawn_at=now),
            )
            changed.append(key)
    return changed


def procedure_id(office: str, key: str) -> UUID:
    """The id of a procedure in all its versions."""
    return uuid5(_PROCEDURES, f"{office}/{key}")
