"""Two small services and their raw counterparts, each in a process of its own.

    python -m tests.bench.process posting-api | posting-worker | delivery-worker | raw-api | raw-relay | raw-reader

The posting office takes parcels over HTTP and publishes them; the delivery service reads of them and writes a row for each.
The raw counterparts do the same with a bare FastAPI route, a loop that publishes and a loop that reads, and promise nothing.
Everything that they need to know is in the environment.
"""

import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import uvicorn
import uvloop
from aiokafka import AIOKafkaConsumer
from amtsbus import logs
from amtsbus.auth import CurrentCaller, Role, allow
from amtsbus.events import Consumed, Published
from amtsbus.http import InputModel, InTx, LongText, ShortText, create_app, routes
from amtsbus.ids import new_id
from amtsbus.postgres import Tx
from amtsbus.reader import Reader
from amtsbus.service import Service
from amtsbus.settings import Settings
from amtsbus.testing.tokens import TestIssuer
from amtsbus.worker import run_worker
from fastapi import FastAPI
from joserfc.jwk import ECKey
from pydantic import BaseModel, Field

from tests.bench.relay import RAW_TABLE, raw_relay

TOPIC = "posting.parcel.events"
POOL = 10
STATE = """
CREATE TABLE parcels (
    parcel_id uuid PRIMARY KEY, label text NOT NULL, content text NOT NULL, posted_at timestamptz NOT NULL
)
"""
INSERT = "INSERT INTO parcels VALUES ($1, $2, $3, $4)"
EFFECTS = """
CREATE TABLE effects (effect_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, parcel_id uuid NOT NULL, label text NOT NULL);
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    PERFORM pg_notify('effects', NEW.label);
    RETURN NULL;
END $$
"""
EFFECT = "INSERT INTO effects (parcel_id, label) VALUES ($1, $2)"
TOLD = "CREATE TRIGGER effects_are_told AFTER INSERT ON effects FOR EACH ROW EXECUTE FUNCTION tell()"
"""Whoever listens learns of an effect when it is committed, from the database itself."""


class ParcelForm(InputModel):
    label: ShortText
    content: LongText


class Receipt(BaseModel):
    parcel_id: UUID
    posted_at: datetime


class ParcelPostedV1(Published, type="posting.parcel-posted.v1", topic=TOPIC):
    """A parcel was posted."""

    parcel_id: UUID = Field(description="The parcel", examples=["0190a0a0-0000-7000-8000-000000000001"])
    label: str = Field(description="Its label", examples=["A"])
    content: str = Field(description="What is in it", examples=["A book"])


class ParcelPosted(Consumed, type="posting.parcel-posted.v1"):
    parcel_id: UUID
    label: str


router = routes(prefix="/v1/parcels")


@router.post("", status_code=201, dependencies=[allow(Role.CITIZEN)])
async def post_parcel(form: ParcelForm, caller: CurrentCaller, tx: InTx) -> Receipt:
    """Post a parcel."""
    parcel_id, now = new_id(), tx.clock.now()
    await tx.execute(INSERT, parcel_id, form.label, form.content, now)
    await tx.append(parcel_id, ParcelPostedV1(parcel_id=parcel_id, label=form.label, content=form.content))
    return Receipt(parcel_id=parcel_id, posted_at=now)


parcels = Reader(TOPIC, group="delivery.parcels")


@parcels(ParcelPosted)
async def on_parcel_posted(event: ParcelPosted, tx: Tx) -> None:
    """The effect: one row."""
    await tx.execute(EFFECT, event.parcel_id, event.label)


class NotInstalled(Service):
    """It has no distribution to take its version from."""

    @property
    def version(self) -> str:
        return "1.0.0"


NONE = Path("/none")
POSTING = NotInstalled("posting", "Posting", published=(ParcelPostedV1,), routers=(router,), migrations=NONE)
DELIVERY = NotInstalled("delivery", "Delivery", published=(), routers=(), readers=(parcels,), migrations=NONE)


