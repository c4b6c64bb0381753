"""A caseworker finds the child that an application is about."""

from dataclasses import dataclass

from amtsbus.casework.roles import Role
from amtsbus.errors import ForbiddenError, RuleViolationError
from amtsbus.postgres import Tx

from schooling import store
from schooling.domain.application import ApplicationTarget, Evidence
from schooling.domain.enrolment import admit
from schooling.domain.procedure import State
from schooling.use_cases.open_application import open_application
from schooling.use_cases.read_answers import read_application
from schooling.use_cases.register_applied_child import register_applied_child


@dataclass(frozen=True)
class MatchApplication:
    target: ApplicationTarget
    reference: str
    """Of the child's enrolment."""
    evidence: Evidence | None
    """What shows that the applicant may register the child, where the register does not say that they have custody."""


async def match_application(command: MatchApplication, tx: Tx) -> None:
    """Register the child by the application.

    Raises:
        NotFoundError, ForbiddenError: the person may not, or has custody of the child.
        PreconditionFailedError: the application has changed.
        RuleViolationError: code `enrolment-unknown`, `custody-not-shown`, `answers-missing` (ask for them first),
            or `not-invited`.
    """
    application, actor = await open_application(command.target, tx)
    read = await read_application(application, tx)
    if read.stated is None:
        raise RuleViolationError("answers are wrong or missing: ask for them first", code="answers-missing")
    enrolment_id = await store.enrolment_of_reference(tx, command.reference)
    if enrolment_id is None:
        raise RuleViolationError("there is no enrolment of this reference", code="enrolment-unknown")
    enrolment = await store.lock_enrolment(tx, enrolment_id)
    if Role.CITIZEN in admit(command.target.party, enrolment.child).roles:
        raise ForbiddenError("whoever has custody of the child acts as its parent, not for the administration")
    if enrolment.case.state != State.INVITED:
        raise RuleViolationError("this child is not invited, or registered already", code="not-invited")
    has_custody = enrolment.child.in_custody_of(application.applicant_id)
    if not has_custody and command.evidence is None:
        raise RuleViolationError(
            "the applicant has no custody by the register: say what shows that they may register the child",
            code="custody-not-shown",
        )
    evidence = None if has_custody else command.evidence
    await register_applied_child(application, enrolment, read.stated, command.target.party, evidence, actor, tx)
