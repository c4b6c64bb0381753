"""A campaign: bring the city up, let everything break under load, mend what is left as an operator would, and compare."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from tests.proof import checker, mending
from tests.proof.checker import Verdict
from tests.proof.city import Happened, ProofCity, folder_for_a_city
from tests.proof.faults import KINDS, Fault
from tests.proof.ledger import Ledger
from tests.proof.load import Load
from tests.proof.schedule import Planned, schedule
from tests.proof.story import story
from tests.proof.witness import check as witness

PROGRESS_SECONDS = 15.0
DRAIN_SECONDS = 240.0
STORIES = 5
WARM_UP_SECONDS = 5.0
"""The load runs for so long before the first fault, so that there is something to lose."""

Say = Callable[[str], None]


class CampaignFailedError(Exception):
    """The campaign itself could not be run to its end; nothing is known about the promises."""


@dataclass(frozen=True)
class Order:
    """What a campaign is asked to do."""

    seed: int
    faults: int
    minutes: float
    sabotage: str | None = None
    drain_seconds: float = DRAIN_SECONDS
    """How long it may take, at each of two times, until nothing is on its way any more."""
    keep: Path | None = None
    plan: Sequence[Planned] | None = None
    """A schedule of one's own instead of the seed's."""


@dataclass(frozen=True)
class Result:
    """How it ended."""

    verdict: Verdict
    told: dict[str, Any]
    """The last line of the output."""

    @property
    def kept(self) -> bool:
        """Whether every promise was kept."""
        return not any(self.told[name] for name in PROMISES)


PROMISES = ("lost", "doubled", "out_of_order", "stuck", "dead_letters", "unseen")


async def run(order: Order, say: Say) -> Result:
    """Run a campaign.

    Raises:
        CampaignFailedError, TownError, ServerFailedError: it could not be run to its end.
    """
    began = time.monotonic()
    with folder_for_a_city(order.keep) as folder:
        async with ProofCity.serving(folder, sabotage=order.sabotage, say=say) as city:
            plan = order.plan if order.plan is not None else _plan(order, city)
            say(f"The schedule of seed {order.seed}: {len(plan)} faults in {order.minutes:g} minutes")
            for one in plan:
                say(f"  {one}")
            if city.left_out:
                say(f"Not possible on this machine, others take their places: {', '.join(city.left_out)}")
            ledger = Ledger(folder / "ledger")
            try:
                return await _Campaign(order, city, ledger, plan, say).run(began)
            finally:
                ledger.close()


def _plan(order: Order, city: ProofCity) -> list[Planned]:
    return schedule(order.seed, order.faults, order.minutes, kinds=KINDS, left_out=city.left_out)


class _Campaign:
    def __init__(self, order: Order, city: ProofCity, ledger: Ledger, plan: Sequence[Planned], say: Say) -> None:
        self.order = order
        self.city = city
        self.ledger = ledger
        self.plan = plan
        self.load = Load(city, ledger, Random(f"{order.seed}/load"))
        self._say = say
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        """One line with the time since the first fault could happen."""
        self._say(f"{time.monotonic() - self._began:7.1f} s  {text}")

    async def run(self, began: float) -> Result:
        await self.load.prepare()
        stop_load = asyncio.Event()
        load = asyncio.create_task(self.load.run(stop_load), name="load")
        progress = asyncio.create_task(self._tell_progress(), name="progress")
        faults: list[asyncio.Task[None]] = []
        try:
            await asyncio.sleep(WARM_UP_SECONDS)
            self._began = time.monotonic()
            faults = [asyncio.create_task(self._play(one), name=f"fault {one.number}") for one in self.plan]
            rest = asyncio.create_task(asyncio.sleep(self.order.minutes * 60))
            everything = asyncio.gather(rest, *faults)
            watched: list[asyncio.Future[Any]] = [load, everything]
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            if load.done():
                load.result()
                raise CampaignFailedError("the load ended before the last fault")
            await everything
            self.say("The last fault is over; when everything is ready again, nobody asks for anything new.")
            missing = await self.city.whole()
            if missing:
                self.say(f"not ready after two minutes without a fault: {', '.join(missing)}")
            stop_load.set()
            await load
        finally:
            for task in (load, progress, *faults):
                task.cancel()
            await asyncio.gather(load, progress, *faults, return_exceptions=True)
            await self.load.close()
        await mending.refill_what_is_empty(self.city, self.say)
        await self._drain("before anybody mends anything")
        await mending.mend(self.city, self.say)
        left_open = await self._drain("after the operator has mended what was left")
        for one in left_open:
            self.say(f"still open: {one}")
        self.say("Comparing the ledger with the city …")
        verdict = await checker.check(self.city, self.ledger)
        verdict = replace(verdict, findings=(*verdict.findings, *await witness.check(self.city)))
        for note in verdict.notes:
            self.say(f"note: {note}")
        await self._tell_findings(verdict)
        return Result(verdict, self._told(verdict, time.monotonic() - began))

    async def _play(self, planned: Planned) -> None:
        """Let one fault happen and end; it is begun late where another still holds its target."""
        kinds: dict[str, type[Fault]] = {kind.name: kind for kind in KINDS}
        fault = kinds[planned.kind](planned.target, planned.parameters)
        await asyncio.sleep(self._began + planned.at_seconds - time.monotonic())
        async with self.city.holding(*fault.holds(self.city)):
            began = datetime.now(UTC)
            self.say(f"#{planned.number} {planned.kind} {planned.target}{_shown(planned)}")
            try:
                try:
                    await fault.happen(self.city)
                    await asyncio.sleep(planned.seconds)
                finally:
                    await fault.end(self.city)
            except Exception as error:
                raise CampaignFailedError(
                    f"fault #{planned.number} ({planned.kind} {planned.target}): {error}"
                ) from error
            if fault.note:
                self.say(f"#{planned.number} {planned.kind} {planned.target}: {fault.note}")
            self.city.happened.append(
                Happened(planned.number, planned.kind, planned.target, began, datetime.now(UTC), fault.note)
            )

    async def _tell_progress(self) -> None:
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            self.ledger.collect_mails(self.city.home.mail)
            state = await mending.backlog(self.city)
            failures = ", ".join(f"{what} {count}" for what, count in sorted(self.ledger.failures.items()))
            self.say(
                f"accepted {self.ledger.accepted}, on their way {self.ledger.open}, {state}, mails {self.ledger.mails}"
                f"; attempts that failed: {failures or 'none'}"
            )

    async def _drain(self, when: str) -> list[str]:
        """Wait until nothing is on its way any more; says now and then what still is."""
        began = time.monotonic()
        deadline = began + self.order.drain_seconds
        while True:
            try:
                left_open = await checker.drained(self.city, seconds=PROGRESS_SECONDS)
                left_open = left_open or await witness.heard(self.city, seconds=PROGRESS_SECONDS)
            except asyncio.CancelledError:
                # A client library that closes cancels what still waits for it, which looks as if we were cancelled.
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                left_open = ["a client that gave up is asked again"]
            if not left_open or time.monotonic() > deadline:
                break
            self.say(f"waiting for: {'; '.join(left_open)}")
        self.say(f"{'Not drained' if left_open else 'Drained'} {when}, after {time.monotonic() - began:.0f} s")
        return left_open

    async def _tell_findings(self, verdict: Verdict) -> None:
        for finding in verdict.findings:
            self._say(f"BROKEN  {finding.promise}: {finding.what} (case {finding.case_id}, trace {finding.trace_id})")
        told = list(dict.fromkeys(finding.case_id for finding in verdict.findings if finding.case_id))
        for case_id in told[:STORIES]:
            self._say(f"\nThe story of case {case_id}:\n{await story(self.city, case_id)}")

    def _told(self, verdict: Verdict, seconds: float) -> dict[str, Any]:
        return {
            "seed": self.order.seed,
            "faults": len(self.city.happened),
            "accepted": verdict.accepted,
            "events": verdict.events,
            "effects": verdict.effects,
            "lost": verdict.lost,
            "doubled": verdict.doubled,
            "out_of_order": verdict.out_of_order,
            "stuck": verdict.stuck,
            "dead_letters": verdict.unexplained_dead_letters,
            "unseen": verdict.unseen_failures,
            "longest_outage_s": round(self.ledger.longest_outage_seconds(ended=True), 1),
            "minutes": round(seconds / 60, 1),
            "restored": sum(excuse.kind == "restored" for excuse in self.city.excuses),
            "left_out": list(self.city.left_out),
        }


def _shown(planned: Planned) -> str:
    told = ", ".join(f"{name} {value}" for name, value in planned.parameters.items())
    return f" ({told})" if told else ""
