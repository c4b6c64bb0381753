"""The command line `amtsbus`: a service's processes, its contracts, its journal and its dead letters.

Exit codes: 0 done, 1 it failed (one line says what, and what to do), 2 the command was not understood.
Everything but the command line itself is imported when a command needs it, so that `--help` answers at once.
"""

import sys
from collections.abc import Sequence

import typer

from amtsbus.cli import (
    actions,
    contracts,
    deadletters,
    gaps,
    journal,
    procedures,
    processes,
    reconcile,
    refill,
    retention,
    sessions,
    status,
    topics,
)
from amtsbus.cli.failures import explained
from amtsbus.cli.output import command_group

app = command_group(
    "The services of a city that talk through events: run them, verify their contracts, look after their events."
)
app.command()(processes.api)
app.command()(processes.worker)
app.command()(processes.together)
app.command()(processes.migrate)
app.command()(status.status)
app.command()(reconcile.reconcile)
journal.app.command()(reconcile.heads)
app.add_typer(contracts.app, name="contracts")
app.add_typer(procedures.app, name="procedures")
app.add_typer(journal.app, name="journal")
app.add_typer(gaps.app, name="gaps")
app.add_typer(deadletters.app, name="deadletters")
app.command()(actions.actions)
app.add_typer(topics.app, name="topics")
app.add_typer(retention.app, name="retention")
app.command()(refill.refill)
app.add_typer(sessions.app, name="sessions")


def main() -> None:
    """The entry point `amtsbus`."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code."""
    try:
        return int(app(list(arguments), prog_name="amtsbus", standalone_mode=False) or 0)
    except typer.exceptions.TyperException as error:
        message = error.format_message()
        if "\n" in message:  # the help of a group that was called without a command
            typer.echo(message)
        else:
            typer.echo(f"amtsbus: {message.rstrip('.')} (see amtsbus --help)", err=True)
        return 2
    except (typer.Abort, KeyboardInterrupt):
        typer.echo("amtsbus: stopped", err=True)
        return 130
    except Exception as error:
        explanation = explained(error)
        if explanation is None:
            raise
        typer.echo(f"amtsbus: {explanation.message}", err=True)
        return explanation.exit_code
