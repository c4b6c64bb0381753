"""What the portal hears of an application, in the words in which every department tells how a case goes on.

What happens to the enrolment that it leads to is told on our own topic, and to all who have custody: an application has come
to its end when the child is registered.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from amtsbus.events import Published
from amtsbus.procedures import steps

from schooling.domain.application import KEYS, Application
from schooling.domain.procedure import SCHOOL_REGISTRATION, ApplicationAction, ApplicationState
from schooling.published import OFFICE, PROGRESS

STATES: Final[Mapping[ApplicationState, str]] = MappingProxyType(
    {
        ApplicationState.UNMATCHED: steps.RECEIVED,
        ApplicationState.ASKED: steps.DOCUMENTS_REQUESTED,
        ApplicationState.REGISTERED: steps.GRANTED,
        ApplicationState.REFUSED: steps.REFUSED,
        ApplicationState.TAKEN_BACK: steps.WITHDRAWN,
    }
)
"""Our states as every department calls them; the procedure file says what they are called here."""


def opened(application: Application) -> Published:
    """The application is there."""
    case = application.case
    return PROGRESS.case_opened(
        office=OFFICE,
        case_id=case.case_id,
        procedure=SCHOOL_REGISTRATION.key,
        procedure_version=application.procedure_version,
        reference=case.reference,
        applicant_id=case.applicant_id,
        state=STATES[application.state],
        due_on=case.due_on,
        opened_at=case.opened_at,
    )


def moved(application: Application, action: ApplicationAction, now: datetime) -> Published:
    """A step was taken."""
    return PROGRESS.case_moved(
        office=OFFICE,
        case_id=application.application_id,
        action=action.value,
        state=STATES[application.state],
        due_on=application.case.due_on,
        closed=application.case.is_closed,
        moved_at=now,
    )


def refused(application: Application, now: datetime) -> Published:
    """It was decided that nobody is registered by it."""
    return PROGRESS.case_decided(
        office=OFFICE, case_id=application.application_id, outcome="refused", automatic=False, decided_at=now
    )


def still_asked(application: Application) -> Iterator[Published]:
    """What the applicant is asked for at present, if anything."""
    if application.asked_until is not None:
        yield PROGRESS.documents_requested(
            office=OFFICE,
            case_id=application.application_id,
            documents=tuple(sorted(KEYS[document] for document in application.asked_documents)),
            fields=tuple(sorted(application.asked_answers)),
            due_on=application.asked_until,
        )
