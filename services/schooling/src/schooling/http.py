"""The outside world of the school administration: requests become commands, enrolments become answers."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from amtsbus.auth import Caller, CurrentCaller, Role, allow
from amtsbus.casework.case import HistoryEntry
from amtsbus.casework.roles import Actor
from amtsbus.http import (
    IfMatch,
    InputModel,
    InTx,
    Page,
    PageQuery,
    PlausibleDate,
    ShortText,
    WholeNumber,
    routes,
    set_etag,
)
from amtsbus.postgres import Tx
from fastapi import APIRouter, Depends, Query, Response
from fastapi import Path as InPath
from pydantic import BaseModel, ConfigDict, Field

from schooling import store
from schooling.domain.child import Child
from schooling.domain.enrolment import (
    DOCUMENTS_PERIOD,
    REGISTRATION_PERIOD,
    STAFF,
    Enrolment,
    Party,
    RefusalGround,
    Target,
    admit,
)
from schooling.domain.events import Document, WithdrawalCause
from schooling.domain.procedure import State
from schooling.domain.rules import Criterion, School, register_until
from schooling.use_cases.accept_child import AcceptChild, accept_child
from schooling.use_cases.add_school import AddSchool, add_school
from schooling.use_cases.apply_for_early_entry import ApplyForEarlyEntry, apply_for_early_entry
from schooling.use_cases.confirm_enrolment import ConfirmEnrolment, confirm_enrolment
from schooling.use_cases.defer_entry import DeferEntry, defer_entry
from schooling.use_cases.order_cohort_invitation import OrderCohortInvitation, order_cohort_invitation
from schooling.use_cases.refuse_child import RefuseChild, refuse_child
from schooling.use_cases.register_child import RegisterChild, register_child
from schooling.use_cases.request_documents import RequestDocuments, request_documents
from schooling.use_cases.resolve_wishes import StatedWishes
from schooling.use_cases.set_capacity import SetCapacity, set_capacity
from schooling.use_cases.supply_documents import SupplyDocuments, supply_documents
from schooling.use_cases.withdraw_enrolment import WithdrawEnrolment, withdraw_enrolment

schools = routes(prefix="/v1/schools", tags=["schools"])
cohorts = routes(prefix="/v1/cohorts", tags=["cohorts"])
children = routes(prefix="/v1/children", tags=["children"])
enrolments = routes(prefix="/v1/enrolments", tags=["enrolments"])
early_entries = routes(prefix="/v1/early-entries", tags=["enrolments"])
ROUTERS: tuple[APIRouter, ...] = (schools, cohorts, children, enrolments, early_entries)

ANYBODY_CONCERNED = [allow(Role.CITIZEN, Role.CLERK, Role.LEAD, Role.AUDITOR)]
PARENTS_OR_STAFF = [allow(Role.CITIZEN, Role.CLERK, Role.LEAD)]
STAFF_READS = [allow(Role.CLERK, Role.LEAD, Role.AUDITOR)]
STAFF_ACTS = [allow(Role.CLERK, Role.LEAD)]
LEAD_ACTS = [allow(Role.LEAD)]


def _party(caller: Caller) -> Party:
    return Party(caller.actor(), caller.person_id)


async def _target(enrolment_id: UUID, version: IfMatch, caller: CurrentCaller) -> Target:
    return Target(enrolment_id, version, _party(caller))


AsSeen = Annotated[Target, Depends(_target)]


Places = Annotated[int, Field(ge=0, le=1000), WholeNumber]
SchoolYear = Annotated[
    int,
    Field(ge=2000, le=2100, description="The year in which the school year begins", examples=[2027]),
    WholeNumber,
]
SchoolYearInPath = Annotated[int, InPath(ge=2000, le=2100, description="The year in which the school year begins")]


# What comes in


class SchoolForm(InputModel):
    """A primary school (Grundschule) of the city."""

    name: ShortText = Field(description="As letters write it", examples=["Grundschule Am Friedenspark"])


class CapacityForm(InputModel):
    """How many children a school takes (Aufnahmekapazität, § 46 SchulG NRW)."""

    school_year: SchoolYear
    places: Places = Field(examples=[56])


class WishesForm(InputModel):
    """What parents ask for. There is no field for anything else; findings on a child's health belong to the health office."""

    first_choice: UUID = Field(description="The school that they want")
    second_choice: UUID | None = Field(None, description="The school that they want if the first has no place")
    criteria: frozenset[Criterion] = Field(
        default=frozenset(),
        description="What speaks for the first choice if places are short (§ 1 (3) AO-GS); the administration checks it",
        examples=[["sibling"]],
    )
    documents: frozenset[Document] = Field(
        default=frozenset(), description="What is handed in along with it", examples=[["birth-certificate"]]
    )


