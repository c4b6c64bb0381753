"""The kinds of fault. Each is planned by the schedule, happens to the city, and is ended by itself."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import UTC, datetime
from random import Random
from typing import TypeVar

import asyncpg
from aiokafka.errors import KafkaError

from tests.proof.city import Excuse, OperationFailedError, ProofCity
from tests.proof.schedule import Draft, Kind, Parameters
from tests.proof.targets import Targets

T = TypeVar("T")

SERVERS = ("kafka", "postgres")
PERSISTENCE_SECONDS = 600.0
REFILL_SECONDS = 90.0
WORKER_POINTS = ("relay.read", "relay.sent", "relay.acknowledged")
READER_POINTS = ("reader.handled", "reader.committed")
API_POINTS = ("journal.appended", "http.committed")


async def persist(attempt: Callable[[], Awaitable[T]], *, seconds: float = PERSISTENCE_SECONDS) -> T:
    """Attempt it until it works, as somebody does who knows that a server is about to come back.

    Raises:
        Exception: the last failure, after `seconds`.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            return await attempt()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, KafkaError, OperationFailedError):
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(1)


class Fault(Kind):
    """A fault under way: `happen` begins it, `end` makes it good, after `seconds`. `note` says what came of it."""

    def __init__(self, target: str, parameters: Parameters) -> None:
        self.target = target
        self.parameters = parameters
        self.note = ""

    @property
    def seconds(self) -> float:
        return float(self.parameters.get("seconds", 0.0))

    def holds(self, city: ProofCity) -> tuple[str, ...]:
        """What no other fault may touch from the beginning to the end of this one."""
        return (self.target,)

    async def happen(self, city: ProofCity) -> None:
        """Do it."""
        raise NotImplementedError

    async def end(self, city: ProofCity) -> None:
        """Make it good again; most kinds need nothing."""


def _processes(targets: Targets) -> list[str]:
    own = [f"{service}-{kind}" for service in targets.services for kind in ("api", "worker")]
    return [*own, f"{targets.witness}-worker"]


def _some_process(rng: Random, targets: Targets) -> str:
    """Any process; the two servers more often than any single other."""
    return rng.choice([*_processes(targets), *SERVERS, *SERVERS])


def _seconds(rng: Random, least: float, most: float) -> float:
    return round(rng.uniform(least, most), 1)


def _draft(target: str, parameters: Parameters | None = None, *, holds: frozenset[str] | None = None) -> Draft:
    return Draft(target, parameters or {}, frozenset((target,)) if holds is None else holds)


class Kill(Fault):
    """SIGKILL; the process starts again at once, a server with all its children."""

    name = "kill"
    weight = 6

    @classmethod
    def draft(cls, rng: Random, targets: Targets) -> Draft:
        return _draft(_some_process(rng, targets))

    async def happen(self, city: ProofCity) -> None:
        self.note = "" if city.kill(self.target) else "it was not running"


class Stop(Fault):
    """SIGSTOP, and SIGCONT later: a process that hangs, and then goes on with what it believed before."""

    name = "stop"
    weight = 4

    @classmethod
    def draft(cls, rng: Random, targets: Targets) -> Draft:
        target = _some_process(rng, targets)
        # Longer than a consumer's session (10 s) and the relay's lease (4 s), now and then.
        return _draft(target, {"seconds": _seconds(rng, 1, 8 if target in SERVERS else 15)})

    async def happen(self, city: ProofCity) -> None:
        self.note = "" if city.stop(self.target) else "it was not running"

    async def end(self, city: ProofCity) -> None:
        city.go_on(self.target)


class Terminate(Fault):
    """SIGTERM, and a start some seconds later."""

    name = "terminate"
    weight = 3

    @classmethod
    def draft(cls, rng: Random, targets: Targets) -> Draft:
        return _draft(_some_process(rng, targets), {"seconds": _seconds(rng, 0, 8)})

    async def happen(self, city: ProofCity) -> None:
        await city.end(self.target)

    async def end(self, city: ProofCity) -> None:
        await city.begin(self.target)


def _some_link(rng: Random, targets: Targets) -> str:
    """The connections of one service, or of all, to one of the servers."""
    server = rng.choice(SERVERS)
    return f"{server}:{rng.choice([*targets.services, targets.witness, 'all'])}"


def _links_of(target: str, links: Iterable[str]) -> frozenset[str]:
    server, _, service = target.partition(":")
    return (
        frozenset(link for link in links if link.startswith(f"{server}:")) if service == "all" else frozenset((target,))
    )


class _Connections(Fault):
    """Something that is done to connections."""

    longest = 10.0

    @classmethod
    def draft(cls, rng: Random, targets: Targets) -> Draft:
        target = _some_link(rng, targets)
        links = [f"{server}:{name}" for server in SERVERS for name in (*targets.services, targets.witness)]
        return _draft(target, {"seconds": _seconds(rng, 1, cls.longest)}, holds=_links_of(target, links))

    def holds(self, city: ProofCity) -> tuple[str, ...]:
        return tuple(sorted(_links_of(self.target, city.links)))

    async def end(self, city: ProofCity) -> None:
        for link in self.holds(city):
            city.links[link].heal()


