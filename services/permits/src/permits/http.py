"""The outside world of the building authority: requests become commands, applications become answers."""

from collections.abc import Collection
from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from amtsbus.auth import Caller, CurrentCaller, Role, allow
from amtsbus.casework import store as cases
from amtsbus.casework.calendar import calendar_days
from amtsbus.casework.store import WorkListRow
from amtsbus.errors import ForbiddenError, RuleViolationError
from amtsbus.http import (
    Cents,
    GermanPostalCode,
    HouseNumber,
    IfMatch,
    InputModel,
    InTx,
    LongText,
    Page,
    PageQuery,
    PlausibleDate,
    ShortText,
    WholeNumber,
    routes,
    set_etag,
)
from fastapi import Depends, Query, Response
from pydantic import BaseModel, Field, StringConstraints

from permits import store
from permits.domain.application import (
    LONGEST_REQUEST_DAYS,
    SHORTEST_REQUEST_DAYS,
    Address,
    BuildingApplication,
    Document,
    Hearing,
    Parcel,
    Project,
    Ruling,
)
from permits.domain.codes import (
    Agency,
    AgencyOutcome,
    Cited,
    ConditionCode,
    Decision,
    DocumentCode,
    GroundCode,
    ProjectKind,
)
from permits.domain.events import DeadlineKind
from permits.domain.procedure import State
from permits.domain.target import Target
from permits.use_cases.assign_application import AssignApplication, assign_application
from permits.use_cases.confirm_decision import ConfirmDecision, confirm_decision
from permits.use_cases.declare_complete import DeclareComplete, declare_complete
from permits.use_cases.hear_agencies import HearAgencies, hear_agencies
from permits.use_cases.propose_decision import ProposeDecision, propose_decision
from permits.use_cases.record_response import RecordResponse, record_response
from permits.use_cases.request_documents import RequestDocuments, request_documents
from permits.use_cases.send_back_proposal import SendBackProposal, send_back_proposal
from permits.use_cases.submit_application import SubmitApplication, submit_application
from permits.use_cases.supply_documents import SupplyDocuments, supply_documents
from permits.use_cases.withdraw_application import WithdrawApplication, withdraw_application
from permits.use_cases.write_note import WriteNote, write_note

router = routes(prefix="/v1/applications", tags=["building applications"])

ACT_ON_ALL = frozenset({Role.CLERK, Role.LEAD})
SEE_ALL = ACT_ON_ALL | {Role.AUDITOR}

APPLICANT_OR_STAFF = [allow(Role.CITIZEN, Role.CLERK, Role.LEAD)]
STAFF = [allow(Role.CLERK, Role.LEAD)]
READERS = [allow(Role.CITIZEN, Role.CLERK, Role.LEAD, Role.AUDITOR)]
STAFF_READERS = [allow(Role.CLERK, Role.LEAD, Role.AUDITOR)]


def _owner(caller: Caller, unrestricted: frozenset[Role]) -> UUID | None:
    """Whose applications the caller is limited to; None: not limited.

    Not simply whether they are staff: an operator or an auditor who also is a citizen acts on their own case only.
    """
    return None if caller.roles & unrestricted else caller.person_id


async def _target(application_id: UUID, version: IfMatch, caller: CurrentCaller) -> Target:
    return Target(application_id, version, caller.actor(), _owner(caller, ACT_ON_ALL))


AsSeen = Annotated[Target, Depends(_target)]


# What comes in

Sha256 = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{64}$"),
    Field(description="The SHA-256 of the document's content, in hexadecimal", examples=["ab" * 32]),
]


class ParcelForm(InputModel):
    """Where the site lies in the land register's map."""

    district: ShortText = Field(description="Gemarkung", examples=["Wiesdorf"])
    section: ShortText = Field(description="Flur", examples=["12"])
    number: ShortText = Field(description="Flurstück", examples=["345/6"])


class AddressForm(InputModel):
    """The site's postal address."""

    street: ShortText = Field(examples=["Hauptstraße"])
    house_number: HouseNumber = Field(examples=["12 a"])
    postal_code: GermanPostalCode = Field(examples=["51373"])
    locality: ShortText = Field(examples=["Leverkusen"])


