"""Intake: an authorised, validated, idempotent POST with its event in the journal, against a bare FastAPI route.

Both take the same form, write one row of state and one of a journal (of the same size, with the same indexes) in one
transaction, and answer with the same model, each under uvicorn in a process of its own with the same settings. The bare
route is as one would write it by hand: FastAPI, pydantic, an asyncpg pool that resets nothing, one transaction. It knows no
caller, no repetition, no sequence, no trace, no problem, no metric and no log line.

Every request has an Idempotency-Key of its own. A caller's token is verified when it is seen first; `POSTS_PER_TOKEN` says
how often one caller comes.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import psutil
import uvicorn
from amtsbus import logs, migrate
from amtsbus.auth import CurrentCaller, Role, allow
from amtsbus.events import Published
from amtsbus.http import (
    Cents,
    GermanPostalCode,
    HouseNumber,
    InputModel,
    InTx,
    LongText,
    PlausibleDate,
    ShortText,
    create_app,
    routes,
)
from amtsbus.ids import new_id
from amtsbus.service import Service
from amtsbus.settings import Environment, Settings
from amtsbus.testing.servers import free_port
from amtsbus.testing.tokens import AUDIENCE, ISSUER, TestIssuer
from amtsbus.tokens import TokenVerifier
from fastapi import FastAPI, Response
from joserfc.jwk import ECKey
from pydantic import BaseModel, Field

from tests.bench.measurement import Cpu, Measurement, Servers, alternate, databases, note, ratio_of, resident_mb, until

POSTS_PER_TOKEN = 10
CONNECTIONS = 16
POOL = 10
TOPIC = "intake.request.events"

# --- what both take, write and answer ---------------------------------------------------------------------------------


class AddressForm(InputModel):
    street: ShortText
    house_number: HouseNumber
    postal_code: GermanPostalCode
    locality: ShortText


class RequestForm(InputModel):
    subject: ShortText
    description: LongText
    site: AddressForm
    begins_on: PlausibleDate
    value: Cents
    remarks: Annotated[list[ShortText], Field(default_factory=list, max_length=5)]


class Receipt(BaseModel):
    request_id: UUID
    received_at: datetime
    state: str


class RequestReceivedV1(Published, type="intake.request-received.v1", topic=TOPIC):
    """A citizen asked for something."""

    request_id: UUID
    received_at: datetime
    begins_on: date
    value: int
    postal_code: str


FORM = {
    "subject": "A garage beside the house",
    "description": "A garage for two cars, six metres by six, with a flat green roof and a door towards the street. "
    * 2,
    "site": {"street": "Hauptstraße", "house_number": "12 a", "postal_code": "51373", "locality": "Leverkusen"},
    "begins_on": "2026-09-01",
    "value": 2_450_000,
    "remarks": ["The neighbour agrees"],
}
STATE = """
CREATE TABLE requests (
    request_id uuid PRIMARY KEY, subject text NOT NULL, description text NOT NULL, street text NOT NULL,
    house_number text NOT NULL, postal_code text NOT NULL, locality text NOT NULL, begins_on date NOT NULL,
    value bigint NOT NULL, remarks text[] NOT NULL, received_at timestamptz NOT NULL
)
"""
INSERT = "INSERT INTO requests VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"


def columns(request_id: UUID, form: RequestForm, received_at: datetime) -> tuple[Any, ...]:
    """The values of `INSERT`."""
    site = form.site
    return (
        *(request_id, form.subject, form.description, site.street, site.house_number, site.postal_code, site.locality),
        *(form.begins_on, form.value, form.remarks, received_at),
    )


def event(request_id: UUID, form: RequestForm, received_at: datetime) -> RequestReceivedV1:
    """The event of a request."""
    return RequestReceivedV1(
        request_id=request_id,
        received_at=received_at,
        begins_on=form.begins_on,
        value=form.value,
        postal_code=form.site.postal_code,
    )


# --- the bare route ---------------------------------------------------------------------------------------------------

RAW_JOURNAL = """
CREATE TABLE journal (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event_id uuid NOT NULL, topic text NOT NULL,
    stream_id uuid NOT NULL, sequence integer NOT NULL, type text NOT NULL, data text NOT NULL, traceparent text,
    occurred_at timestamptz NOT NULL, appended_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (topic, stream_id, sequence)
);
CREATE INDEX ON journal USING brin (occurred_at)
"""
RAW_INSERT = (
    "INSERT INTO journal (event_id, topic, stream_id, sequence, type, data, traceparent, occurred_at) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
)
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def _no_reset(_: Any) -> None:
    """The bare route leaves nothing behind in a session."""


def raw_app(url: str) -> FastAPI:
    """FastAPI and asyncpg, and nothing else."""
    held: dict[str, asyncpg.Pool[asyncpg.Record]] = {}

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(url, min_size=1, max_size=POOL, reset=_no_reset) as held["pool"]:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/requests", status_code=201)
    async def post_request(form: RequestForm) -> Receipt:
        request_id, now = new_id(), datetime.now(UTC)
        received = event(request_id, form, now)
        async with held["pool"].acquire() as connection, connection.transaction():
            await connection.execute(INSERT, *columns(request_id, form, now))
            await connection.execute(
                RAW_INSERT,
                *(new_id(), TOPIC, request_id, 1, received.event_type, received.model_dump_json(), TRACEPARENT, now),
            )
        return Receipt(request_id=request_id, received_at=now, state="received")

    return app


# --- ours -------------------------------------------------------------------------------------------------------------

router = routes(prefix="/v1/requests")


@router.post("", status_code=201, dependencies=[allow(Role.CITIZEN)])
async def post_request(form: RequestForm, caller: CurrentCaller, tx: InTx, response: Response) -> Receipt:
    """Ask for something."""
    request_id, now = new_id(), tx.clock.now()
    await tx.execute(INSERT, *columns(request_id, form, now))
    await tx.append(request_id, event(request_id, form, now))
    return Receipt(request_id=request_id, received_at=now, state="received")


class Intake(Service):
    """Not installed, so it has no distribution to take its version from."""

    @property
    def version(self) -> str:
        return "1.0.0"


INTAKE = Intake("intake", "Intake", published=(RequestReceivedV1,), routers=(router,), migrations=Path("/none"))


def settings(url: str) -> Settings:
    """As in production, but for the issuer, which is given."""
    return Settings.load("intake", database_url=url, environment=Environment.DEVELOPMENT, database_pool_size=POOL)


def our_app(url: str, key: Path) -> FastAPI:
    """The app as `amtsbus api` serves it, with its log at INFO; only the issuer's key comes from a file."""
    logs.configure(settings(url), "api")
    issuer = TestIssuer(ECKey.import_key(json.loads(key.read_text())))
    return create_app(INTAKE, settings(url), verifier=TokenVerifier(issuer, issuer=ISSUER, audience=AUDIENCE))


