"""What callers get: every field is listed, so nothing comes out by accident."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from amtsbus.casework.case import Case
from amtsbus.casework.store import WorkListRow
from amtsbus.clock import BERLIN
from pydantic import BaseModel, Field

from registration.domain.access import Viewer
from registration.domain.declarations import (
    DeclaredPerson,
    Departure,
    LandlordConfirmation,
    LandlordRefusal,
    Move,
    MoveIn,
)
from registration.domain.persons import Language, PersonData, Resident
from registration.domain.residences import Address, Residence, ResidenceKind
from registration.store import BlockRequest, Hit, PastEntry, PastResidence, RecordRead
from registration.use_cases.read_declaration import CaseFile, OpenedDeclaration
from registration.use_cases.read_person import PersonRecord


class AddressView(BaseModel):
    """A postal address."""

    care_of: str | None
    street: str
    house_number: str
    postal_code: str
    locality: str
    country: str

    @classmethod
    def of(cls, address: Address) -> "AddressView":
        return cls(
            care_of=address.care_of,
            street=address.street,
            house_number=address.house_number,
            postal_code=address.postal_code,
            locality=address.locality,
            country=address.country,
        )

    @classmethod
    def maybe(cls, address: Address | None) -> "AddressView | None":
        return None if address is None else cls.of(address)


class LandlordView(BaseModel):
    """Where the landlord's confirmation stands (BMG § 19)."""

    status: Literal["missing", "confirmed", "refused"]
    landlord_name: str | None = None
    landlord_address: AddressView | None = None
    moved_in_on: date | None = None
    owner_name: str | None = None
    statement: str | None = Field(None, description="The declarant's report that the landlord refuses")

    @classmethod
    def of(cls, landlord: LandlordConfirmation | LandlordRefusal | None) -> "LandlordView":
        match landlord:
            case None:
                return cls(status="missing")
            case LandlordRefusal():
                return cls(status="refused", statement=landlord.statement)
            case LandlordConfirmation():
                return cls(
                    status="confirmed",
                    landlord_name=landlord.landlord_name,
                    landlord_address=AddressView.of(landlord.landlord_address),
                    moved_in_on=landlord.moved_in_on,
                    owner_name=landlord.owner_name,
                )


class DeclaredPersonView(BaseModel):
    """A person as they were declared, with the id under which the register knows or will know them."""

    person_id: UUID
    given_names: str
    family_name: str
    birth_name: str | None
    date_of_birth: date
    language: Language
    custodian_ids: list[UUID]
    is_declarant: bool

    @classmethod
    def of(cls, person: DeclaredPerson) -> "DeclaredPersonView":
        return cls(
            person_id=person.person_id,
            given_names=person.data.given_names,
            family_name=person.data.family_name,
            birth_name=person.data.birth_name,
            date_of_birth=person.data.date_of_birth,
            language=person.data.language,
            custodian_ids=list(person.data.custodian_ids),
            is_declarant=person.is_declarant,
        )


class NoteView(BaseModel):
    """A note in the file."""

    text: str
    written_by: str
    written_at: datetime


class HistoryView(BaseModel):
    """Something that happened to the case."""

    who: str
    at: datetime
    what: str
    about: str | None
    state: str
    reason: str | None


class CaseFileView(BaseModel):
    """What only staff see of a case."""

    assignee: str | None
    notes: list[NoteView]
    history: list[HistoryView]
    possible_duplicates: list[UUID] = Field(
        description="Persons in the register with the same name, however spelled, and date of birth"
    )


class DecisionView(BaseModel):
    """How a case was decided."""

    outcome: str
    reasons: list[str]
    decided_on: date


class DeclarationView(BaseModel):
    """A declaration's case."""

    case_id: UUID
    reference: str = Field(description="Aktenzeichen", examples=["MA-2026-000123"])
    state: str
    version: int
    submitted_at: datetime
    days_late: int = Field(description="Days after the end of the period of BMG § 17; no obstacle")
    due_on: date | None = Field(description="Until when the next step is due")
    actions: list[str] = Field(description="What the caller can do now")
    decision: DecisionView | None
    file: CaseFileView | None = Field(None, description="For staff")


class MoveInView(DeclarationView):
    """A move-in (Anmeldung)."""

    moved_in_on: date
    address: AddressView
    residence_kind: ResidenceKind
    previous_address: AddressView | None
    main_residence: AddressView | None
    persons: list[DeclaredPersonView]
    landlord_confirmation: LandlordView


class MoveView(DeclarationView):
    """A move within the city (Ummeldung)."""

    moved_on: date
    address: AddressView
    person_ids: list[UUID]
    landlord_confirmation: LandlordView


