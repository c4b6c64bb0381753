"""Looking for viruses in what citizens upload, before anybody opens it."""

import asyncio
import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO, Final, Protocol

import structlog
from amtsbus.errors import TransientError

from portal.settings import PortalSettings

log = structlog.get_logger("portal.scanning")

_PIECE: Final = 65_536


class Verdict(StrEnum):
    """What is known of a file after it was looked at."""

    CLEAN = "clean"
    NOT_SCANNED = "not-scanned"


class InfectedError(Exception):
    """The scanner has found something. The message is the scanner's name for it."""


class ScannerAwayError(TransientError):
    """The scanner does not answer, or cannot say."""


class Scanner(Protocol):
    """Looks into a file."""

    async def scan(self, content: BinaryIO) -> Verdict:
        """Look at the whole file.

        Raises:
            InfectedError: something was found.
            ScannerAwayError: it could not be looked at.
        """
        ...


class NoScanner:
    """For development: looks at nothing, and says so."""

    async def scan(self, content: BinaryIO) -> Verdict:  # noqa: ARG002 - that is the point
        """Say that nobody looked."""
        log.warning("upload_not_scanned", remedy="set PORTAL_CLAMD")
        return Verdict.NOT_SCANNED


@dataclass(frozen=True)
class Clamd:
    """ClamAV's daemon, asked by its INSTREAM command (clamd(8)). It speaks no TLS, so it belongs beside the portal."""

    host: str
    port: int
    timeout_seconds: float

    async def scan(self, content: BinaryIO) -> Verdict:
        """See `Scanner`."""
        content.seek(0)
        try:
            async with asyncio.timeout(self.timeout_seconds):
                answer = await self._ask(content)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise ScannerAwayError(f"clamd does not answer ({type(error).__name__})") from error
        said = answer.rstrip(b"\0").decode("utf-8", "replace").strip()
        if said.endswith(" FOUND"):
            raise InfectedError(said.removeprefix("stream: ").removesuffix(" FOUND"))
        if said != "stream: OK":
            raise ScannerAwayError(f"clamd says {said[:100]!r}")
        return Verdict.CLEAN

    async def _ask(self, content: BinaryIO) -> bytes:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            writer.write(b"zINSTREAM\0")
            while piece := await asyncio.to_thread(content.read, _PIECE):
                writer.write(struct.pack(">I", len(piece)) + piece)
                await writer.drain()
            writer.write(struct.pack(">I", 0))
            await writer.drain()
            return await reader.readuntil(b"\0")
        finally:
            writer.close()


def scanner_of(settings: PortalSettings) -> Scanner:
    """The scanner that the settings name."""
    if not settings.clamd:
        return NoScanner()
    host, _, port = settings.clamd.rpartition(":")
    return Clamd(host, int(port), settings.clamd_timeout_seconds)
