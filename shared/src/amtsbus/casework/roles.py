"""Who may act on a case."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self


class Role(StrEnum):
    """What a person is to a case; comes from the token of whoever calls."""

    CITIZEN = "citizen"
    """Sees and acts on their own cases only."""
    CLERK = "clerk"
    """Sachbearbeitung: works on the cases of the own department."""
    LEAD = "lead"
    """Leitung: what a clerk does, and the second pair of eyes."""
    AUDITOR = "auditor"
    """Reads, changes nothing."""
    OPERATOR = "operator"
    """Keeps the service running, sees no content."""


class SystemRole(StrEnum):
    """What acts where nobody does. An enumeration of its own, so that no token can ever claim it."""

    SYSTEM = "system"


SYSTEM: Final = SystemRole.SYSTEM
"""The pseudo-role of the clock and of the subscribers: transitions that happen by law, without a person."""

ActingRole = Role | SystemRole


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something to a case, as the procedure and the history see it.

    `subject` is the token's `sub`: a pseudonym that stays the same for one person, never a name.
    """

    subject: str
    roles: frozenset[ActingRole]

    @classmethod
    def system(cls) -> Self:
        """The clock, or a subscriber that acts on another department's event."""
        return cls(subject="system", roles=frozenset({SYSTEM}))