class RegistrationForm(WishesForm):
    """The parents' registration (Anmeldung)."""

    deferral: bool = Field(
        default=False,
        strict=True,
        description="They apply for deferral by a year (Zurückstellung, § 35 (3) SchulG NRW)",
    )

    def to_wishes(self) -> StatedWishes:
        return StatedWishes(self.first_choice, self.second_choice, self.criteria, self.documents, self.deferral)


class EarlyEntryForm(WishesForm):
    """The application to start school before it is compulsory (vorzeitige Aufnahme, § 35 (2) SchulG NRW)."""

    child_id: UUID = Field(description="The child; see GET /v1/children")
    school_year: SchoolYear

    def to_wishes(self) -> StatedWishes:
        return StatedWishes(self.first_choice, self.second_choice, self.criteria, self.documents)


class DocumentsForm(InputModel):
    """Documents that were handed in or shown. Only that they were seen is kept."""

    documents: frozenset[Document] = Field(min_length=1, examples=[["measles-protection"]])


class ConfirmationForm(InputModel):
    """The registration is complete."""

    criteria: frozenset[Criterion] | None = Field(
        None, description="The criteria that hold; null: as the parents stated them", examples=[["sibling"]]
    )


class SchoolDoctorsReport(InputModel):
    """A decision that rests on the school doctor's report (schulärztliches Gutachten). What it says is not kept."""

    report_seen: bool = Field(default=False, strict=True, description="That the report was seen")


class AcceptanceForm(SchoolDoctorsReport):
    """A school takes the child; the report is needed for early entry only."""

    school_id: UUID | None = Field(
        None,
        description="The school; null: the one whose turn it is, first the first choice, after its refusal the second",
    )


class RefusalForm(SchoolDoctorsReport):
    """A school does not take the child; the report is needed where it is not ready for school."""

    school_id: UUID | None = Field(None, description="The school; null: the one whose turn it is")
    ground: RefusalGround = Field(examples=["capacity-exhausted"])


class DeferralForm(SchoolDoctorsReport):
    """The child's entry is put off by a year."""


class WithdrawalForm(InputModel):
    """The enrolment ends without a place. A move is reported to the registration authority, not here."""

    because: WithdrawalCause = Field(examples=["private-school"])


# What goes out


class SchoolView(BaseModel):
    """A primary school of the city."""

    model_config = ConfigDict(from_attributes=True)

    school_id: UUID
    name: str


class CapacityView(BaseModel):
    """The places of a school in one school year."""

    school_year: int
    places: int
    accepted: int = Field(description="Children who have one of them")
    free: int

    @classmethod
    def of(cls, capacity: store.Capacity) -> "CapacityView":
        free = max(0, capacity.places - capacity.accepted)
        return cls(school_year=capacity.school_year, places=capacity.places, accepted=capacity.accepted, free=free)


class InvitationView(BaseModel):
    """How far the invitation of a cohort has come."""

    ordered_at: datetime
    finished_at: datetime | None = Field(description="null: it is being worked through")
    children: int = Field(description="Children of the cohort who live here")
    remaining: int = Field(description="Those of them who are still to be invited")


class CohortView(BaseModel):
    """A cohort (Jahrgang) in numbers."""

    school_year: int
    register_until: date = Field(description="The last day for registration if the parents were invited today")
    children: int = Field(description="Children who live here and for whom school starts in this year")
    without_custodian: int = Field(description="Those of them whose custodians are not known: nobody can be written to")
    overdue: int = Field(description="Enrolments of which a due date has passed")
    enrolments: dict[State, int] = Field(description="Enrolments by state, early entries among them")
    invitation: InvitationView | None = Field(description="null: it has not been ordered")


