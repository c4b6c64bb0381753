"""`amtsbus sessions end`: everybody, or one person, has to log in again."""

import asyncio
from typing import Annotated

import typer

from amtsbus.cli.databases import By, ServiceName, Why, opened, operator, reason
from amtsbus.cli.output import AsJson, command_group, print_json

app = command_group("Sessions of browsers: end them, so that everybody has to log in again.")


@app.command()
def end(
    service: ServiceName,
    why: Why = None,
    subject: Annotated[
        str | None, typer.Option(metavar="SUBJECT", help="Only those of one person: the token's `sub`.")
    ] = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """End all sessions in SERVICE at once, also those of visitors who are not logged in.

    What somebody has typed and not saved is lost with a session, and drafts of visitors who are not logged in cannot be reached
    any more.

    Example: amtsbus sessions end portal --why "a stolen notebook, ticket 4711"
    """
    ended = asyncio.run(_end(service, subject, operator(by), reason(why)))
    if as_json:
        print_json({"ended": ended})
    else:
        typer.echo(f"{ended} sessions of {service} have ended")


async def _end(name: str, subject: str | None, by: str, why: str) -> int:
    from amtsbus import operations
    from amtsbus.web import sessions

    async with opened(name) as (_, _, database), database.transaction() as tx:
        ended = await sessions.end_all(tx, subject)
        about = f"{ended} sessions" + (f" of {subject}" if subject else "")
        await operations.record(tx, by=by, action="end sessions", about=about, why=why)
    return ended
