"""`amtsbus refill`: Kafka was lost, or one of its topics, and is filled again from the journals."""

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amtsbus.cli.databases import By, Services, Why, configured_services, operator, quiet, reason, settings_of
from amtsbus.cli.failures import CommandFailedError
from amtsbus.cli.output import AsJson, plain, print_json, print_table
from amtsbus.cli.topics import TopicsFile

if TYPE_CHECKING:
    from amtsbus.refill import Department, Plan, Refilled
    from amtsbus.topics import Topic

_POLL_SECONDS = 0.5
_STANDS_STILL_SECONDS = 90.0


def refill(
    services: Services = None,
    why: Why = None,
    topic: Annotated[str | None, typer.Option(help="Only this topic: it alone was lost.")] = None,
    archive: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where the months lie that have left the journals; they come first."),
    ] = None,
    journal_only: Annotated[
        bool, typer.Option("--journal-only", help="Leave out the months that lie in the archive.")
    ] = False,
    file: TopicsFile = None,
    replication_factor: Annotated[
        int, typer.Option(min=1, max=9, help="Copies of each partition of a topic that is created.")
    ] = 1,
    wait: Annotated[
        float, typer.Option(min=0, max=604_800, help="How many seconds to wait until everything is published.")
    ] = 0.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Fill Kafka again from the journals of services: it was lost, or one of its topics.

    Every event is published again in order, topics that are missing are created; readers ignore what they have handled.
    Do not create the topics before: what is new would then be published before what is lost.
    Called again it goes on. Meanwhile requests are answered as always.

    Example: amtsbus refill --why "disk of broker 1 lost, ticket 4711" --wait 3600
    """
    from amtsbus.contracts.places import topics_file
    from amtsbus.topics import load

    listed = load(file or topics_file())
    departments = _departments(services or configured_services(), topic, archive, listed)
    plans, missing = asyncio.run(_plan(departments))
    _refuse_half_an_archive(plans, archive, journal_only=journal_only)
    if dry_run:
        _show_plan(plans, missing, as_json=as_json)
        return
    refilled, created, remaining = asyncio.run(
        _refill(departments, wait=wait, by=operator(by), why=reason(why), copies=replication_factor)
    )
    if as_json:
        print_json(
            {
                "services": plain(refilled),
                "topics_created": created,
                "left_out": {name: count for plan in plans for name, count in plan.left_out.items()},
                "remaining": remaining if wait else None,
            }
        )
    else:
        print_table(
            ["Service", "Events put back", "Waited anyhow", "From the archive"],
            [(one.service, one.events, one.waited, one.archived) for one in refilled],
        )
        for plan in plans:
            for name, count in plan.left_out.items():
                typer.echo(f"{count} events of {name} stay where they are: {_why_left(name, plan.service, listed)}")
        typer.echo("everything is published" if wait and not remaining else "the relays publish; see: amtsbus status")
    if remaining:
        raise CommandFailedError(
            f"{remaining} events still wait: do the workers run, and does Kafka take what they send? See: amtsbus status"
        )


def _why_left(name: str, service: str, listed: "tuple[Topic, ...]") -> str:
    owner = next((topic.owner for topic in listed if topic.name == name), None)
    if owner is None:
        return "it is not in the list of topics"
    return "it was not asked for" if owner == service else f"in the list of topics it belongs to {owner}"


def _departments(
    names: list[str], topic: str | None, archive: Path | None, listed: "tuple[Topic, ...]"
) -> "list[Department]":
    from amtsbus.refill import Department
    from amtsbus.service import load_service

    departments = []
    for name in dict.fromkeys(names):
        service = load_service(name)
        own = tuple(one for one in listed if one.owner == name and topic in (None, one.name))
        if own:
            departments.append(Department(settings_of(service.settings, name), own, archive))
    if not departments:
        raise CommandFailedError(_nothing_to_fill(listed, names, topic), exit_code=2)
    return departments


def _nothing_to_fill(listed: "tuple[Topic, ...]", chosen: list[str], topic: str | None) -> str:
    own = ", ".join(one.name for one in listed if one.owner in chosen)
    if topic is None:
        return f"the list of topics has none of {', '.join(chosen)}"
    return f"{topic} is not a topic of {', '.join(chosen)}; they have: {own or 'none'}"


def _refuse_half_an_archive(plans: "list[Plan]", archive: Path | None, *, journal_only: bool) -> None:
    if archive and journal_only:
        raise typer.BadParameter("--archive FOLDER or --journal-only, not both")
    left = {plan.service: plan.archived_months for plan in plans if plan.archived_months}
    if left and not archive and not journal_only:
        told = ", ".join(f"{months} of {service}" for service, months in left.items())
        raise CommandFailedError(
            f"months of the journal lie in the archive ({told}): say where with --archive FOLDER, or leave them out with "
            "--journal-only (a new reader then misses the beginning of old streams)"
        )


async def _plan(departments: "list[Department]") -> "tuple[list[Plan], list[str]]":
    from amtsbus.refill import missing_topics, plan

    quiet()
    return [await plan(department) for department in departments], await missing_topics(departments)


def _show_plan(plans: "list[Plan]", missing: list[str], *, as_json: bool) -> None:
    if as_json:
        print_json({"services": plain(plans), "topics_missing": missing, "dry_run": True})
        return
    print_table(
        ["Service", "Topic", "Events in the journal", "In Kafka"],
        [
            (plan.service, name, count, "missing" if name in missing else "there")
            for plan in plans
            for name, count in plan.by_topic.items()
        ],
    )
    typer.echo("nothing was changed")


async def _refill(
    departments: "list[Department]", *, wait: float, by: str, why: str, copies: int
) -> "tuple[list[Refilled], list[str], int]":
    """(what was done, topics created, how many events still wait)."""
    from amtsbus.refill import Created, Refilled
    from amtsbus.refill import refill as fill_again

    refilled: list[Refilled] = []
    created: list[str] = []
    async for told in fill_again(departments, by=by, why=why, replication_factor=copies):
        if isinstance(told, Refilled):
            refilled.append(told)
            continue
        if isinstance(told, Created):
            created.append(told.topic)
        typer.echo(f"created {told.topic}" if isinstance(told, Created) else told, err=True)
    return refilled, created, await _drained(departments, refilled, wait) if wait else 0


async def _drained(departments: "list[Department]", refilled: "list[Refilled]", wait: float) -> int:
    """How many events still wait when all are published, the time is over, or nothing moves any more."""
    from amtsbus import refill as module

    deadline, moved = time.monotonic() + wait, time.monotonic()
    left = sum(one.events + one.waited for one in refilled)
    with typer.progressbar(length=left, label="publishing", file=sys.stderr) as bar:
        while True:
            still = 0
            for department, one in zip(departments, refilled, strict=True):
                still += await module.waiting(department, one.last_position)
            if still < left:
                bar.update(left - still)
                left, moved = still, time.monotonic()
            now = time.monotonic()
            if not still or now > deadline or now - moved > _STANDS_STILL_SECONDS:
                return still
            await asyncio.sleep(_POLL_SECONDS)
