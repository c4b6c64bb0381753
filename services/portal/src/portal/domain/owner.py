"""Whose something is: a citizen's who has logged in, or that of whoever sits at one browser."""

from dataclasses import dataclass, field
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Owner:
    """Whoever asks, as far as it decides what they may see.

    Args:
        person_id: the citizen who is logged in.
        visitor_id: the session of the browser, which stays the same when its visitor logs in.
        holds: applications for which nobody had to say who they are, and whose secret link this browser has opened.
    """

    person_id: UUID | None = None
    visitor_id: UUID | None = None
    holds: frozenset[UUID] = field(default_factory=frozenset)

    @property
    def is_known(self) -> bool:
        """Whether a citizen is logged in."""
        return self.person_id is not None


@dataclass(frozen=True, slots=True)
class Person:
    """What the log-in says about a citizen, as far as forms can be filled in with it."""

    name: str | None = None
    given_names: str | None = None
    family_name: str | None = None
    email: str | None = None
    street_address: str | None = None
    postal_code: str | None = None
    locality: str | None = None
