"""`amtsbus journal status|replay`: how far the journal is published, and publishing parts of it again."""

import asyncio
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from amtsbus.cli.databases import By, ServiceName, opened, operator
from amtsbus.cli.failures import CommandFailedError
from amtsbus.cli.output import AsJson, command_group, duration, print_json, print_table

if TYPE_CHECKING:
    from amtsbus.replay import JournalStatus, Selection

app = command_group("A service's journal: every event that it ever appended.")


@app.command()
def status(service: ServiceName, as_json: AsJson = False) -> None:
    """Show how many events the journal holds, and how many are not published yet."""
    found = asyncio.run(_status(service))
    if as_json:
        print_json(vars(found))
        return
    print_table(["Topic", "Events"], sorted(found.by_topic.items()))
    typer.echo(f"{found.events} events, up to position {found.newest_position or 0}")
    if found.unpublished:
        age = duration(found.oldest_unpublished_seconds)
        typer.echo(f"{found.unpublished} not published yet, the oldest for {age}: is the worker of {service} running?")
    else:
        typer.echo("everything is published")


async def _status(name: str) -> "JournalStatus":
    from amtsbus import replay

    async with opened(name) as (_, _, database), database.transaction() as tx:
        return await replay.status(tx)


def _instant(text: str) -> datetime:
    from amtsbus.clock import BERLIN

    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date or time; write 2026-03-02 or 2026-03-02T09:00") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=BERLIN)


@app.command()
def replay(
    service: ServiceName,
    stream_id: Annotated[UUID | None, typer.Option(help="Only the events of this case, person or message.")] = None,
    topic: Annotated[str | None, typer.Option(help="Only the events of this topic.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            parser=_instant,
            metavar="TIME",
            help="Only what happened at or after this (ISO 8601, local time of the city).",
        ),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(parser=_instant, metavar="TIME", help="Only what happened before this.")
    ] = None,
    event_type: Annotated[str | None, typer.Option("--type", help="Only events of this type.")] = None,
    to_topic: Annotated[
        str | None, typer.Option(help="Publish into this topic instead, made for one subscriber.")
    ] = None,
    rate: Annotated[int, typer.Option(min=1, max=100_000, help="The most events per second.")] = 2000,
    after_position: Annotated[int, typer.Option(min=0, help="Go on after this position of the journal.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Publish events again with their original ids and sequences.

    Subscribers that have handled them ignore them: a replay fills what is missing and has no second effect.
    """
    from amtsbus.replay import Selection

    if since and until and since >= until:
        raise typer.BadParameter("--since must be before --until")
    selection = Selection(
        topic=topic,
        stream_id=stream_id,
        event_type=event_type,
        since=since,
        until=until,
        after_position=after_position,
    )
    matching, sent, position = asyncio.run(_replay(service, selection, to_topic, rate, dry_run, operator(by)))
    if as_json:
        print_json({"matching": matching, "replayed": sent, "position": position, "dry_run": dry_run})
    elif dry_run:
        typer.echo(f"{matching} published events match; nothing was published")
    else:
        typer.echo(f"{sent} of {matching} events published again, up to position {position}")


async def _replay(
    name: str, selection: "Selection", to_topic: str | None, rate: int, dry_run: bool, by: str
) -> tuple[int, int, int]:
    """(matching, sent, position reached)."""
    from amtsbus import operations
    from amtsbus import replay as journal

    async with opened(name) as (service, settings, database):
        topics = sorted({event.topic for event in service.published})
        if selection.topic is not None and selection.topic not in topics:
            raise CommandFailedError(
                f"{name} does not publish on {selection.topic}; it has: {', '.join(topics)}", exit_code=2
            )
        async with database.transaction() as tx:
            matching = await journal.count(tx, selection)
            if not dry_run and matching:
                await operations.record(
                    tx, by=by, action="replay", about=f"{matching} events", why=_described(selection, to_topic)
                )
        sent, position = 0, selection.after_position
        if dry_run or not matching:
            return matching, sent, position
        try:
            with typer.progressbar(length=matching, label="replaying", file=sys.stderr) as bar:
                async for so_far, reached in journal.replay(
                    database, settings, selection, to_topic=to_topic, rate_per_second=rate
                ):
                    bar.update(so_far - sent)
                    sent, position = so_far, reached
        except Exception as error:
            if sent == 0:
                raise
            raise CommandFailedError(
                f"stopped after {sent} of {matching} events ({type(error).__name__}); "
                f"go on with the same command and --after-position {position}"
            ) from error
        return matching, sent, position


def _described(selection: "Selection", to_topic: str | None) -> str:
    parts = [f"{name}={value}" for name, value in vars(selection).items() if value]
    return ", ".join([*parts, *([f"to_topic={to_topic}"] if to_topic else [])]) or "the whole journal"
