"""The town itself: everything started in the right order and as much as possible at once, watched, and stopped again."""

import asyncio
import contextlib
import os
import shlex
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx
from aiokafka.errors import KafkaError
from amtsbus import topics
from amtsbus.service import package_of
from amtsbus.testing.servers import EmbeddedKafka, EmbeddedPostgres, kafka_is_fetched, open_log, write_atomically

from town.addresses import Addresses, MailAddresses, ServiceAddresses
from town.configuration import Configuration
from town.databases import DatabaseAccess, is_migrated, passwords, prepare_database
from town.home import Home, TownError
from town.printing import Printer
from town.processes import State, Supervised, SupervisedServer, end_left_over, last_lines

AUDIENCE = "amtsbus"
CITY = "Stadt Leverkusen"
TOGETHER = "offices"
"""The process of the services that share one."""
POOL_SIZE = 5
CONNECTIONS = 2 * POOL_SIZE + 4
"""Of a service at most: the pools of its two processes, the relay and its wake-up, what the desks listen to."""
OTHER_CONNECTIONS = 30
"""For operators' commands, migrations and whoever looks."""
"""Connections of each process; the town is small, and PostgreSQL has a process for each of them."""
SHARED_BUFFERS = "16MB"
AMTSBUS = str(Path(sys.executable).with_name("amtsbus"))


