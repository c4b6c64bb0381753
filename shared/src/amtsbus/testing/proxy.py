"""A TCP proxy on loopback that can do to connections what a network does: cut them, swallow them, slow them down.

It knows nothing of what it carries. It lives in the event loop of its maker and keeps no task while nothing is opened.
"""

import asyncio
import contextlib
import socket
import struct
from collections import deque

from amtsbus.testing.servers import free_port

HELD_LIMIT = 1_048_576
"""Bytes that one direction of a connection may have on their way; then nothing more is read from the sender."""


class Proxy:
    """Carries connections from `port` on loopback to `target_host`:`target_port`.

    `port` None takes a free one when the proxy is started for the first time; from then on it stays the same. The
    target may change (`target_port`): connections that are opened afterwards go there. All methods belong to the event
    loop that ran `start`.
    """

    def __init__(self, target_host: str, target_port: int, port: int | None = None) -> None:
        self.target_host = target_host
        self.target_port = target_port
        self.port = port or 0
        self._server: asyncio.Server | None = None
        self._accepted: set[_End] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._is_cut = False
        self._is_frozen = False
        self._delay = 0.0
        self._none_left = asyncio.Event()

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._accepted)

    @property
    def held(self) -> int:
        """How many bytes it has taken from one side and not given to the other yet."""
        return sum(end._held_bytes + end.other._held_bytes for end in self._accepted)

    async def start(self) -> None:
        """Begin to accept connections.

        Raises:
            OSError: the port is taken.
        """
        self._none_left.set()
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _End(self), "127.0.0.1", self.port or free_port(), reuse_address=True
        )
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Abort all connections and accept no more; returns when nothing of them is left."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        self._abort_all()
        if self._opening:
            await asyncio.wait(self._opening)
        await self._none_left.wait()

    def cut(self) -> None:
        """Abort all connections (both sides see a reset), and abort new ones as soon as they are made."""
        self._is_cut = True
        self._abort_all()

    def freeze(self) -> None:
        """Let nothing through any more, as a router that swallows packets; connections stay open.

        New connections can be made, since the kernel accepts them, but nobody answers. What had left the proxy before
        still arrives.
        """
        self._is_frozen = True
        self._adjust_all()

    def slow(self, seconds: float) -> None:
        """Deliver everything `seconds` later, in each direction; the order is kept."""
        self._delay = seconds

    def heal(self) -> None:
        """End whatever was done to the connections; what was held back is delivered now."""
        self._is_cut = self._is_frozen = False
        self._delay = 0.0
        self._adjust_all()

    def _abort_all(self) -> None:
        for task in self._opening:
            task.cancel()
        for end in list(self._accepted):
            end.abort()
            end.other.abort()

    def _adjust_all(self) -> None:
        for end in list(self._accepted):
            for one in (end, end.other):
                one.release()
            if not self._is_frozen:
                self._open(end)

    def _made(self, end: "_End") -> None:
        if self._is_cut or self._server is None:
            end.abort()
            return
        end.other = _End(self, end)
        self._accepted.add(end)
        self._none_left.clear()
        if not self._is_frozen:
            self._open(end)

    def _open(self, accepted: "_End") -> None:
        """Connect an accepted connection to the target, unless that was done or is being done."""
        if accepted.opening:
            return
        accepted.opening = True
        task = asyncio.get_running_loop().create_task(self._connect(accepted))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _connect(self, accepted: "_End") -> None:
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: accepted.other, self.target_host, self.target_port
            )
        except OSError:
            accepted.abort()  # as the client would see it without us: nobody is there
            return
        if accepted.is_lost:
            accepted.other.abort()

    def _lost(self, end: "_End") -> None:
        self._accepted.discard(end)
        if not self._accepted:
            self._none_left.set()


class _End(asyncio.Protocol):
    """One end of a connection: what it receives, the other end sends."""

    def __init__(self, proxy: Proxy, accepted: "_End | None" = None) -> None:
        self.other: _End = accepted or self
        self.opening = False
        self.is_lost = False
        self._is_accepted = accepted is None
        self._proxy = proxy
        self._transport: asyncio.Transport | None = None
        self._held: deque[tuple[float, bytes]] = deque()  # (when to deliver, what); b"" is the end of the stream
        self._held_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._reads = True
        self._is_full = False
        self._has_ended = False
        self._has_sent_end = False

    # -- what asyncio tells -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        with contextlib.suppress(OSError):
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._is_accepted:
            self._proxy._made(self)
        self.release()
        self.other.release()

    def data_received(self, data: bytes) -> None:
        proxy, other = self._proxy, self.other
        if self._held or proxy._delay or proxy._is_frozen or other._transport is None:
            self._hold(data)
        else:
            other._transport.write(data)

    def eof_received(self) -> bool:
        self._has_ended = True
        self._hold(b"")
        return True  # the other direction goes on

    def pause_writing(self) -> None:
        self._is_full = True
        self.other.adjust()

    def resume_writing(self) -> None:
        self._is_full = False
        self.other.adjust()

    def connection_lost(self, error: Exception | None) -> None:
        self.is_lost = True
        if self._timer:
            self._timer.cancel()
        self._held.clear()
        if error is not None:
            self.other.abort()
        if self._is_accepted:
            self._proxy._lost(self)

    # -- what the proxy does ------------------------------------------------------------------------------------

    def abort(self) -> None:
        """Reset this end."""
        if self._transport is None or self.is_lost:
            return
        with contextlib.suppress(OSError):
            # Closing with a linger time of zero sends a reset instead of an orderly end.
            self._transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
        self._transport.abort()

    def adjust(self) -> None:
        """Read from this end exactly while what it sends can be passed on."""
        if self._transport is None or self._has_ended or self._transport.is_closing():
            return
        ready = not (
            self._proxy._is_frozen
            or self.other._transport is None
            or self.other._is_full
            or self._held_bytes > HELD_LIMIT
        )
        if ready != self._reads:
            self._reads = ready
            if ready:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    def release(self) -> None:
        """Deliver what is due of the chunks that were held back; all of it where nothing slows the proxy any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop, proxy, target = asyncio.get_running_loop(), self._proxy, self.other._transport
        while self._held and not proxy._is_frozen and target is not None:
            due, data = self._held[0]
            if proxy._delay and due > loop.time():
                self._timer = loop.call_at(due, self.release)
                break
            self._held.popleft()
            self._held_bytes -= len(data)
            if data:
                target.write(data)
            else:
                self._pass_on_end(target)
        self.adjust()

    def _hold(self, data: bytes) -> None:
        self._held.append((asyncio.get_running_loop().time() + self._proxy._delay, data))
        self._held_bytes += len(data)
        if self._timer is None:
            self.release()
        else:
            self.adjust()

    def _pass_on_end(self, target: asyncio.Transport) -> None:
        self._has_sent_end = True
        if self.other._has_sent_end:
            target.close()
            if self._transport is not None:
                self._transport.close()
        elif not target.is_closing():
            target.write_eof()
