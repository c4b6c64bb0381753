"""The events that permits publishes, and how what happened becomes them.

Our own words are on one topic, keyed by the application; ids, dates, amounts and codes only. What the codes mean stands in
`permits.domain.codes`. What every department tells in the same words (where a case stands, which services there are) has topics
of its own; `permits.reporting` says it.
"""

from collections.abc import Iterable
from datetime import date
from typing import Annotated
from uuid import UUID

from amtsbus.casework.progress import Progress
from amtsbus.events import Published
from amtsbus.procedures.catalogue import Catalogue
from pydantic import Field

from permits.domain import events
from permits.domain.application import BuildingApplication
from permits.domain.codes import Agency, AgencyOutcome, ConditionCode, DocumentCode, GroundCode
from permits.domain.events import DeadlineKind, DomainEvent

OFFICE = "permits"
"""Our key among the city's offices."""
TOPIC = "permits.application.events"
PROGRESS = Progress(OFFICE)
CATALOGUE = Catalogue(OFFICE)


ApplicationId = Annotated[
    UUID,
    Field(
        description="The building application; also the key and the subject of the event",
        examples=["01980a52-7c1e-7d40-9a3b-52d1f5a0c001"],
    ),
]
ApplicantId = Annotated[
    UUID,
    Field(
        description="The person who applied (Bauherrschaft); to whom the authority writes",
        examples=["01980a52-7c1e-7d40-9a3b-52d1f5a0c002"],
    ),
]
Reference = Annotated[
    str,
    Field(description="The reference number that letters quote (Aktenzeichen)", examples=["BA-2026-000123"]),
]


class ApplicationSubmittedV1(Published, type="permits.application-submitted.v1", topic=TOPIC):
    """A building application was received; its completeness check began (§ 71 (1) BauO NRW)."""

    application_id: ApplicationId
    applicant_id: ApplicantId
    reference: Reference
    submitted_on: date = Field(description="The day of receipt", examples=["2026-03-02"])
    completeness_due_on: date = Field(
        description="By then the authority says whether the application is complete (ten Arbeitstage)",
        examples=["2026-03-16"],
    )


class DocumentsRequestedV1(Published, type="permits.documents-requested.v1", topic=TOPIC):
    """Documents are missing or faulty. If they are not supplied by `due_on`, the application counts as withdrawn."""

    application_id: ApplicationId
    applicant_id: ApplicantId
    reference: Reference
    documents: tuple[DocumentCode, ...] = Field(description="Which documents are asked for", examples=[["site-plan"]])
    due_on: date = Field(
        description="The last day on which they can be supplied; afterwards the application counts as withdrawn",
        examples=["2026-03-30"],
    )
    answers: tuple[str, ...] = Field(
        default=(),
        description="Keys of answers of the portal's form that are wrong or missing, and asked for as well",
        examples=[["parcel_number"]],
    )


class DocumentsSuppliedV1(Published, type="permits.documents-supplied.v1", topic=TOPIC):
    """The applicant handed in further documents."""

    application_id: ApplicationId
    applicant_id: ApplicantId
    reference: Reference
    documents: tuple[DocumentCode, ...] = Field(description="Which documents were handed in", examples=[["site-plan"]])
    answers: tuple[str, ...] = Field(
        default=(),
        description="Keys of answers of the portal's form that were given anew",
        examples=[["parcel_number"]],
    )


class ApplicationLapsedV1(Published, type="permits.application-lapsed.v1", topic=TOPIC):
    """The requested documents did not come in time: the application counts as withdrawn (§ 71 (1) BauO NRW)."""

    application_id: ApplicationId
    applicant_id: ApplicantId
    reference: Reference
    lapsed_on: date = Field(
        description="The first day on which it counts as withdrawn, the day after the period's last",
        examples=["2026-03-31"],
    )


class ApplicationCompleteV1(Published, type="permits.application-complete.v1", topic=TOPIC):
    """The application is complete: the legal clock for the decision began."""

    application_id: ApplicationId
    applicant_id: ApplicantId
    reference: Reference
    complete_on: date = Field(
        description="The day of completeness, from which the decision period counts", examples=["2026-03-20"]
    )
    decision_due_on: date = Field(description="By then the authority decides", examples=["2026-06-22"])


class AgencyHeardV1(Published, type="permits.agency-heard.v1", topic=TOPIC):
    """An agency was asked for its opinion. If it stays silent until `due_on`, that counts as no objection."""

    application_id: ApplicationId
    applicant_id: ApplicantId
    reference: Reference
    agency: Agency = Field(description="The agency that is heard", examples=["fire-protection"])
    due_on: date = Field(description="The last day for its answer", examples=["2026-04-20"])


