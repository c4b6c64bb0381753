"""A file is uploaded: it is looked at, scanned, and put into the document store."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import structlog
from amtsbus.documents import DocumentStore, hash_of

from portal.domain.upload import MOST_BYTES_TOGETHER, KeptFile, UnacceptableFileError, media_type
from portal.scanning import InfectedError, Scanner, ScannerAwayError
from portal.store import files

if TYPE_CHECKING:
    from amtsbus.postgres import Database

log = structlog.get_logger("portal.uploads")


@dataclass(frozen=True, slots=True)
class KeepFile:
    slot: str
    """The key of the field or document that it is for."""
    name: str
    """Without folders and control characters."""
    size_bytes: int
    content: BinaryIO
    bytes_before: int
    """What the draft or application has already."""


async def keep_file(command: KeepFile, documents: DocumentStore, scanner: Scanner, database: "Database") -> KeptFile:
    """Put the content into the store. It belongs to nobody until `store.files.add` says whose it is.

    No transaction is open meanwhile: a scanner that takes its time must not keep a connection.

    Raises:
        UnacceptableFileError: it is not taken; its `key` says why.
        DocumentStoreAwayError: it could not be kept.
    """
    kind = media_type(command.content, command.name, command.size_bytes)
    if command.bytes_before + command.size_bytes > MOST_BYTES_TOGETHER:
        raise UnacceptableFileError("upload.too-much")
    try:
        verdict = await scanner.scan(command.content)
    except InfectedError as found:
        log.warning("upload_infected", found=str(found))
        raise UnacceptableFileError("upload.infected") from None
    except ScannerAwayError as error:
        log.error("scanner_away", error=str(error))
        raise UnacceptableFileError("upload.scanner-away") from None
    digest = await asyncio.to_thread(hash_of, command.content)
    async with database.transaction() as tx:
        await files.note_kept(tx, digest)
    await documents.put(command.content)
    return KeptFile(
        slot=command.slot,
        sha256=digest,
        name=command.name,
        size_bytes=command.size_bytes,
        media_type=kind,
        scan=verdict.value,
        uploaded_at=database.clock.now(),
    )
