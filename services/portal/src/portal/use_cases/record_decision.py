"""The office has decided."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from amtsbus.postgres import Tx

from portal.store import applications


@dataclass(frozen=True, slots=True)
class RecordDecision:
    application_id: UUID
    outcome: Literal["granted", "refused"]
    automatic: bool
    decided_at: datetime


async def record_decision(command: RecordDecision, tx: Tx) -> None:
    """Note it; the reasons are in the letter. That no human took part is told (VwVfG § 35a)."""
    application = await applications.find(tx, command.application_id)
    if application is None:
        return
    application.outcome = command.outcome
    await applications.save(tx, application)
    what = "decided-automatically" if command.automatic else "decided"
    await applications.note(tx, command.application_id, command.decided_at, what, state=command.outcome)