class SiteForm(InputModel):
    """Where is to be built."""

    parcel: ParcelForm
    address: AddressForm | None = Field(None, description="Land that was never built on has none")


class DocumentForm(InputModel):
    """A document that is handed in; its content is known by its hash."""

    code: DocumentCode = Field(description="What it is", examples=["site-plan"])
    name: ShortText = Field(description="The name of the file", examples=["site-plan.pdf"])
    sha256: Sha256
    size: Annotated[int, Field(ge=1, le=500_000_000), WholeNumber] = Field(description="Bytes", examples=[482_133])

    def to_document(self, supplied_at: datetime) -> Document:
        return Document(self.code, self.name, bytes.fromhex(self.sha256), self.size, supplied_at)


class ApplicationForm(InputModel):
    """A building application (Bauantrag, § 64 BauO NRW 2018)."""

    applicant_id: UUID | None = Field(
        None, description="Who applies; only a clerk names somebody, everybody else applies for themself"
    )
    kind: ProjectKind = Field(description="What is to be done", examples=["new-building"])
    description: LongText = Field(description="The project in words", examples=["A house for one family with a garage"])
    site: SiteForm
    gross_building_sum_cents: Cents = Field(
        description="Rohbausumme in cents, from which the fee follows", examples=[30_000_000]
    )
    documents: list[DocumentForm] = Field(default=[], max_length=100)

    def to_project(self) -> Project:
        parcel, address = self.site.parcel, self.site.address
        return Project(
            kind=self.kind,
            description=self.description,
            parcel=Parcel(parcel.district, parcel.section, parcel.number),
            address=Address(**dict(address)) if address else None,
            gross_building_sum_cents=self.gross_building_sum_cents,
        )


class SupplyForm(InputModel):
    """Further documents."""

    documents: list[DocumentForm] = Field(min_length=1, max_length=100)


class DocumentRequestForm(InputModel):
    """What is missing or faulty, why, and by when it is to come."""

    documents: frozenset[DocumentCode] = Field(min_length=1, examples=[["site-plan"]])
    reasons: LongText = Field(
        description="For the applicant to read", examples=["The site plan lacks the distances to the neighbours."]
    )
    period_days: Annotated[int, Field(ge=SHORTEST_REQUEST_DAYS, le=LONGEST_REQUEST_DAYS), WholeNumber] = Field(
        description="A fair period in days; its end moves off a free day", examples=[28]
    )


class HearingsForm(InputModel):
    """The agencies to be asked."""

    agencies: frozenset[Agency] = Field(min_length=1, examples=[["fire-protection", "water-authority"]])


class ResponseForm(InputModel):
    """What an agency answered."""

    outcome: Literal[AgencyOutcome.NO_OBJECTION, AgencyOutcome.CONDITIONS, AgencyOutcome.OBJECTION] = Field(
        examples=["conditions"]
    )
    conditions: list[ConditionCode] = Field(default=[], max_length=50, examples=[["second-escape-route"]])
    remarks: LongText | None = Field(None, description="For the file; the applicant does not see it")


class ApprovalForm(InputModel):
    """Proposes to approve."""

    decision: Literal["approve"]
    conditions: list[ConditionCode] = Field(default=[], max_length=50, examples=[["second-escape-route"]])
    reasons: LongText | None = Field(None, description="Needed where there are conditions")

    def to_ruling(self) -> Ruling:
        return Ruling(Decision.APPROVAL, conditions=tuple(dict.fromkeys(self.conditions)))


class RefusalForm(InputModel):
    """Proposes to refuse."""

    decision: Literal["refuse"]
    grounds: list[GroundCode] = Field(min_length=1, max_length=50, examples=[["distance-areas"]])
    reasons: LongText = Field(description="For the applicant to read")

    def to_ruling(self) -> Ruling:
        return Ruling(Decision.REFUSAL, grounds=tuple(dict.fromkeys(self.grounds)))


ProposalForm = Annotated[ApprovalForm | RefusalForm, Field(discriminator="decision")]


class ConfirmForm(InputModel):
    """The second person agrees."""

    verdict: Literal["confirm"]


