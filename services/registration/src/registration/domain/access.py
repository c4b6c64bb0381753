"""Who may see what of the register (BMG §§ 23 (2), 51; security: a foreign record does not exist for a citizen)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from amtsbus.casework.roles import Actor, Role

from registration.domain.ages import years_later
from registration.domain.persons import Resident


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whoever asks: staff by their roles, a citizen by the person that they are."""

    actor: Actor
    person_id: UUID | None = None

    @property
    def subject(self) -> str:
        return self.actor.subject

    @property
    def is_staff(self) -> bool:
        return not self.actor.roles.isdisjoint({Role.CLERK, Role.LEAD, Role.AUDITOR})

    @property
    def sees_blocked(self) -> bool:
        """May read the record of somebody with a disclosure block."""
        return not self.actor.roles.isdisjoint({Role.LEAD, Role.AUDITOR})

    def may_read(self, resident: Resident, own: Resident | None) -> bool:
        """Whether the record is shown.

        `own` is the viewer's record where the viewer is a citizen: they see themself and those with whom they live,
        but never the data of a blocked relative (§ 23 (2)).
        """
        if self.is_staff:
            return self.sees_blocked or not resident.blocked
        if resident.person_id == self.person_id:
            return True
        return own is not None and not resident.blocked and not own.household_ids.isdisjoint(resident.household_ids)

    def may_act_for(self, resident: Resident, own: Resident | None) -> bool:
        """Whether the viewer may name this known person in a declaration: one member suffices (§ 23 (4))."""
        return self.may_read(resident, own)

    def may_see_case(self, *, applicant_id: UUID, adult_subject_ids: Iterable[UUID], protected: bool) -> bool:
        """Whether a declaration is shown: to staff unless it is of somebody blocked, to the adults whom it is about."""
        if self.is_staff:
            return self.sees_blocked or not protected
        if self.person_id == applicant_id:
            return True
        return not protected and self.person_id in set(adult_subject_ids)

    def is_concerned(self, person_ids: Iterable[UUID]) -> bool:
        """Whether a case that is about these persons is the viewer's own matter (VwVfG NRW § 20 (1))."""
        return self.person_id is not None and self.person_id in set(person_ids)


def block_end(granted_on: date, running_until: date | None, years: int) -> date:
    """The last day of a block that is granted today; a running one is prolonged from its end (BMG § 51 (4))."""
    return years_later(max(granted_on, running_until or granted_on), years)
