"""Failures that nobody could have seen: a fault that left no trace in the metrics and logs of those who felt it.

Also what metrics alone tell: a reader that has handled more events than there are.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol


class Fault(Protocol):
    """A fault that has happened."""

    @property
    def number(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def began_at(self) -> datetime: ...
    @property
    def ended_at(self) -> datetime: ...
    @property
    def note(self) -> str: ...


@dataclass
class Samples:
    """The metrics of all processes, by process and in order of time."""

    by_process: dict[str, list[tuple[datetime, Mapping[str, float]]]] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path) -> "Samples":
        """Read a file of samples; none where there is no such file."""
        found: dict[str, list[tuple[datetime, Mapping[str, float]]]] = defaultdict(list)
        if file.exists():
            with file.open() as lines:
                for line in lines:
                    if line.endswith("\n"):
                        told = json.loads(line)
                        found[told["process"]].append((datetime.fromisoformat(told["at"]), told["metrics"]))
        return cls(dict(found))

    def lives(self, process: str) -> Iterator[list[tuple[datetime, Mapping[str, float]]]]:
        """The samples of a process, one list for each of its lives."""
        life: list[tuple[datetime, Mapping[str, float]]] = []
        for at, metrics in self.by_process.get(process, []):
            if life and metrics.get("process_start_time_seconds") != life[-1][1].get("process_start_time_seconds"):
                yield life
                life = []
            life.append((at, metrics))
        if life:
            yield life


async def sampled_since(instant: datetime, file: Path) -> None:
    """Wait until all processes have been sampled once more, if anybody samples them at all."""
    size = file.stat().st_size if file.exists() else 0
    for _ in range(int(LONGEST_SAMPLING_SECONDS / 0.2)):
        if not size or any(at > instant for at in _last_instants(file)):
            return
        await asyncio.sleep(0.2)


def _last_instants(file: Path) -> list[datetime]:
    with file.open("rb") as opened:
        opened.seek(max(0, file.stat().st_size - 400_000))
        lines = opened.read().decode(errors="replace").splitlines()[1:]
    found = []
    for line in lines[-1:]:
        with suppress(ValueError, KeyError):  # it is being written at this moment
            found.append(datetime.fromisoformat(json.loads(line)["at"]))
    return found


def handled_too_often(samples: Samples, at_most: Mapping[str, int]) -> list[str]:
    """Readers that have handled more events than there are, as their own counters say.

    A life's last sample is from before its end, so the counters tell too little rather than too much: what is found is
    certain.
    """
    handled: dict[str, float] = defaultdict(float)
    for process in samples.by_process:
        for life in samples.lives(process):
            for name, value in life[-1][1].items():
                if name.startswith("amtsbus_reader_events_total{") and 'outcome="handled"' in name:
                    handled[name.partition('consumer="')[2].partition('"')[0]] += value
    return [
        f"{consumer} has handled {handled[consumer]:.0f} events, and there are {most}"
        for consumer, most in at_most.items()
        if handled[consumer] > most
    ]


# -- faults and their traces -----------------------------------------------------------------------------------------

FAILURES = (
    "amtsbus_relay_failures_total",
    "amtsbus_relay_blocked_streams",
    "amtsbus_reader_retries_total",
    "amtsbus_reader_gaps_total",
    "amtsbus_reader_reused_sequences_total",
    "amtsbus_reader_stopped",
    "amtsbus_parked_keys",
    "amtsbus_clock_failures_total",
    "notifications_mail_server_away",
)
"""Metrics that are zero as long as nothing goes wrong."""
BEFORE, AFTER = timedelta(seconds=1), timedelta(seconds=20)
"""Around a fault, the time in which its traces are looked for."""
UNTIL_SAMPLED_AGAIN = timedelta(seconds=120)
"""So long it may take until a process that was ended serves again, and is sampled."""
RELAYS_LEASE_SECONDS = 7.0
"""A worker that was stopped for so long has surely lost the database session of its relay."""
LEAST_CUT_SECONDS = 1.0
OFTEN = 3
"""A kind of fault that may pass unfelt once (nothing was to be sent just then) is felt when it has happened so often."""
FELT_AT_TIMES = frozenset({"cut", "mail"})

LONGEST_SAMPLING_SECONDS = 6.0

Trace = tuple[datetime, str]
"""When, and which process."""


def without_a_trace(happened: Sequence[Fault], samples: Samples, logs: Path) -> list[str]:
    """The faults of which no process that felt them says anything.

    Judged is what cannot pass unfelt: a process that ended, a server that was gone, a worker that was stopped for longer
    than its lease. Some kinds are judged as a whole. What only takes longer is no failure.
    """
    traces = sorted([*_in_samples(samples), *_in_logs(logs)])
    unseen, by_kind = [], defaultdict[str, list[bool]](list)
    for fault in happened:
        felt = _felt_by(fault, samples)
        patience = UNTIL_SAMPLED_AGAIN if fault.kind in ("kill", "terminate") else AFTER
        since, until = fault.began_at - BEFORE, fault.ended_at + patience
        seen = any(process in felt for at, process in traces if since <= at <= until)
        by_kind[fault.kind].append(seen)
        ended_it = fault.kind in ("kill", "terminate")
        if not seen and _is_felt_for_sure(fault) and (ended_it or _lived_through(fault, felt, samples)):
            unseen.append(
                f"fault #{fault.number} ({fault.kind} {fault.target}): {', '.join(sorted(felt))} say nothing of it"
            )
    unseen += [
        f"{kind} has happened {len(seen)} times, and nobody says anything of it"
        for kind, seen in by_kind.items()
        if kind in FELT_AT_TIMES and len(seen) >= OFTEN and not any(seen)
    ]
    return unseen


def _felt_by(fault: Fault, samples: Samples) -> set[str]:
    """The processes that a fault is about."""
    server, _, service = fault.target.partition(":")
    everybody = set(samples.by_process)
    if service not in ("", "all"):
        everybody = {process for process in everybody if process.startswith(f"{service}-")}
    match server:
        case "postgres":
            return everybody
        case "kafka":
            return {process for process in everybody if "-worker" in process}
        case "mail":
            return {process for process in everybody if process.startswith("notifications-worker")}
    return {fault.target}


def _lived_through(fault: Fault, processes: set[str], samples: Samples) -> bool:
    """Whether one of `processes` served before a fault and after it: one that is just being started feels nothing."""
    return any(
        life[0][0] <= fault.began_at and fault.ended_at <= life[-1][0]
        for process in processes
        for life in samples.lives(process)
    )


def _is_felt_for_sure(fault: Fault) -> bool:
    seconds = (fault.ended_at - fault.began_at).total_seconds()
    is_process = fault.target.endswith(("-api", "-worker"))
    match fault.kind:
        case _ if fault.note:  # what was planned did not come about
            return False
        case "kill" | "terminate":
            return is_process or fault.target in ("kafka", "postgres")
        case "stop":
            return fault.target.endswith("-worker") and seconds >= RELAYS_LEASE_SECONDS
        case "cut":
            return fault.target.startswith("postgres:") and seconds >= LEAST_CUT_SECONDS
        case "disk-full":
            return seconds >= LEAST_CUT_SECONDS
    return False


def _in_samples(samples: Samples) -> Iterator[Trace]:
    """Lives that began, and failures that were counted."""
    for process in samples.by_process:
        for life in samples.lives(process):
            if "process_start_time_seconds" in life[0][1]:
                yield datetime.fromtimestamp(life[0][1]["process_start_time_seconds"], UTC), process
            before: Mapping[str, float] = {}
            for at, metrics in life:
                failures = {name: value for name, value in metrics.items() if _is_failure(name)}
                if any(value > before.get(name, 0.0) for name, value in failures.items()):
                    yield at, process
                before = failures


def _is_failure(name: str) -> bool:
    return name.startswith(FAILURES) or (name.startswith("amtsbus_http_requests_total{") and 'status="5' in name)


def _in_logs(logs: Path) -> Iterator[Trace]:
    """Lines that warn or complain."""
    for file in (*logs.glob("*.log"), *logs.glob("*.log.previous")):
        process = file.name.partition(".")[0]
        with file.open(errors="replace") as lines:
            for line in lines:
                if not line.startswith("{") or '"level":"info"' in line:
                    continue
                try:
                    told: dict[str, Any] = json.loads(line)
                    if told["level"] in ("warning", "error", "critical"):
                        yield datetime.fromisoformat(told["timestamp"]), process
                except (ValueError, KeyError, TypeError):  # cut off where its writer was killed
                    continue
