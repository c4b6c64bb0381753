"""What a command is about."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.casework.roles import Actor


@dataclass(frozen=True)
class Target:
    """An application as the caller saw it.

    Attributes:
        version: the version that the caller acts on; a newer one means that somebody was faster.
        owner: whose application it must be; None for the staff, who may act on every one.
    """

    application_id: UUID
    version: int
    actor: Actor
    owner: UUID | None
