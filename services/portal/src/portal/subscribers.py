"""What offices and departments tell us: each event becomes a use case.

All of them speak the same language, each in its own name: `kind` is the publisher that their events' types begin with.
"""

from amtsbus.casework.progress import REQUEST_BESIDE_AN_OWN
from amtsbus.postgres import Tx
from amtsbus.reader import Reader

from portal.consumed import (
    CaseDecided,
    CaseMoved,
    CaseOpened,
    ContactPreferencesChanged,
    DocumentsRequested,
    FeeCharged,
    FeeSettled,
    LetterIssued,
    ProcedurePublished,
    ProcedureWithdrawn,
)
from portal.domain.contact import ContactPreferences
from portal.domain.letter import Letter
from portal.use_cases.keep_letter import KeepLetter, keep_letter
from portal.use_cases.offer_procedure import OfferProcedure, offer_procedure
from portal.use_cases.record_contact import RecordContact, record_contact
from portal.use_cases.record_decision import RecordDecision, record_decision
from portal.use_cases.record_fee import RecordFee, record_fee
from portal.use_cases.record_move import RecordMove, record_move
from portal.use_cases.record_opening import RecordOpening, record_opening
from portal.use_cases.record_request import RecordRequest, record_request
from portal.use_cases.record_settlement import RecordSettlement, record_settlement
from portal.use_cases.withdraw_procedure import WithdrawProcedure, withdraw_procedure

OFFICES = "offices"
"""The package of which the offices are instances."""
NOTIFICATIONS = "notifications"
"""Who writes the letters of the departments with code of their own."""


contact_preferences = Reader(
    "notifications.contact-preferences.events", group="portal.contact-preferences", compacted=True
)


@contact_preferences(ContactPreferencesChanged)
async def on_contact_preferences_changed(event: ContactPreferencesChanged, tx: Tx) -> None:
    """Somebody has chosen, here or elsewhere, or an e-mail has come back."""
    preferences = ContactPreferences(event.email, event.language, event.email_notice, event.email_bounced_at)
    await record_contact(RecordContact(event.person_id, preferences), tx)


def readers_of(office: str) -> tuple[Reader, ...]:
    """What is read of one office."""
    return (_cases_of(office, OFFICES), letters_of(office, OFFICES), _procedures_of(office, OFFICES))


def readers_of_department(name: str) -> tuple[Reader, ...]:
    """What is read of one department with code of its own; its letters are written by notifications."""
    return (_cases_of(name, name), _procedures_of(name, name))


def _cases_of(office: str, kind: str) -> Reader:
    cases = Reader(f"{office}.case.events", group=f"portal.{office}-cases")
    request = "" if kind == OFFICES else f"{REQUEST_BESIDE_AN_OWN}.v1"

    @cases(CaseOpened.told_by(kind))
    async def on_case_opened(event: CaseOpened, tx: Tx) -> None:
        await record_opening(
            RecordOpening(event.case_id, event.reference, event.state, event.due_on, event.opened_at), tx
        )

    @cases(CaseMoved.told_by(kind))
    async def on_case_moved(event: CaseMoved, tx: Tx) -> None:
        await record_move(
            RecordMove(event.case_id, event.action, event.state, event.due_on, event.closed, event.moved_at), tx
        )

    @cases(DocumentsRequested.told_by(kind, request))
    async def on_documents_requested(event: DocumentsRequested, tx: Tx) -> None:
        await record_request(
            RecordRequest(event.case_id, event.documents, event.fields, event.due_on, event.meta.time), tx
        )

    @cases(CaseDecided.told_by(kind))
    async def on_case_decided(event: CaseDecided, tx: Tx) -> None:
        await record_decision(RecordDecision(event.case_id, event.outcome, event.automatic, event.decided_at), tx)

    @cases(FeeCharged.told_by(kind))
    async def on_fee_charged(event: FeeCharged, tx: Tx) -> None:
        await record_fee(RecordFee(event.case_id, event.amount_cents, event.due_on, event.meta.time), tx)

    @cases(FeeSettled.told_by(kind))
    async def on_fee_settled(event: FeeSettled, tx: Tx) -> None:
        await record_settlement(RecordSettlement(event.case_id, event.amount_cents, event.settled_at), tx)

    return cases


def letters_of(name: str, kind: str) -> Reader:
    """What is read of somebody who writes letters: an office, or notifications for the departments with code of their own."""
    letters = Reader(f"{name}.letter.events", group=f"portal.{name}-letters")

    @letters(LetterIssued.told_by(kind))
    async def on_letter_issued(event: LetterIssued, tx: Tx) -> None:
        await keep_letter(KeepLetter(Letter(**event.model_dump())), tx)

    return letters


def _procedures_of(office: str, kind: str) -> Reader:
    procedures = Reader(f"{office}.procedure.events", group=f"portal.{office}-procedures", compacted=True)

    @procedures(ProcedurePublished.told_by(kind))
    async def on_procedure_published(event: ProcedurePublished, tx: Tx) -> None:
        await offer_procedure(
            OfferProcedure(
                event.office, event.key, event.version, event.declaration, event.office_declaration, event.published_at
            ),
            tx,
        )

    @procedures(ProcedureWithdrawn.told_by(kind))
    async def on_procedure_withdrawn(event: ProcedureWithdrawn, tx: Tx) -> None:
        await withdraw_procedure(WithdrawProcedure(event.office, event.key, event.withdrawn_at), tx)

    return procedures
