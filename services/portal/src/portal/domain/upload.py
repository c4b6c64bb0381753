"""What can be uploaded: told from its content, and not from what a browser says."""

import struct
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Final, Literal

MediaType = Literal["application/pdf", "image/jpeg", "image/png"]

MOST_BYTES: Final = 10_000_000
"""Of one file."""
MOST_BYTES_TOGETHER: Final = 50_000_000
"""Of all files of one application."""
MOST_PIXELS: Final = 100_000_000
"""Of an image: more would only serve to bring down whoever opens it."""
ACCEPTED: Final = ".pdf,.jpg,.jpeg,.png,application/pdf,image/jpeg,image/png"
"""What a browser offers when somebody chooses a file."""

_EXTENSIONS: Final[dict[MediaType, tuple[str, ...]]] = {
    "application/pdf": (".pdf",),
    "image/jpeg": (".jpg", ".jpeg"),
    "image/png": (".png",),
}
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"
_PDF: Final = b"%PDF-"
# SOF0 to SOF15 without DHT, JPG and DAC: the markers of JPEG that are followed by the size of the image (ITU-T T.81, table B.1).
_JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xD9)})


class UnacceptableFileError(Exception):
    """The file is not taken. `key` is the text that says why and what to do."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file of a draft or an application; its content lies in the document store.

    `slot` is the key of the field or document that it was uploaded for.
    """

    slot: str
    sha256: str
    name: str
    size_bytes: int
    media_type: MediaType
    scan: Literal["clean", "not-scanned"]
    uploaded_at: datetime

    def as_answer(self) -> dict[str, Any]:
        """As it stands in an answer (`answers.UPLOAD_PARTS`)."""
        return {
            "name": self.name,
            "sha256": self.sha256,
            "size_bytes": self.size_bytes,
            "media_type": self.media_type,
        }


def media_type(content: BinaryIO, name: str, size: int) -> MediaType:
    """What a file is, by its content; its name must agree.

    Raises:
        UnacceptableFileError: empty, too large, of another kind, named like another kind, or an image of too many pixels.
    """
    if size == 0:
        raise UnacceptableFileError("upload.empty")
    if size > MOST_BYTES:
        raise UnacceptableFileError("upload.too-large")
    content.seek(0)
    beginning = content.read(32)
    found = _kind(beginning)
    if found is None:
        raise UnacceptableFileError("upload.kind")
    if not name.casefold().endswith(_EXTENSIONS[found]):
        raise UnacceptableFileError("upload.name")
    if _pixels(found, content, beginning) > MOST_PIXELS:
        raise UnacceptableFileError("upload.pixels")
    content.seek(0)
    return found


def _kind(beginning: bytes) -> MediaType | None:
    if beginning.startswith(_PDF):
        return "application/pdf"
    if beginning.startswith(_JPEG):
        return "image/jpeg"
    if beginning.startswith(_PNG) and beginning[12:16] == b"IHDR":
        return "image/png"
    return None


def _pixels(kind: MediaType, content: BinaryIO, beginning: bytes) -> int:
    if kind == "image/png":
        if len(beginning) < 24:
            raise UnacceptableFileError("upload.kind")
        width, height = struct.unpack(">II", beginning[16:24])
        return int(width * height)
    return _jpeg_pixels(content) if kind == "image/jpeg" else 0


def _jpeg_pixels(content: BinaryIO) -> int:
    """Width times height as the first frame says it."""
    content.seek(2)
    while True:
        if content.read(1) != b"\xff":
            raise UnacceptableFileError("upload.kind")
        marker = content.read(1)
        while marker == b"\xff":
            marker = content.read(1)
        if not marker or marker[0] in (0xD9, 0xDA):  # the end, or pixels without a frame before them
            raise UnacceptableFileError("upload.kind")
        if marker[0] in _JPEG_WITHOUT_LENGTH:
            continue
        length = content.read(2)
        if len(length) < 2 or struct.unpack(">H", length)[0] < 2:
            raise UnacceptableFileError("upload.kind")
        if marker[0] in _JPEG_FRAMES:
            frame = content.read(5)
            if len(frame) < 5:
                raise UnacceptableFileError("upload.kind")
            _, height, width = struct.unpack(">BHH", frame)
            return int(width * height)
        content.seek(struct.unpack(">H", length)[0] - 2, 1)
