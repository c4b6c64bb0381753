"""The events that schooling publishes, and how what happened becomes them.

One topic of enrolments, keyed by the enrolment; ids, dates and schools only. The custodians are named by id so that notifications
can write to each of them; the child's name is in no event. Another one of applications from the portal, as far as the applicant
is written to about them. Beside them, in the words of every department, which service is offered in the portal and where the
applications stand (`CATALOGUE`, `PROGRESS`).
"""

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from amtsbus.casework.progress import Progress
from amtsbus.events import Published
from amtsbus.procedures.catalogue import Catalogue
from pydantic import BaseModel, ConfigDict, Field

from schooling.domain import events
from schooling.domain.application import Application, Ground
from schooling.domain.enrolment import Enrolment
from schooling.domain.events import Document, EnrolmentEvent, WithdrawalCause

OFFICE = "schooling"
"""Our key among the city's offices."""
TOPIC = "schooling.enrolment.events"
APPLICATIONS = "schooling.application.events"
PROGRESS = Progress(OFFICE)
CATALOGUE = Catalogue(OFFICE)

EnrolmentId = Annotated[
    UUID,
    Field(
        description="The enrolment; also the key and the subject of the event",
        examples=["01980a52-7c1e-7d40-9a3b-52d1f5a0e001"],
    ),
]
ChildId = Annotated[UUID, Field(description="The child", examples=["01980a52-7c1e-7d40-9a3b-52d1f5a0e002"])]
CustodianIds = Annotated[
    tuple[UUID, ...],
    Field(
        max_length=50,
        description="Who has custody of the child (Sorgeberechtigte); each of them is written to",
        examples=[["01980a52-7c1e-7d40-9a3b-52d1f5a0e003", "01980a52-7c1e-7d40-9a3b-52d1f5a0e004"]],
    ),
]
Reference = Annotated[
    str, Field(description="The reference number that letters quote (Aktenzeichen)", examples=["SE-2026-000123"])
]
SchoolYear = Annotated[
    int, Field(description="The year in which the school year begins: 2027 is the school year 2027/28", examples=[2027])
]


class SchoolV1(BaseModel):
    """A primary school of the city."""

    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)

    school_id: UUID = Field(description="The school", examples=["01980a52-7c1e-7d40-9a3b-52d1f5a0e005"])
    name: str = Field(description="Its name as letters write it", examples=["Grundschule Am Friedenspark"])


class ParentsInvitedV1(Published, type="schooling.parents-invited.v1", topic=TOPIC):
    """The custodians are asked to register their child, for whom school becomes compulsory (AO-GS § 1 (1))."""

    enrolment_id: EnrolmentId
    child_id: ChildId
    custodian_ids: CustodianIds
    reference: Reference
    school_year: SchoolYear
    register_until: date = Field(description="The last day for the registration", examples=["2026-11-15"])


class EnrolmentReceivedV1(Published, type="schooling.enrolment-received.v1", topic=TOPIC):
    """The custodians have registered their child with their choice of schools."""

    enrolment_id: EnrolmentId
    child_id: ChildId
    custodian_ids: CustodianIds
    reference: Reference
    school_year: SchoolYear
    first_choice: SchoolV1 = Field(
        description="The school that they want",
        examples=[{"school_id": "01980a52-7c1e-7d40-9a3b-52d1f5a0e005", "name": "Grundschule Am Friedenspark"}],
    )
    second_choice: SchoolV1 | None = Field(
        description="The school that they want if the first has no place; null where they named none",
        examples=[{"school_id": "01980a52-7c1e-7d40-9a3b-52d1f5a0e006", "name": "Grundschule Im Steinfeld"}],
    )


class DocumentsRequestedV1(Published, type="schooling.documents-requested.v1", topic=TOPIC):
    """Documents are missing for the enrolment."""

    enrolment_id: EnrolmentId
    child_id: ChildId
    custodian_ids: CustodianIds
    reference: Reference
    school_year: SchoolYear
    documents: tuple[Document, ...] = Field(description="What is missing", examples=[["measles-protection"]])
    due_on: date = Field(description="The last day on which it can be handed in", examples=["2026-12-01"])


class EnrolmentConfirmedV1(Published, type="schooling.enrolment-confirmed.v1", topic=TOPIC):
    """The registration is complete. It is not a place yet."""

    enrolment_id: EnrolmentId
    child_id: ChildId
    custodian_ids: CustodianIds
    reference: Reference
    school_year: SchoolYear


class ChildAcceptedV1(Published, type="schooling.child-accepted.v1", topic=TOPIC):
    """The child has a place at a school (Aufnahme, SchulG NRW § 46)."""

    enrolment_id: EnrolmentId
    child_id: ChildId
    custodian_ids: CustodianIds
    reference: Reference
    school_year: SchoolYear
    school: SchoolV1 = Field(
        description="The school that takes the child",
        examples=[{"school_id": "01980a52-7c1e-7d40-9a3b-52d1f5a0e005", "name": "Grundschule Am Friedenspark"}],
    )
    starts_on: date = Field(description="The first day of the school year", examples=["2027-08-01"])