# --- the measurement --------------------------------------------------------------------------------------------------


class Server:
    """One way in a process of its own, with its log in a file."""

    def __init__(self, way: str, url: str, folder: Path) -> None:
        self.way, self.url, self.folder, self.port = way, url, folder, free_port()
        self.rates: list[float] = []
        self.cpu = self.database_cpu = self.requests = 0.0
        self.milliseconds: list[float] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Server"]:
        """Serve while the block runs."""
        with (self.folder / f"{self.way}.log").open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.bench.intake", self.way, self.url, str(self.folder), str(self.port)),
                stdout=log,
                stderr=log,
            )
            try:
                async with httpx.AsyncClient() as client:
                    await until(lambda: self._answers(client), seconds=60)
                yield self
            finally:
                self.process.terminate()
                await self.process.wait()

    async def _answers(self, client: httpx.AsyncClient) -> bool:
        try:
            return (await client.get(f"http://127.0.0.1:{self.port}/openapi.json")).is_success
        except httpx.TransportError:
            return False

    async def take(self, posts: int) -> float:
        """Requests per second when `CONNECTIONS` callers send `posts` in all."""
        requests = self.folder / f"{self.way}.requests"
        requests.write_text("\n".join(prebuilt(posts, self.folder)))
        server, backends = Cpu([self.process.pid]), await self._backends()
        generator = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.bench.load", str(self.port), str(CONNECTIONS), str(requests)),
            stdout=asyncio.subprocess.PIPE,
        )
        told, _ = await generator.communicate()
        found = json.loads(told)
        if found["statuses"] != {"201": posts}:
            raise RuntimeError(f"{self.way} answered {found['statuses']}; see {self.folder / f'{self.way}.log'}")
        self.cpu += server.seconds()
        self.database_cpu += sum((await self._backends()).values()) - sum(backends.values())
        self.requests += posts
        self.milliseconds.append(found["p50"])
        return float(posts / found["seconds"])

    async def _backends(self) -> dict[int, float]:
        """The CPU seconds of the database's processes that work for this server."""
        connection = await asyncpg.connect(self.url)
        try:
            rows = await connection.fetch(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
                "AND backend_type = 'client backend'"
            )
        finally:
            await connection.close()
        times = {row["pid"]: psutil.Process(row["pid"]).cpu_times() for row in rows}
        return {pid: time.user + time.system for pid, time in times.items()}


