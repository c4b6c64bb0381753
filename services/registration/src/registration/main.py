"""Registration put together: `amtsbus api registration`, `amtsbus worker registration`, `amtsbus migrate registration`."""

from pathlib import Path

from amtsbus import replay_requests
from amtsbus.desk import desk_of
from amtsbus.service import Service

from registration.daily import daily_round, deadlines
from registration.desk import DESK_LANGUAGES, RegistrationDesk
from registration.http import ROUTERS
from registration.published import PUBLISHED
from registration.settings import RegistrationSettings

SERVICE = Service(
    name="registration",
    title="Meldewesen",
    published=PUBLISHED,
    routers=ROUTERS,
    readers=replay_requests.answered_by(
        "registration",
        notifications=["registration.resident.events", "registration.postal-address.events"],
        schooling=["registration.school-age-child.events"],
    ),
    tasks=(daily_round, deadlines),
    settings=RegistrationSettings,
    migrations=Path(__file__).parents[2] / "migrations",
    web=desk_of(RegistrationDesk(), languages=DESK_LANGUAGES),
)
