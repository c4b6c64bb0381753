"""A child of school age as schooling knows it: from the registration authority, kept up to date by its events."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Final
from unicodedata import category, combining, normalize
from uuid import UUID

from amtsbus.errors import RuleViolationError

from schooling.domain.rules import Rulebook, compulsory_start, starts_on

LONGEST_NAME: Final = 1000
"""Characters; far more than any register holds."""


@dataclass(frozen=True)
class Child:
    """A child and its custodians (Sorgeberechtigte)."""

    child_id: UUID
    given_names: str
    family_name: str
    date_of_birth: date
    custodian_ids: tuple[UUID, ...]
    school_year: int
    """The year in which school starts for it: the compulsory one, or a later one after a deferral."""
    deferred_to: int | None = None
    moved_out_on: date | None = None

    @classmethod
    def register(
        cls,
        child_id: UUID,
        given_names: str,
        family_name: str,
        date_of_birth: date,
        custodian_ids: tuple[UUID, ...],
        *,
        today: date,
        rulebook: Rulebook,
    ) -> "Child":
        """A child that the registration authority reports.

        Raises:
            RuleViolationError: the date of birth lies in the future, or so far back that no school awaits the child; a name
                is empty, longer than any name or holds control characters.
        """
        for name in (given_names, family_name):
            if not 0 < len(name.strip()) <= LONGEST_NAME or any(category(letter) == "Cc" for letter in name):
                raise RuleViolationError(
                    "a name is empty, too long or has control characters: the registration authority must correct its entry",
                    code="implausible-name",
                )
        if date_of_birth > today or date_of_birth.year < today.year - 25:
            raise RuleViolationError(
                "the date of birth is not one of a child: the registration authority must correct its entry",
                code="implausible-date-of-birth",
            )
        return cls(
            child_id,
            given_names,
            family_name,
            date_of_birth,
            tuple(dict.fromkeys(custodian_ids)),
            compulsory_start(date_of_birth, rulebook),
        )

    def following(self, known: "Child", *, arrives: bool) -> "Child":
        """This entry as the successor of what was `known`: a deferral that was decided outlives a correction.

        Args:
            arrives: the child comes to live here (again); a mere correction leaves a child that moved away where it is.
        """
        return replace(
            self,
            school_year=max(self.school_year, known.deferred_to or 0),
            deferred_to=known.deferred_to,
            moved_out_on=None if arrives else known.moved_out_on,
        )

    def deferred(self, school_year: int) -> "Child":
        """The child after its entry was deferred to `school_year`."""
        return replace(self, school_year=school_year, deferred_to=school_year)

    def moved_away(self, moved_out_on: date) -> "Child":
        """The child after it left the city."""
        return replace(self, moved_out_on=moved_out_on)

    def awaits_school(self, today: date) -> bool:
        """Whether first enrolment is still ahead: it lives here and its school year has not begun.

        A child that moves in later changes school, which is another procedure.
        """
        return self.moved_out_on is None and today < starts_on(self.school_year)

    def in_custody_of(self, person_id: UUID | None) -> bool:
        """Whether this person may act for the child."""
        return person_id is not None and person_id in self.custodian_ids

    def is_called(self, given_names: str, family_name: str) -> bool:
        """Whether this can be what its parents call it: some of its given names and its family name.

        Case, accents and hyphens make no difference; ß is ss.
        """
        given = set(_words(given_names))
        return (
            bool(given) and given <= set(_words(self.given_names)) and _words(family_name) == _words(self.family_name)
        )


def _words(name: str) -> list[str]:
    plain = "".join(sign for sign in normalize("NFKD", name.casefold()) if not combining(sign))
    return plain.replace("-", " ").split()
