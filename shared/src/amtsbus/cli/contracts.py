"""`amtsbus contracts generate|check`: the files that describe what a service publishes."""

from typing import TYPE_CHECKING, Annotated

import typer

from amtsbus.cli.failures import CommandFailedError
from amtsbus.cli.output import AsJson, command_group, print_json

if TYPE_CHECKING:
    from amtsbus.contracts.check import Finding
    from amtsbus.service import Service

app = command_group("Write and verify what services publish.")

Services = Annotated[list[str] | None, typer.Argument(metavar="[SERVICE]...", help="Default: all that are installed.")]


@app.command()
def generate(
    services: Services = None,
    unreleased: Annotated[
        list[str] | None,
        typer.Option(
            metavar="EVENT-TYPE",
            help="Replace or remove the contract of an event that nobody outside this working tree has seen; still refused "
            "where an installed reader would break. May be repeated.",
        ),
    ] = None,
) -> None:
    """Write the contracts of services.

    They lie in the folder contracts/ of each service.
    Refuses a change that the version of an event does not allow, and names the subscribers that would break.
    """
    from pathlib import Path

    from amtsbus.contracts.check import generate as write
    from amtsbus.contracts.places import listed_topics

    installed, chosen = _services(services)
    findings: list[Finding] = []
    for service in chosen:
        written, refused = write(service, listed_topics(service), installed, unreleased=unreleased or [])
        findings += refused
        for file in written:
            shown = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
            typer.echo(f"{'wrote' if file.exists() else 'removed'} {shown}")
        if not written and not refused:
            typer.echo(f"{service.package}: the contracts are up to date")
    _report(findings)


@app.command()
def check(services: Services = None, as_json: AsJson = False) -> None:
    """Verify contracts against code, topics and readers.

    Subscribers are the readers of all services that are installed here.
    """
    from amtsbus.contracts.check import check as verify
    from amtsbus.contracts.places import listed_topics

    installed, chosen = _services(services)
    findings = [finding for service in chosen for finding in verify(service, listed_topics(service), installed)]
    if as_json:
        print_json([vars(finding) for finding in findings])
        if findings:
            raise typer.Exit(1)
        return
    _report(findings)
    for service in chosen:
        typer.echo(
            f"{service.package}: {len(service.published)} events published, "
            f"{sum(len(reader.handlers) for reader in service.readers)} read: contracts hold"
        )


def _services(names: list[str] | None) -> "tuple[list[Service], list[Service]]":
    """(one of each package, those that were asked for)."""
    from amtsbus.service import contracted_services, load_service

    found = {service.package: service for service in contracted_services()}
    for name in names or []:
        if name not in found:
            load_service(name)  # raises, and lists those that are installed
    if not found:
        raise CommandFailedError("no service is installed here")
    chosen = [service for package, service in found.items() if not names or package in names]
    return list(found.values()), chosen


def _report(findings: "list[Finding]") -> None:
    for finding in findings:
        typer.echo(str(finding))
    if findings:
        count = len(findings)
        raise CommandFailedError(f"{count} finding{'s' if count > 1 else ''}; contracts do not hold")
