"""`amtsbus reconcile`: what a publisher published, held against what a reader has seen; `amtsbus journal heads`."""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amtsbus.cli.databases import By, ServiceName, Why, opened, operator, reason, settings_of
from amtsbus.cli.failures import CommandFailedError
from amtsbus.cli.output import AsJson, OutputFile, plain, print_json, print_table, print_written, writing
from amtsbus.cli.times import instant

if TYPE_CHECKING:
    from amtsbus.postgres import Database
    from amtsbus.reconcile import Finding, Heads, Reconciliation, Tally

_NOTED_AT_ONCE = 500


def heads(
    service: ServiceName,
    file: OutputFile = None,
    as_json: AsJson = False,
) -> None:
    """Write the newest event of every stream, for the operator of a reader (`amtsbus reconcile READER --heads FILE`).

    JSON lines with ids, sequences and times, nothing else.

    Example: amtsbus journal heads permits --file permits.heads
    """
    print_written(asyncio.run(_heads(service, file)), "streams", file, as_json=as_json)


async def _heads(name: str, file: Path | None) -> int:
    from amtsbus.reconcile import write_heads

    async with opened(name) as (_, _, database):
        with writing(file) as out:
            return await write_heads(name, database, out)


def reconcile(
    reader: Annotated[str, typer.Argument(metavar="READER", help="The service that reads, for example notifications.")],
    publisher: Annotated[
        str | None, typer.Option(metavar="SERVICE", help="Whose journal; its <SERVICE>_DATABASE_URL has to be set too.")
    ] = None,
    heads: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="Instead of the publisher's database, what its operator wrote with `amtsbus journal heads`.",
        ),
    ] = None,
    consumer: Annotated[str | None, typer.Option(help="Only this consumer group of the reader.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            parser=instant,
            metavar="TIME",
            help="Compare event by event only what was appended at or after this (ISO 8601, local time of the city); "
            "the newest event of every stream is compared anyway.",
        ),
    ] = None,
    wait: Annotated[
        float, typer.Option(min=0, max=3600, help="How many seconds to wait for a reader that lags.")
    ] = 15.0,
    note: Annotated[
        bool, typer.Option("--note", help="Write what is missing into the reader's gaps, so that it can be asked for.")
    ] = False,
    why: Why = None,
    by: By = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="The most findings to show.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Compare what a publisher has published with what READER has seen of it.

    missing: published and never seen, and no gap says so. noted: a gap. on_the_way: not published or not read yet.
    parked: among the dead letters. unknown_to_publisher: seen, but not in the journal; its database was restored.

    The exit code is 1 when something is missing or unknown to the publisher. It names the command that mends it.

    Example: amtsbus reconcile notifications --publisher permits --note --why "topic was lost, ticket 4711"
    """
    if (publisher is None) == (heads is None):
        raise typer.BadParameter("say whose journal: --publisher SERVICE or --heads FILE")
    order = Order(reader, publisher, heads, consumer, since, wait, limit)
    if note:
        order.noting = (operator(by), reason(why))
    outcome = asyncio.run(_reconcile(order))
    mending = outcome.mending(reader)
    if as_json:
        print_json(
            {
                "reader": reader,
                "publisher": outcome.publisher,
                "topics": [
                    {**vars(tally), "differing": {kind.value: count for kind, count in tally.differing.items()}}
                    for tally in outcome.tallies
                ],
                "findings": plain(outcome.findings),
                "changed_gaps": outcome.changed,
                "mend": mending,
            }
        )
    else:
        _print(outcome, limit, mending)
    if outcome.differs:
        raise typer.Exit(1)


@dataclass
class Order:
    """What is to be compared."""

    reader: str
    publisher: str | None
    heads: Path | None
    consumer: str | None
    since: datetime | None
    wait: float
    limit: int
    noting: tuple[str, str] | None = None
    """Who notes what is missing, and why."""


@dataclass
class Outcome:
    """What was found: the first findings, and all of them counted."""

    publisher: str
    tallies: "list[Tally]" = field(default_factory=list)
    findings: "list[Finding]" = field(default_factory=list)
    changed: int = 0
    gone: int = 0
    """How many findings the journal does not hold any more."""

    def count(self, *kinds: str) -> int:
        return sum(tally.differing[kind] for tally in self.tallies for kind in tally.differing if kind in kinds)

    @property
    def differs(self) -> bool:
        return self.count("missing", "noted", "unknown_to_publisher", "noted_but_seen") > 0

    def mending(self, reader: str) -> list[str]:
        """The commands that mend what was found."""
        commands = []
        if self.count("missing", "noted_but_seen") > 0 and not self.changed:
            commands.append(f"amtsbus reconcile {reader} --publisher {self.publisher} --note --why TEXT")
        if self.count("missing", "noted"):
            commands.append(f"amtsbus gaps ask {reader} --why TEXT --wait 60")
        if self.gone:
            commands.append(f"amtsbus journal replay {self.publisher} --from-archive FILE --to-topic TOPIC --why TEXT")
        if self.count("parked"):
            commands.append(f"amtsbus deadletters list {reader}")
        return commands


async def _reconcile(order: Order) -> Outcome:
    from amtsbus.offsets import Offsets
    from amtsbus.postgres import Database
    from amtsbus.reconcile import FiledHeads, HeadsFileError, JournalHeads, Reconciliation
    from amtsbus.settings import Settings

    async with AsyncExitStack() as stack:
        service, settings, memory = await stack.enter_async_context(opened(order.reader))
        journal: Database | None = None
        source: Heads
        if order.heads is not None:
            try:
                source = FiledHeads(order.heads)
            except HeadsFileError as error:
                raise CommandFailedError(str(error)) from error
            publisher = source.service
        else:
            publisher = order.publisher or ""
            # The shared half of the publisher's settings: its own may not be at hand here.
            its = settings_of(Settings, publisher)
            journal = Database(its.database_url.get_secret_value(), its.clock(), pool_size=2)
            stack.push_async_callback(journal.stop)
            await journal.start()
            source = JournalHeads(journal)
        readers = [
            reader
            for reader in service.readers
            if reader.topic.startswith(f"{publisher}.")
            and order.consumer in (None, reader.group)
            and (reader.remembers_gaps or reader.compacted)  # of what may get lost there is nothing to compare
        ]
        if not readers:
            raise CommandFailedError(f"{order.reader} reads nothing of {publisher}", exit_code=2)
        offsets = await stack.enter_async_context(Offsets(settings))
        outcome = Outcome(publisher)
        deadline = time.monotonic() + order.wait
        for reader in readers:
            comparison = Reconciliation(reader, memory, offsets, deadline=deadline)
            outcome.tallies.append(comparison.tally)
            try:
                await _compare(order, comparison, source, journal, outcome)
            except HeadsFileError as error:
                raise CommandFailedError(str(error)) from error
        return outcome


async def _compare(
    order: Order, comparison: "Reconciliation", source: "Heads", journal: "Database | None", outcome: Outcome
) -> None:
    from amtsbus.reconcile import Circumstance

    batch: list[Finding] = []

    async def note() -> None:
        if order.noting and batch:
            by, why = order.noting
            outcome.changed += await comparison.note(batch, by=by, why=why)
        batch.clear()

    async def take(finding: "Finding") -> None:
        outcome.gone += finding.circumstance is Circumstance.NOT_IN_JOURNAL
        if len(outcome.findings) < order.limit:
            outcome.findings.append(finding)
        batch.append(finding)
        if len(batch) == _NOTED_AT_ONCE:
            await note()

    # What was known before comes first, so that what is noted now is not counted twice; what only the inbox tells comes
    # before the marks are raised, for the same reason.
    async for finding in comparison.noted(journal):
        await take(finding)
    if journal is not None:
        async for finding in comparison.events(journal, order.since):
            await take(finding)
    async for finding in comparison.heads(source):
        await take(finding)
    await note()


def _print(outcome: Outcome, limit: int, mending: list[str]) -> None:
    kinds = ("missing", "noted", "on_the_way", "parked", "unknown_to_publisher", "noted_but_seen")
    print_table(
        ["Group", "Topic", "Streams", "Events", *(kind.replace("_", " ") for kind in kinds)],
        [_counted(tally, kinds) for tally in outcome.tallies],
    )
    if outcome.findings:
        print_table(
            ["What", "Topic", "Stream", "Sequences", ""],
            [
                (
                    finding.kind.value.replace("_", " "),
                    finding.topic,
                    finding.stream_id,
                    str(finding.first) if finding.first == finding.last else f"{finding.first}-{finding.last}",
                    finding.circumstance,
                )
                for finding in outcome.findings
            ],
        )
    if len(outcome.findings) == limit:
        typer.echo(f"the first {limit} findings; more with --limit")
    if outcome.changed:
        typer.echo(f"{outcome.changed} gaps noted or taken out")
    if not outcome.differs:
        typer.echo("nothing is missing")
    for command in mending:
        typer.echo(f"mend it with: {command}")


def _counted(tally: "Tally", kinds: tuple[str, ...]) -> tuple[Any, ...]:
    counts = {kind.value: count for kind, count in tally.differing.items()}
    return (tally.group, tally.topic, tally.streams, tally.events or "", *(counts.get(kind, 0) for kind in kinds))
