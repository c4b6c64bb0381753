"""`amtsbus deadletters list|show|retry|skip`: events that could not be handled, and those that wait behind them."""

import asyncio
import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amtsbus.cli.databases import By, ServiceName, opened, operator
from amtsbus.cli.failures import CommandFailedError
from amtsbus.cli.output import AsJson, command_group, print_json, print_table, shown

if TYPE_CHECKING:
    from amtsbus.deadletters import DeadLetter, ParkedKey
    from amtsbus.postgres import Database

app = command_group("Events that could not be handled: see, retry, skip.")

LetterId = Annotated[int, typer.Argument(metavar="ID", min=1, help="The number that `deadletters list` shows.")]
Consumer = Annotated[str | None, typer.Option(help="Only those of this consumer group.")]
Wait = Annotated[float, typer.Option(min=0, max=3600, help="How many seconds to wait for the worker; 0: do not wait.")]

_ALL = 100_000
_POLL_SECONDS = 0.2


@app.command("list")
def show_parked(
    service: ServiceName,
    consumer: Consumer = None,
    limit: Annotated[int, typer.Option(min=1, max=_ALL, help="The most keys to show.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show the parked keys, the longest waiting first: the event that failed, why, and how many wait behind it."""
    parked = asyncio.run(_parked(service, consumer, limit))
    if as_json:
        print_json([vars(key) for key in parked])
        return
    if not parked:
        typer.echo("nothing is parked")
        return
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


async def _parked(name: str, consumer: str | None, limit: int) -> "list[ParkedKey]":
    from amtsbus import deadletters

    async with opened(name) as (_, _, database), database.transaction() as tx:
        return await deadletters.list_parked(tx, consumer=consumer, limit=limit)


@app.command()
def show(
    service: ServiceName,
    dead_letter_id: LetterId,
    with_content: Annotated[
        bool, typer.Option("--with-content", help="Print what the event says too; that you looked is recorded.")
    ] = False,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter: its reason, where it came from, its headers, and which fields it has.

    What the event says about people is left out unless you ask for it.
    """
    letter = asyncio.run(_show(service, dead_letter_id, operator(by) if with_content else None))
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
        typer.echo("The content is left out; --with-content prints it and records who looked.")


async def _show(name: str, dead_letter_id: int, reader: str | None) -> "DeadLetter":
    from amtsbus import operations

    async with opened(name) as (_, _, database), database.transaction() as tx:
        letter = await _letter(tx, name, dead_letter_id)
        if reader is not None:
            await operations.record(tx, by=reader, action="read-dead-letter", about=f"dead letter {dead_letter_id}")
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
    dead_letter_id: Annotated[
        int | None, typer.Argument(metavar="[ID]", min=1, help="The key of this dead letter.")
    ] = None,
    consumer: Consumer = None,
    everything: Annotated[bool, typer.Option("--all", help="All parked keys of the service.")] = False,
    wait: Wait = 30.0,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Have the worker handle parked events again, each key in its order, and wait for the outcome."""
    if sum((dead_letter_id is not None, consumer is not None, everything)) != 1:
        raise typer.BadParameter("say what to retry: an ID, --consumer GROUP or --all")
    outcomes = asyncio.run(_retry(service, dead_letter_id, consumer, wait, operator(by)))
    _report(service, outcomes, wait, as_json)


@app.command()
def skip(
    service: ServiceName,
    dead_letter_id: LetterId,
    reason: Annotated[str, typer.Option(help="Why this event is given up; it is recorded.")],
    wait: Wait = 30.0,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Give up one parked event for good, and have those behind it handled."""
    if not reason.strip():
        raise typer.BadParameter("--reason needs a reason")
    outcomes = asyncio.run(_skip(service, dead_letter_id, reason.strip(), wait, operator(by)))
    _report(service, outcomes, wait, as_json)


HANDLED, FAILED, PENDING = "handled", "failed again", "still waiting"


async def _retry(
    name: str, dead_letter_id: int | None, consumer: str | None, wait: float, by: str
) -> list[dict[str, Any]]:
    from amtsbus import deadletters

    async with opened(name) as (_, _, database):
        async with database.transaction() as tx:
            keys = await deadletters.list_parked(tx, consumer=consumer, limit=_ALL)
            if dead_letter_id is not None:
                letter = await _letter(tx, name, dead_letter_id)
                keys = [key for key in keys if _is_of(key, letter)]
                if not keys:
                    raise CommandFailedError(
                        f"dead letter {dead_letter_id} is {letter.state}; nothing waits for its key"
                    )
            await deadletters.request_retry(tx, by=by, dead_letter_id=dead_letter_id, consumer=consumer)
        return await _outcomes(database, keys, wait)


async def _skip(name: str, dead_letter_id: int, reason: str, wait: float, by: str) -> list[dict[str, Any]]:
    from amtsbus import deadletters

    async with opened(name) as (_, _, database):
        async with database.transaction() as tx:
            letter = await _letter(tx, name, dead_letter_id)
            keys = [key for key in await deadletters.list_parked(tx, limit=_ALL) if _is_of(key, letter)]
            if not await deadletters.skip(tx, dead_letter_id, by=by, why=reason):
                raise CommandFailedError(f"dead letter {dead_letter_id} is {letter.state} already")
        return await _outcomes(database, keys, wait)


def _is_of(key: "ParkedKey", letter: "DeadLetter") -> bool:
    text = (letter.record.key or b"").decode("utf-8", "backslashreplace")
    return (key.consumer, key.topic, key.key) == (letter.consumer, letter.record.topic, text)


async def _outcomes(database: "Database", asked: "list[ParkedKey]", wait: float) -> list[dict[str, Any]]:
    """What became of the keys that were to be retried, once the worker has taken them all or the time is over."""
    from amtsbus import deadletters

    deadline = time.monotonic() + wait
    while True:
        async with database.transaction() as tx:
            parked = {(key.consumer, key.topic, key.key): key for key in await deadletters.list_parked(tx, limit=_ALL)}
        outcomes = [_outcome(key, parked.get((key.consumer, key.topic, key.key))) for key in asked]
        if time.monotonic() >= deadline or not any(outcome["outcome"] == PENDING for outcome in outcomes):
            return outcomes
        await asyncio.sleep(_POLL_SECONDS)


def _outcome(before: "ParkedKey", after: "ParkedKey | None") -> dict[str, Any]:
    facts = {"group": before.consumer, "topic": before.topic, "key": before.key}
    if after is None:
        return {"outcome": HANDLED, **facts}
    outcome = PENDING if after.retry_requested else FAILED
    return {"outcome": outcome, **facts, "id": after.dead_letter_id, "waiting": after.waiting, "reason": after.reason}


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