class ChildView(BaseModel):
    """A child, as far as it matters here."""

    child_id: UUID
    given_names: str
    family_name: str
    date_of_birth: date

    @classmethod
    def of(cls, child: Child) -> "ChildView":
        return cls(
            child_id=child.child_id,
            given_names=child.given_names,
            family_name=child.family_name,
            date_of_birth=child.date_of_birth,
        )


class CohortChildView(ChildView):
    """A child with the school year in which school starts for it."""

    school_year: int = Field(description="When school is compulsory for it, a deferral included")

    @classmethod
    def of(cls, child: Child) -> "CohortChildView":
        return cls(**ChildView.of(child).model_dump(), school_year=child.school_year)


class EnrolmentSummary(BaseModel):
    """A row of a list."""

    enrolment_id: UUID
    reference: str = Field(examples=["SE-2026-000123"])
    school_year: int
    state: State
    version: int
    due_on: date | None = Field(description="When the next period ends; null: nothing is due")
    child: ChildView
    early_entry: bool
    deferral_requested: bool
    first_choice: UUID | None
    second_choice: UUID | None
    accepted_by: UUID | None

    @classmethod
    def of(cls, row: store.EnrolmentRow) -> "EnrolmentSummary":
        return cls(
            enrolment_id=row.enrolment_id,
            reference=row.reference,
            school_year=row.school_year,
            state=State(row.state),
            version=row.version,
            due_on=row.due_on,
            child=ChildView(
                child_id=row.child_id,
                given_names=row.given_names,
                family_name=row.family_name,
                date_of_birth=row.date_of_birth,
            ),
            early_entry=row.early_entry,
            deferral_requested=row.deferral_requested,
            first_choice=row.first_choice,
            second_choice=row.second_choice,
            accepted_by=row.accepted_by,
        )


class DecisionView(BaseModel):
    """What was decided, and why."""

    outcome: str = Field(examples=["accepted"])
    reasons: list[str]
    legal_basis: str
    decided_at: datetime


class EnrolmentView(BaseModel):
    """One child's enrolment for one school year; its version is in the ETag."""

    enrolment_id: UUID
    reference: str
    school_year: int
    state: State
    opened_at: datetime
    closed_at: datetime | None
    child: ChildView
    early_entry: bool = Field(description="On application, before school is compulsory (§ 35 (2) SchulG NRW)")
    register_until: date | None = Field(description="While invited: the last day for the registration")
    documents_due_on: date | None = Field(description="While documents are requested: the last day to hand them in")
    first_choice: SchoolView | None
    second_choice: SchoolView | None
    deferral_requested: bool
    stated_criteria: list[Criterion] = Field(description="As the parents stated them")
    criteria: list[Criterion] = Field(
        description="As the administration recorded them; they count when places are short"
    )
    documents: list[Document] = Field(description="What was seen")
    missing_documents: list[Document]
    accepted_by: SchoolView | None
    refused_by: list[UUID] = Field(description="Schools that decided that they do not take the child")
    withdrawn_because: WithdrawalCause | None
    decisions: list[DecisionView]
    actions: list[str] = Field(description="What the caller may do next", examples=[["register", "withdraw"]])

    @classmethod
    def of(cls, enrolment: Enrolment, actor: Actor, response: Response) -> "EnrolmentView":
        case = enrolment.case
        set_etag(response, case.version)
        registration, documents = case.period(REGISTRATION_PERIOD), case.period(DOCUMENTS_PERIOD)
        return cls(
            enrolment_id=case.case_id,
            reference=case.reference,
            school_year=enrolment.school_year,
            state=State(case.state),
            opened_at=case.opened_at,
            closed_at=case.closed_at,
            child=ChildView.of(enrolment.child),
            early_entry=enrolment.early_entry,
            register_until=registration.due_on if registration else None,
            documents_due_on=documents.due_on if documents else None,
            first_choice=_school(enrolment.first_choice),
            second_choice=_school(enrolment.second_choice),
            deferral_requested=enrolment.deferral_requested,
            stated_criteria=_in_order(enrolment.stated_criteria),
            criteria=_in_order(enrolment.criteria),
            documents=[document for document in Document if document in enrolment.documents],
            missing_documents=list(enrolment.missing_documents),
            accepted_by=_school(enrolment.accepted_by),
            refused_by=list(enrolment.refused_by),
            withdrawn_because=enrolment.withdrawn_because,
            decisions=[
                DecisionView(
                    outcome=decision.outcome,
                    reasons=list(decision.reasons),
                    legal_basis=decision.legal_basis,
                    decided_at=decision.decided_at,
                )
                for decision in case.decisions
            ],
            actions=[step.action for step in case.actions(actor)],
        )


