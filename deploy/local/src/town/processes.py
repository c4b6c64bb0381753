"""Processes under supervision: started, watched, started again after a crash, stopped in time."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import httpx
from amtsbus.testing.servers import (
    EmbeddedKafka,
    EmbeddedPostgres,
    ServerFailedError,
    end_recorded,
    open_log,
    record_process,
)

from town.home import Home, TownError, town_command

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
HEALTHY_AFTER_SECONDS = 60.0
"""A process that has run for so long has recovered: its next crash is treated like the first."""
STOP_SECONDS = 30.0
READY_SECONDS = 120.0


class State(StrEnum):
    """What a supervised process is doing."""

    NOT_STARTED = "not started"
    RUNNING = "running"
    WAITING = "waiting to start again"
    STOPPED = "stopped"


@dataclass
class Supervised:
    """One process of the town.

    A crash is reported through `report` in one line, and the process is started again after a pause that doubles from
    half a second to `longest_pause` (seconds). `ready_url`, if there is one, answers 200 when the process serves.
    """

    name: str
    command: list[str]
    environment: dict[str, str]
    home: Home
    report: Callable[[str], None]
    ready_url: str | None = None
    longest_pause: float = LONGEST_PAUSE_SECONDS
    state: State = State.NOT_STARTED
    crashes: int = 0
    _process: asyncio.subprocess.Process | None = None
    _keeping: asyncio.Task[None] | None = None
    _wanted: bool = field(default=False)

    @property
    def log(self) -> Path:
        return self.home.logs / f"{self.name}.log"

    @property
    def record(self) -> Path:
        return self.home.processes / f"{self.name}.json"

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        """Start the process and keep it running; does nothing when it already is."""
        if self._wanted:
            return
        self._wanted = True
        await self._launch()
        self._keeping = asyncio.create_task(self._keep(), name=f"keep {self.name}")

    async def _launch(self) -> None:
        with open_log(self.log) as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                cwd=self.home.tree,
                start_new_session=True,  # Ctrl-C at the terminal reaches the town alone, which stops them in order
            )
        with contextlib.suppress(Exception):  # it is gone already; _keep sees that
            record_process(self.record, self._process.pid)
        self.state = State.RUNNING

    async def _keep(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while self._wanted and self._process is not None:
            began = time.monotonic()
            code = await self._process.wait()
            if not self._wanted:
                return
            self.crashes += 1
            self.state = State.WAITING
            if time.monotonic() - began > HEALTHY_AFTER_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            self.report(
                f"{self.name} {_ended(code)}; it starts again in {pause:.1f} s. "
                f"Last words: {last_line(self.log)} ({town_command()} logs {self.name})"
            )
            await asyncio.sleep(pause)
            pause = min(pause * 2, self.longest_pause)
            await self._launch()

    async def ready(self, *, seconds: float = READY_SECONDS) -> None:
        """Wait until the process serves.

        Raises:
            TownError: it does not within `seconds`, or has crashed three times before it did.
        """
        if self.ready_url is None:
            return
        deadline = time.monotonic() + seconds
        crashes = self.crashes
        async with httpx.AsyncClient(timeout=2) as client:
            while time.monotonic() < deadline:
                with contextlib.suppress(httpx.HTTPError):
                    if (await client.get(self.ready_url)).status_code == httpx.codes.OK:
                        return
                if self.crashes - crashes >= 3:
                    raise TownError(f"{self.name} does not start. Its log ends:\n{last_lines(self.log)}")
                await asyncio.sleep(0.1)
        raise TownError(
            f"{self.name} is not ready after {seconds:.0f} s ({self.ready_url}). Its log ends:\n{last_lines(self.log)}"
        )

    async def stop(self) -> None:
        """Ask the process to end; it is killed if it has not within 30 seconds."""
        self._wanted = False
        if self._keeping is not None:
            if self.state is State.WAITING:
                self._keeping.cancel()
            process = self._process
            if process is not None and process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGTERM)
                try:
                    await asyncio.wait_for(process.wait(), STOP_SECONDS)
                except TimeoutError:
                    self.report(f"{self.name} did not stop within {STOP_SECONDS:.0f} s and was killed")
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
                    await process.wait()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeping
        self._keeping = self._process = None
        self.record.unlink(missing_ok=True)
        self.state = State.STOPPED


@dataclass
class SupervisedServer:
    """An embedded server under supervision: started again at the same port when it crashes, after a pause that doubles up
    to `longest_pause` (seconds).
    """

    name: str
    server: EmbeddedPostgres | EmbeddedKafka
    report: Callable[[str], None]
    longest_pause: float = LONGEST_PAUSE_SECONDS
    _starting: asyncio.Task[None] | None = None
    _keeping: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        process = self.server.process
        return process.pid if process is not None and process.poll() is None else None

    async def start(self) -> None:
        """Start the server; returns when it answers.

        Raises:
            ServerFailedError: it does not.
        """
        await self._start_in_a_thread()
        self._keeping = asyncio.create_task(self._keep(), name=f"keep {self.name}")

    async def _start_in_a_thread(self) -> None:
        # A thread cannot be cancelled: `stop` has to know of it, or it would start a server that nobody stops.
        self._starting = asyncio.create_task(asyncio.to_thread(self.server.start))
        await asyncio.shield(self._starting)

    async def _keep(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            await asyncio.sleep(0.5)
            process = self.server.process
            if process is not None and process.poll() is None:
                continue
            if process is not None:
                self.report(
                    f"{self.name} {_ended(process.returncode)}; it starts again in {pause:.1f} s. "
                    f"Last words: {last_line(self.server.log)}"
                )
            await asyncio.sleep(pause)
            pause = min(pause * 2, self.longest_pause)
            port = self.server.port
            try:
                await self._start_in_a_thread()
            except ServerFailedError as error:
                self.report(f"{self.name} did not start again: {str(error).splitlines()[0]}")
            self.server.port = port

    async def stop(self) -> None:
        """Stop the server, also in the middle of a start."""
        if self._keeping is not None:
            self._keeping.cancel()
            self._keeping = None
        while self._starting is not None and not self._starting.done():
            await asyncio.to_thread(self.server.stop)
            await asyncio.wait([self._starting], timeout=0.3)
        if self._starting is not None and not self._starting.cancelled():
            self._starting.exception()  # told by whoever awaited the start
        await asyncio.to_thread(self.server.stop)


def end_left_over(home: Home) -> list[str]:
    """End what a town that was killed has left running; the caller holds the town's lock, so no live town owns it.

    Returns:
        The names of those that were ended.
    """
    records = [(file.stem, file, signal.SIGTERM) for file in sorted(home.processes.glob("*.json"))]
    records += [
        ("kafka", home.kafka / "process.json", signal.SIGTERM),
        ("postgres", home.postgres / "process.json", signal.SIGINT),
    ]
    with ThreadPoolExecutor(max_workers=len(records)) as threads:
        ended = threads.map(lambda record: end_recorded(record[1], record[2], seconds=5), records)
        return [name for (name, _, _), pid in zip(records, ended, strict=True) if pid is not None]


def last_line(log: Path) -> str:
    """The last line of a log that says something."""
    return last_lines(log, 1).strip()[:300] or "(none)"


def last_lines(log: Path, count: int = 12) -> str:
    """The last lines of a log that say something."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 65_536))
            text = file.read().decode(errors="replace")
    except OSError:
        return "(no log)"
    return "\n".join([line for line in text.splitlines() if line.strip()][-count:])


def _ended(code: int) -> str:
    if code >= 0:
        return f"ended by itself (exit status {code})"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
