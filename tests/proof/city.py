"""The city under test: an own town in a folder of its own, in which every process and every connection can be hurt.

Services reach PostgreSQL, Kafka and the mail server through proxies on loopback, each service through its own. The campaign
itself (load, checker, operator) goes straight to the servers, as somebody does who stands beside them.
"""

import asyncio
import contextlib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
import psutil
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from amtsbus.migrate import migrate
from amtsbus.settings import Environment, Settings
from amtsbus.testing.proxy import Proxy
from amtsbus.testing.servers import EmbeddedKafka, EmbeddedPostgres, ServerFailedError, free_ports, sole_owner
from pydantic import SecretStr
from rich.console import Console
from town.addresses import Addresses
from town.clock import TownClock
from town.configuration import DEPARTMENTS, Configuration, ServicePorts
from town.databases import passwords, prepare_database
from town.home import Home
from town.printing import Printer
from town.processes import Supervised, SupervisedServer, end_left_over
from town.supervisor import AMTSBUS, Town

from tests.proof.disk import SmallDisk
from tests.proof.witness import service as witness

TREE = Path(__file__).parents[2]
FOLDERS = "amtsbus-proof-"
LONGEST_PAUSE_SECONDS = 2.0
"""A process that was killed starts again at the latest after this pause: a campaign has no half minutes to give away."""
SERVERS_PATIENCE_SECONDS = 240.0
"""A server that was killed puts its data right first, on a machine where everything else starts again as well."""
SAMPLE_SECONDS = 2.0
DISK_BYTES = 2 * 2**30
MAILS_KEPT = 200_000
OPERATION_SECONDS = 600.0
WITNESS = witness.NAME
_WITH_WITNESS = [sys.executable, "-m", "tests.proof.witness", "--"]
IMPATIENT_MAIL = {
    # An e-mail whose sender was killed is looked after when its lease has run out, and the campaign waits for that.
    "NOTIFICATIONS_SMTP_TIMEOUT_SECONDS": "3",
    "NOTIFICATIONS_EMAIL_LEASE_SECONDS": "20",
    "NOTIFICATIONS_EMAIL_BACKOFF_SECONDS": "1",
    "NOTIFICATIONS_EMAIL_BACKOFF_LIMIT_SECONDS": "5",
}


class OperationFailedError(Exception):
    """An operator's command failed; the message is the command and what it said."""


@dataclass(frozen=True)
class Excuse:
    """What a fault makes impossible by definition: something is lost there, and has to be reported as lost.

    `kind` is "restored" (the database of `service` was set back at `until` to what it was at `since`) or "topic-lost" (all
    records of `topic` that were there `at` that moment are gone from Kafka; the journal still has them).
    """

    kind: str
    service: str = ""
    topic: str = ""
    since: datetime | None = None
    until: datetime | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class Happened:
    """A fault that is over. Instants are the machine's, not the town's."""

    number: int
    kind: str
    target: str
    began_at: datetime
    ended_at: datetime
    note: str = ""