class HistoryView(BaseModel):
    """One line of an enrolment's history."""

    at: datetime
    what: str = Field(examples=["action-taken"])
    about: str | None = Field(examples=["register"])
    state: State = Field(description="The state afterwards")
    who: str | None = Field(description="A pseudonym; null for parents, who do not learn which clerk it was")

    @classmethod
    def of(cls, entry: HistoryEntry, *, for_staff: bool) -> "HistoryView":
        return cls(
            at=entry.at,
            what=entry.what,
            about=entry.about,
            state=State(entry.state),
            who=entry.who if for_staff else None,
        )


def _school(school: School | None) -> SchoolView | None:
    return None if school is None else SchoolView.model_validate(school)


def _in_order(criteria: frozenset[Criterion]) -> list[Criterion]:
    return [criterion for criterion in Criterion if criterion in criteria]


def _seen_by(enrolment: Enrolment, party: Party, response: Response) -> EnrolmentView:
    return EnrolmentView.of(enrolment, admit(party, enrolment.child), response)


# Schools


@schools.get("", dependencies=ANYBODY_CONCERNED)
async def get_schools(page: PageQuery, tx: InTx) -> Page[SchoolView]:
    """The primary schools of the city, by name."""
    after = page.after_as(str, UUID)
    found = await store.schools(tx, after=None if after is None else (after[0], after[1]), limit=page.fetch)
    views = [SchoolView.model_validate(school) for school in found]
    return Page.of(views, page.limit, key=lambda school: [school.name, school.school_id])


@schools.post("", status_code=201, dependencies=LEAD_ACTS)
async def post_school(form: SchoolForm, tx: InTx) -> SchoolView:
    """Add a school, so that parents can choose it."""
    return SchoolView.model_validate(await add_school(AddSchool(form.name), tx))


@schools.get("/{school_id}/capacities", dependencies=STAFF_READS)
async def get_capacities(school_id: UUID, tx: InTx) -> list[CapacityView]:
    """The school's places, latest school year first."""
    await store.school(tx, school_id)
    return [CapacityView.of(capacity) for capacity in await store.capacities(tx, school_id)]


@schools.post("/{school_id}/capacities", dependencies=LEAD_ACTS)
async def post_capacity(school_id: UUID, form: CapacityForm, tx: InTx) -> CapacityView:
    """Set or change the number of places in a school year; never below the children who have been accepted."""
    return CapacityView.of(await set_capacity(SetCapacity(school_id, form.school_year, form.places), tx))


# Cohorts


@cohorts.get("/{school_year}", dependencies=STAFF_READS)
async def get_cohort(school_year: SchoolYearInPath, tx: InTx) -> CohortView:
    """The children for whom school starts in one year, in numbers, and how far their invitation has come."""
    today = tx.clock.today()
    counts = await store.cohort_counts(tx, school_year, today)
    invitation = await store.invitation(tx, school_year)
    rules = (await store.rulebook(tx)).of(school_year)
    return CohortView(
        school_year=school_year,
        register_until=register_until(school_year, today, rules),
        children=counts.children,
        without_custodian=counts.without_custodian,
        overdue=counts.overdue,
        enrolments={State(state): number for state, number in counts.by_state.items()},
        invitation=None if invitation is None else _progress(invitation, counts.children, counts.uninvited),
    )