class SendBackForm(InputModel):
    """The second person does not agree."""

    verdict: Literal["send-back"]
    reason: LongText = Field(description="What the proposer is to do better")


DecisionForm = Annotated[ConfirmForm | SendBackForm, Field(discriminator="verdict")]


class AssignmentForm(InputModel):
    """Who works on it."""

    assignee: ShortText | None = Field(
        description="The caseworker's `sub`; null gives the application back to the pool"
    )


class NoteForm(InputModel):
    """Something to remember."""

    text: LongText


# What goes out


class ApplicationReceipt(BaseModel):
    """The application was received."""

    application_id: UUID
    reference: str = Field(description="Aktenzeichen", examples=["BA-2026-000123"])
    state: State
    completeness_due_on: date = Field(description="By then the authority says whether something is missing")


class ApplicationState(BaseModel):
    """Where the application stands now; its version is in the ETag."""

    application_id: UUID
    reference: str
    state: State

    @classmethod
    def of(cls, application: BuildingApplication, response: Response) -> "ApplicationState":
        set_etag(response, application.case.version)
        return cls(application_id=application.application_id, reference=application.reference, state=application.state)


class SiteView(BaseModel):
    """Where is to be built."""

    parcel: Parcel
    address: Address | None


class ApplicationSummary(BaseModel):
    """A row of a list."""

    application_id: UUID
    reference: str
    state: State
    kind: ProjectKind
    site: SiteView
    submitted_at: datetime
    due_on: date | None = Field(description="When the next period ends; null: nothing is due")
    assignee: str | None = Field(description="The caseworker; null for applicants, and where nobody works on it yet")


class DocumentView(BaseModel):
    """A document that was handed in."""

    code: DocumentCode
    name: str
    sha256: str
    size: int
    supplied_at: datetime


class PeriodView(BaseModel):
    """A period of the application."""

    kind: str = Field(description="completeness, documents, decision, or hearing- and an agency", examples=["decision"])
    starts_on: date = Field(description="The day of the event, which is not counted")
    due_on: date = Field(description="Its last day")
    ended_at: datetime | None = Field(description="Since when it does not matter any more; null: it is running")


class RequestView(BaseModel):
    """What the applicant is asked for."""

    documents: list[DocumentCode]
    outstanding: list[DocumentCode] = Field(description="What of it has not come yet")
    answers: list[str] = Field(description="Which answers of the portal's form are wrong or missing, by their keys")
    reasons: str
    due_on: date
    otherwise: Literal["counts-as-withdrawn"] = Field(
        "counts-as-withdrawn", description="What happens when it is not supplied by then (BauO NRW § 71 (1))"
    )


class HearingView(BaseModel):
    """An agency that was asked for its opinion."""

    agency: Agency
    opened_on: date
    due_on: date
    outcome: AgencyOutcome | None = Field(description="null: not answered yet")


class CodeView(BaseModel):
    """A code and the rule that it stands on."""

    code: str
    legal_basis: str

    @classmethod
    def of(cls, codes: Collection[Cited]) -> "list[CodeView]":
        return [cls(code=code, legal_basis=code.legal_basis) for code in codes]


class DecisionView(BaseModel):
    """What was decided (Bescheid)."""

    outcome: Literal[State.APPROVED, State.REFUSED]
    decided_on: date
    valid_until: date | None = Field(description="The permit lapses when the work has not begun by then (§ 75)")
    conditions: list[CodeView]
    grounds: list[CodeView]
    reasons: list[str]
    legal_basis: str


class FeeView(BaseModel):
    """What it costs."""

    amount_cents: int
    payable_on: date
    legal_basis: str


class ProposalView(BaseModel):
    """A decision that waits for a second person."""

    decision: Decision
    conditions: list[CodeView]
    grounds: list[CodeView]
    reasons: str | None
    proposed_by: str
    proposed_at: datetime


class DeskView(BaseModel):
    """What only the building authority itself sees."""

    assignee: str | None
    missing_documents: list[DocumentCode] = Field(description="What an application of this kind cannot go without")
    remarks: dict[Agency, str] = Field(description="What the agencies wrote")
    agency_conditions: dict[Agency, list[ConditionCode]] = Field(description="Which conditions they ask for")
    proposal: ProposalView | None


