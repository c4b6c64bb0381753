"""My data: everything that is stored about somebody, in one file."""

import tempfile
from collections.abc import Iterator
from typing import IO, Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from amtsbus.documents import DocumentDamagedError, DocumentMissingError, DocumentStore
from amtsbus.http import InTx
from amtsbus.web import RateLimit, Visit, attachment, pages, visitors
from starlette.responses import Response, StreamingResponse

from portal.domain.upload import KeptFile
from portal.pages.whom import documents_of, owner_of
from portal.use_cases.collect_data import CollectData, CollectedData, collect_data

router = pages(prefix="/my-data")

DOWNLOADS: Final = RateLimit(times=10, per_seconds=3600)
"""Of one browser."""
_IN_MEMORY: Final = 5_000_000
_PIECE: Final = 262_144


@router.get("", dependencies=[visitors()])
async def get_data(visit: Visit) -> Response:
    """What is stored, for how long, and how to get it or be rid of it."""
    return visit.render("data.html", is_known=owner_of(visit).is_known)


@router.get("/download", dependencies=[visitors()])
async def get_download(visit: Visit, tx: InTx) -> Response:
    """Everything as a ZIP archive: data.json, and the files as they were uploaded."""
    session = visit.session
    if session is None:
        visit.require(identification="basic")
    DOWNLOADS.check(str(session.visitor_id if session else visit.client_address))
    collected = await collect_data(CollectData(owner_of(visit)), tx)
    archive = await _archive(collected, documents_of(visit), visit.now.timetuple()[:6])
    return StreamingResponse(
        _pieces(archive), media_type="application/zip", headers=attachment(f"{visit.t('data.file-name')}.zip")
    )


async def _archive(
    collected: CollectedData, documents: DocumentStore, at: tuple[int, int, int, int, int, int]
) -> IO[bytes]:
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - whoever sends it closes it
    with ZipFile(file, "w") as archive:
        archive.writestr(_entry("data.json", at, ZIP_DEFLATED), collected.json)
        for path, kept in collected.files:
            await _put(archive, _entry(path, at, ZIP_STORED), kept, documents)
    file.seek(0)
    return file


def _entry(path: str, at: tuple[int, int, int, int, int, int], compression: int) -> ZipInfo:
    entry = ZipInfo(path, at)
    entry.compress_type = compression
    return entry


async def _put(archive: ZipFile, entry: ZipInfo, kept: KeptFile, documents: DocumentStore) -> None:
    try:
        content = await documents.read(kept.sha256)
    except (DocumentMissingError, DocumentDamagedError):
        archive.writestr(f"{entry.filename}.missing.txt", "This file is not in the document store.")
        return
    archive.writestr(entry, content)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE):
            yield piece
