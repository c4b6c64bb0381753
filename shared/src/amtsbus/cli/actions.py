"""`amtsbus actions`: what operators did by hand."""

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from amtsbus.cli.databases import ServiceName, opened
from amtsbus.cli.output import AsJson, print_json, print_table
from amtsbus.cli.times import instant

if TYPE_CHECKING:
    from amtsbus.operations import Action


def actions(
    service: ServiceName,
    since: Annotated[
        datetime | None,
        typer.Option(
            parser=instant,
            metavar="TIME",
            help="Only what was done at or after this (ISO 8601, local time of the city).",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="The most actions to show, the latest ones.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show what was done by hand to SERVICE: who, when, what, why; and what other services had it publish again.

    Example: amtsbus actions notifications --since 2026-03-01
    """
    done = asyncio.run(_actions(service, since, limit))
    if as_json:
        print_json([vars(action) for action in done])
        return
    if not done:
        typer.echo("nothing was done by hand")
        return
    print_table(
        ["When", "Who", "What", "About", "Why"],
        [(action.done_at, action.done_by, action.action, action.about, action.why) for action in done],
    )
    if len(done) == limit:
        typer.echo(f"the latest {limit}; more with --limit")


async def _actions(name: str, since: datetime | None, limit: int) -> "list[Action]":
    from amtsbus import operations

    async with opened(name) as (_, _, database), database.transaction() as tx:
        return await operations.actions(tx, since=since, limit=limit)
