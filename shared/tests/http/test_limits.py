"""What a request may not do to the others: be too large, take too long, or take the service down with its database."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from amtsbus.auth import Role
from amtsbus.clock import FixedClock
from amtsbus.http import create_app
from amtsbus.postgres import Database
from amtsbus.testing.servers import free_port
from amtsbus.testing.tokens import ApiClient, TestIssuer, make_client

from .parks import PARKS
from .test_requests import OAK, kind, rows


@pytest.fixture
def api_of(settings_of: Callable[..., Any]) -> Callable[..., ApiClient]:
    """A client of an app with other settings or a database in another state."""

    def make(database: Database, **overrides: Any) -> ApiClient:
        issuer = TestIssuer()
        settings = settings_of(PARKS, database, **overrides)
        return make_client(create_app(PARKS, settings, database, verifier=issuer.verifier), issuer)

    return make


async def in_pieces(content: bytes, size: int = 65536) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def test_ten_megabytes_are_refused_by_their_announced_length(client: ApiClient, database: Database):
    headers = client.as_(Role.CITIZEN) | {"Content-Type": "application/json"}
    answer = await client.post("/v1/trees", content=b"x" * 10_000_000, headers=headers)
    assert (answer.status_code, kind(answer)) == (413, "body-too-large")
    assert "1048576" in answer.json()["detail"]


async def test_ten_megabytes_without_a_length_are_refused_while_they_arrive(client: ApiClient, database: Database):
    received = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal received
        async for piece in in_pieces(b'{"species": "' + b"x" * 10_000_000 + b'"}'):
            received += len(piece)
            yield piece

    headers = client.as_(Role.CITIZEN) | {"Content-Type": "application/json"}
    answer = await client.post("/v1/trees", content=body(), headers=headers)
    assert (answer.status_code, kind(answer)) == (413, "body-too-large")
    assert received < 1_300_000
    assert await rows(database, "trees") == 0


async def test_a_length_that_lies_is_found_out_by_counting(client: ApiClient):
    headers = client.as_(Role.CITIZEN) | {"Content-Type": "application/json", "Content-Length": "10"}
    answer = await client.post("/v1/trees", content=in_pieces(b" " * 2_000_000), headers=headers)
    assert (answer.status_code, kind(answer)) == (413, "body-too-large")


async def test_a_body_in_pieces_within_the_limit_is_fine(client: ApiClient):
    headers = client.as_(Role.CITIZEN) | {"Content-Type": "application/json"}
    answer = await client.post("/v1/trees", content=in_pieces(b'{"species":   "oak"}', 3), headers=headers)
    assert answer.status_code == 201


async def test_a_request_that_takes_too_long_is_ended_and_rolled_back(api_of, database: Database):
    async with api_of(database, request_timeout_seconds=0.3) as client:
        started = time.monotonic()
        answer = await client.get(
            f"/v1/trees/{uuid4()}/growth", params={"seconds": 30}, headers=client.as_(Role.OPERATOR)
        )
        assert (answer.status_code, kind(answer)) == (503, "timeout")
        assert "retry-after" in answer.headers
        assert time.monotonic() - started < 5
        asleep = (
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND state <> 'idle' "
            "AND datname = current_database() AND pid <> pg_backend_pid()"
        )
        async with asyncio.timeout(5):
            while await database.pool.fetchval(asleep):
                await asyncio.sleep(0.02)
        assert (await client.get("/v1/trees")).status_code == 200


async def test_a_body_that_never_ends_is_given_up(api_of, database: Database):
    async def body() -> AsyncIterator[bytes]:
        yield b'{"species": '
        await asyncio.sleep(60)

    async with api_of(database, request_timeout_seconds=0.3) as client:
        headers = client.as_(Role.CITIZEN) | {"Content-Type": "application/json"}
        answer = await client.post("/v1/trees", content=body(), headers=headers)
    assert (answer.status_code, kind(answer)) == (408, "request-timeout")


async def test_a_slow_body_holds_no_connection(api_of, database: Database):
    """Eleven slow citizens do not keep the twelfth from being served by a pool of ten."""
    go_on = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b'{"species": '
        await go_on.wait()
        yield b'"oak"}'

    async with api_of(database) as client:
        headers = client.as_(Role.CITIZEN) | {"Content-Type": "application/json"}
        async with asyncio.TaskGroup() as group:
            slow = [group.create_task(client.post("/v1/trees", content=body(), headers=headers)) for _ in range(11)]
            quick = await client.post("/v1/trees", json=OAK, headers=client.as_(Role.CITIZEN))
            go_on.set()
    assert quick.status_code == 201
    assert {task.result().status_code for task in slow} == {201}


async def test_a_pool_that_stays_exhausted_is_a_503(api_of, database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("amtsbus.http.transaction.WAIT_SECONDS", 0.2)
    held = [await database.pool.acquire() for _ in range(10)]
    try:
        async with api_of(database) as client:
            answer = await client.get("/v1/trees")
            assert (answer.status_code, kind(answer)) == (503, "unavailable")
            assert "retry-after" in answer.headers
            answer = await client.post("/v1/trees", json=OAK, headers=client.as_(Role.CITIZEN))
            assert (answer.status_code, kind(answer)) == (503, "unavailable")
    finally:
        for connection in held:
            await database.pool.release(connection)


async def test_a_form_with_a_mistake_needs_no_connection(client: ApiClient, database: Database):
    held = [await database.pool.acquire() for _ in range(10)]
    try:
        answer = await client.post("/v1/trees", json={"species": ""}, headers=client.as_(Role.CITIZEN))
        assert answer.status_code == 422
    finally:
        for connection in held:
            await database.pool.release(connection)


async def test_a_database_that_breaks_in_the_middle_is_a_503_and_comes_back(api_of, database: Database, owner_url):
    async with api_of(database) as client:
        growing = asyncio.create_task(
            client.get(f"/v1/trees/{uuid4()}/growth", params={"seconds": 30}, headers=client.as_(Role.OPERATOR))
        )
        owner = await asyncpg.connect(owner_url(database))
        ended = 0
        async with asyncio.timeout(10):
            while not ended:
                ended = await owner.fetchval(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()"
                )
        await owner.close()
        answer = await growing
        assert (answer.status_code, kind(answer)) == (503, "unavailable")
        assert (await client.get("/v1/trees")).status_code == 200


async def test_a_connection_that_broke_at_a_bad_moment_is_a_503_and_is_not_used_again(
    client: ApiClient, database: Database, monkeypatch: pytest.MonkeyPatch
):
    begin = asyncpg.transaction.Transaction.start
    broken: list[Any] = []

    async def break_once(transaction: Any) -> None:
        if not broken:
            # As the campaign has seen it when PostgreSQL was killed: the driver no longer knows where it is.
            broken.append(transaction._connection)
            raise asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")
        await begin(transaction)

    monkeypatch.setattr(asyncpg.transaction.Transaction, "start", break_once)
    answer = await client.post("/v1/trees", json=OAK, headers=client.as_(Role.CITIZEN))
    assert (answer.status_code, kind(answer)) == (503, "unavailable")
    assert broken[0].is_closed()
    answer = await client.post("/v1/trees", json=OAK, headers=client.as_(Role.CITIZEN))
    assert answer.status_code == 201


async def test_a_database_that_is_not_there_is_a_503_and_unready(api_of, clock: FixedClock, database: Database):
    import asyncpg

    nowhere = Database(f"postgresql://x:x@127.0.0.1:{free_port()}/x", clock)
    nowhere._pool = asyncpg.create_pool(nowhere.url, min_size=0, max_size=2)
    await nowhere._pool
    async with api_of(nowhere) as client:
        assert (await client.get("/v1/trees")).status_code == 503
        answer = await client.post("/v1/trees", json=OAK, headers=client.as_(Role.CITIZEN))
        assert (answer.status_code, kind(answer)) == (503, "unavailable")
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/livez")).status_code == 200


async def test_probes_and_metrics(client: ApiClient):
    assert (await client.get("/livez")).text == "alive"
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "database": True})
    tree = str(uuid4())
    await client.get(f"/v1/trees/{tree}", headers=client.as_(Role.CLERK))
    await client.get(f"/{tree}")
    metrics = (await client.get("/metrics")).text
    assert 'amtsbus_http_requests_total{method="GET",route="/v1/trees/{tree_id}",status="404"}' in metrics
    assert 'amtsbus_http_request_seconds_count{method="GET",route="/v1/trees/{tree_id}"}' in metrics
    assert tree not in metrics


async def test_an_invented_method_does_not_become_a_metric(client: ApiClient):
    assert (await client.request("BREW", "/v1/trees")).status_code == 405
    assert "BREW" not in (await client.get("/metrics")).text


async def test_a_whole_app_starts_and_stops_by_itself(
    settings_of: Callable[..., Any], service_database: Callable[..., Awaitable[Database]]
):
    """As `amtsbus api` runs it: it opens its own database and wakes the relay after each append."""
    import asyncpg

    database = await service_database(PARKS)
    issuer = TestIssuer()
    app = create_app(PARKS, settings_of(PARKS, database), verifier=issuer.verifier)
    heard = asyncio.Event()
    listener = await asyncpg.connect(database.url)
    from amtsbus.relay import CHANNEL

    await listener.add_listener(CHANNEL, lambda *_: heard.set())
    async with app.router.lifespan_context(app), make_client(app, issuer) as client:
        assert (await client.get("/readyz")).status_code == 200
        answer = await client.post("/v1/trees", json=OAK, headers=client.as_(Role.CITIZEN))
        assert answer.status_code == 201
        async with asyncio.timeout(10):
            await heard.wait()
    await listener.close()


async def test_log_lines_name_the_route_and_nothing_that_was_typed(client: ApiClient):
    import structlog

    with structlog.testing.capture_logs() as lines:
        await client.get("/v1/trees", params={"species": "Geheimnis"})
        await client.get("/Geheimnis")
        await client.get("/livez")
        await client.post(
            "/v1/trees", json={"species": "Geheimnis\n4711"}, headers=client.as_(Role.CITIZEN, name="Geheimnis")
        )
    requests = [line for line in lines if line["event"] == "request"]
    assert [(line["method"], line["route"], line["status"]) for line in requests] == [
        ("GET", "/v1/trees", 200),
        ("GET", "unknown", 404),
        ("POST", "/v1/trees", 422),
    ]
    assert "Geheimnis" not in str(lines)


async def test_a_client_that_goes_away_leaves_nothing_behind(client: ApiClient, database: Database):
    """Over a real connection: the body is announced and never sent."""
    import uvicorn

    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(client.app, host="127.0.0.1", port=port, log_level="warning", lifespan="off")
    )
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:
            await asyncio.sleep(0.01)
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        head = {"Host": "x", "Content-Length": "100", "Content-Type": "application/json", "Idempotency-Key": "k"}
        head |= client.as_(Role.CITIZEN)
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        writer.write(f"POST /v1/trees HTTP/1.1\r\n{lines}\r\n{{".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as plain:
            assert (await plain.get("/v1/trees")).json()["items"] == []
            big = await plain.post("/v1/trees", content=b"x" * 3_000_000, headers=client.as_(Role.CITIZEN))
            assert big.status_code == 413
        server.should_exit = True
        await serving
