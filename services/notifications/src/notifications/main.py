"""The composition root of the notifications service."""

from pathlib import Path

from amtsbus import replay_requests
from amtsbus.service import Service

from notifications.http import ROUTERS
from notifications.patience import deliver_unaddressed
from notifications.published import PUBLISHED
from notifications.sender import send_emails
from notifications.settings import NotificationsSettings
from notifications.subscribers import READERS

SERVICE = Service(
    name="notifications",
    title="Mitteilungen",
    published=(*PUBLISHED, replay_requests.asked_by("notifications")),
    routers=ROUTERS,
    readers=READERS,
    tasks=(send_emails, deliver_unaddressed),
    settings=NotificationsSettings,
    migrations=Path(__file__).parents[2] / "migrations",
)
