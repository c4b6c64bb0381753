"""What the world hears of a case, made from the case as it is now."""

from datetime import date, datetime, timedelta
from typing import Literal, cast

from amtsbus.events import Published
from amtsbus.procedures import steps

from offices.domain.case_file import CaseFile, DocumentRequest
from offices.domain.office import Office
from offices.published import PROGRESS


def opened(office: Office, file: CaseFile) -> Published:
    """A case was opened."""
    return PROGRESS.case_opened(
        office=office.key,
        case_id=file.case_id,
        procedure=file.declared.key,
        procedure_version=file.version,
        reference=file.case.reference,
        applicant_id=file.case.applicant_id,
        state=file.case.state,
        due_on=file.case.due_on,
        opened_at=file.case.opened_at,
    )


def moved(office: Office, file: CaseFile, action: str, now: datetime) -> Published:
    """A step was taken."""
    return PROGRESS.case_moved(
        office=office.key,
        case_id=file.case_id,
        action=action,
        state=file.case.state,
        due_on=file.case.due_on,
        closed=file.case.is_closed,
        moved_at=now,
    )


def requested(office: Office, file: CaseFile, request: DocumentRequest) -> Published:
    """The applicant is asked for something."""
    return PROGRESS.documents_requested(
        office=office.key,
        case_id=file.case_id,
        documents=request.documents,
        fields=request.fields,
        due_on=request.due_on,
    )


def decided(office: Office, file: CaseFile, *, automatic: bool, now: datetime) -> Published:
    """The office has decided."""
    outcome = cast(Literal["granted", "refused"], file.case.decisions[-1].outcome)
    return PROGRESS.case_decided(
        office=office.key, case_id=file.case_id, outcome=outcome, automatic=automatic, decided_at=now
    )


def charged(office: Office, file: CaseFile, before_cents: int, today: date) -> list[Published]:
    """A fee has fallen due, where one has since `before_cents` were charged."""
    cents = file.charged_cents - before_cents
    if not cents:
        return []
    due_on = today + timedelta(days=office.payment_days)
    return [PROGRESS.fee_charged(office=office.key, case_id=file.case_id, amount_cents=cents, due_on=due_on)]


def settled(office: Office, file: CaseFile, amount_cents: int, now: datetime) -> Published:
    """A payment was recorded."""
    return PROGRESS.fee_settled(office=office.key, case_id=file.case_id, amount_cents=amount_cents, settled_at=now)


DECIDING = frozenset({steps.GRANT, steps.GRANT_AUTOMATICALLY, steps.DEEM_GRANTED, steps.REFUSE})
"""The steps that decide."""
