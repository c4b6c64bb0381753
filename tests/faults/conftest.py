"""A Kafka of this suite's own, reached directly or by way of a line that can be cut; databases likewise; real processes."""

import json
import os
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from amtsbus.clock import SystemClock
from amtsbus.postgres import Database
from amtsbus.service import Service
from amtsbus.testing.fixtures import create_topics, owner_url, postgres_url, service_database, topic_prefix
from amtsbus.testing.proxy import Proxy
from amtsbus.testing.servers import EmbeddedKafka, free_ports
from amtsbus.testing.tokens import TestIssuer

from .lost_property import LOST_PROPERTY, NOTICES, STATISTICS, TOPIC
from .office import ROOT, Issuer, Nursery, Office, inherited, through

# Imported instead of `pytest_plugins`, which only the topmost conftest may name.
__all__ = ["owner_url", "postgres_url", "service_database", "topic_prefix"]

KAFKA_LINES = 2


class GuardedKafka(EmbeddedKafka):
    """One that heeds access rules: what no rule is about is allowed."""

    def _write_properties(self, name: str, data: Path) -> Path:
        properties = super()._write_properties(name, data)
        with properties.open("a") as file:
            file.write("authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n")
            file.write("allow.everyone.if.no.acl.found=true\n")
        return properties


@pytest.fixture(scope="session")
def node() -> Iterator[EmbeddedKafka]:
    """A Kafka of our own, which tests may stop; further listeners advertise the ports of the lines to it."""
    ports = free_ports(2 * KAFKA_LINES)
    with tempfile.TemporaryDirectory(prefix="amtsbus-faults-", ignore_cleanup_errors=True) as folder:
        made = GuardedKafka(Path(folder) / "kafka", more_listeners=dict(zip(ports[::2], ports[1::2], strict=True)))
        made.start()
        made.port = int(made.bootstrap_servers.rpartition(":")[2])  # the same one when it is started again
        yield made
        made.stop()


@pytest.fixture(scope="session")
def kafka(node: EmbeddedKafka) -> str:
    """Its bootstrap servers, for those who are not to be cut off."""
    return node.bootstrap_servers


@pytest.fixture
def clock() -> SystemClock:
    """Processes go by the system's clock, and so does what the test itself appends."""
    return SystemClock()


@pytest.fixture
async def kafka_lines(node: EmbeddedKafka) -> AsyncIterator[list[Proxy]]:
    """The lines to Kafka: the processes use the first one, unless a test says otherwise."""
    lines = [Proxy("127.0.0.1", listening, advertised) for listening, advertised in node.more_listeners.items()]
    for line in lines:
        await line.start()
    yield lines
    for line in lines:
        await line.stop()


@pytest.fixture
def kafka_line(kafka_lines: list[Proxy]) -> Proxy:
    """The line to Kafka that the processes use."""
    return kafka_lines[0]


@pytest.fixture
async def database_line(postgres_url: str) -> AsyncIterator[Proxy]:
    """The line to PostgreSQL that the processes of `notices` use."""
    parts = urlsplit(postgres_url)
    line = Proxy(parts.hostname or "127.0.0.1", parts.port or 5432)
    await line.start()
    yield line
    await line.stop()


@pytest.fixture(scope="session")
def nursery(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """Where processes of the services come from."""
    path = os.pathsep.join([str(ROOT), str(installed)])
    made = Nursery(tmp_path_factory.mktemp("nursery"), inherited() | {"PYTHONPATH": path})
    yield made
    made.close()


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder on whose account the command line finds the services."""
    folder = tmp_path_factory.mktemp("installed")
    for service, name in ((LOST_PROPERTY, "LOST_PROPERTY"), (NOTICES, "NOTICES"), (STATISTICS, "STATISTICS")):
        information = folder / f"amtsbus_{service.name}-1.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: amtsbus-{service.name}\nVersion: 1\n")
        (information / "entry_points.txt").write_text(
            f"[amtsbus.services]\n{service.name} = tests.faults.lost_property:{name}\n"
        )
    return folder


@pytest.fixture(scope="session")
def issuer() -> Iterator[Issuer]:
    """Signs logins, and answers with its keys over HTTP."""
    signs = TestIssuer()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = {
                "/.well-known/openid-configuration": {"issuer": url, "jwks_uri": f"{url}/keys"},
                "/keys": {"keys": [signs._key.as_dict(private=False)]},
            }
            body = json.dumps(known[self.path]).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the library's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, name="issuer")
    thread.start()
    yield Issuer(signs, url)
    server.shutdown()
    server.server_close()
    thread.join(5)


OfficeFactory = Callable[..., Awaitable[Office]]


@pytest.fixture
async def open_office(
    service_database: Callable[..., Awaitable[Database]],
    kafka: str,
    kafka_line: Proxy,
    database_line: Proxy,
    topic_prefix: str,
    issuer: Issuer,
    nursery: Nursery,
    tmp_path: Path,
) -> AsyncIterator[OfficeFactory]:
    """Makes the office: `office = await open_office(partitions=1)`; with databases of further `services`."""
    async with AsyncExitStack() as stack:

        async def make(*, partitions: int = 3, services: tuple[Service, ...] = ()) -> Office:
            lost, notices = await service_database(LOST_PROPERTY), await service_database(NOTICES)
            more = {f"{it.name.upper()}_DATABASE_URL": (await service_database(it)).url for it in services}
            await create_topics(kafka, [topic_prefix + TOPIC], partitions=partitions)
            admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
            await admin.start()
            stack.push_async_callback(admin.close)
            consumer = AIOKafkaConsumer(bootstrap_servers=kafka)
            await consumer.start()
            stack.push_async_callback(consumer.stop)
            environment = (
                nursery.environment
                | more
                | {
                    "AMTSBUS_CLOCK_FILE": str(tmp_path / "clock"),
                    "AMTSBUS_TOPIC_PREFIX": topic_prefix,
                    "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{kafka_line.port}",
                    "OIDC_ISSUER": issuer.url,
                    "LOSTPROPERTY_DATABASE_URL": lost.url,
                    "NOTICES_DATABASE_URL": through(notices.url, database_line.port),
                }
            )
            office = Office(lost, notices, kafka, topic_prefix, admin, consumer, issuer, nursery, tmp_path, environment)
            stack.callback(office.end)
            return office

        yield make


@pytest.fixture
async def office(open_office: OfficeFactory) -> Office:
    """The office, with a topic of three partitions."""
    return await open_office()