class ApplicationView(BaseModel):
    """A building application as it stands; its version is in the ETag."""

    application_id: UUID
    reference: str
    state: State
    applicant_id: UUID
    submitted_at: datetime
    kind: ProjectKind
    description: str
    site: SiteView
    gross_building_sum_cents: int
    documents: list[DocumentView]
    periods: list[PeriodView]
    asked: RequestView | None = Field(description="What the applicant is to supply now")
    hearings: list[HearingView]
    decision: DecisionView | None
    fee: FeeView | None
    desk: DeskView | None = Field(description="null for applicants")


class HistoryView(BaseModel):
    """One line of the file: who, when, what, and why."""

    who: str
    at: datetime
    what: str
    about: str | None
    state: State
    reason: str | None


class NoteView(BaseModel):
    """A note in the file."""

    text: str
    written_by: str
    written_at: datetime


# Handing in and reading


@router.post("", status_code=201, dependencies=APPLICANT_OR_STAFF)
async def post_application(
    form: ApplicationForm, caller: CurrentCaller, tx: InTx, response: Response
) -> ApplicationReceipt:
    """Hand in a building application; a clerk does it on behalf of an applicant who came with paper."""
    now = tx.clock.now()
    application = await submit_application(
        SubmitApplication(
            applicant_id=_applicant(form.applicant_id, caller),
            project=form.to_project(),
            documents=[document.to_document(now) for document in form.documents],
            actor=caller.actor(),
        ),
        tx,
    )
    response.headers["Location"] = f"{router.prefix}/{application.application_id}"
    set_etag(response, application.case.version)
    return ApplicationReceipt(
        application_id=application.application_id,
        reference=application.reference,
        state=application.state,
        completeness_due_on=application.due_on(DeadlineKind.COMPLETENESS),
    )


def _applicant(named: UUID | None, caller: Caller) -> UUID:
    if named is not None and caller.roles & ACT_ON_ALL:
        return named
    if caller.person_id is None or Role.CITIZEN not in caller.roles:
        raise RuleViolationError("Say on whose behalf: name the applicant_id.", code="applicant-missing")
    if named not in (None, caller.person_id):
        raise ForbiddenError("You can apply for yourself only; leave applicant_id out.")
    return caller.person_id


@router.get("", dependencies=READERS)
async def list_applications(
    caller: CurrentCaller,
    tx: InTx,
    page: PageQuery,
    state: Annotated[list[State] | None, Query(description="For the staff: only these; else all open ones")] = None,
    assignee: Annotated[ShortText | None, Query(description="For the staff: only this caseworker's")] = None,
    due_before: Annotated[PlausibleDate | None, Query(description="For the staff: only what is due before")] = None,
) -> Page[ApplicationSummary]:
    """The work list of the staff, the most urgent first; for citizens their own applications, the newest first."""
    owner = _owner(caller, SEE_ALL)
    if owner is None:
        rows = await cases.work_list(
            tx, states=state, assignee=assignee, due_before=due_before, after=page.after, limit=page.fetch
        )
        key = cases.work_list_key
    elif state or assignee or due_before:
        raise ForbiddenError("The filters are for the staff; without them you get your own applications.")
    else:
        rows = await cases.of_applicant(tx, owner, page.after, page.fetch)
        key = cases.of_applicant_key
    found = Page.of(rows, page.limit, key)
    projects = await store.projects(tx, [row.case_id for row in found.items])
    return Page(
        items=[_summary(row, projects[row.case_id], show_assignee=owner is None) for row in found.items],
        next=found.next,
    )


def _summary(row: WorkListRow, project: Project, *, show_assignee: bool) -> ApplicationSummary:
    return ApplicationSummary(
        application_id=row.case_id,
        reference=row.reference,
        state=State(row.state),
        kind=project.kind,
        site=SiteView(parcel=project.parcel, address=project.address),
        submitted_at=row.opened_at,
        due_on=row.due_on,
        assignee=row.assignee if show_assignee else None,
    )


