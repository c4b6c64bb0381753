"""`amtsbus journal status|replay`: how far the journal is published, and publishing parts of it again."""

import asyncio
import shlex
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from amtsbus.cli.databases import By, ServiceName, Why, opened, operator, reason
from amtsbus.cli.failures import CommandFailedError
from amtsbus.cli.output import AsJson, command_group, duration, print_json, print_table
from amtsbus.cli.times import instant

if TYPE_CHECKING:
    from amtsbus.postgres import Database
    from amtsbus.replay import JournalStatus, Progress, Selection
    from amtsbus.retention import Event
    from amtsbus.service import Service
    from amtsbus.settings import Settings

app = command_group("A service's journal: every event that it ever appended.")

INTERRUPTED = 130


@app.command()
def status(service: ServiceName, as_json: AsJson = False) -> None:
    """Show how many events the journal holds, how many are not published yet, and for how long it has months.

    Example: amtsbus journal status permits
    """
    found = asyncio.run(_status(service))
    if as_json:
        print_json(vars(found))
        return
    print_table(["Topic", "Events"], sorted(found.by_topic.items()))
    typer.echo(f"{found.events} events, up to position {found.newest_position or 0}")
    typer.echo(
        f"months since {found.oldest_month:%Y-%m} ({found.archived_months} in the archive); ready until {found.ready_until}"
    )
    if found.unpublished:
        age = duration(found.oldest_unpublished_seconds)
        typer.echo(f"{found.unpublished} not published yet, the oldest for {age}: is the worker of {service} running?")
    else:
        typer.echo("everything is published")


async def _status(name: str) -> "JournalStatus":
    from amtsbus import replay

    async with opened(name) as (_, _, database), database.transaction() as tx:
        return await replay.status(tx)