def prebuilt(posts: int, folder: Path) -> list[str]:
    """Whole requests as JSON strings, each with a key of its own."""
    issuer = TestIssuer(ECKey.import_key(json.loads((folder / "key.json").read_text())))
    body = json.dumps(FORM, ensure_ascii=False)
    length = len(body.encode())
    found = []
    for nth in range(posts):
        if nth % POSTS_PER_TOKEN == 0:
            person = uuid4()
            token = issuer.token(Role.CITIZEN, sub=f"citizen-{person}", person_id=person)
        head = (
            "POST /v1/requests HTTP/1.1",
            "Host: intake.test",
            f"Authorization: Bearer {token}",
            f"Idempotency-Key: {uuid4()}",
            "Content-Type: application/json",
            f"Content-Length: {length}",
        )
        found.append(json.dumps("\r\n".join((*head, "", body))))
    return found


async def measure(servers: Servers, *, quick: bool) -> list[Measurement]:
    """Alternate both ways and compare."""
    posts, rounds = (1_500, 3) if quick else (6_000, 5)
    (servers.folder / "key.json").write_text(
        json.dumps(ECKey.generate_key("P-256", {"kid": "bench", "use": "sig", "alg": "ES256"}).as_dict(private=True))
    )
    async with databases(servers, "raw", "intake") as (raw_url, our_url), AsyncExitStack() as stack:
        await migrate.migrate(settings(our_url), INTAKE.migrations)
        for url, tables in ((raw_url, (STATE, RAW_JOURNAL)), (our_url, (STATE,))):
            connection = await asyncpg.connect(url)
            for table in tables:
                await connection.execute(table)
            await connection.close()
        raw = await stack.enter_async_context(Server("raw", raw_url, servers.folder).running())
        ours = await stack.enter_async_context(Server("ours", our_url, servers.folder).running())
        note(f"{posts} POSTs a round")
        raw_rates, our_rates = await alternate(lambda: raw.take(posts), lambda: ours.take(posts), rounds)
        return [
            Measurement(
                name="intake",
                goal=0.6,
                ratio=ratio_of(our_rates, raw_rates),
                ours=our_rates,
                raw=raw_rates,
                cpu_ours_per_1000=ours.cpu / ours.requests * 1000,
                cpu_raw_per_1000=raw.cpu / raw.requests * 1000,
                memory_mb=resident_mb(ours.process.pid),
                detail={
                    "figure": "requests/s",
                    "posts_per_token": POSTS_PER_TOKEN,
                    "connections": CONNECTIONS,
                    "database_cpu_ours_per_1000": ours.database_cpu / ours.requests * 1000,
                    "database_cpu_raw_per_1000": raw.database_cpu / raw.requests * 1000,
                    "p50_ms_ours": ours.milliseconds[-1],
                    "p50_ms_raw": raw.milliseconds[-1],
                },
            )
        ]


def serve() -> None:
    """`python -m tests.bench.intake raw|ours URL FOLDER PORT`: one server, with the settings of `amtsbus api`."""
    way, url, folder, port = sys.argv[1:]
    app = raw_app(url) if way == "raw" else our_app(url, Path(folder) / "key.json")
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(port),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )


if __name__ == "__main__":
    serve()
