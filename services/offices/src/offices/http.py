"""The office's API for its staff: what the desk does, for programs. Citizens come through the portal."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from amtsbus.auth import PUBLIC, CurrentCaller, Role, allow
from amtsbus.casework import store as cases
from amtsbus.casework.store import WorkListRow
from amtsbus.desk import reads
from amtsbus.http import (
    IfMatch,
    InputModel,
    InRecordingTx,
    InTx,
    LongText,
    Page,
    PageQuery,
    PlausibleDate,
    ShortText,
    routes,
    set_etag,
)
from amtsbus.procedures import store as procedures
from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from offices import store
from offices.domain.case_file import CaseFile
from offices.domain.office import Office
from offices.domain.target import Target
from offices.use_cases.assign_case import AssignCase, assign_case
from offices.use_cases.extend_documents_period import ExtendDocumentsPeriod, extend_documents_period
from offices.use_cases.hear_offices import HearOffices, hear_offices
from offices.use_cases.propose_decision import ProposeDecision, propose_decision
from offices.use_cases.record_opinion import RecordOpinion, record_opinion
from offices.use_cases.request_documents import RequestDocuments, request_documents
from offices.use_cases.send_back_proposal import SendBackProposal, send_back_proposal
from offices.use_cases.take_decision import TakeDecision, take_decision
from offices.use_cases.take_step import TakeStep, take_step
from offices.use_cases.write_note import WriteNote, write_note

STAFF = [allow(Role.CLERK, Role.LEAD)]
READERS = [allow(Role.CLERK, Role.LEAD, Role.AUDITOR)]

Deciding = Literal["grant", "refuse"]


async def _target(case_id: UUID, version: IfMatch, caller: CurrentCaller) -> Target:
    return Target(case_id, version, caller.actor())


AsSeen = Annotated[Target, Depends(_target)]


# What comes in


class RequestForm(InputModel):
    """What the applicant is asked for."""

    documents: frozenset[str] = Field(frozenset(), max_length=50, examples=[["relief_proof"]])
    fields: frozenset[str] = Field(frozenset(), max_length=50, examples=[["kept_since"]])
    reasons: LongText = Field(description="For the applicant to read", examples=["Der Nachweis fehlt noch."])


class DecisionForm(InputModel):
    """Grants or refuses."""

    action: Deciding
    reasons: list[LongText] = Field(default=[], max_length=20, description="For the applicant; needed for a refusal")


class ReturnForm(InputModel):
    """What is to be done better."""

    reason: LongText


class ExtensionForm(InputModel):
    """More time for the applicant."""

    due_on: PlausibleDate = Field(description="The new last day; later than the present one", examples=["2026-12-22"])
    reason: LongText


class StepForm(InputModel):
    """A step of the procedure."""

    action: ShortText = Field(examples=["refer-to-public-order"])
    reason: LongText | None = None


class HearingForm(InputModel):
    """The offices that are to be asked."""

    offices: frozenset[str] = Field(min_length=1, max_length=20, examples=[["construction"]])


class OpinionForm(InputModel):
    """What another office answered."""

    office: ShortText = Field(examples=["construction"])
    outcome: Literal["no-objection", "conditions", "objection"]
    opinion: LongText | None = None


class AssignmentForm(InputModel):
    """Who works on it."""

    assignee: ShortText | None = Field(description="The caseworker's `sub`; null gives the case back to the pool")


class NoteForm(InputModel):
    """Something to remember."""

    text: LongText


# What goes out


class CaseSummary(BaseModel):
    """A row of the work list."""

    case_id: UUID
    procedure: str
    reference: str
    state: str
    opened_at: datetime
    due_on: date | None = Field(description="When the next period ends; null: nothing is due")
    assignee: str | None

    @classmethod
    def of(cls, row: WorkListRow) -> "CaseSummary":
        return cls(
            case_id=row.case_id,
            procedure=row.procedure_key,
            reference=row.reference,
            state=row.state,
            opened_at=row.opened_at,
            due_on=row.due_on,
            assignee=row.assignee,
        )


class CaseState(BaseModel):
    """Where the case stands now; its version is in the ETag."""

    case_id: UUID
    reference: str
    state: str

    @classmethod
    def of(cls, file: CaseFile, response: Response) -> "CaseState":
        set_etag(response, file.case.version)
        return cls(case_id=file.case_id, reference=file.case.reference, state=file.case.state)


class DocumentView(BaseModel):
    """A file that was handed in."""

    key: str
    name: str
    sha256: str
    size_bytes: int
    media_type: str
    supplied_at: datetime


class CaseView(BaseModel):
    """A case on one page."""

    case_id: UUID
    procedure: str
    procedure_version: int
    reference: str
    state: str
    applicant_id: UUID
    applicant_name: str | None
    identification: str
    handed_in_at: datetime
    complete_at: datetime | None = Field(description="Since when nothing is missing")
    due_on: date | None
    assignee: str | None
    answers: dict[str, Any]
    documents: list[DocumentView]
    actions: list[str] = Field(description="What the caller may do now")
    proposed_action: str | None = Field(description="What waits for a second person")
    charged_cents: int
    paid_cents: int


class HistoryView(BaseModel):
    """One line of the file: who, when, what, and why."""

    who: str
    at: datetime
    what: str
    about: str | None
    state: str
    reason: str | None


class ProcedureView(BaseModel):
    """A service that this office offers."""

    key: str
    version: int
    name_de: str
    name_en: str
    summary_de: str
    summary_en: str


def router_of(office: Office) -> APIRouter:
    """The routes of one office."""
    router = routes(prefix="/v1", tags=["cases"])

    @router.get("/procedures", dependencies=[allow(PUBLIC)])
    async def list_procedures(tx: InTx) -> list[ProcedureView]:
        """What this office offers."""
        return [
            ProcedureView(
                key=one.key,
                version=one.version,
                name_de=one.declared.name.de,
                name_en=one.declared.name.en,
                summary_de=one.declared.summary.de,
                summary_en=one.declared.summary.en,
            )
            for one in (await procedures.newest(tx)).values()
            if not one.withdrawn
        ]

    @router.get("/cases", dependencies=READERS)
    async def list_cases(
        tx: InTx,
        page: PageQuery,
        state: Annotated[list[str] | None, Query(description="Only these; else all open ones")] = None,
        assignee: Annotated[ShortText | None, Query(description="Only this caseworker's")] = None,
        due_before: Annotated[PlausibleDate | None, Query(description="Only what is due before")] = None,
    ) -> Page[CaseSummary]:
        """The work list, the most urgent first."""
        rows = await cases.work_list(
            tx, states=state, assignee=assignee, due_before=due_before, after=page.after, limit=page.fetch
        )
        found = Page.of(rows, page.limit, cases.work_list_key)
        return Page(items=[CaseSummary.of(row) for row in found.items], next=found.next)

    @router.get("/cases/{case_id}", dependencies=READERS)
    async def get_case(case_id: UUID, caller: CurrentCaller, tx: InRecordingTx, response: Response) -> CaseView:
        """A case as it stands; that somebody read it is recorded."""
        file = await store.get(tx, case_id, office.land)
        await reads.record_read(tx, case_id, caller.subject)
        set_etag(response, file.case.version)
        return CaseView(
            case_id=case_id,
            procedure=file.declared.key,
            procedure_version=file.version,
            reference=file.case.reference,
            state=file.case.state,
            applicant_id=file.case.applicant_id,
            applicant_name=file.applicant_name,
            identification=file.identification,
            handed_in_at=file.handed_in_at,
            complete_at=file.complete_at,
            due_on=file.case.due_on,
            assignee=file.case.assignee,
            answers=file.answers,
            documents=[DocumentView.model_validate(one, from_attributes=True) for one in file.documents],
            actions=[step.action for step in file.case.actions(caller.actor())],
            proposed_action=file.case.proposal.action if file.case.proposal else None,
            charged_cents=file.charged_cents,
            paid_cents=file.paid_cents,
        )

    @router.get("/cases/{case_id}/history", dependencies=READERS)
    async def get_history(case_id: UUID, tx: InTx) -> list[HistoryView]:
        """Everything that happened to a case, oldest first."""
        await store.get(tx, case_id, office.land)
        return [HistoryView.model_validate(one, from_attributes=True) for one in await cases.history(tx, case_id)]

    @router.post("/cases/{case_id}/document-requests", dependencies=STAFF)
    async def post_document_request(form: RequestForm, target: AsSeen, tx: InTx, response: Response) -> CaseState:
        """Ask the applicant for documents, or for answers that are wrong or missing."""
        command = RequestDocuments(target, form.documents, form.fields, form.reasons)
        return CaseState.of(await request_documents(command, office, tx), response)

    @router.post("/cases/{case_id}/proposals", dependencies=STAFF)
    async def post_proposal(form: DecisionForm, target: AsSeen, tx: InTx, response: Response) -> CaseState:
        """Propose a decision that needs four eyes."""
        command = ProposeDecision(target, form.action, tuple(form.reasons))
        return CaseState.of(await propose_decision(command, office, tx), response)

    @router.post("/cases/{case_id}/returned-proposals", dependencies=STAFF)
    async def post_returned_proposal(form: ReturnForm, target: AsSeen, tx: InTx, response: Response) -> CaseState:
        """Send a proposal back with a reason, or take one's own back."""
        return CaseState.of(await send_back_proposal(SendBackProposal(target, form.reason), office, tx), response)

    @router.post("/cases/{case_id}/extensions", dependencies=STAFF)
    async def post_extension(form: ExtensionForm, target: AsSeen, tx: InTx, response: Response) -> CaseState:
        """Give the applicant more time for what they are asked for."""
        command = ExtendDocumentsPeriod(target, form.due_on, form.reason)
        return CaseState.of(await extend_documents_period(command, office, tx), response)

    @router.post("/cases/{case_id}/decisions", dependencies=STAFF)
    async def post_decision(form: DecisionForm, target: AsSeen, tx: InTx, response: Response) -> CaseState:
        """Grant or refuse; with four eyes as the second person, by whom the reasons may be left to the proposal."""
        command = TakeDecision(target, form.action, tuple(form.reasons))
        return CaseState.of(await take_decision(command, office, tx), response)

    @router.post("/cases/{case_id}/steps", dependencies=STAFF)
    async def post_step(form: StepForm, target: AsSeen, tx: InTx, response: Response) -> CaseState:
        """Take another step of the procedure."""
        return CaseState.of(await take_step(TakeStep(target, form.action, form.reason), office, tx), response)

    @router.post("/cases/{case_id}/hearings", dependencies=STAFF)
    async def post_hearing(form: HearingForm, target: AsSeen, tx: InTx, response: Response) -> CaseState:
        """Ask other offices for their opinion."""
        return CaseState.of(await hear_offices(HearOffices(target, form.offices), office, tx), response)

    @router.post("/cases/{case_id}/opinions", dependencies=STAFF)
    async def post_opinion(form: OpinionForm, target: AsSeen, tx: InTx, response: Response) -> CaseState:
        """Record what another office answered."""
        command = RecordOpinion(target, form.office, form.outcome, form.opinion)
        return CaseState.of(await record_opinion(command, office, tx), response)

    @router.put("/cases/{case_id}/assignment", dependencies=STAFF)
    async def put_assignment(form: AssignmentForm, target: AsSeen, tx: InTx, response: Response) -> CaseState:
        """Give the case to a caseworker, or back to the pool."""
        return CaseState.of(await assign_case(AssignCase(target, form.assignee), office, tx), response)

    @router.post("/cases/{case_id}/notes", dependencies=STAFF)
    async def post_note(form: NoteForm, target: AsSeen, tx: InTx, response: Response) -> CaseState:
        """Write a note into the file (Aktenvermerk)."""
        return CaseState.of(await write_note(WriteNote(target, form.text), office, tx), response)

    return router
