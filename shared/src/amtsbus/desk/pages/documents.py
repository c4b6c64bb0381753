"""The files of a case: shown in the browser, or saved. Whatever somebody handed in, it runs nothing and reaches nothing here."""

from typing import Annotated, Final
from uuid import UUID

import structlog
from fastapi import APIRouter, Path
from starlette.responses import Response

from amtsbus.desk import reads
from amtsbus.desk.department import CaseDocument, Department
from amtsbus.desk.pages.viewing import READERS, caller_of, viewer_of
from amtsbus.errors import NotFoundError
from amtsbus.web import SANDBOXED, PageVisit, Visit, attachment, pages, staff

log = structlog.get_logger(__name__)

DocumentId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,100}$")]

SHOWN: Final = frozenset({"application/pdf", "image/jpeg", "image/png"})
"""What a browser shows; everything else is only saved."""


def router_of(department: Department) -> APIRouter:
    """The pages of the files of a case."""
    router = pages(prefix="/cases/{case_id}/documents")

    @router.get("/{document_id}", dependencies=[staff(*READERS)])
    async def get_document(case_id: UUID, document_id: DocumentId, visit: Visit) -> Response:
        """The file, to look at."""
        document, content = await _read(visit, department, case_id, document_id)
        if document.media_type not in SHOWN:
            return _to_save(document, content)
        headers = {**SANDBOXED, **attachment(document.file_name, inline=True)}
        return Response(content, media_type=document.media_type, headers=headers)

    @router.get("/{document_id}/file", dependencies=[staff(*READERS)])
    async def get_file(case_id: UUID, document_id: DocumentId, visit: Visit) -> Response:
        """The file, to save."""
        return _to_save(*await _read(visit, department, case_id, document_id))

    return router


def _to_save(document: CaseDocument, content: bytes) -> Response:
    media_type = document.media_type if document.media_type in SHOWN else "application/octet-stream"
    return Response(content, media_type=media_type, headers={**SANDBOXED, **attachment(document.file_name)})


async def _read(
    visit: PageVisit, department: Department, case_id: UUID, document_id: str
) -> tuple[CaseDocument, bytes]:
    """The file with its content, which has the hash that was noted when it was handed in. The look at it is recorded first.

    Raises:
        NotFoundError: the case has no such file, or the store has not got it.
    """
    # In a transaction of its own, so that no connection waits for the store.
    async with visit.database.transaction() as tx:
        sheet = await department.sheet(tx, case_id, await viewer_of(visit, tx))
        document = next((one for one in sheet.documents or () if one.document_id == document_id), None)
        if document is None:
            raise NotFoundError(f"the case {case_id} has no document {document_id}")
        await reads.record_read(tx, case_id, caller_of(visit).subject, f"document {document_id}")
    # Here: the store's client is of no use to a worker that imports the pages, nor where no case has files.
    from amtsbus.documents import DocumentMissingError, DocumentSettings

    if not isinstance(visit.settings, DocumentSettings):
        raise TypeError("the settings of a department with documents are DocumentSettings")
    try:
        return document, await visit.settings.documents().read(document.sha256)
    except DocumentMissingError as error:
        log.error("document_missing", case_id=str(case_id), document=document_id)
        raise NotFoundError(f"the store has no document {document_id} of the case {case_id}") from error
