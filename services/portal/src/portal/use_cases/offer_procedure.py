"""An office offers a service, or offers it in a new version."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from amtsbus.errors import RuleViolationError
from amtsbus.postgres import Tx
from amtsbus.procedures.declaration import OfficeFile, ProcedureFile

from portal.store import procedures
from portal.store.procedures import Published


@dataclass(frozen=True, slots=True)
class OfferProcedure:
    office: str
    key: str
    version: int
    declaration: dict[str, Any]
    office_declaration: dict[str, Any]
    published_at: datetime


async def offer_procedure(command: OfferProcedure, tx: Tx) -> None:
    """Put it into the catalogue; drafts that were begun keep the version that they were begun with.

    Raises:
        RuleViolationError: code `key-taken`, another office has a service of this key.
        pydantic.ValidationError: it is not a procedure as we know procedures.
    """
    # What cannot be shown later must not get into the catalogue now, where it would take all the others along.
    declared = ProcedureFile.model_validate(command.declaration)
    office = OfficeFile.model_validate(command.office_declaration)
    before = await procedures.office_of(tx, command.key)
    if before not in (None, command.office) or office.key != command.office or declared.key != command.key:
        raise RuleViolationError(f"The key {command.key!r} belongs to another office or service.", code="key-taken")
    published = Published(
        command.office,
        command.key,
        command.version,
        json.dumps(command.declaration),
        json.dumps(command.office_declaration),
        command.published_at,
    )
    await procedures.add(tx, published)
    await procedures.offer(tx, command.key, command.version)
