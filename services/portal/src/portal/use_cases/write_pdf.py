"""A letter is wanted as a PDF."""

import asyncio
from dataclasses import dataclass
from io import BytesIO
from uuid import UUID

from amtsbus.documents import DocumentDamagedError, DocumentMissingError, DocumentStore, hash_of
from amtsbus.postgres import Tx

from portal.domain.owner import Owner
from portal.rendering import Letterhead, pdf_of
from portal.store import files, letters, procedures
from portal.use_cases.read_letter import ReadLetter, read_letter


@dataclass(frozen=True, slots=True)
class WritePdf:
    owner: Owner
    letter_id: UUID
    city: str
    verify_at: str
    """The address of the page on which somebody can see that a letter is genuine."""


@dataclass(frozen=True, slots=True)
class WrittenPdf:
    """The PDF, and the name under which it is saved."""

    content: bytes
    name: str


async def write_pdf(command: WritePdf, documents: DocumentStore, tx: Tx) -> WrittenPdf:
    """The PDF of a letter. It is made when it is wanted for the first time, and kept: the same letter is the same file for good.

    Raises:
        NotFoundError: there is no such letter to this owner.
        DocumentStoreAwayError: it can be neither read nor kept now.
    """
    letter = await read_letter(ReadLetter(command.owner, command.letter_id), tx)
    name = f"{letter.reference}.pdf"
    if letter.pdf_sha256:
        try:
            return WrittenPdf(await documents.read(letter.pdf_sha256), name)
        except (DocumentMissingError, DocumentDamagedError):
            pass  # it is made again, and comes out the same
    office = (await procedures.catalogue(tx)).office(letter.office)
    letterhead = Letterhead(command.city, office, command.verify_at)
    content = await asyncio.to_thread(pdf_of, letter, letterhead)
    digest = hash_of(BytesIO(content))
    await files.note_kept(tx, digest)
    await documents.put(BytesIO(content))
    await letters.set_pdf(tx, letter.letter_id, digest)
    return WrittenPdf(content, name)
