"""Who has a case open at this moment, so that two people do not work on it without knowing of each other.

By the real time: a page that is shown counts for a minute, an open page renews that (`amtsbus.desk.live`).
"""

from collections.abc import Collection
from datetime import timedelta
from typing import Final
from uuid import UUID

from amtsbus.postgres import Tx

SEEN_FOR: Final = timedelta(seconds=60)
_SWEPT_AT_ONCE: Final = 100


async def note(tx: Tx, case_id: UUID, subject: str) -> None:
    """Note that somebody has the case open."""
    await renew(tx, [(case_id, subject)])
    await tx.execute(
        "DELETE FROM amtsbus.case_watchers WHERE (case_id, subject) IN (SELECT case_id, subject FROM amtsbus.case_watchers "
        "WHERE seen_until < clock_timestamp() ORDER BY seen_until LIMIT $1 FOR UPDATE SKIP LOCKED)",
        _SWEPT_AT_ONCE,
    )


async def renew(tx: Tx, watching: Collection[tuple[UUID, str]]) -> None:
    """Note for many at once that they still have their cases open."""
    if watching:
        cases, subjects = zip(*sorted(watching), strict=True)
        await tx.execute(
            "INSERT INTO amtsbus.case_watchers AS w (case_id, subject, seen_until) "
            "SELECT c, s, clock_timestamp() + $3 FROM unnest($1::uuid[], $2::text[]) AS u (c, s) "
            "ON CONFLICT (case_id, subject) DO UPDATE SET seen_until = excluded.seen_until",
            list(cases),
            list(subjects),
            SEEN_FOR,
        )


async def others(tx: Tx, case_ids: Collection[UUID]) -> dict[UUID, list[tuple[str, str]]]:
    """Subject and name of those who have these cases open, by case."""
    rows = await tx.fetch(
        "SELECT w.case_id, w.subject, coalesce(p.name, w.subject) AS name FROM amtsbus.case_watchers w "
        "LEFT JOIN amtsbus.caseworkers p USING (subject) "
        "WHERE w.case_id = ANY($1::uuid[]) AND w.seen_until > clock_timestamp() ORDER BY name, w.subject",
        list(case_ids),
    )
    found: dict[UUID, list[tuple[str, str]]] = {}
    for row in rows:
        found.setdefault(row["case_id"], []).append((row["subject"], row["name"]))
    return found
