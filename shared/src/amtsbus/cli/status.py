"""`amtsbus status`: how the services are, and what of them needs a human."""

import asyncio
from typing import TYPE_CHECKING, Any

import typer

from amtsbus.cli.databases import Services, configured_services, quiet, settings_of
from amtsbus.cli.output import AsJson, duration, plain, print_json, print_table, shown

if TYPE_CHECKING:
    from amtsbus.status import ReaderStatus, RelayStatus, ServiceStatus


def status(services: Services = None, as_json: AsJson = False) -> None:
    """Show how services are, and what needs a human: relay, readers, parked keys, gaps, clock.

    The exit code is 0 when all is well, and 1 when something needs a human; servers that are away are shown like
    everything else.

    Example: amtsbus status permits notifications
    """
    found = asyncio.run(_status(services or []))
    if as_json:
        print_json(plain(found))
    else:
        _print(found)
    if any(service.needs for service in found):
        raise typer.Exit(1)


async def _status(names: list[str]) -> "list[ServiceStatus]":
    from amtsbus.service import load_service
    from amtsbus.settings import Settings
    from amtsbus.status import of_service

    quiet()
    services = [load_service(name) for name in names or configured_services()]
    # The shared half of the settings is all that matters here; a service's own may not be at hand for every one.
    return list(
        await asyncio.gather(*(of_service(service, settings_of(Settings, service.name)) for service in services))
    )


def _print(found: "list[ServiceStatus]") -> None:
    print_table(
        ["Service", "Database", "Kafka", "Relay", "Not published", "Oldest", "Deadlines due", "Clock"],
        [
            (
                one.service,
                one.database,
                one.kafka,
                _leader(one.relay),
                one.relay.backlog if one.relay else "?",
                duration(one.relay.oldest_seconds) if one.relay else "?",
                one.clock.due if one.clock else "?",
                _clock(one),
            )
            for one in found
        ],
    )
    rows = [_reader(reader) for one in found for reader in one.readers]
    if rows:
        print_table(
            ["Group", "Members", "Unread", "Oldest", "Parked keys", "Dead letters", "Missing", "To retry"], rows
        )
    needs = [need for one in found for need in one.needs]
    for need in needs:
        typer.echo(need)
    if not needs:
        typer.echo("all is well")


def _leader(relay: "RelayStatus | None") -> str:
    if relay is None:
        return "?"
    return f"leads from {relay.leader.address} since {shown(relay.leader.since)}" if relay.leader else "nobody"


def _clock(one: "ServiceStatus") -> str:
    if one.clock is None:
        return "?"
    moved = f" (moved by {duration(one.clock.ahead_seconds)})" if one.clock.ahead_seconds else ""
    return f"{shown(one.clock.now)}{moved}"


def _reader(reader: "ReaderStatus") -> tuple[Any, ...]:
    unknown = "?"
    return (
        reader.group,
        unknown if reader.members is None else reader.members,
        unknown if reader.lag is None else reader.lag,
        duration(reader.oldest_unread_seconds),
        reader.parked.keys,
        reader.parked.events,
        reader.missing,
        reader.parked.retries_requested,
    )