class DepartureView(DeclarationView):
    """A departure from the city (Abmeldung)."""

    moved_out_on: date
    new_address: AddressView | None
    person_ids: list[UUID]


def declaration_view(opened: OpenedDeclaration, viewer: Viewer, file: CaseFile | None) -> DeclarationView:
    """The case as the viewer may see it; `file` for staff."""
    case, record = opened.case, opened.record
    declaration = record.declaration
    common = DeclarationView(
        case_id=case.case_id,
        reference=case.reference,
        state=case.state,
        version=case.version,
        submitted_at=record.submitted_at,
        days_late=record.days_late,
        due_on=case.due_on,
        actions=[step.action for step in case.actions(viewer.actor)],
        decision=_decision(case),
        file=None if file is None else _file(case, file),
    )
    fields = dict(common)
    match declaration:
        case MoveIn():
            return MoveInView(
                **fields,
                moved_in_on=declaration.moved_in_on,
                address=AddressView.of(declaration.address),
                residence_kind=declaration.residence_kind,
                previous_address=AddressView.maybe(declaration.previous_address),
                main_residence=AddressView.maybe(declaration.main_residence),
                persons=[DeclaredPersonView.of(person) for person in declaration.persons],
                landlord_confirmation=LandlordView.of(declaration.landlord),
            )
        case Move():
            return MoveView(
                **fields,
                moved_on=declaration.moved_on,
                address=AddressView.of(declaration.address),
                person_ids=list(declaration.person_ids),
                landlord_confirmation=LandlordView.of(declaration.landlord),
            )
        case Departure():
            return DepartureView(
                **fields,
                moved_out_on=declaration.moved_out_on,
                new_address=AddressView.maybe(declaration.new_address),
                person_ids=list(declaration.person_ids),
            )


def _decision(case: Case) -> DecisionView | None:
    if not case.decisions:
        return None
    decision = case.decisions[-1]
    return DecisionView(
        outcome=decision.outcome,
        reasons=list(decision.reasons),
        decided_on=decision.decided_at.astimezone(BERLIN).date(),
    )


def _file(case: Case, file: CaseFile) -> CaseFileView:
    return CaseFileView(
        assignee=case.assignee,
        notes=[NoteView(text=n.text, written_by=n.written_by, written_at=n.written_at) for n in file.notes],
        history=[
            HistoryView(who=e.who, at=e.at, what=e.what, about=e.about, state=e.state, reason=e.reason)
            for e in file.history
        ],
        possible_duplicates=list(file.possible_duplicates),
    )


class CaseLine(BaseModel):
    """A case as a list shows it."""

    case_id: UUID
    procedure: str
    reference: str
    state: str
    version: int
    opened_at: datetime
    closed_at: datetime | None
    due_on: date | None
    assignee: str | None = Field(None, description="For staff")

    @classmethod
    def of(cls, row: WorkListRow, *, staff: bool) -> "CaseLine":
        return cls(
            case_id=row.case_id,
            procedure=row.procedure_key,
            reference=row.reference,
            state=row.state,
            version=row.version,
            opened_at=row.opened_at,
            closed_at=row.closed_at,
            due_on=row.due_on,
            assignee=row.assignee if staff else None,
        )


class ResidenceView(BaseModel):
    """An entry of a home."""

    residence_id: UUID
    kind: ResidenceKind
    in_city: bool
    household_id: UUID | None
    address: AddressView
    moved_in_on: date
    moved_out_on: date | None

    @classmethod
    def of(cls, home: Residence) -> "ResidenceView":
        return cls(
            residence_id=home.residence_id,
            kind=home.kind,
            in_city=home.in_city,
            household_id=home.household_id,
            address=AddressView.of(home.address),
            moved_in_on=home.moved_in_on,
            moved_out_on=home.moved_out_on,
        )


class MemberView(BaseModel):
    """Somebody who lives in the same household."""

    person_id: UUID
    given_names: str
    family_name: str
    date_of_birth: date


class PersonView(BaseModel):
    """A resident's record: the entries in force, and the homes also of the past."""

    person_id: UUID
    version: int
    given_names: str
    family_name: str
    birth_name: str | None
    date_of_birth: date
    language: Language
    custodian_ids: list[UUID]
    residences: list[ResidenceView]
    household: list[MemberView]
    disclosure_blocked_until: date | None

    @classmethod
    def of(cls, record: PersonRecord) -> "PersonView":
        resident = record.resident
        return cls(
            person_id=resident.person_id,
            version=resident.version,
            **_data(resident.data),
            residences=[ResidenceView.of(home) for home in resident.residences],
            household=[_member(member) for member in record.household],
            disclosure_blocked_until=resident.blocked_until,
        )


