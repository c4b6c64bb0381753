"""What handing in any declaration has in common: the case, its notes, and the wait for the landlord."""

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from amtsbus.casework import store as cases
from amtsbus.casework.calendar import Period
from amtsbus.casework.case import Case
from amtsbus.casework.procedure import Procedure
from amtsbus.casework.roles import Actor, Role
from amtsbus.errors import ForbiddenError, RuleViolationError
from amtsbus.ids import new_id
from amtsbus.postgres import Tx

from registration import store
from registration.domain.access import Viewer
from registration.domain.ages import age_on
from registration.domain.declarations import (
    Declaration,
    Departure,
    LandlordConfirmation,
    days_late,
    landlord_differences,
)
from registration.domain.law import NumbersInForce, Office
from registration.domain.persons import Resident
from registration.domain.procedures import LANDLORD_CONFIRMATION_PERIOD

WARN_DAYS_BEFORE = 3


async def open_declaration(
    procedure: Procedure,
    declaration: Declaration,
    *,
    applicant_id: UUID,
    adult_ids: Collection[UUID],
    period: Period,
    notes: Iterable[str],
    viewer: Viewer,
    office: Office,
    tx: Tx,
) -> UUID:
    """Open the case of a plausible declaration; returns its id.

    Lateness is noted and holds up nothing (BMG § 54). Without the landlord's confirmation the case waits for it.
    """
    now, today = tx.clock.now(), tx.clock.today()
    case = Case.open(
        procedure,
        case_id=new_id(),
        reference=await cases.next_reference(tx, procedure, today.year),
        applicant_id=applicant_id,
        now=now,
        subject_ids=declaration.person_ids,
        actor=viewer.actor,
    )
    late = days_late(declaration.effective_on, period, today)
    if late:
        case.note(
            f"Declared {late} days after the end of the period ({period}, BMG § 17). No obstacle (§ 54).",
            Actor.system(),
            now,
        )
    if not isinstance(declaration, Departure):
        if declaration.landlord is None:
            case.take("await-confirmation", viewer.actor, now)
            case.start_period(
                LANDLORD_CONFIRMATION_PERIOD,
                today,
                office.law.on(today).landlord_confirmation,
                warn_days_before=WARN_DAYS_BEFORE,
                now=now,
            )
        elif isinstance(declaration.landlord, LandlordConfirmation):
            differences = landlord_differences(declaration.effective_on, declaration.landlord)
            if differences:
                case.note(differences, Actor.system(), now)
    for note in notes:
        case.note(note, Actor.system(), now)
    await cases.add(tx, case)
    await store.add_declaration(tx, case.case_id, procedure.key, declaration, days_late=late, adult_ids=adult_ids)
    return case.case_id


async def known_persons(
    tx: Tx, person_ids: Collection[UUID], viewer: Viewer, numbers: NumbersInForce
) -> Mapping[UUID, Resident]:
    """Those whom a declaration of a move or a departure names, all of them known to the register.

    Raises:
        RuleViolationError: code `unknown-person`: one is not known, or not of the citizen's household, which looks alike
            from outside; `declarant-too-young`.
    """
    found = await store.residents(tx, {*person_ids, *citizens_own(viewer)})
    own = found.get(viewer.person_id) if viewer.person_id and not viewer.is_staff else None
    if own is not None and age_on(own.data.date_of_birth, tx.clock.today()) < numbers.declarant_age:
        raise RuleViolationError(
            f"whoever is under {numbers.declarant_age} is declared by a custodian (BMG § 17 (3))",
            code="declarant-too-young",
        )
    for person_id in person_ids:
        person = found.get(person_id)
        if person is None or not (viewer.is_staff or viewer.may_act_for(person, own)):
            raise unknown_person()
    return {person_id: found[person_id] for person_id in person_ids}


def unknown_person() -> RuleViolationError:
    """The same refusal whether a person is not known or not the caller's to name."""
    return RuleViolationError(
        "one of the persons named by id is not known here, or does not live in your household", code="unknown-person"
    )


def citizens_own(viewer: Viewer) -> tuple[UUID, ...]:
    """The person that a citizen is."""
    return () if viewer.is_staff or viewer.person_id is None else (viewer.person_id,)


def own_person_id(viewer: Viewer) -> UUID:
    """The person that a citizen is.

    Raises:
        ForbiddenError: the login is connected with no person.
    """
    if viewer.person_id is None or Role.CITIZEN not in viewer.actor.roles:
        raise ForbiddenError("this login is not connected with a person; log in with the citizen's account")
    return viewer.person_id
