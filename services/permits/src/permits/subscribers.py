"""What the portal tells us, and what the clock announces about the periods of an application: each becomes a use case.

Each announcement of the clock comes once, in the transaction in which the clock marks it.
"""

from datetime import date
from uuid import UUID

from amtsbus.postgres import Tx
from amtsbus.reader import Reader

from permits.consumed import ApplicationSubmitted, ApplicationWithdrawn, DocumentsSupplied, FeePaid
from permits.consumed import Document as File
from permits.domain.application import HEARING
from permits.domain.codes import Agency
from permits.domain.events import DeadlineDueSoon, DeadlineKind, DeadlineOverdue
from permits.domain.handed_in import HandedInFile, Payment, PortalApplication
from permits.use_cases.announce_deadline import announce_deadline
from permits.use_cases.lapse_application import lapse_application
from permits.use_cases.receive_application import ReceiveApplication, receive_application
from permits.use_cases.receive_documents import ReceiveDocuments, receive_documents
from permits.use_cases.receive_withdrawal import ReceiveWithdrawal, receive_withdrawal
from permits.use_cases.record_payment import RecordPayment, record_payment
from permits.use_cases.record_silence import record_silence

applications = Reader("portal.permits.applications", group="permits.applications")


@applications(ApplicationSubmitted)
async def on_application_submitted(event: ApplicationSubmitted, tx: Tx) -> None:
    """Somebody has applied."""
    handed_in = PortalApplication(
        application_id=event.application_id,
        procedure_version=event.procedure_version,
        language=event.language,
        applicant_name=event.applicant.name,
        applicant_email=event.applicant.email,
        identification=event.applicant.identification,
        answers=event.answers,
        files=_files(event.documents),
        handed_in_at=event.handed_in_at,
    )
    await receive_application(ReceiveApplication(handed_in, event.procedure, event.applicant.person_id), tx)


@applications(DocumentsSupplied)
async def on_documents_supplied(event: DocumentsSupplied, tx: Tx) -> None:
    """Something was handed in later."""
    files = _files(event.documents)
    command = ReceiveDocuments(event.application_id, files, event.answers, event.message, event.supplied_at)
    await receive_documents(command, tx)


@applications(ApplicationWithdrawn)
async def on_application_withdrawn(event: ApplicationWithdrawn, tx: Tx) -> None:
    """The applicant does not want it any more."""
    await receive_withdrawal(ReceiveWithdrawal(event.application_id), tx)


@applications(FeePaid)
async def on_fee_paid(event: FeePaid, tx: Tx) -> None:
    """The fee was paid."""
    payment = Payment(event.payment_id, event.amount_cents, event.paid_at)
    await record_payment(RecordPayment(event.application_id, payment), tx)


def _files(documents: tuple[File, ...]) -> tuple[HandedInFile, ...]:
    return tuple(HandedInFile(one.key, one.name, one.sha256, one.size_bytes, one.media_type) for one in documents)


async def on_due_soon(case_id: UUID, procedure_key: str, kind: str, due_on: date, tx: Tx) -> None:  # noqa: ARG001 - one procedure
    """A period ends in a few days; the agencies' periods are not warned of."""
    await announce_deadline(case_id, DeadlineDueSoon(DeadlineKind(kind), due_on), tx)


async def on_overdue(case_id: UUID, procedure_key: str, kind: str, due_on: date, tx: Tx) -> None:  # noqa: ARG001 - one procedure
    """A period has ended: the applicant's ends the case, an agency's its hearing, the authority's is announced."""
    if kind.startswith(HEARING):
        await record_silence(case_id, Agency(kind.removeprefix(HEARING)), tx)
    elif kind == DeadlineKind.DOCUMENTS:
        await lapse_application(case_id, due_on, tx)
    else:
        await announce_deadline(case_id, DeadlineOverdue(DeadlineKind(kind), due_on), tx)
