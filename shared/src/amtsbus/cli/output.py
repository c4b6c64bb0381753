"""Tables for people, JSON for programs."""

import dataclasses
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
OutputFile = Annotated[
    Path | None, typer.Option("--file", metavar="FILE", help="Where to write them; default: standard output.")
]


def command_group(purpose: str) -> typer.Typer:
    """A group of commands; its help is plain text, since typer's coloured one takes a quarter of a second to import."""
    return typer.Typer(
        help=purpose,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )


def print_json(content: Any) -> None:
    """Print `content` as JSON; ids and instants as text."""
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False, default=_as_text))


def plain(value: Any) -> Any:
    """`value` with its dataclasses as dictionaries, ready for `print_json`."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def _as_text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


@contextmanager
def writing(file: Path | None) -> Iterator[TextIO]:
    """What the lines of an export go to: the file, or standard output where there is none."""
    if file is None:
        yield sys.stdout
        return
    with file.open("w", encoding="utf-8") as out:
        yield out


def print_written(count: int, what: str, file: Path | None, *, as_json: bool) -> None:
    """Say how many of `what` were written to the file; on standard output nothing follows the lines themselves."""
    if file is None:
        return
    if as_json:
        print_json({what.replace(" ", "_"): count, "file": str(file)})
    else:
        typer.echo(f"{count} {what} written to {file}")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table; in a pipe it is not squeezed into 80 columns."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(shown(cell)) for cell in row))
    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    console.print(table)


def shown(value: Any) -> str:
    """A cell's text: local time of the city for instants, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        from amtsbus.clock import BERLIN

        return value.astimezone(BERLIN).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def duration(seconds: float | None) -> str:
    """A span of time in the largest unit that fits: `3 s`, `12 min`, `5 h`, `2 d`."""
    if seconds is None:
        return ""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0.0):.0f} s"
