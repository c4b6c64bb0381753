"""The applicant hands in what was asked for, or something else."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from amtsbus.postgres import Tx
from amtsbus.procedures import steps

from offices import reporting, store
from offices.domain.case_file import Document
from offices.domain.office import Office
from offices.use_cases.take_decision import decide_automatically


@dataclass(frozen=True, slots=True)
class SupplyDocuments:
    application_id: UUID
    documents: tuple[Document, ...]
    answers: dict[str, Any]
    message: str | None


async def supply_documents(command: SupplyDocuments, office: Office, tx: Tx) -> None:
    """Take it in; the case goes on. In a closed case it is noted, and nothing else changes."""
    file = await store.get(tx, command.application_id, office.land)
    now = tx.clock.now()
    actor = file.applicant
    if file.case.is_closed:
        file.case.record("supplied-after-the-end", actor, now)
        file.documents += command.documents
        await store.save(tx, file)
        return
    was = file.case.state
    file.supply(command.documents, command.answers, command.message, actor, now, tx.clock.today())
    if was != steps.DOCUMENTS_REQUESTED:
        file.case.record("supplied", actor, now)
    await store.save(tx, file)
    if was == steps.DOCUMENTS_REQUESTED:
        await tx.append(file.case_id, reporting.moved(office, file, steps.SUPPLY_DOCUMENTS, now))
    await decide_automatically(file, office, tx)
