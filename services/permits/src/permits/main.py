"""The building authority (Bauaufsicht) on one screen: what it publishes, serves and does all the time."""

from pathlib import Path

from amtsbus import replay_requests
from amtsbus.casework.deadlines import DeadlineClock
from amtsbus.desk import desk_of
from amtsbus.service import Service

from permits import http, subscribers
from permits.desk import DESK_LANGUAGES, PermitsDesk
from permits.published import PUBLISHED
from permits.settings import Settings

SERVICE = Service(
    name="permits",
    title="Bauaufsicht",
    published=PUBLISHED,
    routers=(http.router,),
    readers=replay_requests.answered_by("permits", notifications=["permits.application.events"]),
    tasks=(DeadlineClock(on_due_soon=subscribers.on_due_soon, on_overdue=subscribers.on_overdue),),
    settings=Settings,
    migrations=Path(__file__).parents[2] / "migrations",
    web=desk_of(PermitsDesk(), languages=DESK_LANGUAGES),
)