@app.command()
def replay(
    service: ServiceName,
    why: Why = None,
    stream_id: Annotated[UUID | None, typer.Option(help="Only the events of this case, person or message.")] = None,
    first_sequence: Annotated[int | None, typer.Option(min=1, help="Only from this event of its stream on.")] = None,
    last_sequence: Annotated[int | None, typer.Option(min=1, help="Only up to this event of its stream.")] = None,
    topic: Annotated[str | None, typer.Option(help="Only the events of this topic.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            parser=instant,
            metavar="TIME",
            help="Only what happened at or after this (ISO 8601, local time of the city).",
        ),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(parser=instant, metavar="TIME", help="Only what happened before this.")
    ] = None,
    event_type: Annotated[str | None, typer.Option("--type", help="Only events of this type.")] = None,
    to_topic: Annotated[
        str | None, typer.Option(help="Publish into this topic instead, made for one subscriber.")
    ] = None,
    create_topic: Annotated[
        bool,
        typer.Option(
            "--create-topic", help="Create that topic where it is missing; it keeps what it gets for 30 days."
        ),
    ] = False,
    replication_factor: Annotated[int, typer.Option(min=1, max=9, help="Copies of that topic's partition.")] = 1,
    from_archive: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="Instead of what the journal holds, what this archived month does. May be repeated."
        ),
    ] = None,
    rate: Annotated[int, typer.Option(min=1, max=100_000, help="The most events per second.")] = 2000,
    after_position: Annotated[int, typer.Option(min=0, help="Go on after this position of the journal.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Publish events again with their original ids and sequences.

    Subscribers that have handled them ignore them: a replay fills what is missing and has no second effect.
    Interrupted, it says how to go on.

    Example: amtsbus journal replay permits --stream-id 0190a0a0-0000-7000-8000-000000000001 --why "gap, ticket 4711"
    """
    from amtsbus.replay import Selection

    if since and until and since >= until:
        raise typer.BadParameter("--since must be before --until")
    if create_topic and not to_topic:
        raise typer.BadParameter("--create-topic is for --to-topic TOPIC")
    selection = Selection(
        topic=topic,
        stream_id=stream_id,
        event_type=event_type,
        since=since,
        until=until,
        first_sequence=first_sequence,
        last_sequence=last_sequence,
        after_position=after_position,
    )
    order = Order(service, selection, to_topic, tuple(from_archive or ()), rate, create_topic, replication_factor)
    if dry_run:
        matching = asyncio.run(_count(order))
        if as_json:
            print_json({"matching": matching, "replayed": 0, "position": after_position, "dry_run": True})
        else:
            typer.echo(f"{matching} {order.kind} events match; nothing was published")
        return
    outcome = asyncio.run(_replay(order, operator(by), reason(why)))
    if as_json:
        print_json(
            {"matching": outcome.matching, "replayed": outcome.events, "position": outcome.position, "dry_run": False}
        )
    if outcome.stopped:
        raise CommandFailedError(
            f"stopped after {outcome.events} of {outcome.matching} events ({outcome.stopped}); go on with: "
            f"{order.command(outcome.position, why or '')}",
            exit_code=INTERRUPTED if outcome.stopped == Outcome.INTERRUPTED else 1,
        )
    if not as_json:
        typer.echo(f"{outcome.events} of {outcome.matching} events published again, up to position {outcome.position}")


@dataclass(frozen=True)
class Order:
    """What the operator wants to have published again."""

    service: str
    selection: "Selection"
    to_topic: str | None
    files: tuple[Path, ...]
    rate: int
    create_topic: bool
    copies: int

    @property
    def kind(self) -> str:
        return "archived" if self.files else "published" if self.to_topic is None else "journal"

    @property
    def options(self) -> list[str]:
        """The options that say what is chosen and where it goes."""
        names = {
            "stream_id": "--stream-id",
            "first_sequence": "--first-sequence",
            "last_sequence": "--last-sequence",
            "topic": "--topic",
            "since": "--since",
            "until": "--until",
            "event_type": "--type",
        }
        chosen = {option: getattr(self.selection, name) for name, option in names.items()} | {
            "--to-topic": self.to_topic
        }
        told = [
            part
            for option, value in chosen.items()
            if value is not None
            for part in (option, value.isoformat() if isinstance(value, datetime) else str(value))
        ]
        return told + [part for file in self.files for part in ("--from-archive", str(file))]

    def command(self, position: int, why: str) -> str:
        """The command that goes on after `position`."""
        going_on = ["--rate", str(self.rate), "--after-position", str(position), "--why", why]
        return shlex.join(["amtsbus", "journal", "replay", self.service, *self.options, *going_on])


@dataclass
class Outcome:
    """How far it came, and why no further."""

    INTERRUPTED = "interrupted"

    matching: int
    position: int
    events: int = 0
    stopped: str = ""


async def _count(order: Order) -> int:
    async with opened(order.service) as (service, _, database):
        _refuse_foreign(order, service)
        return await _matching(order, service, database)


async def _matching(order: Order, service: "Service", database: "Database") -> int:
    from amtsbus import replay as journal
    from amtsbus import retention

    if order.files:
        for file in order.files:
            said = await asyncio.to_thread(retention.verify, file)
            if said.service != service.name:
                raise CommandFailedError(f"{file} is of the journal of {said.service}, not of {service.name}")
        return sum(1 for _ in _archived(order, service))
    async with database.transaction() as tx:
        return await journal.count(tx, order.selection, published_only=order.to_topic is None)


def _archived(order: Order, service: "Service") -> "Iterator[Event]":
    from amtsbus import retention

    left_out: list[str] = []
    if order.to_topic is None:
        compacted = _compacted(service)
        if compacted is None:
            raise CommandFailedError(
                "the list of topics is needed to know which are compacted: set AMTSBUS_TOPICS_FILE"
            )
        # What is published last is what stays there, and that must not be an event of years ago. Nobody has a gap there.
        left_out = compacted
    return retention.events(
        order.files,
        lambda event: event["topic"] not in left_out and retention.matches(event, order.selection),
    )


def _refuse_foreign(order: Order, service: "Service") -> None:
    topics = sorted({event.topic for event in service.published})
    if order.selection.topic is not None and order.selection.topic not in topics:
        raise CommandFailedError(
            f"{service.name} does not publish on {order.selection.topic}; it has: {', '.join(topics)}", exit_code=2
        )
    if order.to_topic in topics:
        raise CommandFailedError(
            f"{order.to_topic} is {service.name}'s own topic: leave --to-topic out, and each event goes where it belongs",
            exit_code=2,
        )


async def _replay(order: Order, by: str, why: str) -> Outcome:
    from amtsbus import operations
    from amtsbus import replay as journal
    from amtsbus.replay import RelayStandsStillError

    async with opened(order.service) as (service, settings, database):
        _refuse_foreign(order, service)
        await _find_topic(settings, order)
        if not order.files:
            async with database.transaction() as tx:
                order = replace(order, selection=await journal.bounded(tx, order.selection))
        outcome = Outcome(await _matching(order, service, database), order.selection.after_position)
        if not outcome.matching:
            return outcome
        about = f"{outcome.matching} events: {' '.join(order.options) or 'the whole journal'}"
        async with database.transaction() as tx:
            await operations.record(tx, by=by, action="replay", about=about, why=why)
        try:
            with typer.progressbar(length=outcome.matching, label="replaying", file=sys.stderr) as bar:
                async for progress in _published(order, service, settings, database):
                    bar.update(progress.events - outcome.events)
                    outcome.events, outcome.position = progress.events, progress.position
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None:
                task.uncancel()  # what follows is the orderly end
            outcome.stopped = Outcome.INTERRUPTED
        except RelayStandsStillError as error:
            outcome.stopped = f"{error}: is the worker of {order.service} running?"
        except Exception as error:
            if not outcome.events:
                raise
            outcome.stopped = type(error).__name__
        async with database.transaction() as tx:
            how = "replay stopped" if outcome.stopped else "replay ended"
            reached = f"{outcome.events} of {outcome.matching} events, up to position {outcome.position}"
            await operations.record(tx, by=by, action=how, about=reached, why=outcome.stopped or why)
        return outcome


def _published(
    order: Order, service: "Service", settings: "Settings", database: "Database"
) -> "AsyncIterator[Progress]":
    from amtsbus import replay as journal
    from amtsbus import retention

    if order.files:
        pages = retention.pages(_archived(order, service))
        return journal.publish(pages, settings, to_topic=order.to_topic, rate_per_second=order.rate)
    if order.to_topic is not None:
        pages_of_rows = journal.pages(database, order.selection)
        return journal.publish(pages_of_rows, settings, to_topic=order.to_topic, rate_per_second=order.rate)
    return journal.replay(database, order.selection, rate_per_second=order.rate, compacted=_compacted(service))


def _compacted(service: "Service") -> list[str] | None:
    """The compacted topics of the city; None where the list of topics is not at hand."""
    from amtsbus.contracts.places import listed_topics
    from amtsbus.topics import TopicListError

    try:
        return [topic.name for topic in listed_topics(service).values() if topic.cleanup == "compact"]
    except TopicListError:
        return None


async def _find_topic(settings: "Settings", order: Order) -> None:
    """See to it that a subscriber's own topic is there.

    Raises:
        CommandFailedError: it is not, and shall not be created.
    """
    from amtsbus.replay import find_topic

    if order.to_topic is None:
        return
    if not await find_topic(settings, order.to_topic, create=order.create_topic, copies=order.copies):
        raise CommandFailedError(f"Kafka has no topic {order.to_topic}: add --create-topic, or have it created")
