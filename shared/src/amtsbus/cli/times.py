"""Instants and spans of time as an operator types them."""

from datetime import datetime, timedelta
from re import compile as regex

import typer

_SPAN = regex(r"([1-9][0-9]{0,5}) ?(s|min|h|d)")
_UNITS = {"s": timedelta(seconds=1), "min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def instant(text: str) -> datetime:
    """ISO 8601, local time of the city where it names no zone: `2026-03-02` or `2026-03-02T09:00`."""
    from amtsbus.clock import BERLIN

    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date or time; write 2026-03-02 or 2026-03-02T09:00") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=BERLIN)


def span(text: str) -> timedelta:
    """A span of time in one unit: `45s`, `30min`, `2h`, `3d`."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise typer.BadParameter(f"{text!r} is no span of time; write 45s, 30min, 2h or 3d")
    return int(match[1]) * _UNITS[match[2]]