class ProofTown(Town):
    """A town whose services reach its servers through proxies, whose processes obey failpoints, and which has a witness."""

    def __init__(
        self,
        home: Home,
        configuration: Configuration,
        printer: Printer,
        *,
        links: dict[str, Proxy],
        kafka_listeners: dict[int, int],
        disk: Path | None,
        sabotage: str | None,
    ) -> None:
        super().__init__(home, tuple(n for n in configuration.services if n != WITNESS), configuration, printer)
        self._links = links
        self._kafka_listeners = kafka_listeners
        self._disk = disk
        self._sabotage = sabotage

    def declare_all(self) -> None:
        super().declare_all()
        everything: list[Supervised | SupervisedServer] = [*self.servers.values(), *self.processes.values()]
        for one in everything:
            one.longest_pause = LONGEST_PAUSE_SECONDS
        self.processes["mail"].command += ["--kept", str(MAILS_KEPT)]

    async def start(self) -> None:
        await super().start()
        server = self.servers["postgres"].server
        assert isinstance(server, EmbeddedPostgres)
        known = passwords(self.home.secrets, [f"{WITNESS}_owner", f"{WITNESS}_run"])
        self.databases[WITNESS] = await prepare_database(server, WITNESS, known)
        settings = Settings.load(
            WITNESS,
            database_url=SecretStr(self.databases[WITNESS].url),
            migrator_database_url=SecretStr(self.databases[WITNESS].migrator_url or ""),
            environment=Environment.DEVELOPMENT,
        )
        await migrate(settings, witness.MIGRATIONS)
        await self.add_worker(WITNESS, f"{WITNESS}-worker", self.configuration.services[WITNESS].worker)
        await self.processes[f"{WITNESS}-worker"].ready()

    def make_postgres(self) -> EmbeddedPostgres:
        settings = {"shared_buffers": "32MB", "min_wal_size": "32MB", "max_wal_size": "128MB", "max_connections": "150"}
        return EmbeddedPostgres(
            self.home.postgres,
            port=self.configuration.postgres,
            settings=settings,
            disk=self._disk,
            patience=SERVERS_PATIENCE_SECONDS,
        )

    def make_kafka(self) -> EmbeddedKafka:
        return EmbeddedKafka(
            self.home.kafka,
            port=self.configuration.kafka,
            more_listeners=self._kafka_listeners,
            patience=SERVERS_PATIENCE_SECONDS,
        )

    def command_of(self, kind: str, name: str) -> list[str]:
        if self._sabotage is not None:
            return [sys.executable, "-m", "tests.proof.sabotage", self._sabotage, "--", kind, name]
        return [*_WITH_WITNESS, kind, name] if name == WITNESS else super().command_of(kind, name)

    def environment_of(self, name: str) -> dict[str, str]:
        upper = name.upper()
        return (
            super().environment_of(name)
            | {
                "AMTSBUS_FAILPOINTS": str(failpoints_of(self.home)),
                "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{self._links[f'kafka:{name}'].port}",
                f"{upper}_DATABASE_URL": at_port(self.databases[name].url, self._links[f"postgres:{name}"].port),
                f"{upper}_SMTP_PORT": str(self._links["smtp"].port),
            }
            | {key: value for key, value in IMPATIENT_MAIL.items() if key.startswith(f"{upper}_")}
            # The witness writes a row for each event; a line in its log beside it would say nothing more.
            | ({"AMTSBUS_LOG_LEVEL": "WARNING"} if name == WITNESS else {})
        )

    def operators_environment(self) -> dict[str, str]:
        """What an operator's commands are told: all services, and the servers themselves instead of the proxies."""
        environment = dict(self.processes["mail"].environment)
        for name in (*self.names, WITNESS):
            environment |= super().environment_of(name)
        return environment

    async def add_worker(self, service: str, process: str, port: int) -> None:
        """Start one more worker of `service`; it joins the consumer groups."""
        self.declare(process, self.command_of("worker", service), f"http://127.0.0.1:{port}/readyz")
        added = self.processes[process]
        added.longest_pause = LONGEST_PAUSE_SECONDS
        added.environment |= self.environment_of(service) | {f"{service.upper()}_WORKER_PORT": str(port)}
        await added.start()


