"""The town as whoever operates it sees it: its command line, crashes, a kill, left-overs. The kill comes last."""

import json
import os
import signal
import stat
import time
from collections.abc import Callable
from functools import partial

import httpx
import psutil
import pytest
from amtsbus.service import package_of
from amtsbus.testing.servers import recorded_process
from town.configuration import services

from .conftest import RunningTown

SERVICES = services()
WITH_PROCESSES = tuple(name for name in SERVICES if package_of(name) == name)
MEMORY_LIMIT_BYTES = 3_000_000_000
"""Of the whole city with all of its offices, pages that processes share counted once."""

pytestmark = pytest.mark.timeout(240)


def until(promise: str, condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {promise}"
        time.sleep(0.2)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def said(town: RunningTown) -> str:
    return (town.home.logs / "town.log").read_text()


def says(town: RunningTown, line: str) -> bool:
    return line in said(town)


def test_the_addresses_are_of_the_agreed_form_and_for_the_owner_only(town: RunningTown) -> None:
    told = json.loads(town.home.addresses.read_text())
    assert set(told) == {"kafka", "issuer", "mail", "services"}
    assert set(told["mail"]) == {"smtp", "http"}
    assert set(told["services"]) == set(SERVICES)
    for service in told["services"].values():
        assert set(service) == {"api", "worker", "database"}
    assert stat.S_IMODE(town.home.addresses.stat().st_mode) == 0o600


def test_every_page_that_the_town_names_is_there(town: RunningTown) -> None:
    addresses = town.addresses
    for service in addresses.services.values():
        for page in (f"{service.api}/docs", f"{service.worker}/asyncapi", f"{service.worker}/metrics"):
            assert answers(page), page
    assert answers(addresses.mail.http)
    assert answers(f"{addresses.issuer}/people")


def test_no_service_can_connect_to_anothers_database(town: RunningTown) -> None:
    secrets = json.loads(town.home.secrets.read_text())
    assert set(secrets) == {f"{service}_{kind}" for service in SERVICES for kind in ("owner", "run", "web")}
    database = town.addresses.services["permits"].database.removesuffix("/permits") + "/schooling"
    assert "permission denied for database" in _connect(database)


def _connect(url: str) -> str:
    import asyncio

    import asyncpg

    async def connect() -> str:
        try:
            connection = await asyncpg.connect(url)
        except asyncpg.PostgresError as error:
            return str(error)
        await connection.close()
        return ""

    return asyncio.run(connect())


def test_its_status_names_every_process_and_stays_below_the_memory_limit(town: RunningTown) -> None:
    shown = town.command("status")
    assert shown.returncode == 0
    assert "The town serves." in shown.stdout
    told = json.loads(town.command("status", "--json").stdout)
    names = {process["name"] for process in told["processes"]}
    kinds = {f"{service}-{kind}" for service in WITH_PROCESSES for kind in ("api", "worker")}
    assert names == {"town", "postgres", "kafka", "issuer", "mail", "offices", *kinds}
    assert sum(process["own"] or process["resident"] for process in told["processes"]) < MEMORY_LIMIT_BYTES


def test_the_log_of_the_process_that_the_offices_share_says_of_which_office_each_line_is(town: RunningTown) -> None:
    offices = {name for name in SERVICES if package_of(name) == "offices"}
    written = (town.home.logs / "offices.log").read_text().splitlines()
    published = [line for line in map(json.loads, written) if line["event"] == "procedure_published"]
    assert {line["service"] for line in published} == offices
    assert offices == {line["service"] for line in map(json.loads, written)}


def test_a_token_is_all_that_is_printed_and_lets_one_in(town: RunningTown) -> None:
    listed = town.command("token").stdout
    assert "Erika Demo-Mustermann" in listed
    assert "clerk-permits" in listed
    token = town.command("token", "clerk-permits").stdout.strip()
    answer = httpx.get(
        f"{town.addresses.services['permits'].api}/v1/applications", headers={"authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 200
    refused = town.command("token", "nobody-at-all")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: nobody here is called")


def test_a_second_town_in_the_same_folder_is_refused_in_one_line(town: RunningTown) -> None:
    for arguments in (["up"], ["up", "--detach"]):
        refused = town.command(*arguments)
        assert refused.returncode == 1
        assert len(refused.stderr.strip().splitlines()) == 1
        assert refused.stderr.startswith("error: the town")


def test_a_service_that_crashes_is_told_of_and_starts_again(town: RunningTown) -> None:
    record = town.home.processes / "schooling-api.json"
    crashed = recorded_process(record)
    assert crashed is not None

    crashed.kill()

    until("another process runs", lambda: (now := recorded_process(record)) is not None and now.pid != crashed.pid)
    until("it serves", lambda: answers(f"{town.addresses.services['schooling'].api}/readyz"))
    assert "! schooling-api was ended by SIGKILL; it starts again in" in said(town)


def test_kafka_and_postgresql_start_again_where_they_were(town: RunningTown) -> None:
    for name, folder in (("kafka", town.home.kafka), ("postgres", town.home.postgres)):
        crashed = recorded_process(folder / "process.json")
        assert crashed is not None
        crashed.kill()
        until(f"{name} is told of", partial(says, town, f"! {name} was ended by SIGKILL"))
    for service in town.addresses.services.values():
        until("the worker is ready again", partial(answers, f"{service.worker}/readyz"), seconds=90)
        until("the api is ready again", partial(answers, f"{service.api}/readyz"))


def test_after_a_kill_the_left_over_is_shown_and_the_next_start_just_works(town: RunningTown) -> None:
    supervisor = recorded_process(town.home.supervisor)
    assert supervisor is not None
    records = [
        *town.home.processes.glob("*.json"),
        town.home.kafka / "process.json",
        town.home.postgres / "process.json",
    ]
    left_over = [process for record in records if (process := recorded_process(record)) is not None]
    assert len(left_over) == len(WITH_PROCESSES) * 2 + 5

    os.kill(supervisor.pid, signal.SIGKILL)
    until("it is gone", lambda: recorded_process(town.home.supervisor) is None)

    shown = town.command("status")
    assert shown.returncode == 1
    assert "left over" in shown.stdout
    again = town.command("up", "--detach", "--no-day")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "ended what an earlier town had left running" in again.stdout
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in left_over)


def test_down_stops_everything_and_leaves_nothing_running(town: RunningTown) -> None:
    records = [
        *town.home.processes.glob("*.json"),
        town.home.kafka / "process.json",
        town.home.postgres / "process.json",
    ]
    running = [process for record in records if (process := recorded_process(record)) is not None]
    assert running

    stopped = town.command("down")

    assert stopped.returncode == 0
    assert not any(process.is_running() for process in running)
    assert not town.home.addresses.exists()
    assert "No town was running." in town.command("down").stdout
