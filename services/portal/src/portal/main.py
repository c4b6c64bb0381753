"""The portal on one screen: what it publishes, shows, reads and does all the time."""

from collections.abc import Sequence
from pathlib import Path

from amtsbus import replay_requests, topics
from amtsbus.service import Service
from amtsbus.web import Web

from portal import pages, subscribers
from portal.published import APPLICATIONS, CONTACT, PUBLISHED
from portal.settings import PortalSettings
from portal.tasks import sweep

_HERE = Path(__file__).parent

WEB = Web(
    routers=pages.ROUTERS,
    templates=_HERE / "templates",
    languages=_HERE / "languages",
    audience="citizens",
    title="Kommunalportal",
)


def declared(offices: Sequence[str], departments: Sequence[str] = (), pattern: Service | None = None) -> Service:
    """The service as it reads of these offices, and of these departments with code of their own."""
    ours = {office: [APPLICATIONS.format(office=office)] for office in offices}
    theirs = [
        reader
        for name in departments
        for reader in (
            *subscribers.readers_of_department(name),
            *replay_requests.answered_by("portal", kind=name, **{name: [APPLICATIONS.format(office=name)]}),
        )
    ]
    return Service(
        name="portal",
        title="Kommunalportal",
        pattern=pattern,
        published=(*PUBLISHED, replay_requests.asked_by("portal")),
        routers=(),
        web=WEB,
        readers=(
            *(reader for office in offices for reader in subscribers.readers_of(office)),
            *replay_requests.answered_by("portal", kind=subscribers.OFFICES, **ours),
            *theirs,
            subscribers.letters_of(subscribers.NOTIFICATIONS, subscribers.NOTIFICATIONS),
            subscribers.contact_preferences,
            *replay_requests.answered_by("portal", notifications=[CONTACT]),
        ),
        tasks=(sweep,),
        settings=PortalSettings,
        migrations=_HERE.parents[1] / "migrations",
    )


_DEPARTMENTS = topics.departments()
SERVICE = declared(topics.offices(), _DEPARTMENTS, pattern=declared((topics.EACH_OFFICE,), _DEPARTMENTS))
