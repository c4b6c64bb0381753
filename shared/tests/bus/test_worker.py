"""The worker's probes and pages, and its graceful stop."""

import asyncio
import json
import logging

import httpx
import pytest
import structlog
from amtsbus import logs
from amtsbus.settings import Environment, Settings
from amtsbus.telemetry import trace
from amtsbus.worker import Worker
from starlette.requests import Request

from .lending import LENDING, reminders_service


async def test_the_worker_answers_probes_and_metrics(library):
    worker = library.bus.workers[1]
    transport = httpx.ASGITransport(worker.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://worker") as client:
        await library.lend("Faust")
        await library.bus.settled()
        assert (await client.get("/livez")).status_code == 200
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (200, True)
        metrics = (await client.get("/metrics")).text
    assert 'amtsbus_reader_events_total{consumer="reminders.loans",outcome="handled"}' in metrics
    assert "amtsbus_relay_oldest_unpublished_seconds" in metrics


async def test_a_worker_whose_database_is_away_stays_ready_and_tells_of_it(service_database, settings_of):
    service = reminders_service()
    database = await service_database(service)
    worker = Worker(service, settings_of(service, database), database)
    await database.stop()
    response = await worker._ready(Request({"type": "http"}))
    assert response.status_code == 200
    assert json.loads(bytes(response.body)) == {
        "ready": True,
        "database": False,
        "stopped_readers": [],
        "readers_without_kafka": ["reminders.loans"],
    }


async def test_a_stopping_worker_finishes_the_batch_at_work_and_commits_its_offset(
    library, service_database, settings_of, town_bus
):
    service = reminders_service()
    entered, release = asyncio.Event(), asyncio.Event()
    original = service.readers[0].handlers["lending.book-lent.v1"].handler

    async def slow(event, tx):
        entered.set()
        await release.wait()
        await original(event, tx)

    async def release_when_it_stops():
        while worker.readers.consumptions[0].joined:
            await asyncio.sleep(0.01)
        release.set()

    object.__setattr__(service.readers[0].handlers["lending.book-lent.v1"], "handler", slow)
    service.readers[0].group = "reminders.slow"
    database = await service_database(service)
    worker = Worker(service, settings_of(service, database), database)
    async with worker.running():
        loan = await library.lend("Faust")
        await asyncio.wait_for(entered.wait(), 20)
        releasing = asyncio.create_task(release_when_it_stops())
    await releasing
    await database.start()
    assert await database.pool.fetchval("SELECT what FROM effects WHERE loan_id = $1", loan) == "Faust"


def test_a_production_service_refuses_a_clock_that_can_be_moved(monkeypatch, tmp_path):
    monkeypatch.setenv("LENDING_DATABASE_URL", "postgresql://lending@db/lending")
    monkeypatch.setenv("AMTSBUS_CLOCK_FILE", str(tmp_path / "clock"))
    with pytest.raises(ValueError, match="refused in production"):
        Settings.load(LENDING.name)


@pytest.fixture
def process_logs(monkeypatch):
    """`logs.configure`, undone afterwards: loggers live as long as the test run and must not keep this test's output."""
    configure, root = structlog.configure, logging.getLogger()
    monkeypatch.setattr(structlog, "configure", lambda **how: configure(**how | {"cache_logger_on_first_use": False}))
    handlers, level = root.handlers[:], root.level
    yield logs.configure
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers[:] = handlers
    root.setLevel(level)


async def test_log_lines_of_a_handler_carry_the_trace_of_the_request(library, process_logs, capsys):
    process_logs(library.bus.workers[1].settings, "worker")
    with trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"):
        loan = await library.lend("Faust")
    await library.bus.settled()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    [handled] = [line for line in lines if line["event"] == "event_handled"]
    assert handled["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert handled["case_id"] == str(loan)


def test_a_logged_exception_shows_where_it_happened_and_nothing_of_what_it_says(process_logs, capsys):
    settings = Settings.load("lending", database_url="postgresql://x@y/z", environment=Environment.DEVELOPMENT)
    process_logs(settings, "worker")
    told = "Frau Beispiel wohnt in der Hauptstraße 1"
    try:
        raise ValueError(told)
    except ValueError:
        structlog.get_logger("test").exception("it_failed")
    line = json.loads(capsys.readouterr().out)
    assert (line["event"], line["exception"]) == ("it_failed", "ValueError")
    assert "test_a_logged_exception" in line["stack"]
    assert told not in json.dumps(line, ensure_ascii=False)