class Cut(_Connections):
    """Every connection is reset, and new ones too."""

    name = "cut"
    weight = 4

    async def happen(self, city: ProofCity) -> None:
        for link in self.holds(city):
            city.links[link].cut()


class Swallow(_Connections):
    """Connections stay open and nothing comes through."""

    name = "swallow"
    weight = 3
    longest = 20.0

    async def happen(self, city: ProofCity) -> None:
        for link in self.holds(city):
            city.links[link].freeze()


class Slow(_Connections):
    """Everything takes longer, in both directions."""

    name = "slow"
    weight = 2
    longest = 15.0

    @classmethod
    def draft(cls, rng: Random, targets: Targets) -> Draft:
        draft = super().draft(rng, targets)
        return Draft(draft.target, draft.parameters | {"delay": round(rng.uniform(0.02, 0.4), 2)}, draft.holds)

    async def happen(self, city: ProofCity) -> None:
        for link in self.holds(city):
            city.links[link].slow(float(self.parameters["delay"]))


class Mail(Fault):
    """The mail server goes away, is killed, cannot be reached, does not answer, or is slow."""

    name = "mail"
    weight = 2

    @classmethod
    def draft(cls, rng: Random, _targets: Targets) -> Draft:
        how = rng.choice(("away", "killed", "cut", "swallowed", "slow"))
        return _draft("mail", {"seconds": _seconds(rng, 2, 12), "how": how})

    async def happen(self, city: ProofCity) -> None:
        match self.parameters["how"]:
            case "away":
                await city.end("mail")
            case "killed":
                city.kill("mail")
            case "cut":
                city.links["smtp"].cut()
            case "swallowed":
                city.links["smtp"].freeze()
            case "slow":
                city.links["smtp"].slow(0.5)

    async def end(self, city: ProofCity) -> None:
        city.links["smtp"].heal()
        await city.begin("mail")


class DiskFull(Fault):
    """PostgreSQL's disk is full."""

    name = "disk-full"
    weight = 1.5

    @classmethod
    def draft(cls, rng: Random, _targets: Targets) -> Draft:
        return _draft("postgres", {"seconds": _seconds(rng, 3, 10)}, holds=frozenset(("disk",)))

    def holds(self, city: ProofCity) -> tuple[str, ...]:
        return ("disk",)

    async def happen(self, city: ProofCity) -> None:
        assert city.disk is not None
        self.note = "" if city.disk.fill() else "it could not be filled"

    async def end(self, city: ProofCity) -> None:
        assert city.disk is not None
        city.disk.free()


class ClockMoved(Fault):
    """The city's clock jumps forward."""

    name = "clock"
    weight = 2

    @classmethod
    def draft(cls, rng: Random, _targets: Targets) -> Draft:
        hours = rng.choice((0.02, 1.0, 1.0, 6.0, 25.0))
        return _draft("clock", {"hours": hours})

    async def happen(self, city: ProofCity) -> None:
        city.clock.advance(hours=float(self.parameters["hours"]))


class TopicDeleted(Fault):
    """A topic is deleted; the operator has it filled again from the journal."""

    name = "topic-deleted"
    weight = 1

    @classmethod
    def draft(cls, rng: Random, targets: Targets) -> Draft:
        topic = rng.choice(targets.topics)
        return _draft(topic, {"seconds": _seconds(rng, 0, 8)}, holds=frozenset(("kafka", topic)))

    async def happen(self, city: ProofCity) -> None:
        topic = city.topic_prefix + self.target
        async with city.holding("kafka"):
            await persist(lambda: self._delete(city, topic))
        city.to_refill.add(self.target)
        city.excuses.append(Excuse("topic-lost", topic=self.target, at=datetime.now(UTC)))

    async def _delete(self, city: ProofCity, topic: str) -> None:
        async with city.kafka_admin() as admin:
            if topic in await admin.list_topics():
                await admin.delete_topics([topic])
            if topic in await admin.list_topics():
                raise KafkaError(f"{topic} is still there")

    async def end(self, city: ProofCity) -> None:
        # It takes half a minute, and meanwhile Kafka may be hurt again: then it is done in the end, when all is quiet.
        # Nobody restores the database meanwhile, or the list of what is to be published again would go with it.
        async with city.holding(database_of(self.target.partition(".")[0])):
            try:
                await persist(lambda: refill(city, self.target), seconds=REFILL_SECONDS)
            except OperationFailedError:
                self.note = "it could not be filled again yet"


def database_of(service: str) -> str:
    """What holds whoever replaces the database of `service`, or relies on its not being replaced."""
    return f"database:{service}"


async def refill(city: ProofCity, topic: str) -> None:
    """Have a topic that was deleted filled again from the journal of its owner.

    Raises:
        OperationFailedError: it could not be; called again it goes on.
    """
    why = f"proof campaign: {topic} was deleted"
    await city.operate("refill", topic.partition(".")[0], "--topic", topic, "--why", why)
    city.to_refill.discard(topic)
    city.refilled.add(topic)


