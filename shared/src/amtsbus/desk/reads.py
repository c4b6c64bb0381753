"""Who has read which case: every look at a protected record is noted, for the auditor and the data protection officer."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from amtsbus.postgres import Tx

CASE: Final = "case"
"""What is read where it is the case itself; of a document it is `document`, a blank, and its id."""


@dataclass(frozen=True, slots=True)
class Read:
    """Somebody has read a case, or one of its documents."""

    case_id: UUID
    reference: str
    who: str
    what: str
    read_at: datetime


async def record_read(tx: Tx, case_id: UUID, who: str, what: str = CASE) -> None:
    """Note that somebody has read a case, or one of its documents. It can never be taken back."""
    await tx.execute(
        "INSERT INTO amtsbus.case_reads (case_id, who, what, read_at) VALUES ($1, $2, $3, $4)",
        case_id,
        who,
        what,
        tx.clock.now(),
    )


_READS = """
SELECT r.case_id, c.reference, r.who, r.what, r.read_at
FROM amtsbus.case_reads r JOIN amtsbus.cases c USING (case_id)
"""


async def of_case(tx: Tx, case_id: UUID, *, limit: int = 200) -> list[Read]:
    """Who has read a case, the latest first."""
    rows = await tx.fetch(f"{_READS} WHERE r.case_id = $1 ORDER BY r.read_id DESC LIMIT $2", case_id, limit)
    return [Read(**row) for row in rows]


async def by_person(tx: Tx, who: str, since: datetime, before: datetime, *, limit: int = 200) -> list[Read]:
    """What somebody has read in a span of time, the latest first."""
    rows = await tx.fetch(
        f"{_READS} WHERE r.who = $1 AND r.read_at >= $2 AND r.read_at < $3 ORDER BY r.read_at DESC, r.read_id DESC LIMIT $4",
        who,
        since,
        before,
        limit,
    )
    return [Read(**row) for row in rows]
