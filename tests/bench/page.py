"""The result for people: a table at the terminal, and docs/benchmarks.md."""

import platform
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil
from amtsbus.testing.servers import KAFKA_VERSION
from rich.table import Table

from tests.bench.measurement import Measurement

BAR = 40
HEADINGS = (
    "measurement",
    "value",
    "goal",
    "met",
    "ours, median (spread)",
    "limit, median (spread)",
    "in",
    "CPU s/1,000, ours : limit",
    "MB",
)
METHOD = """\
PostgreSQL, Kafka, the load generators and the services all run on this machine; PostgreSQL with its own defaults, so that
every commit waits for the disk. A value without a unit is a ratio: the median of the rounds' ratios to the limit, a raw loop
that does the same work on the same rows and records in the same run, written as well as one can and promising nothing
(for growth: the same operation on the smallest database). Absolute figures belong to the machine, ratios travel. CPU is that
of our own processes, not of the servers."""


def table(found: Sequence[Measurement]) -> Table:
    """The result for a terminal."""
    made = Table(title="Amtsbus against the limit of this machine")
    for heading in HEADINGS:
        made.add_column(heading, justify="left" if heading == HEADINGS[0] else "right")
    for it in found:
        made.add_row(*_cells(it), style=None if it.met else "yellow")
    return made


def markdown(found: Sequence[Measurement], minutes: float, explained: str) -> str:
    """The page, with what people have written about it at its end."""
    software = ", ".join(f"{name} {version(name)}" for name in ("aiokafka", "asyncpg", "fastapi", "uvicorn", "uvloop"))
    memory = psutil.virtual_memory().total / 1e9
    lines = [
        "# How near to the limit the chassis runs",
        "",
        "Made by `make bench ARGS=--write`. Change the benchmarks (`tests/bench`) or the text at the end",
        "(`tests/bench/explained.md`), not this page.",
        "",
        f"- {datetime.now(UTC).date().isoformat()}, {minutes:.0f} minutes",
        f"- {psutil.cpu_count()} cores ({_processor()}), {memory:.0f} GB of memory, {platform.system()} {platform.release()}",
        f"- Python {platform.python_version()}, PostgreSQL 18, Kafka {KAFKA_VERSION}, {software}",
        "",
        METHOD,
        "",
        f"| {' | '.join(HEADINGS)} |",
        f"|{'|'.join('---' if heading == HEADINGS[0] else '--:' for heading in HEADINGS)}|",
        *(f"| {' | '.join(_cells(it))} |" for it in found),
        "",
        *(line for it in found for line in _chart(it)),
        explained.strip(),
        "",
    ]
    return "\n".join(lines)


def _cells(it: Measurement) -> tuple[str, ...]:
    ours, raw = it.cpu_ours_per_1000, it.cpu_raw_per_1000
    cpu = " : ".join(f"{seconds:.3g}" for seconds in (ours, raw) if seconds is not None)
    return (
        it.name,
        _value(it.ratio, it.unit),
        ("≥ " if it.higher_is_better else "≤ ") + _value(it.goal, it.unit),
        "yes" if it.met else "no",
        _middle_and_spread(it.ours),
        _middle_and_spread(it.raw),
        _figure(it) if it.ours else "",
        cpu,
        f"{it.memory_mb:.0f}" if it.memory_mb is not None else "",
    )


def _figure(it: Measurement) -> str:
    return str(it.detail.get("figure", "events/s"))


def _value(value: float, unit: str) -> str:
    if unit == "ratio":
        return f"{value:.2f}"
    return f"{_short(value)} {unit}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _middle_and_spread(rounds: Sequence[float]) -> str:
    if not rounds:
        return ""
    spread = f" ({_short(min(rounds))}–{_short(max(rounds))})" if len(rounds) > 1 else ""
    return _short(statistics.median(rounds)) + spread


def _chart(it: Measurement) -> list[str]:
    """Bars of `detail["chart"]`, or of the medians where both ways were measured."""
    figures: dict[str, float] = it.detail.get("chart", {})
    if "chart" not in it.detail and it.raw and it.ours:
        figures = {"ours": statistics.median(it.ours), "limit": statistics.median(it.raw)}
    if not figures:
        return []
    longest, most = max(map(len, figures)), max(figures.values()) or 1.0
    bars = [
        f"{name:<{longest}}  {'█' * max(1, round(BAR * figure / most)):<{BAR}}  {_short(figure)} {_figure(it)}"
        for name, figure in figures.items()
    ]
    return [f"**{it.name}**", "", "```text", *bars, "```", ""]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
