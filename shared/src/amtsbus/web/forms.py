"""What a form sends: read with limits, and given out as text.

Text is stripped at its ends, composed (NFC), and its lines end with a line feed only, so that the same name is the same string
however it was typed.
"""

import re
import unicodedata
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, BinaryIO, Final
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from amtsbus.web.answers import safe_name
from amtsbus.web.errors import PageError
from amtsbus.web.protection import FORM_FIELD

if TYPE_CHECKING:
    from starlette.datastructures import UploadFile

MOST_FIELDS: Final = 1000
FORM_BYTES: Final = 262_144
"""How large a form without files may be."""
LONGEST_FIELD: Final = 65_536

_GERMAN_DATE = re.compile(r"([0-9]{1,2})\s*[.]\s*([0-9]{1,2})\s*[.]\s*([0-9]{4})", re.ASCII)


def german_date(text: str) -> date:
    """A day as people write it in Germany: `3.3.2026`, `03.03.2026`.

    Raises:
        ValueError: it is none.
    """
    match = _GERMAN_DATE.fullmatch(text.strip())
    if match is None:
        raise ValueError("a day is written as TT.MM.JJJJ")
    return date(int(match[3]), int(match[2]), int(match[1]))


@dataclass(frozen=True)
class Upload:
    """One file of a form. Nothing that is said about it can be trusted; its content is what `read` gives."""

    field: str
    filename: str
    """As the browser gave it, without folders and control characters."""
    content_type: str
    """What the browser says that it is."""
    size: int
    """In bytes."""
    source: "UploadFile"

    @property
    def file(self) -> BinaryIO:
        """The content, from where it was read last; of a large file it lies on disk."""
        return self.source.file

    async def read(self, size: int = -1) -> bytes:
        """The next `size` bytes; all that are left by default."""
        return await self.source.read(size)

    async def rewind(self) -> None:
        """Begin again at the first byte."""
        await self.source.seek(0)


class Form:
    """The fields of a form, in their order."""

    def __init__(self, fields: list[tuple[str, str]], uploads: list[Upload] | None = None) -> None:
        self._fields = fields
        self._uploads = uploads or []

    def text(self, name: str, default: str = "") -> str:
        """The field's text, tidied; `default` where the form has no such field."""
        for field, value in self._fields:
            if field == name:
                return tidied(value)
        return default

    def raw(self, name: str, default: str = "") -> str:
        """The field's text as it came."""
        for field, value in self._fields:
            if field == name:
                return value
        return default

    def texts(self, name: str) -> list[str]:
        """The tidied texts of all fields of this name, as checkboxes send them."""
        return [tidied(value) for field, value in self._fields if field == name]

    def has(self, name: str) -> bool:
        """Whether the form has the field, be it empty."""
        return any(field == name for field, _ in self._fields)

    def names(self) -> list[str]:
        """The names of all fields, each once."""
        return list(dict(self.items()))

    def items(self) -> Iterator[tuple[str, str]]:
        """Name and tidied text of all fields, in their order, without the form's own token."""
        return ((field, tidied(value)) for field, value in self._fields if field != FORM_FIELD)

    def files(self, name: str) -> list[Upload]:
        """The files that were chosen in the field."""
        return [upload for upload in self._uploads if upload.field == name]

    async def rewind(self) -> None:
        """Begin every file again at its first byte."""
        for upload in self._uploads:
            await upload.rewind()

    async def close(self) -> None:
        """Let go of the files."""
        for upload in self._uploads:
            await upload.source.close()


def tidied(text: str) -> str:
    """Stripped, composed, with line feeds for line ends."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n").strip())


@dataclass(frozen=True)
class Limits:
    """What a page's form may hold."""

    limit_bytes: int = FORM_BYTES
    files: int = 0


async def read_body(request: Request, limit_bytes: int) -> bytes:
    """The whole body.

    Raises:
        PageError: 413, it is larger.
    """
    return b"".join([piece async for piece in _bounded(request, limit_bytes)])


async def _bounded(request: Request, limit_bytes: int) -> AsyncGenerator[bytes, None]:
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit_bytes:
        raise PageError(413, "the announced body is too large")
    received = 0
    try:
        async for piece in request.stream():
            received += len(piece)
            if received > limit_bytes:
                raise PageError(413, "the body is too large")
            yield piece
    except ClientDisconnect as error:
        raise PageError(400, "the request broke off") from error


async def read_form(request: Request, limits: Limits) -> Form:
    """The form of a request.

    Raises:
        PageError: 400 it is malformed, 413 it is too large, 415 it is no form, or has files where none are expected.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return Form(_checked(_parsed(await read_body(request, min(limits.limit_bytes, FORM_BYTES)))))
    if kind == "multipart/form-data" and limits.files:
        return await _read_parts(request, limits)
    raise PageError(415, "not a form" if kind != "multipart/form-data" else "files are not expected here")


def _parsed(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError as error:  # UnicodeError is one
        raise PageError(400, "the form is malformed") from error


async def _read_parts(request: Request, limits: Limits) -> Form:
    # Here and not above: the parser needs python-multipart, which only services with pages have.
    from starlette.datastructures import UploadFile
    from starlette.formparsers import MultiPartException, MultiPartParser

    parser = MultiPartParser(
        request.headers,
        _bounded(request, limits.limit_bytes),
        max_files=limits.files,
        max_fields=MOST_FIELDS,
        max_part_size=LONGEST_FIELD,
    )
    try:
        content = await parser.parse()
    except MultiPartException as error:
        raise PageError(400, "the form is malformed, or has too many parts") from error
    fields: list[tuple[str, str]] = []
    uploads: list[Upload] = []
    for name, value in content.multi_items():
        if not isinstance(value, UploadFile):
            fields.append((name, value))
        elif value.filename or value.size:  # a field in which no file was chosen sends an empty one without a name
            uploads.append(
                Upload(name, safe_name(value.filename or ""), value.content_type or "", value.size or 0, value)
            )
    return Form(_checked(fields), uploads)


def _checked(fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """PostgreSQL's text knows no NUL, nor half of a character, and nobody types one."""
    if any("\0" in text or any("\ud800" <= sign <= "\udfff" for sign in text) for pair in fields for text in pair):
        raise PageError(400, "the form has a character that no text has")
    if any(len(value) > LONGEST_FIELD for _, value in fields):
        raise PageError(413, "a field is too long")
    return fields
