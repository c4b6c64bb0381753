"""Which school a decision is about, and how it stands."""

from uuid import UUID

from amtsbus.errors import RuleViolationError
from amtsbus.postgres import Tx

from schooling import store
from schooling.domain.admission import Admission
from schooling.domain.enrolment import Enrolment
from schooling.domain.rules import School
from schooling.use_cases.find_school import find_school


async def lock_places(enrolment: Enrolment, school_id: UUID | None, tx: Tx) -> tuple[School, Admission]:
    """The school that decides (None: the one whose turn it is) and its places, locked until the end of the transaction.

    Raises:
        RuleViolationError: no school is in line, it does not exist, or the city has set no places for it.
    """
    school = enrolment.school_in_line if school_id is None else await find_school(school_id, tx)
    if school is None:
        raise RuleViolationError(
            "no chosen school is left to decide: name another school that has places", code="no-choice-left"
        )
    admission = await store.lock_admission(tx, school.school_id, enrolment)
    if admission is None:
        raise RuleViolationError(
            f"no capacity is set for this school in {enrolment.school_year}: a lead sets it first",
            code="capacity-not-set",
        )
    return school, admission
