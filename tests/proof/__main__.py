"""`make proof`: let everything break under load, and compare what was promised with what became of it.

    make proof FAULTS=40 SEED=7 MINUTES=8
    uv run python -m tests.proof --faults 40 --seed 7 --minutes 8

Prints the schedule, what happens, and what was found. The last line is one JSON object. Exit status: 0 every promise
was kept, 1 one was broken, 2 the campaign itself could not be run, 130 it was interrupted.
"""

import argparse
import asyncio
import json
import logging
import secrets
import signal
import sys
from pathlib import Path

from amtsbus.testing.servers import ServerFailedError
from amtsbus.topics import TopicListError
from town.home import TownError

from tests.proof.campaign import CampaignFailedError, Order, Result, run

FAULTS = 40
SECONDS_PER_FAULT = 12.0
SHORTEST_MINUTES = 1.0
SABOTAGES = ("inbox", "mark", "offset")


def main(arguments: list[str] | None = None) -> int:
    """Run the campaign that the command line asks for; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof", description="Break everything, lose nothing.")
    parser.add_argument("--faults", type=int, default=FAULTS, help=f"how many (default: {FAULTS})")
    parser.add_argument("--seed", type=int, help="which schedule (default: one at random, which is printed)")
    parser.add_argument("--minutes", type=float, help="for how long (default: 12 seconds for each fault)")
    parser.add_argument("--sabotage", choices=SABOTAGES, help="break a promise of the services on purpose")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where to keep logs, ledger and samples")
    chosen = parser.parse_args(arguments)
    if chosen.faults < 0:
        parser.error("--faults is not less than 0")
    order = Order(
        seed=chosen.seed if chosen.seed is not None else secrets.randbelow(1_000_000),
        faults=chosen.faults,
        minutes=chosen.minutes or max(SHORTEST_MINUTES, chosen.faults * SECONDS_PER_FAULT / 60),
        sabotage=chosen.sabotage,
        keep=chosen.keep,
    )
    logging.getLogger().addHandler(logging.NullHandler())  # client libraries have much to say while servers are away
    say(
        f"Seed {order.seed}. The same campaign again: make proof FAULTS={order.faults} SEED={order.seed} "
        f"MINUTES={order.minutes:g}"
    )
    try:
        result = asyncio.run(_interruptible(order))
    except (CampaignFailedError, TownError, ServerFailedError, TopicListError) as error:
        complain(f"error: the campaign could not be run: {error}")
        return 2
    except InterruptedError as interruption:
        complain(f"interrupted ({interruption}); everything has been ended")
        return 130
    say(json.dumps(result.told))
    return 0 if result.kept else 1


async def _interruptible(order: Order) -> Result:
    """Ctrl-C and SIGTERM cancel the campaign, which then ends all its processes in order.

    Raises:
        InterruptedError: it was cancelled; the message is the signal's name.
    """
    running = asyncio.ensure_future(run(order, say))
    signals: list[str] = []

    def interrupt(one: signal.Signals) -> None:
        signals.append(one.name)
        running.cancel()

    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(one, interrupt, one)
    await asyncio.wait([running])
    if running.cancelled():
        raise InterruptedError(signals[0]) if signals else CampaignFailedError("it was cancelled from within")
    return running.result()


def say(text: str) -> None:
    """One line of the output, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """One line for whoever waits for a result."""
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
