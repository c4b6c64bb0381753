"""What the clock announces about the periods of an application, and what follows from it.

Each announcement comes once, in the transaction in which the clock marks it.
"""

from datetime import date
from uuid import UUID

from amtsbus.postgres import Tx

from permits.domain.application import HEARING
from permits.domain.codes import Agency
from permits.domain.events import DeadlineDueSoon, DeadlineKind, DeadlineOverdue
from permits.use_cases.announce_deadline import announce_deadline
from permits.use_cases.lapse_application import lapse_application
from permits.use_cases.record_silence import record_silence


async def on_due_soon(case_id: UUID, procedure_key: str, kind: str, due_on: date, tx: Tx) -> None:  # noqa: ARG001 - one procedure
    """A period ends in a few days; the agencies' periods are not warned of."""
    await announce_deadline(case_id, DeadlineDueSoon(DeadlineKind(kind), due_on), tx)


async def on_overdue(case_id: UUID, procedure_key: str, kind: str, due_on: date, tx: Tx) -> None:  # noqa: ARG001 - one procedure
    """A period has ended: the applicant's ends the case, an agency's its hearing, the authority's is announced."""
    if kind.startswith(HEARING):
        await record_silence(case_id, Agency(kind.removeprefix(HEARING)), tx)
    elif kind == DeadlineKind.DOCUMENTS:
        await lapse_application(case_id, due_on, tx)
    else:
        await announce_deadline(case_id, DeadlineOverdue(DeadlineKind(kind), due_on), tx)
