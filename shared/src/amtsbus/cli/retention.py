"""`amtsbus retention archive|verify`: months of the journal leave the database for the archive."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amtsbus.cli.databases import By, ServiceName, Why, operator, quiet, reason, settings_of
from amtsbus.cli.failures import CommandFailedError
from amtsbus.cli.output import AsJson, command_group, print_json, print_table

if TYPE_CHECKING:
    import asyncpg

    from amtsbus.postgres import Row
    from amtsbus.retention import Archived, Description, Month

app = command_group("Months of a journal that are older than the city's rule leave the database for the archive.")


@app.command()
def archive(
    service: ServiceName,
    older_than: Annotated[
        str, typer.Option(metavar="RULE", help="What stays: years and months in ISO 8601, for example P10Y.")
    ],
    folder: Annotated[
        Path, typer.Option("--archive", metavar="FOLDER", help="Where the files go, one for each month.")
    ],
    why: Why = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show which months would leave.")] = False,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Move published months that are older than RULE into files, oldest first.

    A month leaves the database after its file was written, read back and compared. The service works on meanwhile. It runs
    as the owner of the tables (SERVICE_MIGRATOR_DATABASE_URL). Interrupted, call it again.

    Example: amtsbus retention archive permits --older-than P10Y --archive /archive/permits --why "records schedule 2026"
    """
    from amtsbus.retention import months_of_rule

    try:
        kept = months_of_rule(older_than)
    except ValueError as error:
        raise typer.BadParameter(f"--older-than: {error}") from None
    if not folder.is_dir():
        raise typer.BadParameter(f"--archive: {folder} is no folder")
    if dry_run:
        _show(asyncio.run(_leaving(service, kept)), as_json=as_json)
        return
    outcome = asyncio.run(_archive(service, kept, folder, operator(by), reason(why)))
    if as_json:
        print_json({"archived": [_as_json(one.description) for one in outcome.archived], "stays": outcome.stays})
    else:
        typer.echo(f"{len(outcome.archived)} months have left the journal of {service}")
    if outcome.stays is not None:
        raise CommandFailedError(outcome.stays)


@dataclass
class Outcome:
    """What has left, and why the next month has not."""

    archived: "list[Archived]"
    stays: str | None = None


@asynccontextmanager
async def _owner(name: str) -> 'AsyncIterator["asyncpg.Connection[Row]"]':
    import asyncpg

    from amtsbus.service import load_service

    quiet()
    settings = settings_of(load_service(name).settings, name)
    url = (settings.migrator_database_url or settings.database_url).get_secret_value()
    connection = await asyncpg.connect(
        url, timeout=10, server_settings={"application_name": "amtsbus-retention", "timezone": "UTC"}
    )
    try:
        yield connection
    except asyncpg.InsufficientPrivilegeError as error:
        raise CommandFailedError(
            f"only the owner of the tables may do this: set {name.upper()}_MIGRATOR_DATABASE_URL"
        ) from error
    finally:
        await connection.close()


async def _leaving(name: str, kept_months: int) -> "list[Month]":
    from amtsbus import retention

    async with _owner(name) as connection:
        return await retention.leaving(connection, kept_months)


async def _archive(name: str, kept_months: int, folder: Path, by: str, why: str) -> Outcome:
    from amtsbus import retention

    outcome = Outcome([])
    async with _owner(name) as connection:
        for month in await retention.leaving(connection, kept_months):
            typer.echo(f"{month.month:%Y-%m}: {month.events} events", err=True)
            try:
                outcome.archived.append(
                    await retention.archive_month(connection, name, month.month, folder, by=by, why=why)
                )
            except retention.ArchiveError as error:
                outcome.stays = str(error)
                break
    return outcome


def _show(months: "list[Month]", *, as_json: bool) -> None:
    if as_json:
        print_json([{**vars(month), "month": f"{month.month:%Y-%m}"} for month in months])
        return
    print_table(
        ["Month", "Events", "Not published"],
        [(f"{month.month:%Y-%m}", month.events, month.unpublished or "") for month in months],
    )
    typer.echo(f"{len(months)} months are older; nothing was changed")


@app.command()
def verify(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Archived months.")], as_json: AsJson = False
) -> None:
    """Read archive files from end to end and check that each holds what it says.

    Example: amtsbus retention verify /archive/permits/*.jsonl.gz
    """
    from amtsbus import retention

    found = [retention.verify(file) for file in files]
    if as_json:
        print_json([_as_json(description) for description in found])
        return
    print_table(
        ["Service", "Month", "Events", "Positions", "SHA-256"],
        [
            (
                one.service,
                f"{one.month:%Y-%m}",
                one.events,
                f"{one.first_position or ''}-{one.last_position or ''}",
                one.sha256,
            )
            for one in found
        ],
    )


def _as_json(description: "Description") -> dict[str, Any]:
    return {**vars(description), "month": f"{description.month:%Y-%m}"}