def _data(data: PersonData) -> dict[str, object]:
    return {
        "given_names": data.given_names,
        "family_name": data.family_name,
        "birth_name": data.birth_name,
        "date_of_birth": data.date_of_birth,
        "language": data.language,
        "custodian_ids": list(data.custodian_ids),
    }


def _member(member: Resident) -> MemberView:
    return MemberView(
        person_id=member.person_id,
        given_names=member.data.given_names,
        family_name=member.data.family_name,
        date_of_birth=member.data.date_of_birth,
    )


class HitView(BaseModel):
    """A person that a search has found."""

    person_id: UUID
    given_names: str
    family_name: str
    birth_name: str | None
    date_of_birth: date
    address: AddressView | None = Field(description="Main residence; null: not known any more, or protected")
    disclosure_blocked: bool

    @classmethod
    def of(cls, hit: Hit) -> "HitView":
        return cls(
            person_id=hit.person_id,
            given_names=hit.data.given_names,
            family_name=hit.data.family_name,
            birth_name=hit.data.birth_name,
            date_of_birth=hit.data.date_of_birth,
            address=None if hit.blocked else AddressView.maybe(hit.address),
            disclosure_blocked=hit.blocked,
        )


class PastEntryView(BaseModel):
    """An entry on a person: in force, ended (`valid_to`) or found wrong (`superseded_by`)."""

    entry_id: UUID
    given_names: str
    family_name: str
    birth_name: str | None
    date_of_birth: date
    language: Language
    custodian_ids: list[UUID]
    valid_from: date
    valid_to: date | None
    superseded_by: UUID | None
    recorded_at: datetime
    recorded_by: str
    reason: str
    case_id: UUID | None

    @classmethod
    def of(cls, entry: PastEntry) -> "PastEntryView":
        return cls(
            entry_id=entry.entry_id,
            **_data(entry.data),
            valid_from=entry.valid_from,
            valid_to=entry.valid_to,
            superseded_by=entry.superseded_by,
            recorded_at=entry.recorded_at,
            recorded_by=entry.recorded_by,
            reason=entry.reason,
            case_id=entry.case_id,
        )


class PastResidenceView(ResidenceView):
    """The entry of a home: in force, ended (`moved_out_on`) or found wrong (`superseded_by`)."""

    superseded_by: UUID | None
    recorded_at: datetime
    recorded_by: str
    reason: str
    case_id: UUID | None
    ended_by_case: UUID | None

    @classmethod
    def of_past(cls, past: PastResidence) -> "PastResidenceView":
        return cls(
            **dict(ResidenceView.of(past.residence)),
            superseded_by=past.superseded_by,
            recorded_at=past.recorded_at,
            recorded_by=past.recorded_by,
            reason=past.reason,
            case_id=past.case_id,
            ended_by_case=past.ended_by_case,
        )


class RecordHistoryView(BaseModel):
    """Everything that was ever entered on a person."""

    entries: list[PastEntryView]
    residences: list[PastResidenceView]


class RecordReadView(BaseModel):
    """That somebody has read a record."""

    read_id: int
    read_by: str
    read_at: datetime
    how: str
    protected: bool
    purpose: str | None

    @classmethod
    def of(cls, read: RecordRead) -> "RecordReadView":
        return cls(
            read_id=read.read_id,
            read_by=read.read_by,
            read_at=read.read_at,
            how=read.how,
            protected=read.protected,
            purpose=read.purpose,
        )


class DisclosureBlockView(BaseModel):
    """A request for a disclosure block, and the block where it was granted."""

    case_id: UUID
    reference: str = Field(description="Aktenzeichen", examples=["AS-2026-000003"])
    state: str
    version: int
    person_id: UUID
    requested_by: str
    requested_at: datetime
    grounds: str | None = Field(description="While it waits for a decision")
    valid_from: date | None
    valid_until: date | None = Field(description="Last day of the block")
    decision: DecisionView | None

    @classmethod
    def of(cls, case: Case, request: BlockRequest) -> "DisclosureBlockView":
        return cls(
            case_id=case.case_id,
            reference=case.reference,
            state=case.state,
            version=case.version,
            person_id=request.person_id,
            requested_by=request.requested_by,
            requested_at=request.requested_at,
            grounds=case.proposal.reason if case.proposal else None,
            valid_from=request.valid_from,
            valid_until=request.valid_until,
            decision=_decision(case),
        )