class ProofCity:
    """A city that serves, with the means to hurt it. Made by `serving`; all methods belong to one event loop."""

    def __init__(self, home: Home, town: ProofTown, links: dict[str, Proxy], disk: SmallDisk | None) -> None:
        self.home = home
        self.town = town
        self.links = links
        """Every connection between a service and a server: `kafka:SERVICE`, `postgres:SERVICE`, `smtp`."""
        self.disk = disk
        self.clock = TownClock(home.clock)
        self.services = town.names
        self.topic_prefix = town.configuration.topic_prefix
        self.operations: list[str] = []
        """Every command that the operator has given."""
        self.excuses: list[Excuse] = []
        self.to_refill: set[str] = set()
        self.refilled: set[str] = set()
        """Topics that were deleted, and that the operator could not yet have filled again."""
        self.happened: list[Happened] = []
        """The faults that are over, in the order of their ends."""
        self.left_out: tuple[str, ...] = () if disk else ("disk-full",)
        """Kinds of fault that are not possible on this machine."""
        self.metrics_samples = home.folder / "metrics.jsonl"
        self._locks: dict[str, asyncio.Lock] = {}
        self._stopped: dict[str, list[psutil.Process]] = {}
        self._away: set[str] = set()
        self._sampling: asyncio.Task[None] | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def serving(
        cls, folder: Path, *, sabotage: str | None = None, say: Callable[[str], None] = print
    ) -> "AsyncIterator[ProofCity]":
        """A city in `folder` that serves while the block runs; at its end nothing of it runs any more.

        Raises:
            TownError, ServerFailedError: it does not come up.
        """
        home = Home(folder, TREE)
        home.prepare()
        failpoints_of(home).mkdir(exist_ok=True)
        with sole_owner(home.lock, f"the city in {folder}"), contextlib.ExitStack() as after:
            disk = SmallDisk.mounted(folder / "disk", DISK_BYTES)
            if disk is not None:
                after.callback(disk.unmount)
            configuration, listeners, links = _ports((*DEPARTMENTS, WITNESS))
            town = ProofTown(
                home,
                configuration,
                Printer(Console(file=after.enter_context((home.logs / "town.log").open("a")), width=200)),
                links=links,
                kafka_listeners=listeners,
                disk=disk.folder if disk else None,
                sabotage=sabotage,
            )
            city = cls(home, town, links, disk)
            try:
                began = time.monotonic()
                await asyncio.gather(*(link.start() for link in links.values()))
                await town.start()
                city.addresses.write(home.addresses)
                city._sampling = asyncio.create_task(city._sample_for_ever(), name="sample metrics")
                say(f"The city serves after {time.monotonic() - began:.1f} s, in {folder}")
                yield city
            finally:
                await city._stop()

    async def _stop(self) -> None:
        if self._sampling is not None:
            self._sampling.cancel()
            await asyncio.wait([self._sampling])
        self.heal()
        self.home.addresses.unlink(missing_ok=True)
        await self.town.stop()
        await asyncio.gather(*(link.stop() for link in self.links.values()))

    # -- where everything is ------------------------------------------------------------------------------------

    @property
    def addresses(self) -> Addresses:
        """APIs, workers, issuer, mailbox; databases as the roles of the services, straight at the server."""
        told = self.town.addresses()
        return told.model_copy(update={"services": {name: told.services[name] for name in self.services}})

    @property
    def kafka(self) -> str:
        """Kafka's bootstrap servers, not through a proxy."""
        return self.town.kafka

    def owner_url(self, database: str) -> str:
        """The database of a service (or any other) as PostgreSQL's superuser, not through a proxy."""
        server = self.town.servers["postgres"].server
        assert isinstance(server, EmbeddedPostgres)
        return server.url(database)

    @property
    def processes(self) -> tuple[str, ...]:
        """The names of everything that runs: servers first."""
        return (*self.town.servers, *self.town.processes)

    def process(self, name: str) -> Supervised | SupervisedServer:
        """The supervision of a process or server."""
        return self.town.servers.get(name) or self.town.processes[name]

    # -- what can be done to processes --------------------------------------------------------------------------

    def _family(self, name: str) -> list[psutil.Process]:
        """The process of `name` with those that it has started; empty when it does not run."""
        pid = self.process(name).pid
        try:
            first = psutil.Process(pid) if pid is not None else None
            return [first, *first.children(recursive=True)] if first is not None else []
        except psutil.NoSuchProcess:
            return []

    def kill(self, name: str) -> bool:
        """SIGKILL; the town starts the process again within seconds. Returns whether it ran."""
        family = self._family(name)
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._stopped.pop(name, None)
        return bool(family)

    def stop(self, name: str) -> bool:
        """SIGSTOP, until `go_on`. Returns whether it ran."""
        family = self._family(name)
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()
        self._stopped[name] = family
        return bool(family)

    def go_on(self, name: str) -> None:
        """SIGCONT to those that `stop` has stopped."""
        for process in self._stopped.pop(name, []):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()

    async def end(self, name: str) -> None:
        """SIGTERM (PostgreSQL: its fast shutdown), and stay away until `begin`."""
        self._away.add(name)
        await self.process(name).stop()

    async def begin(self, name: str) -> None:
        """Start what `end` has ended; a server again and again until it answers."""
        while True:
            try:
                await self.process(name).start()
                break
            except ServerFailedError:
                await asyncio.sleep(1)
        self._away.discard(name)

    async def add_member(self, service: str, process: str) -> None:
        """One more worker of `service`, as process `process`."""
        [port] = free_ports(1)
        await self.town.add_worker(service, process, port)

    async def remove_member(self, process: str) -> None:
        """End a worker that `add_member` has started, and forget it."""
        added = self.town.processes.get(process)
        if added is not None:
            await added.stop()
            del self.town.processes[process]

    @contextlib.asynccontextmanager
    async def holding(self, *names: str) -> AsyncIterator[None]:
        """Keep other faults from `names` (processes, connections, databases) while the block runs."""
        async with contextlib.AsyncExitStack() as stack:
            for name in sorted(set(names)):
                await stack.enter_async_context(self._locks.setdefault(name, asyncio.Lock()))
            yield

    # -- and made whole again -----------------------------------------------------------------------------------

    def heal(self) -> None:
        """Take back what needs no waiting: stopped processes go on, connections are whole, nothing is armed."""
        for name in list(self._stopped):
            self.go_on(name)
        for link in self.links.values():
            link.heal()
        if self.disk is not None:
            self.disk.free()
        self.disarm()

    def disarm(self, point: str = "") -> list[int]:
        """Disarm `point` (`SERVICE.POINT`), or every failpoint; a process that one has stopped goes on.

        Returns:
            The process ids that have reached it.
        """
        reached = []
        for file in failpoints_of(self.home).glob(f"{point}*"):
            if file.suffix == ".hit":
                pid = int(file.suffixes[-2].lstrip("."))
                reached.append(pid)
                with contextlib.suppress(psutil.NoSuchProcess):
                    process = psutil.Process(pid)
                    if process.status() == psutil.STATUS_STOPPED:
                        process.resume()
            file.unlink(missing_ok=True)
        return reached

    def arm(self, point: str, action: str) -> None:
        """Let `action` happen to whoever reaches `point` (`SERVICE.POINT`) next: kill, stop, fail, wait SECONDS."""
        draft = self.home.folder / f"{point}.draft"
        draft.write_text(action)
        draft.replace(failpoints_of(self.home) / point)

    async def whole(self, *, seconds: float = 120) -> list[str]:
        """Heal, begin what is away, and wait until everything is ready.

        Returns:
            What is not ready after `seconds`.
        """
        self.heal()
        for name in sorted(self._away, key=self.processes.index):
            await self.begin(name)
        deadline = time.monotonic() + seconds
        while True:
            names = self.processes
            ready = await asyncio.gather(*(self.is_ready(name) for name in names))
            missing = [name for name, it_is in zip(names, ready, strict=True) if not it_is]
            if not missing or time.monotonic() > deadline:
                return missing
            await asyncio.sleep(0.5)

    async def is_ready(self, name: str) -> bool:
        """Whether a process serves."""
        match name:
            case "postgres":
                return await self._postgres_answers()
            case "kafka":
                return await self._kafka_answers()
        url = self.town.processes[name].ready_url
        try:
            async with httpx.AsyncClient(timeout=3) as http:
                return url is None or (await http.get(url)).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    async def _postgres_answers(self) -> bool:
        try:
            connection = await asyncpg.connect(self.owner_url("postgres"), timeout=3)
        except (OSError, asyncpg.PostgresError, TimeoutError):
            return False
        await connection.close()
        return True

    async def _kafka_answers(self) -> bool:
        try:
            async with asyncio.timeout(5), self.kafka_admin() as admin:
                await admin.list_topics()
        except (OSError, TimeoutError, KafkaError):
            return False
        return True

    @contextlib.asynccontextmanager
    async def kafka_admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        """An admin client of Kafka, not through a proxy."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka, request_timeout_ms=10_000)
        try:
            await admin.start()
            yield admin
        finally:
            with contextlib.suppress(Exception):
                await admin.close()

    # -- the operator -------------------------------------------------------------------------------------------

    async def operate(self, *arguments: str) -> str:
        """Give a command: `amtsbus …`; returns what it printed.

        Raises:
            OperationFailedError: it failed. That something is not well is an answer of `status` and `reconcile`.
        """
        command = " ".join(["amtsbus", *arguments])
        self.operations.append(command)
        process = await asyncio.create_subprocess_exec(
            *([*_WITH_WITNESS] if WITNESS in arguments else [AMTSBUS]),
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.town.operators_environment(),
            cwd=self.home.tree,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(OPERATION_SECONDS):
                said, complained = await process.communicate()
        except TimeoutError:
            raise OperationFailedError(f"{command}: no end within {OPERATION_SECONDS:.0f} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        with (self.home.logs / "operator.log").open("ab") as log:
            log.write(f"{datetime.now(UTC).isoformat()} {command} -> {process.returncode}\n".encode())
            log.write(said + complained)
        if process.returncode and not (process.returncode == 1 and arguments[0] in ("status", "reconcile") and said):
            raise OperationFailedError(f"{command}: {(complained or said).decode(errors='replace').strip()[-2000:]}")
        return said.decode(errors="replace")

    # -- metrics ------------------------------------------------------------------------------------------------

    async def _sample_for_ever(self) -> None:
        async with httpx.AsyncClient(timeout=1.5) as http:
            with self.metrics_samples.open("a") as file:
                while True:
                    urls = {
                        name: process.ready_url.removesuffix("/readyz") + "/metrics"
                        for name, process in self.town.processes.items()
                        if process.ready_url is not None and name not in ("issuer", "mail")
                    }
                    for line in await asyncio.gather(*(_sample(http, name, url) for name, url in urls.items())):
                        file.write(line)
                    file.flush()
                    await asyncio.sleep(SAMPLE_SECONDS)


async def _sample(http: httpx.AsyncClient, process: str, url: str) -> str:
    """One line of samples; nothing when the process does not answer."""
    try:
        answer = await http.get(url)
    except httpx.HTTPError:
        return ""
    if answer.status_code != httpx.codes.OK:
        return ""
    told = {"at": datetime.now(UTC).isoformat(), "process": process, "metrics": samples_of(answer.text)}
    return json.dumps(told, separators=(",", ":")) + "\n"


def samples_of(text: str) -> dict[str, float]:
    """The values in Prometheus' text format by name and labels, without buckets and times of creation."""
    found = {}
    for line in text.splitlines():
        name, _, value = line.rpartition(" ")
        if line.startswith("#") or "_bucket{" in name or "_created" in name or name.startswith("python_"):
            continue
        with contextlib.suppress(ValueError):
            found[name] = float(value)
    return found


