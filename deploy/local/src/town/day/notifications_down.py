"""Journey 5: notifications is down for the morning, and fifty decisions are taken meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from town.day import building
from town.day.city import City
from town.day.residents import settle_many
from town.people import staff

TITLE = "Notifications is down for the morning"
DECISIONS = 50
AT_ONCE = 8

T = TypeVar("T")
R = TypeVar("R")


async def play(city: City) -> None:
    """Fifty decisions while the worker of notifications is stopped; then each citizen gets one letter, in order."""
    clerk, lead = staff("clerk", "permits"), staff("lead", "permits")
    builders = await settle_many(city, "Demo-Viele", DECISIONS)
    receipts = await _each(builders, lambda builder: building.submit(city, builder, "A winter garden"))
    city.says("fifty citizens", f"apply: {receipts[0].body['reference']} to {receipts[-1].body['reference']}")
    await _each(receipts, lambda receipt: building.declare_complete(city, receipt, clerk))
    await _each(
        builders,
        lambda builder: building.letters_in_order(city, builder, "application-submitted", "application-complete"),
    )
    city.notes("each has a receipt and knows that the application is complete")

    async with city.down("notifications-worker"):
        await _each(receipts, lambda receipt: building.approve(city, receipt, clerk, lead))
        city.says(lead, "confirms fifty approvals; no other department waits for notifications")
        for number, receipt in enumerate(receipts):
            await city.follows(
                "permits.application-approved.v1",
                application_id=receipt.body["application_id"],
                told=number in (0, DECISIONS - 1),
            )
            await city.follows("permits.fee-noticed.v1", application_id=receipt.body["application_id"], told=False)
        letters = await building.case_letters(city, builders[0])
        city.expect("permits.application-approved" not in letters, "no letter while notifications is down")

    in_order = ("application-submitted", "application-complete", "application-approved", "fee-noticed")
    await _each(builders, lambda builder: building.letters_in_order(city, builder, *in_order))
    await city.letter(builders[0], "permits.application-approved")
    await city.letter(builders[-1], "permits.application-approved")
    city.notes("fifty citizens, one decision and one fee notice each, in this order")


async def _each(things: Sequence[T], do: Callable[[T], Awaitable[R]]) -> list[R]:
    """Do something with each of `things`, a few at once."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(thing: T) -> R:
        async with places:
            return await do(thing)

    return await asyncio.gather(*(one(thing) for thing in things))