def _serve(app: FastAPI, port: int) -> None:
    """As `amtsbus api` does."""
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )


def posting_api() -> None:
    settings = Settings.load("posting")
    logs.configure(settings, "api")
    key = ECKey.import_key(json.loads(Path(os.environ["BENCH_KEY"]).read_text()))
    _serve(create_app(POSTING, settings, verifier=TestIssuer(key).verifier), settings.api_port)


def _worker(service: Service) -> None:
    settings = Settings.load(service.name)
    logs.configure(settings, "worker")
    run_worker(service, settings)


async def _no_reset(_: Any) -> None:
    """A raw loop leaves nothing behind in a session."""


def raw_api() -> None:
    held: dict[str, asyncpg.Pool[asyncpg.Record]] = {}

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        url = os.environ["POSTING_DATABASE_URL"]
        async with asyncpg.create_pool(url, min_size=1, max_size=POOL, reset=_no_reset) as held["pool"]:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/livez")
    async def alive() -> None:
        return None

    @app.post("/v1/parcels", status_code=201)
    async def post_parcel(form: ParcelForm) -> Receipt:
        parcel_id, now = new_id(), datetime.now(UTC)
        event = ParcelPostedV1(parcel_id=parcel_id, label=form.label, content=form.content)
        async with held["pool"].acquire() as connection, connection.transaction():
            await connection.execute(INSERT, parcel_id, form.label, form.content, now)
            await connection.execute(
                "INSERT INTO raw_events (event_id, topic, stream_id, sequence, type, data, traceparent, occurred_at) "
                "VALUES ($1, $2, $3, 1, $4, $5, '', $6)",
                *(new_id(), TOPIC, parcel_id, event.event_type, event.model_dump_json(), now),
            )
        return Receipt(parcel_id=parcel_id, posted_at=now)

    _serve(app, int(os.environ["POSTING_API_PORT"]))


async def _raw_reader() -> None:
    prefix = os.environ["AMTSBUS_TOPIC_PREFIX"]
    consumer = AIOKafkaConsumer(
        prefix + TOPIC,
        bootstrap_servers=os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        group_id=f"{prefix}raw",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    connection = await asyncpg.connect(os.environ["DELIVERY_DATABASE_URL"])
    await consumer.start()
    while True:
        batches = await consumer.getmany(timeout_ms=250, max_records=500)
        if not batches:
            continue
        async with connection.transaction():
            for records in batches.values():
                for record in records:
                    event = json.loads(record.value or b"")
                    await connection.execute(EFFECT, UUID(event["parcel_id"]), event["label"])
        await consumer.commit()


def raw_reader() -> None:
    uvloop.run(_raw_reader())


def raw_publisher() -> None:
    kafka, prefix = os.environ["KAFKA_BOOTSTRAP_SERVERS"], os.environ["AMTSBUS_TOPIC_PREFIX"]
    uvloop.run(raw_relay(os.environ["POSTING_DATABASE_URL"], kafka, prefix, pause=0.002))


ROLES: dict[str, Callable[[], None]] = {
    "posting-api": posting_api,
    "posting-worker": lambda: _worker(POSTING),
    "delivery-worker": lambda: _worker(DELIVERY),
    "raw-api": raw_api,
    "raw-relay": raw_publisher,
    "raw-reader": raw_reader,
}


async def prepare(posting_url: str, delivery_url: str, *, told: bool) -> None:
    """Make the tables of both departments (ours are migrated besides); with `told`, effects announce themselves."""
    for url, tables in ((posting_url, (STATE, RAW_TABLE)), (delivery_url, (EFFECTS, *([TOLD] if told else [])))):
        connection = await asyncpg.connect(url)
        for table in tables:
            await connection.execute(table)
        await connection.close()


if __name__ == "__main__":
    ROLES[sys.argv[1]]()
