"""A child's entry into school is put off by a year (Zurückstellung, § 35 (3) SchulG NRW)."""

from dataclasses import dataclass

from amtsbus.postgres import Tx

from schooling import store
from schooling.domain.enrolment import Enrolment, Target
from schooling.published import published
from schooling.use_cases.invite_late_arrival import invite_late_arrival


@dataclass(frozen=True)
class DeferEntry:
    target: Target
    report_seen: bool


async def defer_entry(command: DeferEntry, tx: Tx) -> Enrolment:
    """Put the entry off, on application or ex officio; the child joins the next cohort and is invited with it.

    Raises:
        NotFoundError, ForbiddenError: the person may not.
        PreconditionFailedError: the enrolment has changed.
        RuleViolationError: the school doctor's report was not seen, or the entry was voluntary.
    """
    enrolment = await store.lock_enrolment(tx, command.target.enrolment_id)
    actor = enrolment.admit(command.target)
    deferred = enrolment.defer(actor, tx.clock.now(), report_seen=command.report_seen)
    await store.save_enrolment(tx, enrolment)
    await tx.append(enrolment.case.case_id, *published(enrolment, [deferred]))
    child = enrolment.child.deferred(deferred.until_school_year)
    await store.put_child(tx, child)
    await invite_late_arrival(child, tx)
    return enrolment
