"""The proxy that breaks connections on purpose: it must do nothing else to them."""

import asyncio
import gc
import hashlib
import os
import time
import warnings
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from amtsbus.testing.proxy import HELD_LIMIT, Proxy

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class EchoServer:
    """Sends back what it gets, and after the end of that, how many bytes it were."""

    def __init__(self) -> None:
        self.accepted = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._writers.add(writer)
        count = 0
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                count += len(data)
                writer.write(data)
                await writer.drain()
            writer.write(f"<{count}>".encode())
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        self._writers.discard(writer)


@pytest.fixture
async def echo() -> AsyncIterator[EchoServer]:
    server = EchoServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def proxy(echo: EchoServer) -> AsyncIterator[Proxy]:
    """A proxy to the echo server; afterwards nothing of it is left."""
    before = asyncio.all_tasks()
    made = Proxy("127.0.0.1", echo.port)
    await made.start()
    yield made
    await made.stop()
    assert made.connections == 0
    assert {task for task in asyncio.all_tasks() - before if "Proxy" in repr(task)} == set()


async def connected(proxy: Proxy) -> Streams:
    return await asyncio.open_connection("127.0.0.1", proxy.port)


async def answer(streams: Streams, text: bytes) -> bytes:
    reader, writer = streams
    writer.write(text)
    return await asyncio.wait_for(reader.readexactly(len(text)), 5)


async def is_reset(streams: Streams) -> bool:
    reader, writer = streams
    try:
        return await asyncio.wait_for(reader.read(1), 5) == b""
    except ConnectionError:
        return True
    finally:
        writer.close()


async def until(condition, *, seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


async def test_what_goes_in_comes_out(proxy):
    streams = await connected(proxy)
    assert await answer(streams, b"Guten Tag") == b"Guten Tag"
    assert proxy.connections == 1


async def test_a_half_closed_connection_goes_on_in_the_other_direction(proxy):
    reader, writer = await connected(proxy)
    writer.write(b"12345")
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(), 5) == b"12345<5>"
    writer.close()
    await until(lambda: proxy.connections == 0)


async def test_much_more_than_fits_into_buffers_arrives_whole(proxy):
    reader, writer = await connected(proxy)
    sent = os.urandom(8 * HELD_LIMIT)

    async def send():
        for start in range(0, len(sent), 300_000):
            writer.write(sent[start : start + 300_000])
            await writer.drain()
        writer.write_eof()

    sending = asyncio.create_task(send())
    received = await asyncio.wait_for(reader.read(), 20)
    await sending
    assert hashlib.sha256(received[: len(sent)]).digest() == hashlib.sha256(sent).digest()
    assert received[len(sent) :] == f"<{len(sent)}>".encode()


async def test_a_receiver_that_does_not_read_holds_up_its_sender(proxy):
    _, writer = await connected(proxy)
    for _ in range(200):
        writer.write(bytes(1_000_000))
        with suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await writer.drain()
                continue
        break
    else:
        pytest.fail("200 MB went into a proxy whose far end nobody reads")


async def test_a_cut_resets_what_is_open_and_what_is_opened_then(proxy):
    before = await connected(proxy)
    await answer(before, b"x")
    proxy.cut()
    assert await is_reset(before)
    with suppress(ConnectionError):
        assert await is_reset(await connected(proxy))
    assert proxy.connections == 0
    proxy.heal()
    assert await answer(await connected(proxy), b"again") == b"again"


async def test_a_frozen_connection_stays_open_and_delivers_when_it_thaws(proxy, echo):
    old = await connected(proxy)
    await answer(old, b"x")
    proxy.freeze()
    new = await connected(proxy)
    for reader, writer in (old, new):
        writer.write(b"anybody?")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.2)
    assert echo.accepted == 1
    proxy.heal()
    for reader, _ in (old, new):
        assert await asyncio.wait_for(reader.readexactly(8), 5) == b"anybody?"


async def test_who_hangs_up_while_it_is_frozen_is_gone_afterwards(proxy):
    reader, writer = await connected(proxy)
    await answer((reader, writer), b"x")
    proxy.freeze()
    writer.close()
    await writer.wait_closed()
    proxy.heal()
    await until(lambda: proxy.connections == 0)


async def test_a_slow_connection_delays_each_direction_and_keeps_the_order(proxy):
    streams = await connected(proxy)
    await answer(streams, b"x")
    proxy.slow(0.15)
    reader, writer = streams
    started = time.monotonic()
    for number in range(50):
        writer.write(b"%04d" % number)
        await asyncio.sleep(0)
    received = await asyncio.wait_for(reader.readexactly(200), 5)
    assert received == b"".join(b"%04d" % number for number in range(50))
    assert 0.3 <= time.monotonic() - started < 2
    proxy.heal()
    started = time.monotonic()
    assert await answer(streams, b"quick") == b"quick"
    assert time.monotonic() - started < 0.15


async def test_a_slow_end_of_a_stream_comes_after_all_that_was_sent(proxy):
    reader, writer = await connected(proxy)
    proxy.slow(0.05)
    writer.write(b"12345")
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(), 5) == b"12345<5>"


async def test_heal_delivers_at_once_what_was_slow(proxy):
    reader, writer = await connected(proxy)
    await answer((reader, writer), b"x")
    proxy.slow(60)
    writer.write(b"later")
    await until(lambda: proxy.held == 5)
    proxy.heal()
    assert proxy.held == 0
    assert await asyncio.wait_for(reader.readexactly(5), 5) == b"later"


async def test_nobody_behind_it_looks_like_nobody_there(proxy, echo):
    await echo.stop()
    assert await is_reset(await connected(proxy))
    assert proxy.connections == 0


async def test_it_leads_to_its_new_target_after_a_move(proxy, echo):
    other = EchoServer()
    await other.start()
    try:
        proxy.target_port = other.port
        assert await answer(await connected(proxy), b"x") == b"x"
        assert (echo.accepted, other.accepted) == (0, 1)
    finally:
        await other.stop()


async def test_it_keeps_its_port_when_it_is_started_again(proxy):
    port = proxy.port
    await proxy.stop()
    await proxy.start()
    assert proxy.port == port
    assert await answer(await connected(proxy), b"x") == b"x"


async def test_it_stops_with_connections_in_every_state_and_leaves_nothing(echo):
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        before = asyncio.all_tasks()
        proxy = Proxy("127.0.0.1", echo.port)
        await proxy.start()
        streams = [await connected(proxy) for _ in range(3)]
        await answer(streams[0], b"x")
        proxy.slow(60)
        streams[0][1].write(b"held")
        proxy.freeze()
        streams.append(await connected(proxy))
        await proxy.stop()
        assert proxy.connections == 0
        for one in streams:
            assert await is_reset(one)
        own = {task for task in asyncio.all_tasks() - before if "_serve" not in repr(task)}
        assert own == set()
        del streams, proxy
        gc.collect()


async def test_a_hundred_connections_that_come_and_go_through_cuts_and_thaws(proxy):
    async def visit(number: int) -> bool:
        try:
            reader, writer = await connected(proxy)
            for _ in range(20):
                writer.write(b"%d" % (number % 10))
                if await reader.read(1) == b"":
                    return False
            writer.close()
        except ConnectionError:
            return False
        return True

    visits = [asyncio.create_task(visit(number)) for number in range(100)]
    for trouble in (proxy.freeze, proxy.heal, proxy.cut, proxy.heal, proxy.freeze, proxy.heal):
        await asyncio.sleep(0.02)
        trouble()
    await asyncio.wait_for(asyncio.gather(*visits), 20)
    await until(lambda: proxy.connections == 0)
    assert await visit(1)
