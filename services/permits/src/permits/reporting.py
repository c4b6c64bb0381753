"""What the world hears of an application: in our own words, and in those in which every department tells how a case goes on.

The portal knows the second ones alone, and our procedure file, which names states and steps.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final, Literal

from amtsbus.events import Published
from amtsbus.procedures import steps

from permits.domain.application import BuildingApplication
from permits.domain.events import (
    AgencyHeard,
    AgencyResponded,
    ApplicationApproved,
    ApplicationComplete,
    ApplicationLapsed,
    ApplicationRefused,
    ApplicationSubmitted,
    ApplicationWithdrawn,
    DocumentsRequested,
    DocumentsSupplied,
    DomainEvent,
    FeeNoticed,
)
from permits.domain.handed_in import KEYS
from permits.domain.procedure import BUILDING_PERMIT, Action, State
from permits.published import OFFICE, PROGRESS, published

STATES: Final[Mapping[State, str]] = MappingProxyType(
    {state: str(state) for state in State}
    | {State.SUBMITTED: steps.RECEIVED, State.APPROVED: steps.GRANTED, State.REFUSED: steps.REFUSED}
)
"""Our states as every department calls them; those that are ours alone, the procedure file names."""


def told(
    application: BuildingApplication, happened: Iterable[DomainEvent], now: datetime, *, procedure_version: int = 0
) -> list[Published]:
    """What the world hears of `happened`, in the same order.

    Args:
        procedure_version: of the form that was filled in, or the newest one; only where an application is submitted.
    """
    happened = list(happened)
    return [
        *published(application, happened),
        *(one for event in happened for one in _in_common_words(application, event, happened, now, procedure_version)),
    ]


def _in_common_words(
    application: BuildingApplication,
    event: DomainEvent,
    happened: list[DomainEvent],
    now: datetime,
    procedure_version: int,
) -> Iterator[Published]:
    match event:
        case ApplicationSubmitted():
            yield _opened(application, procedure_version)
        case DocumentsRequested():
            yield _moved(application, Action.REQUEST_DOCUMENTS, now)
            yield from still_asked(application)
        case DocumentsSupplied():
            is_all = application.open_request is None
            yield _moved(application, Action.SUPPLY_DOCUMENTS if is_all else Action.SUPPLY_SOME_DOCUMENTS, now)
            yield from still_asked(application)
        case ApplicationLapsed():
            yield _moved(application, Action.LAPSE, now)
        case ApplicationComplete():
            yield _moved(application, Action.DECLARE_COMPLETE, now)
        case AgencyHeard() if event is happened[0]:
            yield _moved(application, Action.HEAR_AGENCIES, now)  # one step, however many are asked
        case AgencyResponded() if application.state is State.DECIDING:
            yield _moved(application, Action.CONCLUDE_HEARINGS, now)
        case ApplicationApproved():
            yield _moved(application, steps.GRANT, now)
            yield _decided(application, "granted", now)
        case ApplicationRefused():
            yield _moved(application, steps.REFUSE, now)
            yield _decided(application, "refused", now)
        case FeeNoticed():
            yield PROGRESS.fee_charged(
                office=OFFICE,
                case_id=application.application_id,
                amount_cents=event.fee_cents,
                due_on=event.payable_on,
            )
        case ApplicationWithdrawn():
            yield _moved(application, Action.WITHDRAW, now)
        case _:
            return


def still_asked(application: BuildingApplication) -> Iterator[Published]:
    """What the applicant is asked for at present and has not handed in, if anything."""
    request = application.open_request
    if request is not None:
        yield PROGRESS.documents_requested(
            office=OFFICE,
            case_id=application.application_id,
            documents=tuple(sorted(KEYS[code] for code in request.outstanding)),
            fields=tuple(sorted(request.outstanding_answers)),
            due_on=request.due_on,
        )


def settled(application: BuildingApplication, amount_cents: int, now: datetime) -> Published:
    """A payment was recorded."""
    return PROGRESS.fee_settled(
        office=OFFICE, case_id=application.application_id, amount_cents=amount_cents, settled_at=now
    )


def _opened(application: BuildingApplication, procedure_version: int) -> Published:
    return PROGRESS.case_opened(
        office=OFFICE,
        case_id=application.application_id,
        procedure=BUILDING_PERMIT.key,
        procedure_version=procedure_version,
        reference=application.reference,
        applicant_id=application.applicant_id,
        state=STATES[application.state],
        due_on=application.case.due_on,
        opened_at=application.case.opened_at,
    )


def _moved(application: BuildingApplication, action: str, now: datetime) -> Published:
    return PROGRESS.case_moved(
        office=OFFICE,
        case_id=application.application_id,
        action=str(action),
        state=STATES[application.state],
        due_on=application.case.due_on,
        closed=application.case.is_closed,
        moved_at=now,
    )


def _decided(application: BuildingApplication, outcome: Literal["granted", "refused"], now: datetime) -> Published:
    return PROGRESS.case_decided(
        office=OFFICE, case_id=application.application_id, outcome=outcome, automatic=False, decided_at=now
    )
