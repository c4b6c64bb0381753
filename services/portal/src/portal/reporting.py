"""What the offices hear of an application, made from what the portal keeps."""

from collections.abc import Iterable

from portal.domain.upload import KeptFile
from portal.published import DocumentV1


def documents_told(files: Iterable[KeptFile]) -> tuple[DocumentV1, ...]:
    """Files as an office learns of them; the content it gets from the document store."""
    return tuple(
        DocumentV1(
            key=file.slot,
            name=file.name,
            sha256=file.sha256,
            size_bytes=file.size_bytes,
            media_type=file.media_type,
        )
        for file in files
    )
