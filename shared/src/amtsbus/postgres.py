"""PostgreSQL: the pool, and `Tx`, the one transaction that a use case sees.

The edge opens the transaction (one HTTP request, one event) and commits it; no use case calls commit.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg

from amtsbus import journal
from amtsbus.clock import Clock
from amtsbus.events import Published

Row = asyncpg.Record

NO_ANSWER = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What asyncpg raises where the database is away; the last one is of a connection that broke at a bad moment."""

STATEMENT_SECONDS = 30.0
"""How long a single statement may take, unless the whole transaction has a deadline."""
PREPARED_AT = 8
"""A statement is prepared when a transaction runs it for the eighth time: it costs two round trips and saves a sixth of each."""


def affected(tag: str) -> int:
    """How many rows a statement changed, by the command tag that it answered with: `DELETE 3`, `INSERT 0 3`."""
    return int(tag.split()[-1])


class Tx:
    """One open transaction: queries, the journal, and the clock.

    Only the edge makes one. What a use case does with it becomes true as a whole or not at all.
    """

    __slots__ = ("_appended", "_limit", "_prepared", "_runs", "clock", "connection")

    def __init__(self, connection: Any, clock: Clock, *, limit: float | None = STATEMENT_SECONDS) -> None:
        self.connection: asyncpg.Connection[Row] = connection
        self.clock = clock
        self._appended = False
        self._limit = limit
        self._runs: dict[str, int] = {}
        self._prepared: dict[str, asyncpg.prepared_stmt.PreparedStatement[Row]] = {}

    async def fetch(self, sql: str, *arguments: Any) -> list[Row]:
        """All rows of a query."""
        return await self.connection.fetch(sql, *arguments, timeout=self._limit)

    async def fetchrow(self, sql: str, *arguments: Any) -> Row | None:
        """The first row of a query, or None."""
        return await self.connection.fetchrow(sql, *arguments, timeout=self._limit)

    async def fetchval(self, sql: str, *arguments: Any) -> Any:
        """The first column of the first row, or None."""
        return await self.connection.fetchval(sql, *arguments, timeout=self._limit)

    async def execute(self, sql: str, *arguments: Any) -> str:
        """Run a statement; returns PostgreSQL's command tag."""
        prepared = self._prepared.get(sql)
        if prepared is None:
            runs = self._runs[sql] = self._runs.get(sql, 0) + 1
            if runs < PREPARED_AT or not arguments:  # without arguments it may be several statements
                return await self.connection.execute(sql, *arguments, timeout=self._limit)
            prepared = self._prepared[sql] = await self.connection.prepare(sql, timeout=self._limit)
        await prepared.fetch(*arguments, timeout=self._limit)
        return prepared.get_statusmsg() or ""

    async def executemany(self, sql: str, arguments: Sequence[Sequence[Any]]) -> None:
        """Run a statement once for each of `arguments`."""
        await self.connection.executemany(sql, arguments, timeout=self._limit)

    async def append(self, stream_id: UUID, *events: Published, expected: int | None = None) -> list[UUID]:
        """Append `events` of the aggregate `stream_id` to the journal, in this transaction; the relay publishes them.

        Args:
            expected: the highest sequence of this stream that the caller has seen, as an optimistic lock. All `events`
                must then be of one topic.

        Returns:
            The events' ids.

        Raises:
            ConflictError: another transaction appended to the same stream at the same time, or since `expected`.
        """
        self._appended = self._appended or bool(events)
        async with asyncio.timeout(self._limit):
            return await journal.append(self.connection, stream_id, events, self.clock.now(), expected=expected)


class Database:
    """The service's connections: a pool for short transactions.

    `on_append` is called after a transaction that appended to the journal has committed (the relay's wake-up).
    """

    def __init__(
        self, url: str, clock: Clock, *, pool_size: int = 10, on_append: Callable[[], None] | None = None
    ) -> None:
        self.url = url
        self._pool_size = pool_size
        self._pool: asyncpg.Pool[Row] | None = None
        self.clock = clock
        self.on_append = on_append

    async def start(self) -> None:
        """Open the pool; opening it twice changes nothing."""
        if self._pool is not None:
            return
        self._pool = await asyncpg.create_pool(
            self.url,
            min_size=1,
            max_size=self._pool_size,
            timeout=10,
            max_inactive_connection_lifetime=300,
            reset=_roll_back,
            server_settings={"application_name": "amtsbus", "timezone": "UTC"},
        )

    async def stop(self) -> None:
        """Close the pool; connections in use get 10 seconds."""
        if self._pool is not None:
            try:
                await asyncio.wait_for(self._pool.close(), 10)
            except TimeoutError:
                self._pool.terminate()
            self._pool = None

    @property
    def pool(self) -> "asyncpg.Pool[Row]":
        if self._pool is None:
            raise RuntimeError("the database is not started")
        return self._pool

    @asynccontextmanager
    async def transaction(
        self, *, timeout_seconds: float = 10.0, deadline_seconds: float | None = None
    ) -> AsyncIterator[Tx]:
        """A transaction that commits when the block ends and rolls back when it raises.

        Args:
            deadline_seconds: how long it may take as a whole, in place of the limit of each single statement: a timer for
                each is a tenth of what a short one costs.

        Raises:
            TimeoutError: no connection became free within `timeout_seconds`, or the deadline has passed.
        """
        async with asyncio.timeout(deadline_seconds), self.pool.acquire(timeout=timeout_seconds) as connection:
            tx = Tx(connection, self.clock, limit=STATEMENT_SECONDS if deadline_seconds is None else None)
            transaction = connection.transaction()
            try:
                async with asyncio.timeout(STATEMENT_SECONDS):
                    await transaction.start()
            except BaseException:
                connection.terminate()  # one on which no transaction can begin is of no use to whoever has it next
                raise
            try:
                yield tx
            except BaseException:
                async with asyncio.timeout(STATEMENT_SECONDS):
                    await transaction.rollback()
                raise
            async with asyncio.timeout(STATEMENT_SECONDS):
                await transaction.commit()
        if tx._appended and self.on_append is not None:
            self.on_append()

    async def is_ready(self, *, seconds: float = 2.0) -> bool:
        """Whether a query is answered within so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self.pool.fetchval("SELECT 1")
        except (*NO_ANSWER, RuntimeError):
            return False
        return True


async def _roll_back(connection: Any) -> None:
    """A cheaper reset than asyncpg's: we use no session state, so an open transaction is all there can be left."""
    if connection.is_in_transaction():
        await connection.execute("ROLLBACK")
