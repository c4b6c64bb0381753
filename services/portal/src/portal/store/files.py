"""Uploaded files of drafts and applications, and what this service has put into the document store."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from amtsbus.errors import NotFoundError
from amtsbus.postgres import Row, Tx

from portal.domain.upload import KeptFile


async def of(tx: Tx, application_id: UUID, *, handed_in: bool | None = None) -> list[KeptFile]:
    """The files of a draft or an application, in the order in which they came; only those handed in or not, where given."""
    rows = await tx.fetch(
        """
        SELECT * FROM files WHERE application_id = $1 AND ($2::boolean IS NULL OR (handed_in_at IS NOT NULL) = $2)
        ORDER BY uploaded_at, slot, name
        """,
        application_id,
        handed_in,
    )
    return [_file(row) for row in rows]


async def get(tx: Tx, application_id: UUID, sha256: str) -> KeptFile:
    """One of its files.

    Raises:
        NotFoundError: it has none with this hash.
    """
    row = await tx.fetchrow(
        "SELECT * FROM files WHERE application_id = $1 AND sha256 = $2 LIMIT 1", application_id, bytes.fromhex(sha256)
    )
    if row is None:
        raise NotFoundError("There is no such file of yours.")
    return _file(row)


async def add(tx: Tx, application_id: UUID, file: KeptFile) -> None:
    """Note a file; the same one a second time changes nothing."""
    await tx.execute(
        """
        INSERT INTO files (application_id, slot, sha256, name, size_bytes, media_type, scan, uploaded_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (application_id, slot, sha256) DO NOTHING
        """,
        application_id,
        file.slot,
        bytes.fromhex(file.sha256),
        file.name,
        file.size_bytes,
        file.media_type,
        file.scan,
        file.uploaded_at,
    )


async def drop(tx: Tx, application_id: UUID, slot: str, sha256: str) -> None:
    """Forget a file that was not handed in yet."""
    await tx.execute(
        "DELETE FROM files WHERE application_id = $1 AND slot = $2 AND sha256 = $3 AND handed_in_at IS NULL",
        application_id,
        slot,
        bytes.fromhex(sha256),
    )


async def drop_all(tx: Tx, application_id: UUID) -> None:
    """Forget all files that were not handed in."""
    await tx.execute("DELETE FROM files WHERE application_id = $1 AND handed_in_at IS NULL", application_id)


async def hand_in(tx: Tx, application_id: UUID, slots: Collection[str], now: datetime) -> None:
    """The files of these fields and documents are handed in; the others that were not are forgotten."""
    await tx.execute(
        "UPDATE files SET handed_in_at = $3 WHERE application_id = $1 AND slot = ANY($2) AND handed_in_at IS NULL",
        application_id,
        list(slots),
        now,
    )
    await drop_all(tx, application_id)


async def total_bytes(tx: Tx, application_id: UUID) -> int:
    """How much all files of a draft or an application have together."""
    total: int = await tx.fetchval(
        "SELECT coalesce(sum(size_bytes), 0)::bigint FROM files WHERE application_id = $1", application_id
    )
    return total


async def note_kept(tx: Tx, sha256: str) -> None:
    """Note that a document is put into the store now; committed before it is, so that nothing lies there unknown."""
    await tx.execute(
        "INSERT INTO kept_documents (sha256, put_at) VALUES ($1, $2) ON CONFLICT (sha256) DO UPDATE SET put_at = excluded.put_at",
        bytes.fromhex(sha256),
        tx.clock.now(),
    )


async def drop_left_behind(tx: Tx, before: datetime) -> None:
    """Forget files that were uploaded to an application before this moment and never handed in."""
    await tx.execute(
        """
        DELETE FROM files WHERE handed_in_at IS NULL AND uploaded_at < $1
        AND NOT EXISTS (SELECT FROM drafts WHERE draft_id = application_id)
        """,
        before,
    )


async def unused(tx: Tx, before: datetime, at_once: int) -> list[str]:
    """Documents that were put into the store before this moment and that nothing refers to, locked for this transaction."""
    rows = await tx.fetch(
        """
        SELECT sha256 FROM kept_documents k WHERE put_at < $1
        AND NOT EXISTS (SELECT FROM files WHERE files.sha256 = k.sha256)
        AND NOT EXISTS (SELECT FROM letters WHERE letters.pdf_sha256 = k.sha256)
        ORDER BY put_at LIMIT $2 FOR UPDATE SKIP LOCKED
        """,
        before,
        at_once,
    )
    return [bytes(row["sha256"]).hex() for row in rows]


async def forget_kept(tx: Tx, sha256: str) -> None:
    """The document is not in the store any more."""
    await tx.execute("DELETE FROM kept_documents WHERE sha256 = $1", bytes.fromhex(sha256))


def _file(row: Row) -> KeptFile:
    return KeptFile(
        slot=row["slot"],
        sha256=bytes(row["sha256"]).hex(),
        name=row["name"],
        size_bytes=row["size_bytes"],
        media_type=row["media_type"],
        scan=row["scan"],
        uploaded_at=row["uploaded_at"],
    )