class Restored(Fault):
    """The database of a service is set back to what it was some seconds ago, as from a backup."""

    name = "restored"
    weight = 0.5

    @classmethod
    def draft(cls, rng: Random, targets: Targets) -> Draft:
        service = rng.choice(targets.services)
        return _draft(service, {"seconds": _seconds(rng, 8, 25)}, holds=frozenset((database_of(service), "restore")))

    def holds(self, city: ProofCity) -> tuple[str, ...]:
        return (database_of(self.target),)

    @contextlib.asynccontextmanager
    async def _at_rest(self, city: ProofCity) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
        """The service does not run, PostgreSQL does, and nobody hurts it."""
        processes = [f"{self.target}-api", f"{self.target}-worker"]
        async with city.holding("postgres", "disk", *processes):
            for name in processes:
                await city.end(name)
            try:
                connection = await persist(lambda: asyncpg.connect(city.owner_url("postgres"), timeout=5))
                try:
                    await connection.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", self.target
                    )
                    yield connection
                finally:
                    await connection.close()
            finally:
                for name in processes:
                    await city.begin(name)

    async def happen(self, city: ProofCity) -> None:
        service = self.target
        async with self._at_rest(city) as connection:
            await connection.execute(f'DROP DATABASE IF EXISTS "{service}_before" WITH (FORCE)')
            await connection.execute(f'CREATE DATABASE "{service}_before" TEMPLATE "{service}" OWNER "{service}_owner"')
            await connection.execute(f'REVOKE ALL ON DATABASE "{service}_before" FROM PUBLIC')
            await connection.execute(
                f'GRANT CONNECT ON DATABASE "{service}_before" TO "{service}_owner", "{service}_run"'
            )
            self._since = datetime.now(UTC)

    async def end(self, city: ProofCity) -> None:
        service = self.target
        async with self._at_rest(city) as connection:
            until = datetime.now(UTC)
            await connection.execute(f'DROP DATABASE "{service}" WITH (FORCE)')
            await connection.execute(f'ALTER DATABASE "{service}_before" RENAME TO "{service}"')
            city.excuses.append(Excuse("restored", service=service, since=self._since, until=until))
        # What was put back since is forgotten with the rest, so whoever sets a journal back refills again.
        city.to_refill |= {topic for topic in city.refilled if topic.startswith(f"{service}.")}


class Members(Fault):
    """More workers of a service join its groups, and leave again: gently, or killed."""

    name = "members"
    weight = 2

    @classmethod
    def draft(cls, rng: Random, targets: Targets) -> Draft:
        service = rng.choice([*targets.readers, *targets.services, targets.witness])
        parameters: Parameters = {"seconds": _seconds(rng, 6, 20), "count": rng.choice((1, 1, 2))}
        return _draft(f"{service}-worker", parameters | {"leave": rng.choice(("gently", "killed"))}, holds=frozenset())

    def holds(self, city: ProofCity) -> tuple[str, ...]:
        return (f"members of {self.target}",)

    def _names(self) -> list[str]:
        return [f"{self.target}-{number}" for number in range(2, 2 + int(self.parameters["count"]))]

    async def happen(self, city: ProofCity) -> None:
        for name in self._names():
            await city.add_member(self.target.removesuffix("-worker"), name)

    async def end(self, city: ProofCity) -> None:
        for name in self._names():
            if self.parameters["leave"] == "killed":
                city.kill(name)
            await city.remove_member(name)


class Failpoint(Fault):
    """At a seam of the code a process dies, hangs, fails or waits: the next one that gets there."""

    name = "failpoint"
    weight = 7

    @classmethod
    def draft(cls, rng: Random, targets: Targets) -> Draft:
        points = [f"{service}.{point}" for service in targets.services for point in (*WORKER_POINTS, *API_POINTS)]
        readers = (*targets.readers, targets.witness)
        points += [f"{service}.{point}" for service in readers for point in READER_POINTS] * 2
        points += [f"{targets.mailer}.mail.accepted"] * 2
        action = rng.choice(("kill", "kill", "kill", "stop", "fail", "wait"))
        parameters: Parameters = {"seconds": _seconds(rng, 4, 12), "action": action}
        if action == "wait":
            parameters["action"] = f"wait {rng.choice((0.5, 3, 11))}"
        return _draft(rng.choice(points), parameters)

    async def happen(self, city: ProofCity) -> None:
        city.arm(self.target, str(self.parameters["action"]))

    async def end(self, city: ProofCity) -> None:
        self.note = "reached" if city.disarm(self.target) else "nobody came there"


KINDS: tuple[type[Fault], ...] = (
    Kill,
    Stop,
    Terminate,
    Cut,
    Swallow,
    Slow,
    Mail,
    DiskFull,
    ClockMoved,
    TopicDeleted,
    Restored,
    Members,
    Failpoint,
)
