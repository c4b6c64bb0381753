"""The town's command line: `uv run town …`."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from amtsbus.service import load_service, package_of
from amtsbus.testing.servers import (
    ServerFailedError,
    end_process,
    record_process,
    recorded_process,
    sole_owner,
)
from amtsbus.topics import TopicListError
from rich.table import Table

from town import status as town_status
from town.addresses import Addresses
from town.clock import TownClock
from town.configuration import Configuration, services
from town.home import Home, TownError, town_command
from town.printing import Printer, console
from town.processes import end_left_over, last_lines

app = typer.Typer(
    name="town",
    help="The whole city on this machine: PostgreSQL, Kafka, an issuer, a mailbox and every department.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

DAY_SECONDS = 600
PORTAL = "portal"
DESK = "/desk"


@contextlib.contextmanager
def _clear_errors() -> Iterator[None]:
    """What somebody can do something about ends in one clear line and exit status 1."""
    try:
        yield
    except (TownError, ServerFailedError, TopicListError) as error:
        sys.stdout.flush()
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None


def _log_to(file: Path) -> None:
    """Keep what libraries say to themselves out of what people read."""
    logging.basicConfig(filename=file, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")


def _serving(home: Home) -> Addresses:
    """Where everything is in the town that serves here."""
    if recorded_process(home.supervisor) is None:
        home.addresses.unlink(missing_ok=True)  # of a town that was killed
    return Addresses.read(home.addresses)


@app.command(
    epilog="Examples:  [cyan]town up[/cyan]   [cyan]town up --detach[/cyan]   [cyan]town up --no-day[/cyan]   "
    "[cyan]TOWN_MAIL_PORT=8025 town up[/cyan]"
)
def up(
    *,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Give the terminal back once the town serves.")
    ] = False,
    day: Annotated[bool, typer.Option(help="Play the day in the city before the town says that it serves.")] = True,
) -> None:
    """Start the town, play a day in the city, and stay up until Ctrl-C."""
    with _clear_errors():
        home = Home.find()
        home.prepare()
        if detach:
            _detach(home, day=day)
            return
        with sole_owner(home.lock, f"the town in {home.folder} (`{town_command()} status` or `down`); it"):
            raise typer.Exit(asyncio.run(_run(home, day=day)))


async def _run(home: Home, *, day: bool) -> int:
    # Imported here: `town status` and the like need neither services' clients nor the journeys.
    from town.supervisor import Town, clear_the_way

    _log_to(home.logs / "supervisor.log")
    printer = Printer()
    began = time.monotonic()
    stopping = asyncio.Event()
    _stop_on_signals(stopping)
    record_process(home.supervisor, os.getpid())
    clear_the_way(home, printer)
    names = services()
    town = Town(home, names, Configuration.choose(home.folder, names), printer)
    work = asyncio.create_task(_serve_and_play(town, printer, began, day=day))
    stop = asyncio.create_task(stopping.wait())
    failed = False
    try:
        await asyncio.wait([work, stop], return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            failed = work.result()
            await stop
    finally:
        if not work.done():
            work.cancel()
            await asyncio.wait([work])
        home.addresses.unlink(missing_ok=True)
        printer.line("Stopping the town …")
        await town.stop()
        home.supervisor.unlink(missing_ok=True)
        printer.line("The town has stopped.")
    return 1 if failed else 0


async def _serve_and_play(town: Any, printer: Printer, began: float, *, day: bool) -> bool:
    """Start, play, and say where everything is; returns whether a journey failed."""
    from town.day import play_day, seed

    await town.start()
    printer.markup(f"[good]The town serves[/good] after {time.monotonic() - began:.1f} s.")
    addresses = town.addresses()
    await seed(town.home, addresses, printer)
    failed = day and not await play_day(town.home, addresses, printer)
    addresses.write(town.home.addresses)
    _tell(addresses, printer)
    return failed


def has_desk(name: str) -> bool:
    """Whether the staff of service `name` have a desk in its API."""
    web = load_service(name).web
    return web is not None and web.path == DESK


def _tell(addresses: Addresses, printer: Printer) -> None:
    command = town_command()
    printer.line()
    table = Table(box=None, pad_edge=False, show_header=False)
    if PORTAL in addresses.services:
        table.add_row("[bold]the portal[/bold]", "for citizens", f"{addresses.services[PORTAL].api}/")
    desks = [name for name in addresses.services if has_desk(name)]
    for name in desks:
        table.add_row("" if name != desks[0] else "the desks", name, f"{addresses.services[name].api}{DESK}")
    for name, service in addresses.services.items():
        if package_of(name) != name:
            continue
        table.add_row(name, "API", f"{service.api}/docs")
        table.add_row("", "events (AsyncAPI)", f"{service.worker}/asyncapi")
        table.add_row("", "metrics", f"{service.worker}/metrics")
    table.add_row("mailbox", "", addresses.mail.http)
    table.add_row("issuer", "people", f"{addresses.issuer}/people")
    table.add_row("Kafka", "", addresses.kafka)
    printer.console.print(table)
    printer.line()
    printer.line(f"A token for a demo person:    {command} token PERSON     (without a name: who there is)")
    printer.line("                              PERSON is erika, max, aylin, deniz, jürgen, zofia, piotr, linh,")
    printer.line("                              clerk-SERVICE, lead-SERVICE, auditor-SERVICE or operator-SERVICE")
    printer.line(f"Another day in the city:      {command} day")
    printer.line(f"What runs, and its memory:    {command} status")
    printer.line(f"A service's log:              {command} logs permits")
    printer.line("Ctrl-C stops everything." if sys.stdout.isatty() else f"`{command} down` stops everything.")


def _stop_on_signals(stopping: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(one, stopping.set)


def _detach(home: Home, *, day: bool) -> None:
    """Start the town as a process of its own, show what it says until it serves, and leave."""
    if recorded_process(home.supervisor) is not None:
        raise TownError(f"the town is running already: `{town_command()} status` or `{town_command()} down`")
    home.addresses.unlink(missing_ok=True)  # of a town that was killed
    log = home.logs / "town.log"
    command = [sys.executable, "-m", "town.cli", "up", *([] if day else ["--no-day"])]
    with log.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603 - ourselves
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            cwd=home.tree,
            start_new_session=True,
            env=os.environ | {"TOWN_HOME": str(home.folder)},
        )
    with log.open() as said:
        while process.poll() is None and not home.addresses.exists():
            typer.echo(said.read(), nl=False)
            time.sleep(0.2)
        time.sleep(0.3)
        typer.echo(said.read(), nl=False)
    if process.poll() is not None:
        raise TownError("the town did not come up; what it said is above")


@app.command(epilog="Example:  [cyan]town day[/cyan]   (as often as you like: each time with new people)")
def day() -> None:
    """Play a day in the city on the running town, and print it as it happens."""
    from town.day import play_day

    with _clear_errors():
        home = Home.find()
        addresses = _serving(home)
        _log_to(home.logs / "day.log")
        if not asyncio.run(play_day(home, addresses, Printer())):
            raise typer.Exit(1)


@app.command(epilog="Examples:  [cyan]town status[/cyan]   [cyan]town status --json[/cyan]")
def status(*, as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Show what runs, where, and how much memory it takes. Exit status 1 if the town does not serve."""
    with _clear_errors():
        home = Home.find()
        home.prepare()
        found = town_status.running(home)
        serves = home.addresses.exists() and any(one.name == "town" for one in found)
        if as_json:
            typer.echo(json.dumps({"serves": serves, "processes": [vars(one) for one in found]}))
        else:
            _print_status(home, found, serves=serves)
        if not serves:
            raise typer.Exit(1)


