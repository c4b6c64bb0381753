"""The impatient citizen: the same request more than once is one effect and one answer."""

import asyncio
import hashlib
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from amtsbus.auth import Role
from amtsbus.errors import ConflictError, RuleViolationError
from amtsbus.http.idempotency import sweep_once
from amtsbus.postgres import Database
from amtsbus.testing.tokens import ApiClient

from .parks import SEASON
from .test_requests import kind, rows

OAK = {"species": "oak"}


async def sponsor(client: ApiClient, key: str, form: Any = OAK, **claims: Any) -> httpx.Response:
    return await client.post(
        "/v1/trees", json=form, headers=client.as_(Role.CITIZEN, **claims) | {"Idempotency-Key": key}
    )


async def test_a_post_without_a_key_is_refused(client: ApiClient):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(client.app), base_url="http://x") as plain:
        answer = await plain.post("/v1/trees", json=OAK, headers=client.as_(Role.CITIZEN))
    assert (answer.status_code, kind(answer)) == (400, "idempotency-key-missing")


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "ä".encode(), "🦊".encode(), "\t"])
async def test_a_key_is_1_to_255_visible_characters(client: ApiClient, key: Any):
    answer = await sponsor(client, key)
    assert (answer.status_code, kind(answer)) == (400, "idempotency-key-malformed")


async def test_the_same_request_twice_is_one_tree_and_one_answer(client: ApiClient, database: Database):
    first = await sponsor(client, "k1")
    again = await sponsor(client, "k1")
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    for header in ("etag", "location", "content-type"):
        assert first.headers[header] == again.headers[header]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert (await rows(database, "trees"), await rows(database, "amtsbus.events")) == (1, 1)


async def test_five_at_once_are_one_tree_and_one_answer(client: ApiClient, database: Database):
    answers = await asyncio.gather(*(sponsor(client, "k1") for _ in range(5)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert (await rows(database, "trees"), await rows(database, "amtsbus.events")) == (1, 1)


async def test_forty_at_once_on_a_pool_of_ten_are_one_tree(client: ApiClient, database: Database):
    answers = await asyncio.gather(*(sponsor(client, "k1") for _ in range(40)))
    assert {answer.status_code for answer in answers} == {201}
    assert await rows(database, "trees") == 1


async def test_the_same_key_with_another_body_is_refused(client: ApiClient, database: Database):
    assert (await sponsor(client, "k1")).status_code == 201
    for form in ({"species": "ash"}, {"species": "bonsai"}):
        answer = await sponsor(client, "k1", form)
        assert (answer.status_code, kind(answer)) == (422, "idempotency-key-reused")
    assert await rows(database, "trees") == 1


async def test_the_same_key_at_another_address_is_refused(client: ApiClient):
    tree_id = (await sponsor(client, "k1")).json()["tree_id"]
    headers = client.as_(Role.CITIZEN) | {"Idempotency-Key": "k1"}
    answer = await client.post(f"/v1/trees/{tree_id}/waterings", headers=headers)
    assert (answer.status_code, kind(answer)) == (422, "idempotency-key-reused")
    assert (await client.post("/v1/trees?x=1", json=OAK, headers=headers)).status_code == 422


async def test_two_callers_may_have_the_same_key(client: ApiClient, database: Database):
    assert (await sponsor(client, "k1")).json() != (await sponsor(client, "k1", person_id=uuid4())).json()
    assert await rows(database, "trees") == 2


async def test_a_refusal_is_not_kept(client: ApiClient, database: Database):
    tree_id = (await sponsor(client, "k0")).json()["tree_id"]
    headers = client.as_(Role.CITIZEN) | {"Idempotency-Key": "k1"}
    SEASON.failures = [RuleViolationError("Not while it rains.")]
    assert (await client.post(f"/v1/trees/{tree_id}/waterings", headers=headers)).status_code == 422
    assert (await client.post(f"/v1/trees/{tree_id}/waterings", headers=headers)).json() == {"nth": 1}
    assert (await client.post(f"/v1/trees/{tree_id}/waterings", headers=headers)).json() == {"nth": 1}


@pytest.mark.parametrize(
    "failure", [RuleViolationError("already watered"), ConflictError("changed"), KeyError("defect")]
)
async def test_a_repetition_that_the_first_success_forbids_still_gets_the_first_answer(
    client: ApiClient, failure: Exception
):
    tree_id = (await sponsor(client, "k0")).json()["tree_id"]
    headers = client.as_(Role.CITIZEN) | {"Idempotency-Key": "k1"}
    assert (await client.post(f"/v1/trees/{tree_id}/waterings", headers=headers)).json() == {"nth": 1}
    SEASON.failures = [failure]
    assert (await client.post(f"/v1/trees/{tree_id}/waterings", headers=headers)).json() == {"nth": 1}


async def test_the_second_counts_when_the_first_is_rolled_back_while_it_waits(client: ApiClient, database: Database):
    """The first one holds the key and dies; the second has waited for it and takes its place."""
    tree_id = (await sponsor(client, "k0")).json()["tree_id"]
    me = client.as_(Role.CITIZEN)
    async with asyncio.TaskGroup() as group:
        connection = await database.pool.acquire()
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(
            "INSERT INTO amtsbus.idempotency_keys VALUES ($1, 'k1', $2, 200, '{}', '')",
            f"citizen-{'018f0000-0000-7000-8000-000000000001'}",
            hashlib.sha256(b"whatever").digest(),
        )
        second = group.create_task(
            client.post(f"/v1/trees/{tree_id}/waterings", headers=me | {"Idempotency-Key": "k1"})
        )
        async with asyncio.timeout(10):
            while not await database.pool.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%idempotency%' "
                "AND datname = current_database()"
            ):
                await asyncio.sleep(0.01)
        await transaction.rollback()
        await database.pool.release(connection)
    assert (second.result().status_code, second.result().json()) == (200, {"nth": 1})


async def test_the_answer_survives_that_its_commit_got_lost(client: ApiClient, database: Database, monkeypatch):
    """The database committed, but the connection broke before it could say so: the recorded answer is the true one."""
    from asyncpg.transaction import Transaction

    commit = Transaction.commit

    async def commit_and_break(self):
        await commit(self)
        monkeypatch.undo()
        raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    monkeypatch.setattr(Transaction, "commit", commit_and_break)
    answer = await sponsor(client, "k1")
    assert answer.status_code == 201
    assert await rows(database, "trees") == 1


async def test_expired_answers_are_swept_and_young_ones_are_not(client: ApiClient, database: Database):
    await sponsor(client, "old")
    await sponsor(client, "young")
    await database.pool.execute(
        "UPDATE amtsbus.idempotency_keys SET created_at = created_at - $1::interval WHERE idempotency_key = 'old'",
        timedelta(days=7, minutes=1),
    )
    assert await sweep_once(database) == 1
    assert await sweep_once(database) == 0
    assert (await sponsor(client, "young")).headers["idempotency-replayed"] == "true"
