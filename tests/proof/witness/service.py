"""What the witness reads: every event that any department publishes."""

from collections.abc import Iterable
from importlib.metadata import EntryPoint
from pathlib import Path

from amtsbus import service
from amtsbus.events import Consumed, Published
from amtsbus.postgres import Tx
from amtsbus.reader import Reader
from amtsbus.service import Service, installed_services, load_service
from town.configuration import DEPARTMENTS

from tests.proof import topics_of_the_city

NAME = "witness"
TREE = Path(__file__).parents[3]
MIGRATIONS = Path(__file__).parent / "migrations"


async def write_down(event: Consumed, tx: Tx) -> None:
    """One more row, whatever there is already."""
    meta = event.meta
    await tx.execute(
        "INSERT INTO effects (topic, stream_id, sequence, event_id) VALUES ($1, $2, $3, $4)",
        meta.topic,
        meta.subject,
        meta.sequence,
        meta.id,
    )


def group_of(topic: str) -> str:
    """The consumer group in which the witness reads `topic`."""
    return f"{NAME}.{topic.removesuffix('.events').replace('.', '-')}"


def witness() -> Service:
    """The service, with one reader for each topic on which a department tells facts."""
    departments = [load_service(name) for name in DEPARTMENTS]
    published = [event for department in departments for event in department.published]
    compacted = {topic.name for topic in topics_of_the_city() if topic.cleanup == "compact"}
    return Service(
        name=NAME,
        title="Zeugin",
        published=(),
        routers=(),
        readers=tuple(_readers(published, compacted)),
        migrations=MIGRATIONS,
    )


def _readers(published: Iterable[type[Published]], compacted: set[str]) -> Iterable[Reader]:
    by_topic: dict[str, list[str]] = {}
    for event in published:
        if event.topic.endswith(".events"):
            by_topic.setdefault(event.topic, []).append(event.event_type)
    for topic, types in sorted(by_topic.items()):
        reader = Reader(topic, group_of(topic), compacted=topic in compacted)
        for event_type in types:
            reader(type("Witnessed", (Consumed,), {}, type=event_type))(write_down)
        yield reader


def install() -> None:
    """Let this process find the witness among the installed services."""
    points = installed_services() | {NAME: EntryPoint(NAME, f"{__name__}:SERVICE", "amtsbus.services")}
    service.installed_services = lambda: points


def __getattr__(name: str) -> Service:
    """`SERVICE` is made when it is asked for: the departments are imported for it."""
    if name == "SERVICE":
        return witness()
    raise AttributeError(name)