def _print_status(home: Home, found: list[town_status.Running], *, serves: bool) -> None:
    out = console()
    supervised = any(one.name == "town" for one in found)
    if not found:
        out.print(f"No town runs in {home.folder}.  Start one: {town_command()} up")
        return
    if serves:
        addresses = Addresses.read(home.addresses)
        out.print(f"The town serves. Its date is {TownClock(home.clock).today():%A %d %B %Y}.")
    elif supervised:
        addresses = None
        out.print("The town is starting.")
    else:
        addresses = None
        out.print(
            f"The town was killed; these processes are left over. `{town_command()} down` ends them, "
            f"`{town_command()} up` starts anew."
        )
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("process", "pid", "state", "memory MB", "address"):
        table.add_column(column, justify="right" if column in ("pid", "memory MB") else "left")
    for one in found:
        where, state = _where_and_state(one.name, addresses)
        paused = "stopped on request" if (home.paused / one.name).exists() else state
        table.add_row(one.name, str(one.pid), paused, f"{one.resident / 2**20:.0f}", where)
    out.print(table)
    resident = sum(one.resident for one in found) / 2**20
    own = [one.own for one in found if one.own is not None]
    once = f" ({sum(own) / 2**20:.0f} MB with shared pages counted once)" if len(own) == len(found) else ""
    out.print(f"All together: {resident:.0f} MB resident{once}.")


def _where_and_state(name: str, addresses: Addresses | None) -> tuple[str, str]:
    if addresses is None:
        return "", "running"
    service, _, kind = name.rpartition("-")
    if service in addresses.services:
        where = str(getattr(addresses.services[service], kind))
        return where, _readiness(f"{where}/readyz")
    places = {"kafka": addresses.kafka, "issuer": addresses.issuer, "mail": addresses.mail.http}
    return places.get(name, ""), "running"