class ChildNotAcceptedV1(Published, type="schooling.child-not-accepted.v1", topic=TOPIC):
    """A school does not take the child; the second choice or another school is next. The reasons are in the case, which the
    custodians can read."""

    enrolment_id: EnrolmentId
    child_id: ChildId
    custodian_ids: CustodianIds
    reference: Reference
    school_year: SchoolYear
    school: SchoolV1 = Field(
        description="The school that does not take the child",
        examples=[{"school_id": "01980a52-7c1e-7d40-9a3b-52d1f5a0e005", "name": "Grundschule Am Friedenspark"}],
    )


class EntryDeferredV1(Published, type="schooling.entry-deferred.v1", topic=TOPIC):
    """The child's entry into school is put off (Zurückstellung, SchulG NRW § 35 (3)). No reason is ever published."""

    enrolment_id: EnrolmentId
    child_id: ChildId
    custodian_ids: CustodianIds
    reference: Reference
    school_year: SchoolYear
    until_school_year: int = Field(description="The school year in which the child starts instead", examples=[2028])


class EarlyEntryRequestedV1(Published, type="schooling.early-entry-requested.v1", topic=TOPIC):
    """The custodians applied for their child to start school before it is compulsory (SchulG NRW § 35 (2))."""

    enrolment_id: EnrolmentId
    child_id: ChildId
    custodian_ids: CustodianIds
    reference: Reference
    school_year: SchoolYear


class EnrolmentWithdrawnV1(Published, type="schooling.enrolment-withdrawn.v1", topic=TOPIC):
    """The enrolment ended without a place; one that the child had is free again."""

    enrolment_id: EnrolmentId
    child_id: ChildId
    custodian_ids: CustodianIds
    reference: Reference
    school_year: SchoolYear
    because: WithdrawalCause = Field(description="Why", examples=["moved-away"])


ApplicationId = Annotated[
    UUID,
    Field(
        description="The application; also the key and the subject of the event",
        examples=["01980a52-7c1e-7d40-9a3b-52d1f5a0e007"],
    ),
]
ApplicantId = Annotated[UUID, Field(description="Who applied", examples=["01980a52-7c1e-7d40-9a3b-52d1f5a0e003"])]
ApplicationReference = Annotated[
    str, Field(description="The reference number that letters quote (Aktenzeichen)", examples=["SA-2026-000124"])
]


class AnswersRequestedV1(Published, type="schooling.answers-requested.v1", topic=APPLICATIONS):
    """The applicant is asked to check answers, or to hand in documents; which, the portal shows."""

    application_id: ApplicationId
    applicant_id: ApplicantId
    reference: ApplicationReference
    due_on: date = Field(description="Until when", examples=["2026-03-16"])


class ApplicationRefusedV1(Published, type="schooling.application-refused.v1", topic=APPLICATIONS):
    """Nobody is registered by the application. No ground says anything about a child of whom the applicant has no custody."""

    application_id: ApplicationId
    applicant_id: ApplicantId
    reference: ApplicationReference
    grounds: tuple[Ground, ...] = Field(description="Why", examples=[["child-not-established"]])
    refused_on: date = Field(description="The day of the decision", examples=["2026-03-20"])


_PUBLISHED: dict[type[EnrolmentEvent], type[Published]] = {
    events.ParentsInvited: ParentsInvitedV1,
    events.EnrolmentReceived: EnrolmentReceivedV1,
    events.DocumentsRequested: DocumentsRequestedV1,
    events.EnrolmentConfirmed: EnrolmentConfirmedV1,
    events.ChildAccepted: ChildAcceptedV1,
    events.ChildNotAccepted: ChildNotAcceptedV1,
    events.EntryDeferred: EntryDeferredV1,
    events.EarlyEntryRequested: EarlyEntryRequestedV1,
    events.EnrolmentWithdrawn: EnrolmentWithdrawnV1,
}
PUBLISHED: tuple[type[Published], ...] = (*_PUBLISHED.values(), AnswersRequestedV1, ApplicationRefusedV1)


def published(enrolment: Enrolment, happened: Iterable[EnrolmentEvent]) -> list[Published]:
    """What the world hears of `happened`, in the same order.

    A domain event has the fields of its published form, less those that say whose enrolment it is.
    """
    identity = {
        "enrolment_id": enrolment.case.case_id,
        "child_id": enrolment.child.child_id,
        "custodian_ids": enrolment.child.custodian_ids,
        "reference": enrolment.case.reference,
        "school_year": enrolment.school_year,
    }
    return [_PUBLISHED[type(event)].model_validate(identity | vars(event), from_attributes=True) for event in happened]


def answers_requested(application: Application, due_on: date) -> Published:
    """The applicant is written to, because something is asked."""
    return AnswersRequestedV1(**_identity(application), due_on=due_on)


def application_refused(application: Application, grounds: Iterable[Ground], refused_on: date) -> Published:
    """The applicant is written to, because the application is refused."""
    return ApplicationRefusedV1(**_identity(application), grounds=tuple(grounds), refused_on=refused_on)


def _identity(application: Application) -> dict[str, Any]:
    return {
        "application_id": application.application_id,
        "applicant_id": application.applicant_id,
        "reference": application.case.reference,
    }
