"""The one transaction of a request: begun when somebody needs it, committed only after the answer is known."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Annotated, Any, Self

import asyncpg
from fastapi import Depends
from starlette.requests import Request

from amtsbus import failpoints
from amtsbus.http.problems import DATABASE_AWAY, ProblemError
from amtsbus.postgres import Database, Tx

WAIT_SECONDS = 5.0
"""How long a request waits for a free connection."""
CLEAN_UP_SECONDS = 3.0
_UNIT = "amtsbus.unit"
_ROLLBACK_FAILED: tuple[type[BaseException], ...] = (*DATABASE_AWAY, asyncpg.PostgresError)


class UnitOfWork:
    """Begins at most one transaction; leaves nothing behind unless `commit` was called.

    ::

        async with UnitOfWork(database, read_only=False) as unit:
            tx = await unit.begin()
            …
            await unit.commit()
    """

    __slots__ = ("_connection", "_database", "_read_only", "_transaction", "_wait_seconds", "tx")

    def __init__(self, database: Database, *, read_only: bool, wait_seconds: float | None = None) -> None:
        self._database = database
        self._read_only = read_only
        self._wait_seconds = WAIT_SECONDS if wait_seconds is None else wait_seconds
        self._connection: Any = None
        self._transaction: Any = None
        self.tx: Tx | None = None

    async def begin(self, *, read_only: bool | None = None) -> Tx:
        """The transaction; the first call begins it.

        Raises:
            ProblemError: 503, no connection became free in time, or the database is away.
        """
        if self.tx is not None:
            return self.tx
        try:
            self._connection = await self._database.pool.acquire(timeout=self._wait_seconds)
            self._transaction = self._connection.transaction(
                readonly=self._read_only if read_only is None else read_only
            )
            await self._transaction.start()
        except DATABASE_AWAY as error:
            self._transaction = None
            if self._connection is not None:
                self._connection.terminate()  # one on which no transaction can begin is of no use to whoever has it next
            raise ProblemError(
                503,
                "unavailable",
                "The service is busy or its database is away. Nothing was changed; try again shortly.",
                headers={"Retry-After": "2"},
            ) from error
        self.tx = Tx(self._connection, self._database.clock)
        return self.tx

    async def commit(self) -> None:
        """Make it true, and wake the relay if events were appended. Without a transaction: nothing to do."""
        if self.tx is None:
            return
        tx, transaction = self.tx, self._transaction
        await transaction.commit()
        self._transaction = None
        await self._release()
        if failpoints.ON:
            await failpoints.reached("http.committed")
        if tx._appended and self._database.on_append is not None:
            self._database.on_append()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Roll back what was not committed; a server that does not answer loses the connection instead of holding us."""
        if self._transaction is not None:
            try:
                async with asyncio.timeout(CLEAN_UP_SECONDS):
                    await self._transaction.rollback()
            except _ROLLBACK_FAILED:
                with suppress(*DATABASE_AWAY):
                    self._connection.terminate()
            self._transaction = None
        await self._release()

    async def _release(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with suppress(*DATABASE_AWAY):
                await self._database.pool.release(connection, timeout=CLEAN_UP_SECONDS)


def put_unit(request: Request, unit: UnitOfWork) -> None:
    """Make `unit` the one that `InTx` begins."""
    request.scope[_UNIT] = unit


async def in_tx(request: Request) -> Tx:
    """What `InTx` gives to an endpoint."""
    unit: UnitOfWork = request.scope[_UNIT]
    return await unit.begin()


async def in_recording_tx(request: Request) -> Tx:
    """What `InRecordingTx` gives to an endpoint."""
    unit: UnitOfWork = request.scope[_UNIT]
    return await unit.begin(read_only=False)


InTx = Annotated[Tx, Depends(in_tx)]
"""The request's transaction. It can only read in a GET; everywhere else it commits if the answer is below 400."""

InRecordingTx = Annotated[Tx, Depends(in_recording_tx)]
"""The transaction of a GET that must record who has read something (then nothing else in it may be `InTx` before)."""
