"""What operators did by hand, for the record: who, when, what, why. Append-only, like the journal."""

from amtsbus.postgres import Tx


async def record(tx: Tx, *, by: str, action: str, about: str, why: str | None = None) -> None:
    """Record one action in the transaction that carries it out. Name ids and counts in `about`, no personal data."""
    await tx.execute(
        "INSERT INTO amtsbus.operator_actions (done_by, action, about, why) VALUES ($1, $2, $3, $4)",
        by,
        action,
        about,
        why,
    )
