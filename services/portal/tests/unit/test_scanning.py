"""Uploads are looked at by clamd, whose every answer is understood, or taken for none."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from io import BytesIO

import pytest
from portal.scanning import Clamd, InfectedError, NoScanner, ScannerAwayError, Verdict

CONTENT = b"Demo" * 50_000


@asynccontextmanager
async def clamd(answer: Callable[[bytes], bytes], *, seconds: float = 5) -> AsyncIterator[Clamd]:
    """A daemon that reads a stream as clamd does, and answers as the test wants."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readuntil(b"\0") == b"zINSTREAM\0"
        received = b""
        while size := struct.unpack(">I", await reader.readexactly(4))[0]:
            received += await reader.readexactly(size)
        writer.write(answer(received))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield Clamd("127.0.0.1", server.sockets[0].getsockname()[1], seconds)
    finally:
        server.close()


async def test_the_whole_file_is_looked_at():
    def answer(received: bytes) -> bytes:
        return b"stream: OK\0" if received == CONTENT else b"stream: Something.Is.Missing FOUND\0"

    async with clamd(answer) as scanner:
        content = BytesIO(CONTENT)
        content.read(10)
        assert await scanner.scan(content) is Verdict.CLEAN


async def test_what_is_found_is_named():
    async with clamd(lambda _: b"stream: Eicar-Test-Signature FOUND\0") as scanner:
        with pytest.raises(InfectedError, match="Eicar-Test-Signature"):
            await scanner.scan(BytesIO(CONTENT))


@pytest.mark.parametrize("answer", [b"INSTREAM size limit exceeded. ERROR\0", b"\0", b"stream: OK but\0", b"stream: O"])
async def test_what_is_not_clean_for_sure_is_not_clean(answer):
    async with clamd(lambda _: answer) as scanner:
        with pytest.raises(ScannerAwayError):
            await scanner.scan(BytesIO(CONTENT))


async def test_a_scanner_that_is_away_is_told():
    async with clamd(lambda _: b"") as scanner:
        away = scanner
    with pytest.raises(ScannerAwayError):
        await away.scan(BytesIO(CONTENT))


async def test_without_a_scanner_nobody_looked():
    assert await NoScanner().scan(BytesIO(CONTENT)) is Verdict.NOT_SCANNED
