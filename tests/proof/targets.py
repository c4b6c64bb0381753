"""What there is in the city to hurt."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Targets:
    """The names of services, of topics, and of the failpoints that their processes pass."""

    services: tuple[str, ...]
    readers: tuple[str, ...]
    """Those of `services` that read topics."""
    topics: tuple[str, ...]
    mailer: str
    """The service that sends e-mails."""
    witness: str
    """A service with a worker alone, which reads everything."""


CITY = Targets(
    services=("notifications", "permits", "registration", "schooling"),
    readers=("notifications", "schooling"),
    topics=(
        "permits.application.events",
        "registration.postal-address.events",
        "registration.resident.events",
        "registration.school-age-child.events",
        "schooling.enrolment.events",
    ),
    mailer="notifications",
    witness="witness",
)

QUIET = ("schooling.application.events",)
"""Topics on which the campaign's city tells nothing, so nobody hurts them: it has no portal that hands anything in."""
