"""Bar charts as numbers: where each bar lies and how long it is. Templates draw them, with the same numbers in a table beside."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 640
"""Of the drawing, in its own units."""
LABELS: Final = 220
NUMBERS: Final = 60
ROW: Final = 32
BAR: Final = 20


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, with its part that is overdue in front."""

    label: str
    value: int
    marked: int
    """How much of it needs attention."""
    y: int
    width: float
    marked_width: float


@dataclass(frozen=True, slots=True)
class BarChart:
    """Bars below each other; all share one scale, which begins at 0."""

    bars: tuple[Bar, ...]
    width: int
    height: int
    left: int
    bar_height: int


def bar_chart(rows: Sequence[tuple[str, int, int]]) -> BarChart:
    """A chart of (label, value, how much of it is marked)."""
    most = max((value for _, value, _ in rows), default=0) or 1
    scale = (WIDTH - LABELS - NUMBERS) / most
    return BarChart(
        bars=tuple(
            Bar(label, value, marked, nth * ROW, round(value * scale, 1), round(min(marked, value) * scale, 1))
            for nth, (label, value, marked) in enumerate(rows)
        ),
        width=WIDTH,
        height=max(len(rows), 1) * ROW,
        left=LABELS,
        bar_height=BAR,
    )