@router.get("/{application_id}", dependencies=READERS)
async def get_application(application_id: UUID, caller: CurrentCaller, tx: InTx, response: Response) -> ApplicationView:
    """An application as it stands: its periods, what is asked for, the decision, the fee."""
    owner = _owner(caller, SEE_ALL)
    application = await store.get(tx, application_id, owner=owner)
    set_etag(response, application.case.version)
    return _view(application, with_desk=owner is None)


def _view(application: BuildingApplication, *, with_desk: bool) -> ApplicationView:
    case, project, asked = application.case, application.project, application.open_request
    return ApplicationView(
        application_id=application.application_id,
        reference=application.reference,
        state=application.state,
        applicant_id=application.applicant_id,
        submitted_at=case.opened_at,
        kind=project.kind,
        description=project.description,
        site=SiteView(parcel=project.parcel, address=project.address),
        gross_building_sum_cents=project.gross_building_sum_cents,
        documents=[
            DocumentView(
                code=document.code,
                name=document.name,
                sha256=document.sha256.hex(),
                size=document.size_bytes,
                supplied_at=document.supplied_at,
            )
            for document in application.documents
        ],
        periods=[
            PeriodView(kind=p.kind, starts_on=p.starts_on, due_on=p.due_on, ended_at=p.ended_at) for p in case.periods
        ],
        asked=asked
        and RequestView(
            documents=list(asked.documents),
            outstanding=sorted(asked.outstanding),
            answers=sorted(asked.outstanding_answers),
            reasons=asked.reasons,
            due_on=asked.due_on,
        ),
        hearings=[_hearing(hearing) for hearing in application.hearings.values()],
        decision=_decision(application),
        fee=_fee(application),
        desk=_desk(application) if with_desk else None,
    )


def _hearing(hearing: Hearing) -> HearingView:
    return HearingView(
        agency=hearing.agency, opened_on=hearing.opened_on, due_on=hearing.due_on, outcome=hearing.outcome
    )


def _decision(application: BuildingApplication) -> DecisionView | None:
    ruling = application.ruling
    if ruling is None or ruling.decided_on is None:
        return None
    [decided] = application.case.decisions
    return DecisionView(
        outcome=State.APPROVED if ruling.decision is Decision.APPROVAL else State.REFUSED,
        decided_on=ruling.decided_on,
        valid_until=ruling.valid_until,
        conditions=CodeView.of(ruling.conditions),
        grounds=CodeView.of(ruling.grounds),
        reasons=list(decided.reasons),
        legal_basis=decided.legal_basis,
    )


def _fee(application: BuildingApplication) -> FeeView | None:
    if application.ruling is None or application.ruling.payable_on is None:
        return None
    [fee] = application.case.fees
    return FeeView(amount_cents=fee.amount_cents, payable_on=application.ruling.payable_on, legal_basis=fee.legal_basis)


def _desk(application: BuildingApplication) -> DeskView:
    return DeskView(
        assignee=application.case.assignee,
        missing_documents=sorted(application.missing_documents),
        remarks={h.agency: h.remarks for h in application.hearings.values() if h.remarks},
        agency_conditions={h.agency: list(h.conditions) for h in application.hearings.values() if h.conditions},
        proposal=_proposal(application),
    )


def _proposal(application: BuildingApplication) -> ProposalView | None:
    ruling, proposal = application.ruling, application.case.proposal
    if ruling is None or proposal is None:
        return None
    return ProposalView(
        decision=ruling.decision,
        conditions=CodeView.of(ruling.conditions),
        grounds=CodeView.of(ruling.grounds),
        reasons=proposal.reason,
        proposed_by=proposal.proposed_by,
        proposed_at=proposal.proposed_at,
    )


@router.get("/{application_id}/history", dependencies=STAFF_READERS)
async def get_history(application_id: UUID, tx: InTx) -> list[HistoryView]:
    """Everything that happened to an application, oldest first."""
    await store.get(tx, application_id, owner=None)
    return [
        HistoryView.model_validate(entry, from_attributes=True) for entry in await cases.history(tx, application_id)
    ]


