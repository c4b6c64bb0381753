"""An office on one screen: what it publishes, serves and does all the time. One package, a service for each office."""

from pathlib import Path

from amtsbus import replay_requests
from amtsbus.desk import desk_of
from amtsbus.procedures.checking import OFFICE_FILE
from amtsbus.procedures.publishing import ProcedureFolder
from amtsbus.service import Instances, Service
from amtsbus.topics import EACH_OFFICE

from offices import http, subscribers
from offices.desk import DESK_LANGUAGES, ProcedureDesk
from offices.published import CASES, CATALOGUE, LETTERS, PROCEDURES, PUBLISHED
from offices.settings import CitySettings, Settings


def names() -> list[str]:
    """The offices that have a folder of procedures here."""
    return sorted(path.parent.name for path in CitySettings().procedures.glob(f"*/{OFFICE_FILE}"))


def make(name: str) -> Service:
    """The service of the office `name`."""
    contract = _declared(EACH_OFFICE)
    return contract if name == EACH_OFFICE else _declared(name, pattern=contract)


def _declared(name: str, pattern: Service | None = None) -> Service:
    city = CitySettings()
    office = city.office(name)
    ours = [topic.format(office=name) for topic in (CASES, LETTERS, PROCEDURES)]
    return Service(
        name=name,
        kind="offices",
        pattern=pattern,
        title="Office",
        published=(*PUBLISHED, replay_requests.asked_by(name, kind="offices")),
        routers=(http.router_of(office),),
        readers=(
            subscribers.applications_of(office),
            *replay_requests.answered_by(name, portal=ours, notifications=[CASES.format(office=name)]),
        ),
        tasks=(subscribers.clock_of(office), ProcedureFolder(name, city.procedures / name, CATALOGUE)),
        settings=Settings,
        migrations=Path(__file__).parents[2] / "migrations",
        web=desk_of(ProcedureDesk(office, city.procedures / name), languages=DESK_LANGUAGES),
    )


OFFICES = Instances(names, make)
