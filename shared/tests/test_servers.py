"""The embedded servers, whatever has happened to their owner before."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from aiokafka.client import AIOKafkaClient
from amtsbus.testing import servers
from amtsbus.testing.servers import (
    FAST_AND_FORGETFUL,
    EmbeddedKafka,
    EmbeddedPostgres,
    ServerFailedError,
    free_ports,
    recorded_process,
)

KILLED_OWNER = """
import os, signal, sys
from pathlib import Path
from amtsbus.testing import servers
server = getattr(servers, sys.argv[1])(Path(sys.argv[2]))
server.start()
print(server.port, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def prepared() -> Iterator[Path]:
    """A folder with a PostgreSQL and a Kafka that were started once and left by an owner who was killed."""
    folder = Path(tempfile.mkdtemp(prefix="amtsbus-servers-"))  # pytest's own folders are closed to the servers' user
    for kind, place in (("EmbeddedPostgres", "postgres"), ("EmbeddedKafka", "kafka")):
        owner = subprocess.run(
            [sys.executable, "-c", KILLED_OWNER, kind, str(folder / place)], capture_output=True, text=True, check=False
        )
        assert owner.returncode == -9, owner.stderr
    yield folder
    for place in ("postgres", "kafka"):
        servers.end_recorded(folder / place / "process.json")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres(prepared: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(prepared / "postgres", settings=FAST_AND_FORGETFUL)
    yield server
    server.stop()


@pytest.fixture
def kafka(prepared: Path) -> Iterator[EmbeddedKafka]:
    server = EmbeddedKafka(prepared / "kafka")
    yield server
    server.stop()


async def _answer(url: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval("SELECT current_setting('server_version_num')::int / 10000")
    finally:
        await connection.close()


def test_a_postgres_that_a_killed_owner_left_is_ended_and_its_data_are_used(postgres: EmbeddedPostgres) -> None:
    left_over = recorded_process(postgres.record)
    assert left_over is not None

    postgres.start()

    assert not left_over.is_running()
    assert asyncio.run(_answer(postgres.url())) == 18


def test_a_kafka_that_a_killed_owner_left_is_ended_and_its_data_are_used(kafka: EmbeddedKafka) -> None:
    left_over = recorded_process(kafka.record)
    assert left_over is not None

    kafka.start()

    assert not left_over.is_running()
    [running] = [process for process in (recorded_process(kafka.record),) if process]
    assert running.pid == (kafka.process.pid if kafka.process else None)


def test_a_pid_file_that_names_a_stranger_does_not_stop_postgres(postgres: EmbeddedPostgres) -> None:
    (postgres.data / "postmaster.pid").write_text(f"{os.getpid()}\n{postgres.data}\n")
    postgres.start()
    assert asyncio.run(_answer(postgres.url())) == 18


@pytest.mark.parametrize(("kind", "place"), [(EmbeddedPostgres, "postgres"), (EmbeddedKafka, "kafka")])
def test_a_folder_has_one_owner_at_a_time(
    prepared: Path, kind: type[EmbeddedPostgres] | type[EmbeddedKafka], place: str
) -> None:
    lock = servers._hold(prepared / place / "lock", "")
    try:
        with pytest.raises(ServerFailedError, match="is in use by another process"):
            kind(prepared / place).start()
    finally:
        lock.close()


@pytest.mark.parametrize(("kind", "variable"), [("postgres", "TOWN_POSTGRES_PORT"), ("kafka", "TOWN_KAFKA_PORT")])
def test_a_configured_port_that_is_taken_is_named(request: pytest.FixtureRequest, kind: str, variable: str) -> None:
    server: EmbeddedPostgres | EmbeddedKafka = request.getfixturevalue(kind)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server.port = taken.getsockname()[1]
        with pytest.raises(ServerFailedError, match=f"is taken by another program.*{variable}"):
            server.start()


def test_a_preparation_that_was_cut_short_is_done_again(tmp_path: Path) -> None:
    directory = tmp_path / "postgres"
    (directory / "data.new-1-abc").mkdir(parents=True)
    (directory / "data.new-1-abc" / "PG_VERSION").write_text("18\n")
    (directory / "password").touch()
    server = EmbeddedPostgres(directory, settings=FAST_AND_FORGETFUL)
    try:
        server.start()
        assert asyncio.run(_answer(server.url())) == 18
        assert [path.name for path in directory.glob("data*")] == ["data"]
    finally:
        server.stop()


def test_the_data_of_a_postgres_can_lie_on_a_disk_of_their_own() -> None:
    folder = Path(tempfile.mkdtemp(prefix="amtsbus-servers-"))
    (folder / "disk").mkdir()
    server = EmbeddedPostgres(folder / "postgres", settings=FAST_AND_FORGETFUL, disk=folder / "disk")
    try:
        server.start()
        assert asyncio.run(_answer(server.url())) == 18
        assert [path.name for path in (folder / "disk").iterdir()] == ["data"]
        assert not (server.directory / "data").exists()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def _brokers_ports(bootstrap_port: int) -> set[int]:
    """Where a client that asks at `bootstrap_port` is sent."""
    client = AIOKafkaClient(bootstrap_servers=f"127.0.0.1:{bootstrap_port}")
    try:
        await client.bootstrap()
        return {broker.port for broker in client.cluster.brokers()}
    finally:
        await client.close()


def test_whoever_asks_kafka_is_sent_to_the_port_that_is_advertised_there(kafka: EmbeddedKafka) -> None:
    listener, proxy = free_ports(2)
    kafka.more_listeners = {listener: proxy}

    kafka.start()

    assert asyncio.run(_brokers_ports(kafka.port)) == {kafka.port}
    assert asyncio.run(_brokers_ports(listener)) == {proxy}


def test_all_clients_of_kafka_can_be_sent_to_another_port(prepared: Path) -> None:
    port, elsewhere = free_ports(2)
    kafka = EmbeddedKafka(prepared / "kafka", port=port, advertised_port=elsewhere)
    text = kafka._write_properties("shown.properties", kafka.data).read_text()
    assert f"listeners=PLAINTEXT://127.0.0.1:{port}" in text
    assert f"advertised.listeners=PLAINTEXT://127.0.0.1:{elsewhere}\n" in text


def test_data_of_another_postgres_are_not_touched(postgres: EmbeddedPostgres) -> None:
    version = postgres.data / "PG_VERSION"
    version.write_text("17\n")
    try:
        with pytest.raises(ServerFailedError, match=r"was written by PostgreSQL 17 and this is 18\.\d+: remove"):
            postgres.start()
    finally:
        version.write_text("18\n")


def test_a_lost_password_is_said_to_be_lost(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    shutil.move(postgres.directory / "password", tmp_path / "password")
    try:
        with pytest.raises(ServerFailedError, match=r"the password of the PostgreSQL data .* is lost"):
            postgres.start()
    finally:
        shutil.move(tmp_path / "password", postgres.directory / "password")


def test_without_network_and_cache_the_first_start_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kafka: EmbeddedKafka
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def nothing(*_: object, **__: object) -> object:
        raise ConnectionError("no route to host")

    monkeypatch.setattr("jgo.build", nothing)
    with pytest.raises(ServerFailedError, match=r"could not be fetched .*first start needs the network"):
        kafka.start()


def test_a_broken_download_is_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    whole = servers.kafka_class_path()[0]
    fetched = tmp_path / whole.name
    fetched.write_bytes(whole.read_bytes()[:1000])

    def resolve(*, update: bool = False) -> list[Path]:
        if update:
            shutil.copy(whole, fetched)
        return [fetched]

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other-cache"))
    monkeypatch.setattr(servers, "_resolve_kafka", resolve)
    assert servers.kafka_class_path() == [fetched]
    assert fetched.stat().st_size == whole.stat().st_size


def test_ports_are_different_and_the_same_beginning_finds_the_same() -> None:
    assert len(set(free_ports(50))) == 50
    assert free_ports(5, beginning=4711) == free_ports(5, beginning=4711)