@router.get("/{application_id}/notes", dependencies=STAFF_READERS)
async def get_notes(application_id: UUID, tx: InTx) -> list[NoteView]:
    """The notes in the file, oldest first."""
    await store.get(tx, application_id, owner=None)
    return [NoteView.model_validate(note, from_attributes=True) for note in await cases.notes(tx, application_id)]


# Steps: each on the version that the caller has seen (If-Match)


@router.post("/{application_id}/documents", dependencies=APPLICANT_OR_STAFF)
async def post_documents(form: SupplyForm, target: AsSeen, tx: InTx, response: Response) -> ApplicationState:
    """Supply documents. Too late is refused, with what can be done instead; nothing gets lost silently."""
    now = tx.clock.now()
    command = SupplyDocuments(target, [document.to_document(now) for document in form.documents])
    return ApplicationState.of(await supply_documents(command, tx), response)


@router.post("/{application_id}/document-requests", dependencies=STAFF)
async def post_document_request(
    form: DocumentRequestForm, target: AsSeen, tx: InTx, response: Response
) -> ApplicationState:
    """Ask for missing or faulty documents; if the period ends without them, the application counts as withdrawn."""
    command = RequestDocuments(target, form.documents, form.reasons, calendar_days(form.period_days))
    return ApplicationState.of(await request_documents(command, tx), response)


@router.post("/{application_id}/completeness", dependencies=STAFF)
async def post_completeness(target: AsSeen, tx: InTx, response: Response) -> ApplicationState:
    """Declare the application complete: the legal clock starts today."""
    return ApplicationState.of(await declare_complete(DeclareComplete(target), tx), response)


@router.post("/{application_id}/hearings", dependencies=STAFF)
async def post_hearings(form: HearingsForm, target: AsSeen, tx: InTx, response: Response) -> ApplicationState:
    """Ask agencies for their opinion, in parallel, each with a period of its own."""
    return ApplicationState.of(await hear_agencies(HearAgencies(target, form.agencies), tx), response)


@router.post("/{application_id}/hearings/{agency}/response", dependencies=STAFF)
async def post_hearing_response(
    form: ResponseForm, agency: Agency, target: AsSeen, tx: InTx, response: Response
) -> ApplicationState:
    """Record what an agency answered."""
    command = RecordResponse(
        target, agency, AgencyOutcome(form.outcome), tuple(dict.fromkeys(form.conditions)), form.remarks
    )
    return ApplicationState.of(await record_response(command, tx), response)


@router.post("/{application_id}/proposals", dependencies=STAFF)
async def post_proposal(form: ProposalForm, target: AsSeen, tx: InTx, response: Response) -> ApplicationState:
    """Propose to approve or to refuse; a second person decides."""
    return ApplicationState.of(
        await propose_decision(ProposeDecision(target, form.to_ruling(), form.reasons), tx), response
    )


@router.post("/{application_id}/decision", dependencies=[allow(Role.LEAD)])
async def post_decision(form: DecisionForm, target: AsSeen, tx: InTx, response: Response) -> ApplicationState:
    """Confirm what another person proposed, or send it back."""
    match form:
        case ConfirmForm():
            application = await confirm_decision(ConfirmDecision(target), tx)
        case SendBackForm():
            application = await send_back_proposal(SendBackProposal(target, form.reason), tx)
    return ApplicationState.of(application, response)


@router.post("/{application_id}/withdrawal", dependencies=APPLICANT_OR_STAFF)
async def post_withdrawal(target: AsSeen, tx: InTx, response: Response) -> ApplicationState:
    """Take the application back; possible until it is decided."""
    return ApplicationState.of(await withdraw_application(WithdrawApplication(target), tx), response)


@router.post("/{application_id}/assignment", dependencies=STAFF)
async def post_assignment(form: AssignmentForm, target: AsSeen, tx: InTx, response: Response) -> ApplicationState:
    """Give the application to a caseworker, or back to the pool."""
    return ApplicationState.of(await assign_application(AssignApplication(target, form.assignee), tx), response)


@router.post("/{application_id}/notes", dependencies=STAFF)
async def post_note(form: NoteForm, target: AsSeen, tx: InTx, response: Response) -> ApplicationState:
    """Write a note into the file."""
    return ApplicationState.of(await write_note(WriteNote(target, form.text), tx), response)
