"""What the portal tells us, and what the clock announces: each becomes a use case."""

from datetime import date
from uuid import UUID

import structlog
from amtsbus.casework.deadlines import DeadlineClock
from amtsbus.casework.roles import Actor
from amtsbus.postgres import Tx
from amtsbus.procedures import steps
from amtsbus.reader import Reader

from offices import store
from offices.consumed import ApplicationSubmitted, ApplicationWithdrawn, DocumentsSupplied, FeePaid
from offices.consumed import Document as HandedIn
from offices.domain.case_file import DECISION, HEARING, Document, Payment
from offices.domain.office import Office
from offices.use_cases.open_case import OpenCase, open_case
from offices.use_cases.record_opinion import record_silence
from offices.use_cases.record_payment import RecordPayment, record_payment
from offices.use_cases.supply_documents import SupplyDocuments, supply_documents
from offices.use_cases.take_decision import settle
from offices.use_cases.withdraw_case import WithdrawCase, withdraw_case

log = structlog.get_logger("offices")


def applications_of(office: Office) -> Reader:
    """Reads what citizens hand in for this office."""
    applications = Reader(f"portal.{office.key}.applications", group=f"{office.key}.applications")

    @applications(ApplicationSubmitted)
    async def on_application_submitted(event: ApplicationSubmitted, tx: Tx) -> None:
        await open_case(
            OpenCase(
                application_id=event.application_id,
                procedure=event.procedure,
                procedure_version=event.procedure_version,
                language=event.language,
                applicant_id=event.applicant.person_id,
                applicant_name=event.applicant.name,
                applicant_email=event.applicant.email,
                identification=event.applicant.identification,
                answers=event.answers,
                documents=_documents(event.documents, tx),
                handed_in_at=event.handed_in_at,
            ),
            office,
            tx,
        )

    @applications(DocumentsSupplied)
    async def on_documents_supplied(event: DocumentsSupplied, tx: Tx) -> None:
        documents = _documents(event.documents, tx)
        command = SupplyDocuments(event.application_id, documents, event.answers, event.message)
        await supply_documents(command, office, tx)

    @applications(ApplicationWithdrawn)
    async def on_application_withdrawn(event: ApplicationWithdrawn, tx: Tx) -> None:
        await withdraw_case(WithdrawCase(event.application_id), office, tx)

    @applications(FeePaid)
    async def on_fee_paid(event: FeePaid, tx: Tx) -> None:
        payment = Payment(event.payment_id, event.amount_cents, event.paid_at)
        await record_payment(RecordPayment(event.application_id, payment), office, tx)

    return applications


def _documents(handed_in: tuple[HandedIn, ...], tx: Tx) -> tuple[Document, ...]:
    now = tx.clock.now()
    return tuple(Document(one.key, one.name, one.sha256, one.size_bytes, one.media_type, now) for one in handed_in)


def clock_of(office: Office) -> DeadlineClock:
    """Announces the periods of this office's cases."""

    async def on_due_soon(case_id: UUID, procedure_key: str, kind: str, due_on: date, tx: Tx) -> None:  # noqa: ARG001 - the clock's signature
        log.info("due_soon", case_id=str(case_id), kind=kind, due_on=due_on.isoformat())

    async def on_overdue(case_id: UUID, procedure_key: str, kind: str, due_on: date, tx: Tx) -> None:  # noqa: ARG001 - the clock's signature
        if kind.startswith(HEARING):
            await record_silence(case_id, kind.removeprefix(HEARING), office, tx)
            return
        log.info("overdue", case_id=str(case_id), kind=kind, due_on=due_on.isoformat())
        if kind == DECISION:
            await _deem_granted(case_id, office, tx)

    return DeadlineClock(on_due_soon=on_due_soon, on_overdue=on_overdue)


async def _deem_granted(case_id: UUID, office: Office, tx: Tx) -> None:
    """An application counts as granted when the period ends, where a law says so (VwVfG § 42a)."""
    file = await store.get(tx, case_id, office.land)
    deadline = file.declared.deadline
    if deadline and deadline.fiction and file.case.state == steps.RECEIVED:
        await settle(file, steps.DEEM_GRANTED, [deadline.basis], Actor.system(), office, tx)
