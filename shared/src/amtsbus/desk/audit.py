"""What people did: the histories of all cases, by person and time. Who read what is `amtsbus.desk.reads`."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from amtsbus.casework.case import HistoryEntry
from amtsbus.postgres import Tx


@dataclass(frozen=True, slots=True)
class Deed:
    """One line of a case's history, with the case that it belongs to."""

    case_id: UUID
    reference: str
    entry: HistoryEntry


_BY_PERSON = """
SELECT h.case_id, c.reference, h.who, h.at, h.what, h.about, h.state, h.reason
FROM amtsbus.case_history h JOIN amtsbus.cases c USING (case_id)
WHERE h.at >= $2 AND h.at < $3 AND h.who = $1 ORDER BY h.at DESC, h.case_id, h.version DESC, h.nth DESC LIMIT $4
"""


async def by_person(tx: Tx, who: str, since: datetime, before: datetime, *, limit: int = 200) -> list[Deed]:
    """What somebody did in a span of time, the latest first."""
    rows = await tx.fetch(_BY_PERSON, who, since, before, limit)
    return [
        Deed(
            row["case_id"],
            row["reference"],
            HistoryEntry(row["who"], row["at"], row["what"], row["about"], row["state"], row["reason"]),
        )
        for row in rows
    ]


async def case_of_reference(tx: Tx, reference: str) -> UUID | None:
    """The case with this reference number; None where there is none."""
    case_id: UUID | None = await tx.fetchval("SELECT case_id FROM amtsbus.cases WHERE reference = $1", reference)
    return case_id
