"""What a command is about."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.casework.roles import Actor


@dataclass(frozen=True, slots=True)
class Target:
    """A case as the caseworker saw it; with a newer `version` somebody was faster."""

    case_id: UUID
    version: int
    actor: Actor
