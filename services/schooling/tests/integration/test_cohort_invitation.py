"""A whole cohort is invited by one command."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date, timedelta
from typing import Any

import pytest
from amtsbus.auth import Role
from amtsbus.clock import FixedClock
from amtsbus.ids import new_id
from amtsbus.settings import Settings
from amtsbus.testing.fixtures import create_topics
from schooling import store
from schooling.domain.child import Child
from schooling.main import SERVICE

A_COHORT = 1500


async def a_cohort_lives_here(office: Any, size: int = A_COHORT, school_year: int = 2026) -> None:
    async with office.database.transaction() as tx:
        for nth in range(size):
            await store.put_child(
                tx,
                Child(
                    new_id(), f"Kind {nth}", "Müller", date(school_year - 6, 1, 1), (new_id(), new_id()), school_year
                ),
            )


async def invitations_per_child(office: Any) -> Counter[str]:
    rows = await office.database.pool.fetch(
        "SELECT data::jsonb ->> 'child_id' AS child FROM amtsbus.events WHERE type = 'schooling.parents-invited.v1'"
    )
    return Counter(row["child"] for row in rows)


@asynccontextmanager
async def a_worker_process(office: Any, settings: Settings) -> AsyncIterator[asyncio.subprocess.Process]:
    """`amtsbus worker schooling`, as it runs in production; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from amtsbus.cli import main; main()",
        "worker",
        "schooling",
        env=os.environ
        | {
            "SCHOOLING_DATABASE_URL": office.database.url,
            "SCHOOLING_WORKER_PORT": "0",
            "SCHOOLING_POLL_SECONDS": "0.1",
            "AMTSBUS_ENVIRONMENT": "development",
            "AMTSBUS_TOPIC_PREFIX": settings.topic_prefix,
            "AMTSBUS_LOG_LEVEL": "WARNING",
            "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
            "OIDC_ISSUER": settings.oidc_issuer,
        },
        cwd="/",
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until_remaining(office: Any, is_so: Callable[[int], bool], process: asyncio.subprocess.Process) -> int:
    async with asyncio.timeout(90):
        while True:
            assert process.returncode is None, "the worker stopped by itself"
            cohort = await office.get("/v1/cohorts/2026", office.staff())
            if is_so(cohort["invitation"]["remaining"]):
                return int(cohort["invitation"]["remaining"])
            await asyncio.sleep(0.1)


@pytest.mark.timeout(240)
async def test_a_worker_killed_in_the_middle_of_1500_children_is_resumed_without_a_double_invitation(
    office: Any, kafka: str, topic_prefix: str, settings_of: Callable[..., Settings]
) -> None:
    settings = settings_of(SERVICE, office.database)
    await create_topics(
        kafka, [topic_prefix + name for name in ("registration.school-age-child.events", "schooling.enrolment.events")]
    )
    await a_cohort_lives_here(office)
    await office.order_invitation()
    async with a_worker_process(office, settings) as process:
        await until_remaining(office, lambda remaining: remaining < A_COHORT - 100, process)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    cohort = await office.get("/v1/cohorts/2026", office.staff())
    assert 0 < cohort["invitation"]["remaining"] < A_COHORT - 100, "it was killed in the middle"
    assert cohort["invitation"]["finished_at"] is None
    assert cohort["enrolments"] == {"invited": A_COHORT - cohort["invitation"]["remaining"]}

    async with a_worker_process(office, settings) as process:
        await until_remaining(office, lambda remaining: remaining == 0, process)
        async with asyncio.timeout(30):
            while (await office.get("/v1/cohorts/2026", office.staff()))["invitation"]["finished_at"] is None:
                await asyncio.sleep(0.05)
    invitations = await invitations_per_child(office)
    assert len(invitations) == A_COHORT
    assert set(invitations.values()) == {1}


async def test_two_workers_at_once_invite_each_child_once(office: Any) -> None:
    await a_cohort_lives_here(office, 120)
    await office.order_invitation()
    shares = await asyncio.gather(*(office.work_through_invitations(batch=7) for _ in range(4)))
    # A worker that finds the cohort taken leaves; the rest is done by whoever stays, or the next time.
    shares = [*shares, await office.work_through_invitations()]
    assert sum(shares) == 120
    assert set((await invitations_per_child(office)).values()) == {1}


async def test_children_who_arrive_while_the_invitation_is_being_ordered_are_all_invited(office: Any) -> None:
    async def worker() -> None:
        for _ in range(30):
            await office.work_through_invitations(batch=3)
            await asyncio.sleep(0)

    arrivals = [office.arrival(new_id()) for _ in range(40)]
    await asyncio.gather(*arrivals[:20], office.order_invitation(), *arrivals[20:], worker())
    await office.work_through_invitations()
    invitations = await invitations_per_child(office)
    assert len(invitations) == 40
    assert set(invitations.values()) == {1}


async def test_an_invitation_is_ordered_by_the_lead_and_once(office: Any) -> None:
    await a_cohort_lives_here(office, 3)
    assert (await office.post("/v1/cohorts/2026/invitation", office.staff())).status_code == 403
    assert (await office.get("/v1/cohorts/2026", office.staff()))["invitation"] is None
    orders = await asyncio.gather(
        *(office.post("/v1/cohorts/2026/invitation", office.staff(Role.LEAD)) for _ in range(3))
    )
    assert [order.status_code for order in orders] == [202] * 3
    assert await office.work_through_invitations() == 3
    await office.order_invitation()
    assert await office.work_through_invitations() == 0
    cohort = await office.get("/v1/cohorts/2026", office.staff(Role.AUDITOR))
    assert (cohort["children"], cohort["enrolments"], cohort["invitation"]["remaining"]) == (3, {"invited": 3}, 0)


@pytest.mark.parametrize(("school_year", "code"), [(2025, "school-year-has-begun"), (2029, "too-early")])
async def test_only_a_cohort_that_is_near_is_invited(office: Any, school_year: int, code: str) -> None:
    answer = await office.post(f"/v1/cohorts/{school_year}/invitation", office.staff(Role.LEAD))
    assert answer.status_code == 422
    assert answer.json()["type"].endswith(code)


async def test_nobody_is_invited_before_the_invitation_is_ordered(office: Any) -> None:
    await office.arrival(new_id())
    assert await office.work_through_invitations() == 0
    assert (await office.get("/v1/cohorts/2026", office.staff()))["enrolments"] == {}


async def test_a_cohort_counts_children_whose_custodians_are_not_known(office: Any) -> None:
    await office.arrival()
    assert (await office.get("/v1/cohorts/2026", office.staff()))["without_custodian"] == 1


async def test_a_child_that_comes_after_the_invitation_is_invited_by_itself_with_time_to_register(
    office: Any, clock: FixedClock
) -> None:
    mother = new_id()
    await office.order_invitation()
    await office.work_through_invitations()
    clock.advance(timedelta(days=2))
    await office.arrival(mother)
    [mine] = (await office.get("/v1/enrolments", office.parent(mother)))["items"]
    assert (mine["state"], mine["due_on"]) == ("invited", "2026-03-25")  # long after 15 November 2025: three weeks


async def test_a_child_that_comes_after_school_has_begun_is_not_invited(office: Any, clock: FixedClock) -> None:
    await office.order_invitation()
    await office.work_through_invitations()
    clock.advance(timedelta(days=152))  # 1 August 2026
    await office.arrival(new_id())
    assert (await office.get("/v1/cohorts/2026", office.staff()))["enrolments"] == {}
