"""Requests: what citizens send while Kafka is away or a process dies. Scenarios 5 and 15 of the fault list.

That the same POST at once from several sides is one effect is proven without faults in shared/tests/http/test_idempotency.py.
"""

import asyncio
import time
from collections import Counter
from statistics import median

import httpx
import pytest
from amtsbus.testing.servers import EmbeddedKafka

from .lost_property import NOTICES
from .office import Office, eventually

pytestmark = pytest.mark.timeout(240)  # the first one of a run also waits for Kafka to start


@pytest.mark.parametrize(
    ("outage_seconds", "requests_per_second", "deadline_seconds"),
    [(6, 50, 2), pytest.param(600, 20, 15, marks=[pytest.mark.proof, pytest.mark.timeout(900)])],
)
async def test_while_kafka_is_away_every_post_is_accepted_and_later_published_in_order(
    office: Office, node: EmbeddedKafka, outage_seconds: int, requests_per_second: int, deadline_seconds: int
):
    """Scenario 5 (Open Notificaties lost 1,276): killed under HTTP load, for ten minutes or, quicker, for six seconds."""
    deadline = {"amtsbus.relay.DEADLINE_SECONDS": deadline_seconds}
    api, worker = await asyncio.gather(office.api(), office.worker("lostproperty", constants=deadline))
    async with httpx.AsyncClient(base_url=api.url, timeout=30) as client:
        items = [(await office.post(client, json={"what": "umbrella"})).json()["item_id"] for _ in range(20)]
        before = await _load(office, client, items, 1, requests_per_second)
        await eventually(lambda: nothing_unpublished(office))
        assert node.process is not None
        node.process.kill()
        try:
            answers = await _load(office, client, items, outage_seconds, requests_per_second)
            assert Counter(status for status, _ in answers) == {201: len(answers)}
            assert _median_seconds(answers) < 3 * _median_seconds(before) + 0.1, "nobody waits for Kafka"
            assert await office.unpublished() == len(answers)
            assert await worker.metric("amtsbus_relay_failures_total") > 0
            assert await worker.metric("amtsbus_relay_backlog_events") > 0
        finally:
            await asyncio.to_thread(node.process.wait)
            await asyncio.to_thread(node.start)
        more = await _load(office, client, items, 1, requests_per_second)
        assert {status for status, _ in before + more} == {201}
    await eventually(lambda: nothing_unpublished(office), seconds=60)
    async with office.at_work(NOTICES):
        await office.settled(seconds=60)
    notices = [await office.written(item) for item in items]
    for written in notices:
        assert written == ["umbrella", *(f"moved {nth}" for nth in range(1, len(written)))]
    assert sum(map(len, notices)) == len(items) + len(before) + len(answers) + len(more)


def _median_seconds(answers: list[tuple[int, float]]) -> float:
    return median(seconds for _, seconds in answers)


async def _load(
    office: Office, client: httpx.AsyncClient, items: list[str], seconds: float, per_second: int
) -> list[tuple[int, float]]:
    """As many citizens as items, each moving their own again and again; gives (status, seconds) of each answer."""

    async def moves(item: str) -> list[tuple[int, float]]:
        answers = []
        while time.monotonic() < end:
            began = time.monotonic()
            answer = await office.post(client, f"/{item}/moves")
            answers.append((answer.status_code, time.monotonic() - began))
            await asyncio.sleep(max(0.0, began + len(items) / per_second - time.monotonic()))
        return answers

    end = time.monotonic() + seconds
    return [answer for answers in await asyncio.gather(*map(moves, items)) for answer in answers]


async def test_an_answer_that_got_lost_is_given_when_the_request_is_sent_again_even_twice_at_once(office: Office):
    """Scenario 15 (open-forms #1183): the process dies between the commit and the answer; the citizen tries again."""
    office.arm("lostproperty", "http.committed", "kill")
    api = await office.api()
    async with httpx.AsyncClient(base_url=api.url, timeout=10) as client:
        with pytest.raises(httpx.TransportError):
            await office.post(client, json={"what": "umbrella"}, key="the-umbrella")
    await api.ended()
    assert await items_and_events(office) == (1, 1)

    api = await office.api()
    async with httpx.AsyncClient(base_url=api.url, timeout=10) as client:
        answers = await asyncio.gather(
            *(office.post(client, json={"what": "umbrella"}, key="the-umbrella") for _ in range(2))
        )
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content
    item = await office.lost.pool.fetchval("SELECT item_id FROM items")
    assert answers[0].json() == {"item_id": str(item), "what": "umbrella"}
    assert await items_and_events(office) == (1, 1)


async def test_a_request_that_dies_before_its_commit_leaves_nothing_and_counts_when_it_is_sent_again(office: Office):
    """Scenario 15, one step earlier: the facts were appended, and the process dies before the commit."""
    office.arm("lostproperty", "journal.appended", "kill")
    api = await office.api()
    async with httpx.AsyncClient(base_url=api.url, timeout=10) as client:
        with pytest.raises(httpx.TransportError):
            await office.post(client, json={"what": "umbrella"}, key="the-umbrella")
    await api.ended()
    assert await items_and_events(office) == (0, 0)
    api = await office.api()
    async with httpx.AsyncClient(base_url=api.url, timeout=10) as client:
        assert (await office.post(client, json={"what": "umbrella"}, key="the-umbrella")).status_code == 201
    assert await items_and_events(office) == (1, 1)
    assert await office.lost.pool.fetchval("SELECT sequence FROM amtsbus.events") == 1


async def items_and_events(office: Office) -> tuple[int, int]:
    row = await office.lost.pool.fetchrow("SELECT (SELECT count(*) FROM items), (SELECT count(*) FROM amtsbus.events)")
    assert row is not None
    return row[0], row[1]


async def nothing_unpublished(office: Office) -> bool:
    return await office.unpublished() == 0
