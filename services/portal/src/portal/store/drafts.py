"""Drafts, and what somebody has filled in."""

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from amtsbus.errors import NotFoundError
from amtsbus.postgres import Row, Tx

from portal.domain.draft import Draft
from portal.domain.owner import Owner
from portal.store import files

# A draft that somebody began before they logged in is still theirs: the session keeps its visitor.
_IS_OWN = "(person_id = $1 OR (person_id IS NULL AND visitor_id = $2))"
_OWN = f"""
SELECT draft_id, procedure, version, person_id, visitor_id, answers::text, done, begun_at, changed_at FROM drafts WHERE {_IS_OWN}
"""  # noqa: S608 - our own condition


async def lock_owner(tx: Tx, owner: Owner) -> None:
    """Do one thing after the other for this owner, until the transaction ends."""
    await tx.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"drafts {owner.person_id or owner.visitor_id}"
    )


async def add(tx: Tx, draft: Draft) -> None:
    """Keep a new draft."""
    await tx.execute(
        """
        INSERT INTO drafts (draft_id, procedure, version, person_id, visitor_id, answers, done, begun_at, changed_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $8, $9, $10)
        """,
        draft.draft_id,
        draft.procedure,
        draft.version,
        draft.person_id,
        draft.visitor_id,
        json.dumps(draft.answers),
        sorted(draft.done),
        draft.begun_at,
        draft.changed_at,
        draft.expires_at,
    )


async def save(tx: Tx, draft: Draft) -> None:
    """Keep what has changed."""
    await tx.execute(
        """
        UPDATE drafts SET answers = $2::jsonb, done = $3, person_id = $4, changed_at = $5, expires_at = $6 WHERE draft_id = $1
        """,
        draft.draft_id,
        json.dumps(draft.answers),
        sorted(draft.done),
        draft.person_id,
        draft.changed_at,
        draft.expires_at,
    )


async def get(tx: Tx, draft_id: UUID, owner: Owner, *, to_change: bool = False) -> Draft:
    """A draft of this owner with its files.

    Args:
        to_change: nobody else changes it until the transaction ends.

    Raises:
        NotFoundError: there is none, or it is somebody else's.
    """
    row = await tx.fetchrow(
        f"{_OWN} AND draft_id = $3{' FOR UPDATE' if to_change else ''}",
        owner.person_id,
        owner.visitor_id,
        draft_id,
    )
    if row is None:
        raise NotFoundError(f"There is no draft {draft_id} of yours.")
    draft = _draft(row)
    draft.files = await files.of(tx, draft_id)
    return draft


async def all_of(tx: Tx, owner: Owner, procedure: str | None = None) -> list[Draft]:
    """The drafts of this owner without their files, the newest first; only those of one procedure, where given."""
    rows = await tx.fetch(
        f"{_OWN} AND ($3::text IS NULL OR procedure = $3) ORDER BY changed_at DESC",
        owner.person_id,
        owner.visitor_id,
        procedure,
    )
    return [_draft(row) for row in rows]


async def delete(tx: Tx, draft_id: UUID) -> None:
    """Remove a draft with its files; what lies in the document store follows when nobody else refers to it."""
    await tx.execute("DELETE FROM drafts WHERE draft_id = $1", draft_id)
    await files.drop_all(tx, draft_id)


async def turn_into_application(tx: Tx, draft_id: UUID) -> None:
    """Remove a draft whose files now belong to the application of the same id."""
    await tx.execute("DELETE FROM drafts WHERE draft_id = $1", draft_id)


async def expired(tx: Tx, now: datetime, at_once: int) -> Sequence[UUID]:
    """Drafts with which nobody went on, locked until the transaction ends."""
    rows = await tx.fetch(
        "SELECT draft_id FROM drafts WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED",
        now,
        at_once,
    )
    return [row["draft_id"] for row in rows]


def _draft(row: Row) -> Draft:
    return Draft(
        draft_id=row["draft_id"],
        procedure=row["procedure"],
        version=row["version"],
        person_id=row["person_id"],
        visitor_id=row["visitor_id"],
        answers=json.loads(row["answers"]),
        done=set(row["done"]),
        begun_at=row["begun_at"],
        changed_at=row["changed_at"],
    )
