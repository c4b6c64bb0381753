"""`amtsbus api` and `amtsbus worker` as real processes: they serve, and leave in order when they are told to."""

import os
import signal
import subprocess
import sys
import time

import httpx
import pytest
from amtsbus.cli import run
from amtsbus.testing.fixtures import create_topics
from amtsbus.testing.servers import free_port

from ..bus.lending import LENDING as LIBRARY
from ..contracts.conftest import LENDING, TOPICS
from ..installed import Town

AMTSBUS = [sys.executable, "-c", "from amtsbus.cli import main; main()"]


@pytest.fixture
async def environment(tmp_path, monkeypatch, service_database, kafka, topic_prefix):
    """A town with lending installed, its contracts generated, and the environment of its processes."""
    town = Town(tmp_path, monkeypatch)
    town.topics(TOPICS)
    town.install("lending", LENDING)
    database = await service_database(LIBRARY)
    await create_topics(kafka, [f"{topic_prefix}lending.loan.events"])
    ports = {"api": free_port(), "worker": free_port()}
    variables = os.environ | {
        "PYTHONPATH": str(tmp_path / "packages"),
        "LENDING_DATABASE_URL": database.url,
        "LENDING_API_PORT": str(ports["api"]),
        "LENDING_WORKER_PORT": str(ports["worker"]),
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "AMTSBUS_TOPIC_PREFIX": topic_prefix,
        "AMTSBUS_ENVIRONMENT": "development",
        "OIDC_ISSUER": "http://127.0.0.1:1/issuer",
    }
    assert run(["contracts", "generate", "lending"]) == 0
    return variables, ports, tmp_path


@pytest.mark.parametrize("process", ["api", "worker"])
def test_a_process_serves_until_it_is_told_to_stop(environment, process):
    variables, ports, folder = environment
    log = (folder / "log").open("wb")
    running = subprocess.Popen([*AMTSBUS, process, "lending"], env=variables, cwd=folder, stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{ports[process]}"
        deadline = time.monotonic() + 30
        while True:
            try:
                assert httpx.get(f"{address}/livez").status_code == 200
                break
            except httpx.TransportError:
                assert running.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.1)
        if process == "worker":
            page = httpx.get(f"{address}/asyncapi")
            assert page.headers["content-type"].startswith("text/html")
            assert "lending.book-lent.v1" in page.text
            assert httpx.get(f"{address}/asyncapi.json").json()["asyncapi"] == "3.0.0"
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) in (0, -signal.SIGTERM)
    finally:
        running.kill()
        running.wait()
        log.close()