@cohorts.post("/{school_year}/invitation", status_code=202, dependencies=LEAD_ACTS)
async def post_invitation(school_year: SchoolYearInPath, caller: CurrentCaller, tx: InTx) -> InvitationView:
    """Order that the parents of the whole cohort are invited. It is worked through in the background: see the cohort.

    Children who come into the cohort later are invited by themselves. Ordering it again changes nothing.
    """
    invitation = await order_cohort_invitation(OrderCohortInvitation(school_year, caller.subject), tx)
    counts = await store.cohort_counts(tx, school_year, tx.clock.today())
    return _progress(invitation, counts.children, counts.uninvited)


def _progress(invitation: store.CohortInvitation, children: int, remaining: int) -> InvitationView:
    return InvitationView(
        ordered_at=invitation.ordered_at, finished_at=invitation.finished_at, children=children, remaining=remaining
    )


# Children


@children.get("", dependencies=ANYBODY_CONCERNED)
async def get_children(
    caller: CurrentCaller,
    page: PageQuery,
    tx: InTx,
    school_year: Annotated[int | None, Query(ge=2000, le=2100, description="Only children of this cohort")] = None,
) -> Page[CohortChildView]:
    """Children known here who live in the city: their own for parents; a cohort or all for the administration."""
    cursor = page.after_as(UUID)
    after = None if cursor is None else cursor[0]
    found: Sequence[Child] = []
    if caller.roles & STAFF:
        found = await store.children_of_administration(tx, school_year=school_year, after=after, limit=page.fetch)
    elif caller.person_id is not None:
        found = await store.children_of_custodian(tx, caller.person_id, after=after, limit=page.fetch)
    return Page.of([CohortChildView.of(child) for child in found], page.limit, key=lambda child: [child.child_id])


# Enrolments


@enrolments.get("", dependencies=ANYBODY_CONCERNED)
async def get_enrolments(
    caller: CurrentCaller,
    page: PageQuery,
    tx: InTx,
    school_year: Annotated[int | None, Query(ge=2000, le=2100, description="Only of this school year")] = None,
    state: Annotated[list[State] | None, Query(max_length=20, description="Only in one of these states")] = None,
    first_choice: Annotated[UUID | None, Query(description="Only those whose first choice is this school")] = None,
    due_before: Annotated[
        PlausibleDate | None, Query(description="Only those of which a period ends before this day")
    ] = None,
    mine: Annotated[bool, Query(description="For staff who have children themselves: only those")] = False,
) -> Page[EnrolmentSummary]:
    """Their own children's enrolments for parents; the work list for the administration. Filters are for the work list."""
    rows: Sequence[store.EnrolmentRow]
    after = page.after_as(int, UUID)
    if caller.roles & STAFF and not mine:
        rows = await store.work_list(
            tx,
            school_year=school_year,
            states=state,
            first_choice=first_choice,
            due_before=due_before,
            after=None if after is None else (after[0], after[1]),
            limit=page.fetch,
        )
    else:
        rows = await _own(caller, None if after is None else after[1], page.fetch, tx)
    return Page.of(
        [EnrolmentSummary.of(row) for row in rows], page.limit, key=lambda row: [row.school_year, row.enrolment_id]
    )


async def _own(caller: Caller, after: UUID | None, limit: int, tx: Tx) -> Sequence[store.EnrolmentRow]:
    if caller.person_id is None:
        return []
    return await store.enrolments_of_custodian(tx, caller.person_id, after=after, limit=limit)


@enrolments.get("/{enrolment_id}", dependencies=ANYBODY_CONCERNED)
async def get_enrolment(enrolment_id: UUID, caller: CurrentCaller, tx: InTx, response: Response) -> EnrolmentView:
    """One enrolment, with what the caller may do next. Both custodians see the same one."""
    return _seen_by(await store.enrolment(tx, enrolment_id), _party(caller), response)


