"""Whether a school has a place for a child now.

This is not the allocation of all children to all schools at once; see the README. It keeps two promises that any procedure
must keep: no school takes more children than it has places, and nobody overtakes a child that goes first by the law's
criteria as they were recorded.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from schooling.domain.rules import Criterion, precedence


@dataclass(frozen=True)
class Admission:
    """A school in one school year, as it stands while the place is decided (under the lock of its capacity)."""

    places: int
    """Aufnahmekapazität, set by the city (§ 46 SchulG NRW)."""
    accepted: int
    waiting: tuple[frozenset[Criterion], ...] = ()
    """The criteria of the *other* children who are confirmed, have this school as first choice and no decision yet."""

    @property
    def free(self) -> int:
        """Places that nobody has; never negative."""
        return max(0, self.places - self.accepted)

    def ahead_of(self, criteria: frozenset[Criterion], order: Sequence[Criterion], *, first_choice: bool) -> int:
        """How many waiting children go first. A child that comes from another school comes after all of them."""
        if not first_choice:
            return len(self.waiting)
        own = precedence(criteria, order)
        return sum(precedence(other, order) < own for other in self.waiting)

    def has_place_for(self, criteria: frozenset[Criterion], order: Sequence[Criterion], *, first_choice: bool) -> bool:
        """Whether a place stays free even if all who go first take theirs."""
        return self.ahead_of(criteria, order, first_choice=first_choice) < self.free
