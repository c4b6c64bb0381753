"""What an operator does once everything runs again: look, and mend with the product's own commands."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from tests.proof import topics_of_the_city
from tests.proof.city import OperationFailedError, ProofCity
from tests.proof.faults import persist, refill

Say = Callable[[str], None]
WHY = "proof campaign: mending what faults have left"
WAIT_SECONDS = "60"


async def backlog(city: ProofCity) -> str:
    """How much is still to be published, in one phrase; says so where a database does not answer."""
    waiting = 0
    away = []
    for service in city.services:
        try:
            connection = await asyncpg.connect(city.owner_url(service), timeout=2, command_timeout=2)
            try:
                waiting += await connection.fetchval("SELECT count(*) FROM amtsbus.unpublished")
            finally:
                await connection.close()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            away.append(service)
    return f"unpublished {waiting}" + (f" (unknown of {', '.join(away)})" if away else "")


async def refill_what_is_empty(city: ProofCity, say: Say) -> None:
    """Fill the topics again that were deleted, and could not be filled while everything broke."""

    def again(topic: str) -> Callable[[], Awaitable[None]]:
        return lambda: refill(city, topic)

    for topic in sorted(city.to_refill):
        say(f"operator: amtsbus refill of {topic}")
        await persist(again(topic))


async def mend(city: ProofCity, say: Say) -> None:
    """Give the commands that bring back what faults have taken away; each is said before it is given."""
    restored = {excuse.service for excuse in city.excuses if excuse.kind == "restored"}
    for reader, publisher in _pairs(city):
        if reader in restored or publisher in restored:
            # A reader that was set back has forgotten what it read, and Kafka has not forgotten that it was read. What a
            # publisher has forgotten is reported only: it cannot be brought back.
            await _operate(
                city, say, "reconcile", reader, "--publisher", publisher, "--note", "--why", WHY, "--wait", WAIT_SECONDS
            )
    for service in await _status(city, say):
        name, readers = service["service"], service["readers"]
        if any(reader["missing"] for reader in readers):
            await _operate(city, say, "gaps", "ask", name, "--why", WHY, "--wait", WAIT_SECONDS)
        if any(reader["parked"]["keys"] for reader in readers):
            await _operate(city, say, "deadletters", "retry", name, "--all", "--why", WHY, "--wait", WAIT_SECONDS)


async def _status(city: ProofCity, say: Say) -> list[dict[str, Any]]:
    """How all services are; what needs a human is said."""
    say("operator: amtsbus status")
    found: list[dict[str, Any]] = json.loads(await city.operate("status", "--json"))
    for need in (need for service in found for need in service["needs"]):
        say(f"operator is told: {need}")
    return found


def _pairs(city: ProofCity) -> list[tuple[str, str]]:
    """Who reads facts of whom."""
    pairs = [
        (reader.service, topic.owner)
        for topic in topics_of_the_city()
        if topic.name.endswith(".events")
        for reader in topic.readers
    ]
    return list(dict.fromkeys(pairs))


async def _operate(city: ProofCity, say: Say, *arguments: str) -> None:
    say(f"operator: amtsbus {' '.join(arguments)}")
    try:
        await city.operate(*arguments)
    except OperationFailedError as error:
        say(f"operator: that failed: {error}")