@enrolments.get("/{enrolment_id}/history", dependencies=ANYBODY_CONCERNED)
async def get_history(enrolment_id: UUID, caller: CurrentCaller, tx: InTx) -> list[HistoryView]:
    """What has happened to an enrolment, oldest first."""
    actor = admit(_party(caller), (await store.enrolment(tx, enrolment_id)).child)
    for_staff = bool(actor.roles & STAFF)
    return [HistoryView.of(entry, for_staff=for_staff) for entry in await store.history(tx, enrolment_id)]


@enrolments.post("/{enrolment_id}/registration", dependencies=PARENTS_OR_STAFF)
async def post_registration(target: AsSeen, form: RegistrationForm, tx: InTx, response: Response) -> EnrolmentView:
    """The parents register their child at the school of their choice; a clerk takes down what comes on paper."""
    return _seen_by(await register_child(RegisterChild(target, form.to_wishes()), tx), target.party, response)


@enrolments.post("/{enrolment_id}/documents", dependencies=PARENTS_OR_STAFF)
async def post_documents(target: AsSeen, form: DocumentsForm, tx: InTx, response: Response) -> EnrolmentView:
    """Documents were handed in or shown."""
    return _seen_by(await supply_documents(SupplyDocuments(target, form.documents), tx), target.party, response)


@enrolments.post("/{enrolment_id}/document-requests", dependencies=STAFF_ACTS)
async def post_document_request(target: AsSeen, tx: InTx, response: Response) -> EnrolmentView:
    """Ask the custodians for everything that is missing, with a due date."""
    return _seen_by(await request_documents(RequestDocuments(target), tx), target.party, response)


@enrolments.post("/{enrolment_id}/confirmation", dependencies=STAFF_ACTS)
async def post_confirmation(target: AsSeen, form: ConfirmationForm, tx: InTx, response: Response) -> EnrolmentView:
    """Confirm that the registration is complete, and record the criteria that hold."""
    return _seen_by(await confirm_enrolment(ConfirmEnrolment(target, form.criteria), tx), target.party, response)


@enrolments.post("/{enrolment_id}/acceptance", dependencies=STAFF_ACTS)
async def post_acceptance(target: AsSeen, form: AcceptanceForm, tx: InTx, response: Response) -> EnrolmentView:
    """A school takes the child, within its capacity and in the order of the recorded criteria."""
    command = AcceptChild(target, form.school_id, form.report_seen)
    return _seen_by(await accept_child(command, tx), target.party, response)


@enrolments.post("/{enrolment_id}/refusal", dependencies=LEAD_ACTS)
async def post_refusal(target: AsSeen, form: RefusalForm, tx: InTx, response: Response) -> EnrolmentView:
    """A school does not take the child; the second choice or another school is next."""
    command = RefuseChild(target, form.school_id, form.ground, form.report_seen)
    return _seen_by(await refuse_child(command, tx), target.party, response)


@enrolments.post("/{enrolment_id}/deferral", dependencies=LEAD_ACTS)
async def post_deferral(target: AsSeen, form: DeferralForm, tx: InTx, response: Response) -> EnrolmentView:
    """Put the child's entry off by a year, on application or ex officio. Only the result is kept."""
    return _seen_by(await defer_entry(DeferEntry(target, form.report_seen), tx), target.party, response)


@enrolments.post("/{enrolment_id}/withdrawal", dependencies=PARENTS_OR_STAFF)
async def post_withdrawal(target: AsSeen, form: WithdrawalForm, tx: InTx, response: Response) -> EnrolmentView:
    """End the enrolment; a place that the child had becomes free."""
    return _seen_by(await withdraw_enrolment(WithdrawEnrolment(target, form.because), tx), target.party, response)


@early_entries.post("", status_code=201, dependencies=PARENTS_OR_STAFF)
async def post_early_entry(form: EarlyEntryForm, caller: CurrentCaller, tx: InTx, response: Response) -> EnrolmentView:
    """Apply for a child to start school before it is compulsory; it opens an enrolment of its own."""
    party = _party(caller)
    command = ApplyForEarlyEntry(form.child_id, form.school_year, party, form.to_wishes())
    return _seen_by(await apply_for_early_entry(command, tx), party, response)
