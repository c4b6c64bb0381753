"""Who may see whom (BMG §§ 23 (2), 51)."""

from datetime import date
from uuid import uuid4

import pytest
from amtsbus.casework.roles import Actor, Role
from registration.domain.access import Viewer, block_end
from registration.domain.procedures import PROCEDURES

from .people import TODAY, home, resident


def staff(*roles: Role) -> Viewer:
    return Viewer(Actor("someone", frozenset(roles)))


def test_a_blocked_record_is_for_leads_and_auditors() -> None:
    blocked = resident(home(TODAY), blocked_until=date(2028, 3, 2))
    assert not staff(Role.CLERK).may_read(blocked, None)
    assert staff(Role.LEAD).may_read(blocked, None)
    assert staff(Role.AUDITOR).may_read(blocked, None)
    assert staff(Role.CLERK).may_read(resident(home(TODAY)), None)
    assert not staff(Role.OPERATOR).may_read(resident(home(TODAY)), None)


def test_a_citizen_sees_themself_and_the_present_household_without_blocked_members() -> None:
    household = uuid4()
    own = resident(home(TODAY, household_id=household))
    partner = resident(home(TODAY, household_id=household))
    former = resident(home(date(2020, 1, 1), TODAY, household_id=household))
    hidden = resident(home(TODAY, household_id=household), blocked_until=date(2028, 3, 2))
    viewer = Viewer(Actor("c", frozenset({Role.CITIZEN})), own.person_id)
    assert viewer.may_read(own, own)
    assert viewer.may_read(partner, own)
    assert not viewer.may_read(former, own)
    assert not viewer.may_read(hidden, own)
    assert not viewer.may_read(partner, None)
    assert not Viewer(Actor("c", frozenset({Role.CITIZEN})), None).may_read(own, None)


@pytest.mark.parametrize("protected", [True, False])
def test_a_case_is_shown_to_its_applicant_always_and_to_relatives_unless_protected(protected: bool) -> None:
    applicant, relative = uuid4(), uuid4()

    def sees(viewer: Viewer) -> bool:
        return viewer.may_see_case(applicant_id=applicant, adult_subject_ids=[applicant, relative], protected=protected)

    citizen = Actor("c", frozenset({Role.CITIZEN}))
    assert sees(Viewer(citizen, applicant))
    assert sees(Viewer(citizen, relative)) is not protected
    assert not sees(Viewer(citizen, uuid4()))
    assert sees(staff(Role.CLERK)) is not protected
    assert sees(staff(Role.LEAD))


def test_a_block_lasts_two_years_and_is_prolonged_from_its_end() -> None:
    assert block_end(TODAY, None, 2) == date(2028, 3, 2)
    assert block_end(TODAY, date(2026, 5, 1), 2) == date(2028, 5, 1)


def test_every_procedure_has_its_own_reference() -> None:
    assert {procedure.reference_prefix for procedure in PROCEDURES.values()} == {"MA", "UM", "AB", "AS"}
