"""What operators did by hand, for the record: who, when, what, why. Append-only, like the journal."""

from dataclasses import dataclass
from datetime import datetime

from amtsbus.postgres import Tx


@dataclass(frozen=True)
class Action:
    """One thing that somebody did by hand, or a service on another's request."""

    done_at: datetime
    done_by: str
    action: str
    about: str
    why: str | None


async def record(tx: Tx, *, by: str, action: str, about: str, why: str | None = None) -> None:
    """Record one action in the transaction that carries it out. Name ids and counts in `about`, no personal data."""
    await tx.execute(
        "INSERT INTO amtsbus.operator_actions (done_by, action, about, why) VALUES ($1, $2, $3, $4)",
        by,
        action,
        about,
        why,
    )


async def actions(tx: Tx, *, since: datetime | None = None, limit: int = 100) -> list[Action]:
    """What was done, the latest last; of more than `limit` the latest ones."""
    rows = await tx.fetch(
        "SELECT done_at, done_by, action, about, why FROM amtsbus.operator_actions "
        "WHERE $1::timestamptz IS NULL OR done_at >= $1 ORDER BY operator_action_id DESC LIMIT $2",
        since,
        limit,
    )
    return [Action(**row) for row in reversed(rows)]
