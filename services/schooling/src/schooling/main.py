"""Schooling on one screen: what it publishes, serves, reads and does by itself."""

from pathlib import Path

from amtsbus import replay_requests
from amtsbus.desk import desk_of
from amtsbus.procedures.publishing import ProcedureFolder
from amtsbus.service import Service

from schooling import http
from schooling.desk import DESK_LANGUAGES, SchoolingDesk
from schooling.domain.application import READ
from schooling.domain.procedure import SCHOOL_REGISTRATION
from schooling.published import APPLICATIONS, CATALOGUE, OFFICE, PROGRESS, PUBLISHED, TOPIC
from schooling.settings import SchoolingSettings
from schooling.subscribers import applications, school_age_children
from schooling.tasks import invite_cohorts, match_applications
from schooling.use_cases.offer_schools import offer_schools

_HERE = Path(__file__).parents[2]

SERVICE = Service(
    name="schooling",
    title="Schulverwaltung",
    published=(*PUBLISHED, *PROGRESS.events, *CATALOGUE.events, replay_requests.asked_by("schooling")),
    routers=http.ROUTERS,
    readers=(
        school_age_children,
        applications,
        *replay_requests.answered_by(
            "schooling", notifications=[TOPIC, APPLICATIONS], portal=[PROGRESS.topic, CATALOGUE.topic]
        ),
    ),
    tasks=(
        invite_cohorts,
        match_applications,
        ProcedureFolder(
            OFFICE,
            _HERE / "procedures",
            CATALOGUE,
            written_for={SCHOOL_REGISTRATION.key: READ},
            complete=offer_schools,
        ),
    ),
    settings=SchoolingSettings,
    migrations=_HERE / "migrations",
    web=desk_of(SchoolingDesk(), languages=DESK_LANGUAGES),
)
