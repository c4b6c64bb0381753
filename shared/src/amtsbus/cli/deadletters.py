"""`amtsbus deadletters list|show|retry|skip|export`: events that could not be handled, and those that wait behind them."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amtsbus.cli.databases import By, Consumer, ServiceName, Why, opened, operator, reason
from amtsbus.cli.failures import CommandFailedError
from amtsbus.cli.output import AsJson, OutputFile, command_group, print_json, print_table, print_written, shown, writing
from amtsbus.cli.times import span

if TYPE_CHECKING:
    from amtsbus.deadletters import Choice, DeadLetter, ParkedKey
    from amtsbus.postgres import Database

app = command_group("Events that could not be handled: see, retry, skip, export.")

LetterId = Annotated[int, typer.Argument(metavar="ID", min=1, help="The number that `deadletters list` shows.")]
OptionalId = Annotated[
    int | None, typer.Argument(metavar="[ID]", min=1, help="The number that `deadletters list` shows.")
]
Key = Annotated[str | None, typer.Option(help="Only this key: a case, a person, a message.")]
ReasonPart = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", help="Only where the reason contains this text.")
]
Type = Annotated[str | None, typer.Option("--type", help="Only where the event that failed is of this type.")]
OlderThan = Annotated[
    timedelta | None,
    typer.Option(parser=span, metavar="SPAN", help="Only what has been parked for longer, for example 2h or 3d."),
]
Everything = Annotated[bool, typer.Option("--all", help="All parked keys of the service.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show which keys that would be.")]
Wait = Annotated[float, typer.Option(min=0, max=3600, help="How many seconds to wait for the worker; 0: do not wait.")]

_ALL = 1_000_000
_PAGE = 100
_POLL_SECONDS = 0.2


@app.command("list")
def show_parked(
    service: ServiceName,
    consumer: Consumer = None,
    key: Key = None,
    reason_part: ReasonPart = None,
    event_type: Type = None,
    older_than: OlderThan = None,
    limit: Annotated[int, typer.Option(min=1, max=_ALL, help="The most keys to show.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show the parked keys, the longest waiting first: the event that failed, why, and how many wait behind it.

    Example: amtsbus deadletters list notifications --reason "does not have the fields" --older-than 2h
    """
    choice = _choice(consumer, key, reason_part, event_type, older_than)
    parked = asyncio.run(_parked(service, choice, limit))
    if as_json:
        print_json([_as_json(one) for one in parked])
        return
    if not parked:
        typer.echo("nothing is parked")
        return
    _print_keys(parked)


def _choice(
    consumer: str | None,
    key: str | None,
    reason_part: str | None,
    event_type: str | None,
    older_than: timedelta | None,
    dead_letter_id: int | None = None,
) -> "Choice":
    from amtsbus.deadletters import Choice

    return Choice(consumer, key, reason_part, event_type, older_than, dead_letter_id)


def _as_json(key: "ParkedKey") -> dict[str, Any]:
    facts = {name: value for name, value in vars(key).items() if name != "raw_key"}
    return {**facts, "key": key.key}


def _print_keys(parked: "Sequence[ParkedKey]") -> None:
    print_table(
        ["ID", "Group", "Event", "Key", "Waiting", "Since", "Reason"],
        [
            (
                key.dead_letter_id,
                key.consumer,
                key.event_type or "(unknown)",
                key.key,
                key.waiting,
                key.parked_at,
                f"{key.reason}{' (retry requested)' if key.retry_requested else ''}",
            )
            for key in parked
        ],
    )


async def _parked(name: str, choice: "Choice", limit: int) -> "list[ParkedKey]":
    from amtsbus import deadletters

    async with opened(name) as (_, _, database), database.transaction() as tx:
        return await deadletters.list_parked(tx, choice, limit=limit)