def failpoints_of(home: Home) -> Path:
    """Where the failpoints of a town are armed."""
    return home.folder / "failpoints"


def at_port(url: str, port: int) -> str:
    """`url` with another port."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{port}"))


def _ports(names: tuple[str, ...]) -> tuple[Configuration, dict[int, int], dict[str, Proxy]]:
    """Different free ports for everything: the town, Kafka's listeners (each with the proxy's port), the proxies."""
    free = iter(free_ports(6 + 5 * len(names)))
    configuration = Configuration(
        kafka=next(free),
        postgres=next(free),
        issuer=next(free),
        smtp=next(free),
        mail=next(free),
        services={name: ServicePorts(api=next(free), worker=next(free)) for name in names},
        outside_kafka=None,
        outside_databases={},
        topic_prefix="",
    )
    links = {"smtp": Proxy("127.0.0.1", configuration.smtp, next(free))}
    listeners = {}
    for name in names:
        links[f"postgres:{name}"] = Proxy("127.0.0.1", configuration.postgres, next(free))
        listener = next(free)
        links[f"kafka:{name}"] = Proxy("127.0.0.1", listener, next(free))
        listeners[listener] = links[f"kafka:{name}"].port
    return configuration, listeners, links


@contextlib.contextmanager
def folder_for_a_city(keep: Path | None = None) -> Iterator[Path]:
    """A new folder, which goes at the end; or `keep`, which stays. Left-overs of campaigns that were killed go first."""
    _sweep()
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix=FOLDERS))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep() -> None:
    """End what campaigns that were killed have left running, and remove their folders."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDERS}*"):
        home = Home(folder, TREE)
        if not home.lock.exists():
            continue
        with contextlib.suppress(ServerFailedError, OSError), sole_owner(home.lock, str(folder)):
            end_left_over(home)
            SmallDisk(folder / "disk", DISK_BYTES).unmount()
            shutil.rmtree(folder, ignore_errors=True)
