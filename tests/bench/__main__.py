"""How near to the limit of the machine the chassis runs.

    make bench                          everything; about a quarter of an hour on two cores
    make bench ARGS=--quick             the same with small numbers: shows that it runs, not how fast
    make bench ARGS="--only relay"      one part of it
    make bench ARGS=--write             everything, and write docs/benchmarks.md

Each part runs in a process of its own, one after the other, on one PostgreSQL and one Kafka that are started for it. The
table goes to standard error; the last lines of standard output are one JSON object per measurement. A benchmark informs:
the exit status is 0 when it ran, whether or not a goal is met, and 2 when it could not run.
"""

import argparse
import importlib
import json
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path

import psutil
import uvloop
from amtsbus.testing.servers import EmbeddedKafka, EmbeddedPostgres, ServerFailedError, end_process
from rich.console import Console

from tests.bench import page
from tests.bench.measurement import Measurement, Servers, note

PARTS = ("relay", "reader", "intake", "latency", "backlog", "growth", "memory", "portal", "desk")
LIMIT_SECONDS = 600
"""A part that takes longer hangs."""
PAGE = Path("docs/benchmarks.md")
EXPLAINED = Path(__file__).parent / "explained.md"
POSTGRES = {"shared_buffers": "128MB"}
"""Its own default, as is everything else; fsync above all. (The tests' servers have less.)"""


def main() -> int:
    """Run what is asked for; see the module's text."""
    parser = argparse.ArgumentParser(
        prog="tests.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="small numbers")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE}")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    if arguments.write and (arguments.quick or set(arguments.only) != set(PARTS)):
        parser.error(f"{PAGE} is written from a run of everything")
    if arguments.inside:
        told = json.loads(arguments.inside)
        _measure(
            told["part"], Servers(**told["servers"] | {"folder": Path(told["servers"]["folder"])}), arguments.quick
        )
        return 0
    started = time.monotonic()
    parts = [part for part in PARTS if part in arguments.only]
    try:
        found, failed = _measure_all(parts, quick=arguments.quick)
    except ServerFailedError as error:
        note(f"error: {error}")
        return 2
    minutes = (time.monotonic() - started) / 60
    Console(stderr=True, width=140).print(page.table(found))
    note(f"{minutes:.1f} minutes")
    if arguments.write:
        PAGE.write_text(page.markdown(found, minutes, EXPLAINED.read_text(encoding="utf-8")), encoding="utf-8")
        note(f"written: {PAGE}")
    if failed:
        note(f"error: could not be measured: {', '.join(failed)}")
    for measurement in found:
        print(measurement.as_json(), flush=True)  # noqa: T201 - for programs
    return 2 if failed else 0


def _measure(part: str, servers: Servers, quick: bool) -> None:
    """In the part's own process: measure, and leave the result in a file."""
    module = importlib.import_module(f"tests.bench.{part}")
    found: list[Measurement] = uvloop.run(module.measure(servers, quick=quick))  # what uvicorn takes as well
    (servers.folder / f"{part}.jsonl").write_text("".join(f"{it.as_json()}\n" for it in found))


def _measure_all(parts: list[str], *, quick: bool) -> tuple[list[Measurement], list[str]]:
    found: list[Measurement] = []
    failed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="amtsbus-bench-") as folder, ExitStack() as stack:
        postgres = EmbeddedPostgres(Path(folder) / "postgres", settings=POSTGRES)
        stack.callback(postgres.stop)
        postgres.start()
        kafka = EmbeddedKafka(Path(folder) / "kafka")
        stack.callback(kafka.stop)
        kafka.start()
        servers = Servers(postgres.url(), kafka.bootstrap_servers, Path(folder))
        for part in parts:
            started = time.monotonic()
            note(f"{part} …")
            inside = json.dumps({"part": part, "servers": asdict(servers) | {"folder": folder}})
            command = [sys.executable, "-m", "tests.bench", "--inside", inside, *(["--quick"] if quick else [])]
            process = subprocess.Popen(command)
            try:
                status = process.wait(LIMIT_SECONDS)
            except BaseException as error:
                _end_with_family(psutil.Process(process.pid))
                if not isinstance(error, subprocess.TimeoutExpired):
                    raise
                status = None
            results = servers.folder / f"{part}.jsonl"
            if status == 0 and results.exists():
                found += [Measurement.from_json(line) for line in results.read_text().splitlines()]
            else:
                note(f"{part} {'took too long' if status is None else f'ended with status {status}'}")
                failed.append(part)
            note(f"{part}: {time.monotonic() - started:.0f} s")
    return found, failed


def _end_with_family(process: psutil.Process) -> None:
    """End a part, and whatever it has started and could not stop any more."""
    family = process.children(recursive=True)
    end_process(process)
    for one in family:
        with suppress(psutil.NoSuchProcess):
            one.kill()


if __name__ == "__main__":
    sys.exit(main())