@app.command()
def show(
    service: ServiceName,
    dead_letter_id: LetterId,
    with_content: Annotated[
        bool, typer.Option("--with-content", help="Print what the event says too; who looked, and --why, is recorded.")
    ] = False,
    why: Why = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter: its reason, where it came from, its headers, and which fields it has.

    What the event says about people is left out unless you ask for it.

    Example: amtsbus deadletters show notifications 17
    """
    looking = (operator(by), reason(why)) if with_content else None
    letter = asyncio.run(_show(service, dead_letter_id, looking))
    details = _details(letter, with_content)
    if as_json:
        print_json(details)
        return
    for name, value in details.items():
        if name in ("headers", "value"):
            typer.echo(f"{name}:")
            for line in json.dumps(value, indent=2, ensure_ascii=False).splitlines():
                typer.echo(f"  {line}")
        elif name == "traceback":
            if value:
                typer.echo("traceback:")
                typer.echo(str(value))
        elif value is not None:
            typer.echo(f"{name.replace('_', ' ')}: {shown(value)}")
    if not with_content:
        typer.echo("The content is left out; --with-content --why TEXT prints it and records who looked.")


async def _show(name: str, dead_letter_id: int, looking: tuple[str, str] | None) -> "DeadLetter":
    from amtsbus import operations

    async with opened(name) as (_, _, database), database.transaction() as tx:
        letter = await _letter(tx, name, dead_letter_id)
        if looking is not None:
            by, why = looking
            about = f"dead letter {dead_letter_id} of {letter.consumer}"
            await operations.record(tx, by=by, action="read dead letter", about=about, why=why)
        return letter


async def _letter(tx: Any, service: str, dead_letter_id: int) -> "DeadLetter":
    from amtsbus import deadletters

    letter = await deadletters.get(tx, dead_letter_id)
    if letter is None:
        raise CommandFailedError(
            f"{service} has no dead letter {dead_letter_id}; see: amtsbus deadletters list {service}"
        )
    return letter


def _details(letter: "DeadLetter", with_content: bool) -> dict[str, Any]:
    record = letter.record
    return {
        "id": letter.dead_letter_id,
        "state": letter.state,
        "reason": letter.reason if letter.failed else f"{letter.reason} (did not fail itself)",
        "event_type": letter.event_type,
        "event_id": letter.event_id,
        "group": letter.consumer,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "key": (record.key or b"").decode("utf-8", "backslashreplace"),
        "attempts": letter.attempts,
        "parked_at": letter.parked_at,
        "resolved_at": letter.resolved_at,
        "resolved_by": letter.resolved_by,
        "resolved_why": letter.resolved_why,
        "headers": {name: (value or b"").decode("utf-8", "backslashreplace") for name, value in record.headers},
        "value": _content(record.value, with_content),
        "traceback": letter.traceback,
    }


def _content(value: bytes | None, with_content: bool) -> Any:
    """What the record says, or only which fields of which type it has."""
    if value is None:
        return None
    try:
        content = json.loads(value)
    except ValueError:
        text = value.decode("utf-8", "backslashreplace")
        return text if with_content else f"not JSON, {len(value)} bytes"
    return content if with_content else outline(content)


def outline(content: Any) -> Any:
    """`content` with every value replaced by its type: field names say enough to see what is missing."""
    if isinstance(content, dict):
        return {name: outline(value) for name, value in content.items()}
    if isinstance(content, list):
        return [outline(content[0]), f"… {len(content)} items"] if content else []
    return {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}[type(content)]


@app.command()
def retry(
    service: ServiceName,
    dead_letter_id: OptionalId = None,
    why: Why = None,
    consumer: Consumer = None,
    key: Key = None,
    reason_part: ReasonPart = None,
    event_type: Type = None,
    older_than: OlderThan = None,
    everything: Everything = False,
    dry_run: DryRun = False,
    wait: Wait = 30.0,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Have the worker handle parked events again, each key in its order, and wait for the outcome.

    Which keys: the one of a dead letter, those that several options choose, or all.

    Example: amtsbus deadletters retry notifications --type permits.fee-noticed.v1 --why "release 1.4.2 reads it again"
    """
    choice = _choice(consumer, key, reason_part, event_type, older_than, dead_letter_id)
    _refuse_unclear(choice, everything, "retry")
    if dry_run:
        _report_dry_run(asyncio.run(_chosen(service, choice)), "would be retried", as_json)
        return
    outcomes = asyncio.run(_retry(service, choice, wait, operator(by), reason(why)))
    _report(service, outcomes, wait, as_json)


@app.command()
def skip(
    service: ServiceName,
    dead_letter_id: OptionalId = None,
    why: Why = None,
    consumer: Consumer = None,
    key: Key = None,
    reason_part: ReasonPart = None,
    event_type: Type = None,
    older_than: OlderThan = None,
    everything: Everything = False,
    dry_run: DryRun = False,
    wait: Wait = 30.0,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Give up parked events for good, and have those behind them handled.

    One dead letter, or of each key that the options choose the event for which it waits.

    Example: amtsbus deadletters skip notifications 17 --why "entered by hand, ticket 4711"
    """
    choice = _choice(consumer, key, reason_part, event_type, older_than, dead_letter_id)
    _refuse_unclear(choice, everything, "skip")
    if dry_run:
        _report_dry_run(asyncio.run(_chosen(service, choice)), "would be skipped", as_json)
        return
    outcomes = asyncio.run(_skip(service, choice, wait, operator(by), reason(why)))
    _report(service, outcomes, wait, as_json)


HANDLED, FAILED, PENDING = "handled", "failed again", "still waiting"


def _refuse_unclear(choice: "Choice", everything: bool, verb: str) -> None:
    filters = any(value is not None for name, value in vars(choice).items() if name != "dead_letter_id")
    if sum((choice.dead_letter_id is not None, filters, everything)) != 1:
        raise typer.BadParameter(
            f"say what to {verb}: an ID, a choice (--consumer, --key, --reason, --type, --older-than) or --all"
        )


async def _chosen(name: str, choice: "Choice") -> "list[ParkedKey]":
    """The keys that are meant.

    Raises:
        CommandFailedError: a single dead letter is meant, and it is not parked.
    """
    async with opened(name) as (_, _, database):
        return await _keys(database, name, choice)


async def _keys(database: "Database", name: str, choice: "Choice") -> "list[ParkedKey]":
    from amtsbus import deadletters

    async with database.transaction() as tx:
        if choice.dead_letter_id is not None:
            letter = await _letter(tx, name, choice.dead_letter_id)
            if letter.state != "parked":
                raise CommandFailedError(
                    f"dead letter {choice.dead_letter_id} is {letter.state} already; see: amtsbus deadletters list {name}"
                )
        return await deadletters.list_parked(tx, choice, limit=_ALL)


async def _retry(name: str, choice: "Choice", wait: float, by: str, why: str) -> list[dict[str, Any]]:
    from amtsbus import deadletters

    async with opened(name) as (_, _, database):
        keys = await _keys(database, name, choice)
        async with database.transaction() as tx:
            await deadletters.request_retry(tx, keys, by=by, why=why)
        return await _outcomes(database, keys, wait)


async def _skip(name: str, choice: "Choice", wait: float, by: str, why: str) -> list[dict[str, Any]]:
    from amtsbus import deadletters

    async with opened(name) as (service, _, database):
        careless = {reader.group for reader in service.readers if not reader.remembers_gaps}
        keys = await _keys(database, name, choice)
        for start in range(0, len(keys), _PAGE):
            async with database.transaction() as tx:
                for key in keys[start : start + _PAGE]:
                    letter = choice.dead_letter_id or key.dead_letter_id
                    remembers = key.consumer not in careless
                    await deadletters.skip(tx, letter, by=by, why=why, remembers_gaps=remembers)
        return await _outcomes(database, keys, wait)


async def _outcomes(database: "Database", asked: "list[ParkedKey]", wait: float) -> list[dict[str, Any]]:
    """What became of the keys that were to be retried, once the worker has taken them all or the time is over."""
    from amtsbus import deadletters

    deadline = time.monotonic() + wait
    while True:
        started = time.monotonic()
        async with database.transaction() as tx:
            parked = await deadletters.still_parked(tx, asked)
        outcomes = [_outcome(key, parked.get(key.place)) for key in asked]
        now = time.monotonic()
        if now >= deadline or not any(outcome["outcome"] == PENDING for outcome in outcomes):
            return outcomes
        # Many keys are no reason to keep the database busy with our looking.
        await asyncio.sleep(max(_POLL_SECONDS, 5 * (now - started)))


def _outcome(before: "ParkedKey", after: "ParkedKey | None") -> dict[str, Any]:
    facts = {"group": before.consumer, "topic": before.topic, "key": before.key}
    if after is None:
        return {"outcome": HANDLED, **facts}
    outcome = PENDING if after.retry_requested else FAILED
    return {"outcome": outcome, **facts, "id": after.dead_letter_id, "waiting": after.waiting, "reason": after.reason}


def _report_dry_run(keys: "list[ParkedKey]", what: str, as_json: bool) -> None:
    if as_json:
        print_json([{"outcome": what, **_as_json(key)} for key in keys])
        return
    if keys:
        _print_keys(keys)
    typer.echo(f"{len(keys)} keys {what}; nothing was changed")


def _report(service: str, outcomes: list[dict[str, Any]], wait: float, as_json: bool) -> None:
    failed = sum(outcome["outcome"] == FAILED for outcome in outcomes)
    pending = sum(outcome["outcome"] == PENDING for outcome in outcomes)
    if as_json:
        print_json(outcomes)
    elif not outcomes:
        typer.echo("nothing is parked")
    else:
        print_table(
            ["Outcome", "Group", "Key", "Reason"],
            [(one["outcome"], one["group"], one["key"], one.get("reason")) for one in outcomes],
        )
    if failed:
        raise CommandFailedError(f"{failed} of {len(outcomes)} keys failed again; the reasons are listed above")
    if pending and wait:
        raise CommandFailedError(
            f"{pending} of {len(outcomes)} keys have not been tried within {wait:.0f} s: is the worker of {service} running?"
        )


@app.command()
def export(
    service: ServiceName,
    file: OutputFile = None,
    consumer: Consumer = None,
    key: Key = None,
    reason_part: ReasonPart = None,
    event_type: Type = None,
    older_than: OlderThan = None,
    with_content: Annotated[
        bool, typer.Option("--with-content", help="With what the events say; who took it, and --why, is recorded.")
    ] = False,
    why: Why = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Write the parked events of the chosen keys as JSON lines: where they came from, why they failed, their headers.

    Headers and value are base64, byte for byte as they came.

    Example: amtsbus deadletters export notifications --type permits.fee-noticed.v1 --file fees.jsonl
    """
    choice = _choice(consumer, key, reason_part, event_type, older_than)
    taking = (operator(by), reason(why)) if with_content else None
    written = asyncio.run(_export(service, choice, file, taking))
    print_written(written, "dead letters", file, as_json=as_json)


async def _export(name: str, choice: "Choice", file: Path | None, taking: tuple[str, str] | None) -> int:
    from amtsbus import deadletters, operations

    async with opened(name) as (_, _, database):
        async with database.transaction() as tx:
            keys = await deadletters.list_parked(tx, choice, limit=_ALL)
            if taking is not None and keys:
                # On record before anything leaves.
                by, why = taking
                groups = ", ".join(sorted({key.consumer for key in keys}))
                about = f"{sum(key.waiting for key in keys)} dead letters of {groups}"
                await operations.record(tx, by=by, action="export dead letters with content", about=about, why=why)
        written = 0
        with writing(file) as out:
            async for letter in _letters(database, keys):
                out.write(json.dumps(_exported(letter, taking is not None), ensure_ascii=False, default=str) + "\n")
                written += 1
        return written


async def _letters(database: "Database", keys: "list[ParkedKey]") -> "AsyncIterator[DeadLetter]":
    """The parked events of `keys`, a page at a time."""
    from amtsbus import deadletters

    for key in keys:
        after = 0
        while True:
            async with database.transaction() as tx:
                page = await deadletters.waiting(tx, *key.place, after=after, limit=_PAGE)
            for letter in page:
                yield letter
            if len(page) < _PAGE:
                break
            after = page[-1].dead_letter_id


def _exported(letter: "DeadLetter", with_content: bool) -> dict[str, Any]:
    record = letter.record
    content = {"value_base64": _base64(record.value)} if with_content else {}
    return {
        "id": letter.dead_letter_id,
        "group": letter.consumer,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": (record.key or b"").decode("utf-8", "backslashreplace"),
        "event_id": letter.event_id,
        "event_type": letter.event_type,
        "reason": letter.reason,
        "failed": letter.failed,
        "attempts": letter.attempts,
        "parked_at": letter.parked_at.isoformat(),
        "headers_base64": [[name, _base64(value)] for name, value in record.headers],
        **content,
    }


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()
