"""The composition root of the notifications service."""

from collections.abc import Sequence
from pathlib import Path

from amtsbus import replay_requests, topics
from amtsbus.service import Service

from notifications.http import ROUTERS
from notifications.patience import deliver_unaddressed
from notifications.published import CONTACT, LETTERS, PUBLISHED
from notifications.sender import send_emails
from notifications.settings import NotificationsSettings
from notifications.subscribers import READERS, cases_of


def declared(offices: Sequence[str], pattern: Service | None = None) -> Service:
    """The service as it reads of these offices."""
    return Service(
        name="notifications",
        title="Mitteilungen",
        pattern=pattern,
        published=(*PUBLISHED, replay_requests.asked_by("notifications")),
        routers=ROUTERS,
        readers=(
            *READERS,
            *(cases_of(office) for office in offices),
            *replay_requests.answered_by("notifications", portal=[LETTERS, CONTACT]),
        ),
        tasks=(send_emails, deliver_unaddressed),
        settings=NotificationsSettings,
        migrations=Path(__file__).parents[2] / "migrations",
    )


SERVICE = declared(topics.offices(), pattern=declared((topics.EACH_OFFICE,)))
