"""What other departments' events lead to here."""

from datetime import datetime

from amtsbus.postgres import Tx
from amtsbus.reader import Reader

from schooling.consumed import (
    ApplicationSubmitted,
    ApplicationWithdrawn,
    DocumentsSupplied,
    SchoolAgeChildChanged,
    SchoolAgeChildMovedAway,
    SchoolAgeChildRegistered,
    UploadedDocument,
)
from schooling.domain.application import CODES, HandedInFile
from schooling.use_cases.receive_application import ReceiveApplication, receive_application
from schooling.use_cases.receive_supplement import ReceiveSupplement, receive_supplement
from schooling.use_cases.receive_withdrawal import ReceiveWithdrawal, receive_withdrawal
from schooling.use_cases.release_child import ReleaseChild, release_child
from schooling.use_cases.take_in_child import TakeInChild, take_in_child

applications = Reader("portal.schooling.applications", group="schooling.applications")
school_age_children = Reader("registration.school-age-child.events", group="schooling.school-age-children")


@school_age_children(SchoolAgeChildRegistered)
async def on_school_age_child_registered(event: SchoolAgeChildRegistered, tx: Tx) -> None:
    await take_in_child(_entry(event, arrives=True), tx)


@school_age_children(SchoolAgeChildChanged)
async def on_school_age_child_changed(event: SchoolAgeChildChanged, tx: Tx) -> None:
    await take_in_child(_entry(event, arrives=False), tx)


@school_age_children(SchoolAgeChildMovedAway)
async def on_school_age_child_moved_away(event: SchoolAgeChildMovedAway, tx: Tx) -> None:
    await release_child(ReleaseChild(event.child_id, event.moved_out_on), tx)


def _entry(event: SchoolAgeChildRegistered | SchoolAgeChildChanged, *, arrives: bool) -> TakeInChild:
    return TakeInChild(
        event.child_id,
        event.given_names,
        event.family_name,
        event.date_of_birth,
        event.custodian_ids,
        arrives=arrives,
    )


@applications(ApplicationSubmitted)
async def on_application_submitted(event: ApplicationSubmitted, tx: Tx) -> None:
    """Parents have handed in a registration."""
    command = ReceiveApplication(
        application_id=event.application_id,
        procedure_version=event.procedure_version,
        applicant_id=event.applicant.person_id,
        applicant_name=event.applicant.name,
        identification=event.applicant.identification,
        answers=event.answers,
        files=_files(event.documents, event.handed_in_at),
        handed_in_at=event.handed_in_at,
    )
    await receive_application(command, tx)


@applications(DocumentsSupplied)
async def on_documents_supplied(event: DocumentsSupplied, tx: Tx) -> None:
    """Something was handed in later."""
    files = _files(event.documents, event.supplied_at)
    command = ReceiveSupplement(event.application_id, event.answers, files, event.message, event.supplied_at)
    await receive_supplement(command, tx)


@applications(ApplicationWithdrawn)
async def on_application_withdrawn(event: ApplicationWithdrawn, tx: Tx) -> None:
    """The applicant does not want it any more."""
    await receive_withdrawal(ReceiveWithdrawal(event.application_id), tx)


def _files(documents: tuple[UploadedDocument, ...], supplied_at: datetime) -> list[HandedInFile]:
    """Those that are documents of an enrolment; the form asks for no others."""
    return [
        HandedInFile(CODES[one.key], bytes.fromhex(one.sha256), one.size_bytes, one.media_type, supplied_at)
        for one in documents
        if one.key in CODES
    ]
