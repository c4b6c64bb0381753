"""Giving out what was uploaded: to its owner only, and as nothing that a browser would run."""

from collections.abc import AsyncIterator
from typing import Annotated

from amtsbus.documents import DocumentDamagedError, DocumentMissingError
from amtsbus.errors import NotFoundError
from amtsbus.web import SANDBOXED, PageVisit, attachment
from fastapi import Path
from starlette.responses import Response, StreamingResponse

from portal.domain.upload import KeptFile
from portal.pages.whom import documents_of

Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]
"""The hash of a file in an address."""


async def answer_with(visit: PageVisit, file: KeptFile, *, inline: bool = False) -> Response:
    """The file as an attachment; where `inline`, as a preview that can neither run nor reach anything.

    Raises:
        NotFoundError: the store does not have it.
    """
    documents = documents_of(visit)
    pieces = documents.get(file.sha256)
    try:
        first = await anext(pieces)
    except (DocumentMissingError, DocumentDamagedError, StopAsyncIteration):
        raise NotFoundError("The document store does not have this file.") from None

    async def content() -> AsyncIterator[bytes]:
        yield first
        async for piece in pieces:
            yield piece

    headers = attachment(file.name, inline=inline) | {"Content-Length": str(file.size_bytes)}
    if inline:
        return StreamingResponse(content(), media_type=file.media_type, headers={**headers, **SANDBOXED})
    return StreamingResponse(content(), media_type="application/octet-stream", headers=headers)