class Town:
    """All processes of one town. Only one exists per folder; its maker holds the folder's lock.

    What a town of a special kind has otherwise, it says by overriding `declare_all`, `make_postgres`, `make_kafka`,
    `command_of` and `environment_of`.
    """

    def __init__(self, home: Home, names: tuple[str, ...], configuration: Configuration, printer: Printer) -> None:
        self.home = home
        self.names = names
        self.configuration = configuration
        self.printer = printer
        self.servers: dict[str, SupervisedServer] = {}
        self.processes: dict[str, Supervised] = {}
        self.databases: dict[str, DatabaseAccess] = {}
        self.together = tuple(name for name in names if package_of(name) != name)
        """Services that share one process: an office each, of which a town has too many for a process each."""
        self._web_secrets: dict[str, str] = {}
        self._prepared = {name: asyncio.Event() for name in self.together}
        self._watching: asyncio.Task[None] | None = None

    @property
    def kafka(self) -> str:
        """Where Kafka is."""
        return self.configuration.outside_kafka or f"127.0.0.1:{self.configuration.kafka}"

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.configuration.issuer}"

    def addresses(self) -> Addresses:
        """Where everything is, once it serves."""
        return Addresses(
            kafka=self.kafka,
            issuer=self.issuer,
            mail=MailAddresses(
                smtp=f"127.0.0.1:{self.configuration.smtp}", http=f"http://127.0.0.1:{self.configuration.mail}"
            ),
            services={
                name: ServiceAddresses(
                    api=f"http://127.0.0.1:{ports.api}",
                    worker=f"http://127.0.0.1:{ports.worker}",
                    database=self.databases[name].url,
                )
                for name, ports in self.configuration.services.items()
            },
        )

    async def start(self) -> None:
        """Start everything; returns when everything serves.

        Raises:
            TownError, ServerFailedError, TopicListError: something does not come up; what has been started is still
                running then and has to be stopped.
        """
        kinds = ("owner", "run", "web")
        known = passwords(self.home.secrets, [f"{name}_{kind}" for name in self.names for kind in kinds])
        self._web_secrets = {name: known[f"{name}_web"] for name in self.names}
        postgres_up, topics_there = asyncio.Event(), asyncio.Event()
        self.declare_all()
        async with _first_failure(), asyncio.TaskGroup() as group:
            group.create_task(self._start_postgres(postgres_up))
            group.create_task(self._start_kafka(topics_there))
            group.create_task(self._serve_issuer())
            group.create_task(self._serve("mail"))
            for name in self.names:
                group.create_task(self._start_service(name, known, postgres_up, topics_there))
            if self.together:
                group.create_task(self._start_together(topics_there))
        self._watching = asyncio.create_task(self._watch_paused(), name="watch paused")

    def declare_all(self) -> None:
        """Name the servers and processes of the town, without starting any."""
        self._declare_servers()
        self._declare_processes()

    def _declare_servers(self) -> None:
        report = self.printer.problem
        if set(self.configuration.outside_databases) != set(self.names):
            self.servers["postgres"] = SupervisedServer("postgres", self.make_postgres(), report)
        if self.configuration.outside_kafka is None:
            self.servers["kafka"] = SupervisedServer("kafka", self.make_kafka(), report)

    def make_postgres(self) -> EmbeddedPostgres:
        """The PostgreSQL of all services that have none from outside."""
        connections = OTHER_CONNECTIONS + CONNECTIONS * len(self.names)
        settings = {"shared_buffers": SHARED_BUFFERS, "max_connections": str(connections)}
        return EmbeddedPostgres(self.home.postgres, port=self.configuration.postgres, settings=settings)

    def make_kafka(self) -> EmbeddedKafka:
        """The Kafka of the town, unless there is one from outside."""
        return EmbeddedKafka(self.home.kafka, port=self.configuration.kafka)

    def command_of(self, kind: str, name: str) -> list[str]:
        """The command line of the `api` or the `worker` of service `name`."""
        return [AMTSBUS, kind, name]

    def _declare_processes(self) -> None:
        chosen = self.configuration
        python = [sys.executable, "-m"]
        self.declare(
            "issuer",
            [*python, "town.issuer", "--port", str(chosen.issuer), "--state", str(self.home.issuer)],
            f"{self.issuer}/.well-known/openid-configuration",
        )
        ports = ["--smtp-port", str(chosen.smtp), "--http-port", str(chosen.mail)]
        self.declare(
            "mail",
            [*python, "town.mail", *ports, "--state", str(self.home.mail)],
            f"http://127.0.0.1:{chosen.mail}/readyz",
        )
        for name in self.names:
            if name in self.together:
                continue
            for kind, port in (("api", chosen.services[name].api), ("worker", chosen.services[name].worker)):
                self.declare(f"{name}-{kind}", self.command_of(kind, name), f"http://127.0.0.1:{port}/readyz")
        if self.together:
            last = chosen.services[self.together[-1]].worker
            self.declare(TOGETHER, [AMTSBUS, "together", *self.together], f"http://127.0.0.1:{last}/readyz")

    def declare(self, name: str, command: list[str], ready_url: str) -> None:
        """Add a process to the town, without starting it. Its environment is ours without anybody's secrets."""
        self.processes[name] = Supervised(name, command, _without_secrets(), self.home, self.printer.problem, ready_url)

    async def _start_postgres(self, up: asyncio.Event) -> None:
        if "postgres" in self.servers:
            async with self.printer.step("PostgreSQL"):
                await self.servers["postgres"].start()
        up.set()

    async def _start_kafka(self, there: asyncio.Event) -> None:
        if "kafka" in self.servers:
            async with self.printer.step("Apache Kafka" if kafka_is_fetched() else "Apache Kafka, fetched once"):
                await self.servers["kafka"].start()
        listed = topics.load(self.home.topics)
        try:
            created = await topics.create_missing(self.kafka, listed, prefix=self.configuration.topic_prefix)
        except (OSError, KafkaError) as error:
            raise TownError(f"Kafka at {self.kafka} (KAFKA_BOOTSTRAP_SERVERS) cannot be reached: {error}") from error
        if created:
            self.printer.line(f"  created {len(created)} topics")
        there.set()

    async def _start_service(
        self, name: str, known: dict[str, str], postgres_up: asyncio.Event, topics_there: asyncio.Event
    ) -> None:
        await postgres_up.wait()
        outside = self.configuration.outside_databases.get(name)
        server = self.servers.get("postgres")
        if outside is not None:
            self.databases[name] = outside
        elif server is not None and isinstance(server.server, EmbeddedPostgres):
            self.databases[name] = await prepare_database(server.server, name, known)
        environment = self.environment_of(name)
        self._write_environment(name, environment)
        if name in self.together:
            self.processes[TOGETHER].environment |= environment
            self._prepared[name].set()
            return
        # Asked here, not by the command: at a second start that would be four interpreters for nothing.
        if not await self._is_migrated(name):
            async with self.printer.step(f"{name}: database migrated"):
                await self._run_once(f"{name}-migrate", [AMTSBUS, "migrate", name], environment)
        for kind in ("api", "worker"):
            self.processes[f"{name}-{kind}"].environment |= environment
        async with self.printer.step(f"{name}: serving"):
            await self.processes[f"{name}-api"].start()
            await topics_there.wait()
            await self.processes[f"{name}-worker"].start()
            for kind in ("api", "worker"):
                await self.processes[f"{name}-{kind}"].ready()

    async def _is_migrated(self, name: str) -> bool:
        try:
            folder = self.home.tree / "services" / package_of(name) / "migrations"
            return await is_migrated(self.databases[name], name, folder)
        except (OSError, asyncpg.PostgresError) as error:
            raise TownError(
                f"the database of {name} ({name.upper()}_DATABASE_URL) cannot be reached: {error}"
            ) from error

    async def _start_together(self, topics_there: asyncio.Event) -> None:
        for event in self._prepared.values():
            await event.wait()
        process = self.processes[TOGETHER]
        missing = [name for name in self.together if not await self._is_migrated(name)]
        if missing:
            async with self.printer.step(f"{TOGETHER}: {len(missing)} databases migrated"):
                await self._run_once(f"{TOGETHER}-migrate", [AMTSBUS, "migrate", *missing], process.environment)
        await topics_there.wait()
        async with self.printer.step(f"{TOGETHER}: {len(self.together)} serving, in one process"):
            await process.start()
            await process.ready()

    async def _serve_issuer(self) -> None:
        """Serve the issuer, and let it know the programs that people log in to."""
        await self._serve("issuer")
        async with httpx.AsyncClient(timeout=10) as http:
            for name in self.names:
                api = self.configuration.services[name].api
                pages = [f"http://127.0.0.1:{api}{path}" for path in ("", "/desk")]
                client = {
                    "client_id": name,
                    "client_secret": self._web_secrets[name],
                    "redirect_uris": [f"{page}/login/callback" for page in pages],
                    "post_logout_redirect_uris": [f"{page}/logged-out" for page in pages],
                }
                (await http.post(f"{self.issuer}/clients", json=client)).raise_for_status()

    async def _serve(self, name: str) -> None:
        async with self.printer.step(f"{name}: serving"):
            await self.processes[name].start()
            await self.processes[name].ready()

    def environment_of(self, name: str) -> dict[str, str]:
        """What service `name` is told by its environment: its own secrets and nobody else's."""
        upper, access, ports = name.upper(), self.databases[name], self.configuration.services[name]
        environment = {
            "AMTSBUS_ENVIRONMENT": "development",
            "AMTSBUS_CITY": CITY,
            "AMTSBUS_CLOCK_FILE": str(self.home.clock),
            "AMTSBUS_TOPIC_PREFIX": self.configuration.topic_prefix,
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka,
            "OIDC_ISSUER": self.issuer,
            "OIDC_AUDIENCE": AUDIENCE,
            "AMTSBUS_PROCEDURES": str(self.configuration.procedures or self.home.tree / "deploy" / "procedures"),
            "AMTSBUS_DOCUMENTS_URL": self.home.documents.as_uri(),
            "AMTSBUS_ASSETS": str(self.home.tree / ".assets"),
            f"{upper}_DATABASE_URL": access.url,
            f"{upper}_DATABASE_POOL_SIZE": str(POOL_SIZE),
            f"{upper}_API_PORT": str(ports.api),
            f"{upper}_WORKER_PORT": str(ports.worker),
            f"{upper}_PAYMENT_PROVIDER": "development",
            f"{upper}_SMTP_HOST": "127.0.0.1",
            f"{upper}_SMTP_PORT": str(self.configuration.smtp),
        }
        if (portal := self.configuration.services.get("portal")) is not None:
            environment[f"{upper}_INBOX_URL"] = f"http://127.0.0.1:{portal.api}/letters"
        if (secret := self._web_secrets.get(name)) is not None:
            environment |= {
                f"{upper}_OIDC_CLIENT_ID": name,
                f"{upper}_OIDC_CLIENT_SECRET": secret,
                f"{upper}_PAYMENT_SECRET": secret,
            }
        if access.migrator_url is not None:
            environment[f"{upper}_MIGRATOR_DATABASE_URL"] = access.migrator_url
        return environment

    def _write_environment(self, name: str, environment: dict[str, str]) -> None:
        lines = [f"export {key}={shlex.quote(value)}" for key, value in sorted(environment.items())]
        write_atomically(self.home.environments / f"{name}.env", "\n".join(lines) + "\n")

    async def _run_once(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        log = self.home.logs / f"{name}.log"
        with open_log(log) as file:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=_without_secrets() | environment,
                cwd=self.home.tree,
                start_new_session=True,
            )
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
        if code:
            raise TownError(
                f"{name} failed (exit status {code}). If its data are of another version of the city, remove "
                f"{self.home.folder} to begin anew. Its log ends:\n{last_lines(log, 4)}"
            )

    async def _watch_paused(self) -> None:
        """Keep stopped what somebody asks to keep stopped (a file in `.town/paused/`)."""
        stopped: set[str] = set()
        while True:
            asked = {file.name for file in self.home.paused.iterdir()} & set(self.processes)
            for name in asked - stopped:
                await self.processes[name].stop()
            for name in stopped - asked:
                await self.processes[name].start()
            stopped = asked
            await asyncio.sleep(0.2)

    async def stop(self) -> None:
        """Stop everything in order: first what takes requests, then what works them off, at last the servers."""
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
        for group in (
            [name for name in self.processes if name.endswith("-api")],
            [name for name in self.processes if "-worker" in name or name == TOGETHER],
            ["issuer", "mail"],
        ):
            await asyncio.gather(
                *(
                    self.processes[name].stop()
                    for name in group
                    if name in self.processes and self.processes[name].state is not State.NOT_STARTED
                )
            )
        await asyncio.gather(*(server.stop() for server in self.servers.values()))


@contextlib.asynccontextmanager
async def _first_failure() -> AsyncIterator[None]:
    """Of all that went wrong at once, raise what came first: the rest followed from it."""
    try:
        yield
    except BaseExceptionGroup as failures:
        first: BaseException = failures
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from None


def _without_secrets() -> dict[str, str]:
    """Our own environment without anybody's database."""
    return {
        key: value
        for key, value in os.environ.items()
        if not key.endswith("_DATABASE_URL") and not key.startswith(("TOWN_", "AMTSBUS_TEST_"))
    } | {"PYTHONUNBUFFERED": "1", "AMTSBUS_ENVIRONMENT": "development"}


def clear_the_way(home: Home, printer: Printer) -> None:
    """Remove what an earlier town has left: its addresses, requests to pause, processes that outlived it."""
    home.addresses.unlink(missing_ok=True)
    for file in home.paused.iterdir():
        file.unlink(missing_ok=True)
    ended = end_left_over(home)
    if ended:
        printer.line(f"  ended what an earlier town had left running: {', '.join(ended)}", style="quiet")
