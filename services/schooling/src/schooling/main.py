"""Schooling on one screen: what it publishes, serves, reads and does by itself."""

from pathlib import Path

from amtsbus import replay_requests
from amtsbus.desk import desk_of
from amtsbus.service import Service

from schooling import http
from schooling.desk import DESK_LANGUAGES, SchoolingDesk
from schooling.published import PUBLISHED
from schooling.settings import SchoolingSettings
from schooling.subscribers import school_age_children
from schooling.tasks import invite_cohorts

SERVICE = Service(
    name="schooling",
    title="Schulverwaltung",
    published=(*PUBLISHED, replay_requests.asked_by("schooling")),
    routers=http.ROUTERS,
    readers=(
        school_age_children,
        *replay_requests.answered_by("schooling", notifications=["schooling.enrolment.events"]),
    ),
    tasks=(invite_cohorts,),
    settings=SchoolingSettings,
    migrations=Path(__file__).parents[2] / "migrations",
    web=desk_of(SchoolingDesk(), languages=DESK_LANGUAGES),
)