def _readiness(url: str) -> str:
    try:
        answer = httpx.get(url, timeout=3)
    except httpx.HTTPError:
        return "does not answer"
    return "ready" if answer.status_code == httpx.codes.OK else "not ready"


@app.command(epilog="Example:  [cyan]town down[/cyan]")
def down() -> None:
    """Stop the town that runs here, and whatever a killed one has left over."""
    with _clear_errors():
        home = Home.find()
        home.prepare()
        supervisor = recorded_process(home.supervisor)
        if supervisor is not None:
            typer.echo("Stopping the town …")
            end_process(supervisor, seconds=90)
        with sole_owner(home.lock, "the town"):
            ended = end_left_over(home)
            home.addresses.unlink(missing_ok=True)
            home.supervisor.unlink(missing_ok=True)
        if ended:
            typer.echo(f"Ended what a killed town had left running: {', '.join(ended)}")
        typer.echo("The town has stopped." if supervisor or ended else "No town was running.")


@app.command(
    epilog="Examples:  [cyan]town token erika[/cyan]   "
    '[cyan]curl -H "Authorization: Bearer $(town token erika)" …[/cyan]'
)
def token(
    person: Annotated[str | None, typer.Argument(help="Who to be; without a name, who there is.")] = None,
) -> None:
    """Print an access token for a demo person, and nothing else."""
    with _clear_errors():
        asyncio.run(_token(_serving(Home.find()), person))


async def _token(addresses: Addresses, person: str | None) -> None:
    from town.people import Issuer, find

    async with httpx.AsyncClient(timeout=10) as http:
        issuer = Issuer(addresses.issuer, http)
        people = await issuer.people()
        if person is not None:
            typer.echo(await issuer.token(find(people, person)))
            return
        for one in people:
            about = one["department"] or ("citizen" if one["person_id"] else "")
            typer.echo(f"{one['name']:<40} {', '.join(one['roles']):<10} {about}")


@app.command(
    epilog="Examples:  [cyan]town logs permits[/cyan]   [cyan]town logs kafka -n 50[/cyan]   "
    "[cyan]town logs notifications-worker --follow[/cyan]"
)
def logs(
    service: Annotated[str, typer.Argument(help="A service, one of its processes, or postgres, kafka, issuer, mail.")],
    *,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=100_000, help="How many from the end.")] = 40,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as it grows, until Ctrl-C.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="As it was written (JSON).")] = False,
) -> None:
    """Show the end of a log."""
    with _clear_errors():
        found = _logs_of(Home.find(), service)
        places = {}
        for file in found:
            if len(found) > 1:
                typer.echo(f"== {file.stem}")
            typer.echo("\n".join(_readable(line, raw=raw) for line in last_lines(file, lines).splitlines()))
            places[file] = file.stat().st_size
        with contextlib.suppress(KeyboardInterrupt):
            while follow:
                time.sleep(0.5)
                for file in found:
                    places[file] = _show_new(file, places[file], raw=raw)


def _logs_of(home: Home, service: str) -> list[Path]:
    known = {file.stem: file for file in sorted(home.logs.glob("*.log"))}
    known |= {file.stem: file for file in (home.postgres / "postgres.log", home.kafka / "kafka.log") if file.exists()}
    if service in known:
        return [known[service]]
    found = [file for name, file in known.items() if name.startswith(f"{service}-")]
    if not found:
        raise TownError(f"there is no log of {service!r}; there are: {', '.join(sorted(known)) or 'none yet'}")
    return found


def _show_new(file: Path, place: int, *, raw: bool) -> int:
    size = file.stat().st_size
    if size < place:
        place = 0
    if size > place:
        with file.open("rb") as opened:
            opened.seek(place)
            text = opened.read(size - place).decode(errors="replace")
        typer.echo("\n".join(_readable(line, raw=raw) for line in text.splitlines()))
    return size


def _readable(line: str, *, raw: bool) -> str:
    """A JSON log line for people; any other line as it is."""
    if raw or not line.startswith("{"):
        return line
    try:
        told = json.loads(line)
    except ValueError:
        return line
    when, level, event = (str(told.pop(key, "")) for key in ("timestamp", "level", "event"))
    for key in ("service", "process", "logger"):
        told.pop(key, None)
    trace = told.pop("exception", None)
    rest = " ".join(f"{key}={value}" for key, value in told.items())
    return f"{when[11:23]} {level:<8}{event}  {rest}".rstrip() + (f"\n{trace}" if trace else "")


def main() -> None:
    app()


if __name__ == "__main__":
    main()
