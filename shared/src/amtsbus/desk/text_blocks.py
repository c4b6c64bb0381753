"""Text blocks (Textbausteine): sentences that a department writes again and again, kept by its leads."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from amtsbus.errors import ConflictError, NotFoundError
from amtsbus.ids import new_id
from amtsbus.postgres import Tx, affected


@dataclass(frozen=True, slots=True)
class TextBlock:
    """One of them; `version` counts its changes from 1."""

    text_block_id: UUID
    title: str
    body: str
    language: str
    version: int
    changed_by: str
    changed_at: datetime


_COLUMNS = "text_block_id, title, body, language, version, changed_by, changed_at"


async def text_blocks(tx: Tx, language: str | None = None) -> list[TextBlock]:
    """All of them by title; with a `language`, those in it first."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM amtsbus.text_blocks ORDER BY language IS DISTINCT FROM $1, language, title, text_block_id",  # noqa: S608 - a constant
        language,
    )
    return [TextBlock(**row) for row in rows]


async def get(tx: Tx, text_block_id: UUID) -> TextBlock:
    """One of them.

    Raises:
        NotFoundError: there is none, or not any more.
    """
    row = await tx.fetchrow(f"SELECT {_COLUMNS} FROM amtsbus.text_blocks WHERE text_block_id = $1", text_block_id)  # noqa: S608 - a constant
    if row is None:
        raise NotFoundError("there is no such text block")
    return TextBlock(**row)


async def add(tx: Tx, title: str, body: str, language: str, by: str) -> UUID:
    """Keep a new one."""
    text_block_id = new_id()
    await tx.execute(
        "INSERT INTO amtsbus.text_blocks (text_block_id, title, body, language, version, changed_by, changed_at) "
        "VALUES ($1, $2, $3, $4, 1, $5, $6)",
        text_block_id,
        title,
        body,
        language,
        by,
        tx.clock.now(),
    )
    return text_block_id


async def change(tx: Tx, text_block_id: UUID, version: int, title: str, body: str, language: str, by: str) -> None:
    """Change one that was seen in `version`.

    Raises:
        ConflictError: somebody else changed or removed it meanwhile.
    """
    tag = await tx.execute(
        "UPDATE amtsbus.text_blocks SET title = $3, body = $4, language = $5, changed_by = $6, changed_at = $7, "
        "version = version + 1 WHERE text_block_id = $1 AND version = $2",
        text_block_id,
        version,
        title,
        body,
        language,
        by,
        tx.clock.now(),
    )
    if not affected(tag):
        raise ConflictError("the text block has changed since it was read")


async def remove(tx: Tx, text_block_id: UUID) -> None:
    """Remove one; what was written with it stays as it is."""
    await tx.execute("DELETE FROM amtsbus.text_blocks WHERE text_block_id = $1", text_block_id)
