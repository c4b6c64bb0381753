"""A load generator that costs little: keep-alive HTTP/1.1 over several connections, requests made beforehand.

    python -m tests.bench.load PORT CONNECTIONS FILE

`FILE` holds whole requests, one per line as JSON strings. Each connection sends its next one as soon as the last is
answered. Prints one JSON object: seconds, how many answers had which status, and the milliseconds of half (`p50`) and of
99 of 100 (`p99`) of them.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import cast

import uvloop


class Connection(asyncio.Protocol):
    """Sends requests one after the other until none is left."""

    def __init__(self, left: list[bytes], statuses: "Counter[str]", milliseconds: list[float]) -> None:
        self._left = left
        self._statuses = statuses
        self._milliseconds = milliseconds
        self._received = b""
        self._sent_at = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one, but not by inheritance
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator:
            return
        _, _, length = head.lower().partition(b"\r\ncontent-length:")
        if len(body) < int(length.partition(b"\r\n")[0]):
            return
        self._milliseconds.append((time.perf_counter() - self._sent_at) * 1000)
        self._statuses[head[9:12].decode()] += 1
        self._received = b""
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionResetError("the server closed the connection"))

    def _send(self) -> None:
        if self._left:
            self._sent_at = time.perf_counter()
            self._transport.write(self._left.pop())
        else:
            self.done.set_result(None)
            self._transport.close()


async def load(port: int, connections: int, requests: list[bytes]) -> dict[str, object]:
    """Send all `requests` and wait for their answers."""
    statuses: Counter[str] = Counter()
    milliseconds: list[float] = []
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    made = [
        (await loop.create_connection(lambda: Connection(requests, statuses, milliseconds), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(connection.done for connection in made))
    seconds = time.perf_counter() - started
    milliseconds.sort()
    return {
        "seconds": seconds,
        "statuses": statuses,
        "p50": milliseconds[len(milliseconds) // 2],
        "p99": milliseconds[len(milliseconds) * 99 // 100],
    }


def main() -> None:
    """The command."""
    port, connections, file = sys.argv[1:]
    requests = [str(json.loads(line)).encode() for line in Path(file).read_text().splitlines()]
    print(json.dumps(uvloop.run(load(int(port), int(connections), requests))))  # noqa: T201 - that is the answer


if __name__ == "__main__":
    main()