class AgencyRespondedV1(Published, type="permits.agency-responded.v1", topic=TOPIC):
    """The hearing of an agency ended: it answered, or its period ended in silence."""

    application_id: ApplicationId
    applicant_id: ApplicantId
    reference: Reference
    agency: Agency = Field(description="The agency that was heard", examples=["fire-protection"])
    outcome: AgencyOutcome = Field(description="What it said; silent counts as no objection", examples=["no-objection"])


class ApplicationApprovedV1(Published, type="permits.application-approved.v1", topic=TOPIC):
    """The building permit was granted by two people (§ 74 BauO NRW)."""

    application_id: ApplicationId
    applicant_id: ApplicantId
    reference: Reference
    decided_on: date = Field(description="The day of the decision", examples=["2026-04-24"])
    valid_until: date = Field(
        description="The permit lapses when the work has not begun by then (§ 75 (1) BauO NRW)",
        examples=["2029-04-24"],
    )
    conditions: tuple[ConditionCode, ...] = Field(
        description="The conditions of the permit (Nebenbestimmungen)", examples=[["second-escape-route"]]
    )


class ApplicationRefusedV1(Published, type="permits.application-refused.v1", topic=TOPIC):
    """The building permit was refused by two people. The reasons are in the case, which the applicant can read."""

    application_id: ApplicationId
    applicant_id: ApplicantId
    reference: Reference
    decided_on: date = Field(description="The day of the decision", examples=["2026-04-24"])
    grounds: tuple[GroundCode, ...] = Field(
        description="The grounds of the refusal (Versagungsgründe)", examples=[["distance-areas"]]
    )


class FeeNoticedV1(Published, type="permits.fee-noticed.v1", topic=TOPIC):
    """The fee for the decision was fixed (Gebührenbescheid)."""

    application_id: ApplicationId
    applicant_id: ApplicantId
    reference: Reference
    fee_cents: int = Field(ge=0, description="The fee in euro cents", examples=[180_000])
    payable_on: date = Field(description="The last day for the payment", examples=["2026-05-26"])


class ApplicationWithdrawnV1(Published, type="permits.application-withdrawn.v1", topic=TOPIC):
    """The applicant withdrew the application before a decision."""

    application_id: ApplicationId
    applicant_id: ApplicantId
    reference: Reference
    withdrawn_on: date = Field(description="The day of the withdrawal", examples=["2026-03-25"])


class DeadlineDueSoonV1(Published, type="permits.deadline-due-soon.v1", topic=TOPIC):
    """A period of the application is about to end."""

    application_id: ApplicationId
    applicant_id: ApplicantId
    reference: Reference
    kind: DeadlineKind = Field(
        description="Whose period: documents is the applicant's, the others are the authority's",
        examples=["documents"],
    )
    due_on: date = Field(description="The last day of the period", examples=["2026-03-30"])


class DeadlineOverdueV1(Published, type="permits.deadline-overdue.v1", topic=TOPIC):
    """A period of the authority ended without what it was for. (A period of the applicant that ends is a lapse.)"""

    application_id: ApplicationId
    applicant_id: ApplicantId
    reference: Reference
    kind: DeadlineKind = Field(description="Which period", examples=["decision"])
    due_on: date = Field(description="The last day of the period", examples=["2026-06-22"])


_PUBLISHED: dict[type[DomainEvent], type[Published]] = {
    events.ApplicationSubmitted: ApplicationSubmittedV1,
    events.DocumentsRequested: DocumentsRequestedV1,
    events.DocumentsSupplied: DocumentsSuppliedV1,
    events.ApplicationLapsed: ApplicationLapsedV1,
    events.ApplicationComplete: ApplicationCompleteV1,
    events.AgencyHeard: AgencyHeardV1,
    events.AgencyResponded: AgencyRespondedV1,
    events.ApplicationApproved: ApplicationApprovedV1,
    events.ApplicationRefused: ApplicationRefusedV1,
    events.FeeNoticed: FeeNoticedV1,
    events.ApplicationWithdrawn: ApplicationWithdrawnV1,
    events.DeadlineDueSoon: DeadlineDueSoonV1,
    events.DeadlineOverdue: DeadlineOverdueV1,
}
PUBLISHED: tuple[type[Published], ...] = tuple(_PUBLISHED.values())


def published(application: BuildingApplication, happened: Iterable[DomainEvent]) -> list[Published]:
    """What the world hears of `happened`, in the same order.

    A domain event has the fields of its published form, less those that say whose application it is.
    """
    identity = {
        "application_id": application.application_id,
        "applicant_id": application.applicant_id,
        "reference": application.reference,
    }
    return [_PUBLISHED[type(event)].model_validate(identity | vars(event)) for event in happened]
