"""What a benchmark measures, on which servers, and how two ways of doing the same thing are compared fairly.

A module of this package has `async def measure(servers, *, quick) -> list[Measurement]` and runs in a process of its own.
"""

import asyncio
import json
import secrets
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import psutil
from amtsbus.testing.fixtures import create_topics, with_database

Run = Callable[[], Awaitable[float]]
"""One round of one way. Returns what is compared, for example events per second."""


@dataclass(frozen=True)
class Servers:
    """The servers of one run of the command: PostgreSQL that really waits for its disk, and Kafka."""

    postgres: str
    """URL of the superuser."""
    kafka: str
    folder: Path
    """For files of this run; it is removed at the end."""


@dataclass(frozen=True)
class Measurement:
    """One line of the result.

    `ratio` is what is compared with `goal`; where the goal is an absolute one (`unit` "ms" or "MB") it is that value.
    `ours` and `raw` are the figures of the single rounds, in the unit that `detail["figure"]` names (default: events/s).
    CPU is in seconds per 1,000 events (or requests).
    """

    name: str
    goal: float
    ratio: float
    higher_is_better: bool = True
    unit: str = "ratio"
    ours: list[float] = field(default_factory=list)
    raw: list[float] = field(default_factory=list)
    cpu_ours_per_1000: float | None = None
    cpu_raw_per_1000: float | None = None
    memory_mb: float | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        return self.ratio >= self.goal if self.higher_is_better else self.ratio <= self.goal

    def as_json(self) -> str:
        """One line of JSON."""
        return json.dumps(_rounded(asdict(self) | {"met": self.met}))

    @classmethod
    def from_json(cls, line: str) -> "Measurement":
        """What `as_json` wrote."""
        told = json.loads(line)
        del told["met"]
        return cls(**told)


def _rounded(value: Any) -> Any:
    """Four significant digits: more would claim a precision that no benchmark has."""
    if isinstance(value, float):
        return float(f"{value:.4g}") if abs(value) < 1000 else round(value)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value


def note(text: str) -> None:
    """Tell whoever waits what is going on (standard error)."""
    sys.stderr.write(f"  {text}\n")
    sys.stderr.flush()


async def alternate(raw: Run, ours: Run, rounds: int, *, warm_up: bool = True) -> tuple[list[float], list[float]]:
    """Run both ways `rounds` times, in turn, the other one first each time; before that once each without counting.

    Returns:
        The figures of the raw way and of ours, round by round.
    """
    found: dict[Run, list[float]] = {raw: [], ours: []}
    if warm_up:
        await raw()
        await ours()
    for number in range(rounds):
        for way in (raw, ours) if number % 2 == 0 else (ours, raw):
            found[way].append(await way())
        note(f"round {number + 1} of {rounds}: raw {found[raw][-1]:,.0f}, ours {found[ours][-1]:,.0f}")
    return found[raw], found[ours]


def ratio_of(ours: Sequence[float], raw: Sequence[float]) -> float:
    """The median of the rounds' ratios: what slows the machine down for a while slows both ways of a round."""
    return statistics.median(mine / limit for mine, limit in zip(ours, raw, strict=True))


class Cpu:
    """CPU seconds (user and system) of this process, or of others with their children, since it was made."""

    def __init__(self, processes: Iterable[int] = ()) -> None:
        self._pids = list(processes)
        self._before = self._now()

    def seconds(self) -> float:
        return self._now() - self._before

    def _now(self) -> float:
        if not self._pids:
            return time.process_time()
        total = 0.0
        for pid in self._pids:
            process = psutil.Process(pid)
            for one in (process, *process.children(recursive=True)):
                times = one.cpu_times()
                total += times.user + times.system
        return total


def resident_mb(pid: int | None = None) -> float:
    """Resident memory of a process (default: this one) with its children, in MB of 1,000,000 bytes."""
    process = psutil.Process(pid)
    total: int = sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))
    return total / 1e6


@asynccontextmanager
async def databases(servers: Servers, *names: str) -> AsyncIterator[list[str]]:
    """Fresh, empty databases for the block; yields their URLs (of the superuser)."""
    admin = await asyncpg.connect(servers.postgres)
    made = [f"bench_{name}_{secrets.token_hex(4)}" for name in names]
    try:
        for name in made:
            await admin.execute(f'CREATE DATABASE "{name}"')
        yield [with_database(servers.postgres, name) for name in made]
    finally:
        for name in made:
            await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await admin.close()


async def fresh_topic(servers: Servers, name: str, *, partitions: int = 6) -> str:
    """A new topic; returns the prefix that was put before `name` (of topics and groups alike)."""
    prefix = f"bench-{secrets.token_hex(4)}."
    await create_topics(servers.kafka, [prefix + name], partitions=partitions)
    return prefix


async def until(condition: Callable[[], Awaitable[bool]], *, seconds: float = 120, pause: float = 0.02) -> None:
    """Wait until `condition` holds.

    Raises:
        TimeoutError: it did not within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not reached within {seconds:.0f} s")
        await asyncio.sleep(pause)
