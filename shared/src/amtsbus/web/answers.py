"""Headers of requests and answers that have to do with files."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from starlette.requests import Request

SANDBOXED: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""For a preview of what somebody uploaded: whatever is in it, it runs nothing and reaches nothing."""

_UNWANTED = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff/\\:*?\"<>|]")
_LONGEST = 120


def accepted_encodings(request: Request) -> frozenset[str]:
    """How an answer may be compressed for this browser (RFC 9110 § 12.5.3)."""
    parts = [part.strip().lower() for part in request.headers.get("accept-encoding", "").split(",")]
    refused = re.compile(r";\s*q=0(\.0*)?$")
    return frozenset(part.partition(";")[0].strip() for part in parts if not refused.search(part))


def safe_name(name: str) -> str:
    """A file's name as somebody gave it, without folders, control characters and what only looks like another name."""
    composed = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    cleaned = _UNWANTED.sub("", composed).strip(" .")
    if len(cleaned) > _LONGEST:
        stem, dot, extension = cleaned.rpartition(".")
        cleaned = f"{stem[: _LONGEST - 11]}.{extension[:10]}" if dot else cleaned[:_LONGEST]
    return cleaned or "file"


def attachment(name: str, *, inline: bool = False) -> dict[str, str]:
    """The headers with which a browser saves an answer under `name` (RFC 6266), or shows it where `inline`."""
    safe = safe_name(name)
    plain = unicodedata.normalize("NFKD", safe).encode("ascii", "ignore").decode() or "file"
    kind = "inline" if inline else "attachment"
    return {
        "Content-Disposition": f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(safe, safe='')}",
        "X-Content-Type-Options": "nosniff",
    }
