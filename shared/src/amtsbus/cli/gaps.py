"""`amtsbus gaps list|ask`: events that a reader misses, and asking their publisher for them."""

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

import typer

from amtsbus.cli.databases import By, Consumer, ServiceName, Why, opened, operator, reason
from amtsbus.cli.failures import CommandFailedError
from amtsbus.cli.output import AsJson, command_group, print_json, print_table

if TYPE_CHECKING:
    from amtsbus.gaps import MissingEvents
    from amtsbus.postgres import Database

app = command_group("Events that never came to a reader: see which, and ask their publisher for them.")

_PAGE = 500
_ALL = 1_000_000
_POLL_SECONDS = 0.2


@app.command("list")
def show_gaps(
    service: ServiceName,
    consumer: Consumer = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="The most streams to show.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show which events SERVICE misses: by reader and stream the sequences that never came, and since when.

    Example: amtsbus gaps list notifications --consumer notifications.permit-applications
    """
    found = asyncio.run(_list(service, consumer, limit))
    if as_json:
        print_json([_as_json(one) for one in found])
        return
    if not found:
        typer.echo("nothing is missing")
        return
    _print(found)
    if len(found) == limit:
        typer.echo(f"the first {limit} streams; more with --limit")


def _print(missing: "list[MissingEvents]") -> None:
    print_table(
        ["Group", "Topic", "Stream", "Sequences", "Since"],
        [(one.consumer, one.topic, one.stream_id, one.sequences, one.since) for one in missing],
    )


def _as_json(one: "MissingEvents") -> dict[str, object]:
    return {**vars(one), "events": one.count}


async def _list(name: str, consumer: str | None, limit: int) -> "list[MissingEvents]":
    async with opened(name) as (_, _, database):
        return await _missing(database, consumer, limit)


async def _missing(database: "Database", consumer: str | None, limit: int) -> "list[MissingEvents]":
    from amtsbus import gaps

    async with database.transaction() as tx:
        return await gaps.missing(tx, consumer=consumer, limit=limit)


@app.command()
def ask(
    service: ServiceName,
    why: Why = None,
    consumer: Consumer = None,
    wait: Annotated[
        float, typer.Option(min=0, max=86_400, help="How many seconds to wait until the gaps are closed.")
    ] = 0.0,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Ask the publishers, over the bus, for everything that SERVICE misses.

    Each publisher's worker sends the events again with their ids and sequences; the gaps close when they arrive, and what
    was handled before has no second effect. With --wait the exit code is 1 while something is still missing.

    Example: amtsbus gaps ask notifications --why "topic was lost, ticket 4711" --wait 60
    """
    asked, remaining = asyncio.run(_ask(service, consumer, reason(why), wait, operator(by)))
    streams, events = asked
    missing = sum(one.count for one in remaining)
    if as_json:
        print_json(
            {
                "streams": streams,
                "events": events,
                "waited": wait > 0,
                "remaining": [_as_json(one) for one in remaining],
            }
        )
    elif not streams:
        typer.echo("nothing is missing")
    else:
        typer.echo(f"asked for {events} events of {streams} streams")
        if wait and not remaining:
            typer.echo("nothing is missing any more")
    if wait and remaining:
        if not as_json:
            _print(remaining[:100])
        raise CommandFailedError(
            f"{missing} events of {len(remaining)} streams are still missing after {wait:.0f} s. Are the workers of {service} "
            "and of the publisher running? What its journal does not hold any more comes from its archive."
        )


async def _ask(
    name: str, consumer: str | None, why: str, wait: float, by: str
) -> "tuple[tuple[int, int], list[MissingEvents]]":
    """((streams, events) asked for, what is missing in the end)."""
    from amtsbus import gaps

    async with opened(name) as (service, _, database):
        request = gaps.request_of(service)
        if request is None:
            raise CommandFailedError(
                f"{name} does not ask over the bus (its declaration has no replay requests). "
                "Have the publisher's operator do it: amtsbus journal replay PUBLISHER --stream-id STREAM"
            )
        deadline = time.monotonic() + wait
        streams = events = 0
        after: gaps.Place | None = None
        while True:
            async with database.transaction(timeout_seconds=30) as tx:
                page = await gaps.missing(tx, consumer=consumer, after=after, limit=_PAGE)
                await gaps.ask(tx, request, page, by=by, why=why)
            streams, events = streams + len(page), events + sum(one.count for one in page)
            if len(page) < _PAGE:
                break
            after = gaps.place_of(page[-1])
        if not wait:
            return (streams, events), []
        while await _missing(database, consumer, 1) and time.monotonic() < deadline:  # noqa: ASYNC110 - the gaps are in PostgreSQL
            await asyncio.sleep(_POLL_SECONDS)
        remaining = await _missing(database, consumer, _ALL)
        return (streams, events), remaining
