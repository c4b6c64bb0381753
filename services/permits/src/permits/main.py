"""The building authority (Bauaufsicht) on one screen: what it publishes, serves and does all the time."""

from pathlib import Path

from amtsbus import replay_requests
from amtsbus.casework.deadlines import DeadlineClock
from amtsbus.desk import desk_of
from amtsbus.procedures.publishing import ProcedureFolder
from amtsbus.service import Service

from permits import http, subscribers
from permits.desk import DESK_LANGUAGES, PermitsDesk
from permits.domain.handed_in import READ
from permits.domain.procedure import BUILDING_PERMIT
from permits.published import CATALOGUE, OFFICE, PROGRESS, PUBLISHED, TOPIC
from permits.settings import Settings

_HERE = Path(__file__).parents[2]

SERVICE = Service(
    name="permits",
    title="Bauaufsicht",
    published=(*PUBLISHED, *PROGRESS.events, *CATALOGUE.events, replay_requests.asked_by("permits")),
    routers=(http.router,),
    readers=(
        subscribers.applications,
        *replay_requests.answered_by("permits", notifications=[TOPIC], portal=[PROGRESS.topic, CATALOGUE.topic]),
    ),
    tasks=(
        DeadlineClock(on_due_soon=subscribers.on_due_soon, on_overdue=subscribers.on_overdue),
        ProcedureFolder(OFFICE, _HERE / "procedures", CATALOGUE, written_for={BUILDING_PERMIT.key: READ}),
    ),
    settings=Settings,
    migrations=_HERE / "migrations",
    web=desk_of(PermitsDesk(), languages=DESK_LANGUAGES),
)
