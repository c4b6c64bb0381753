"""A case of the registration office on one page: a declaration with each of its persons, or a disclosure block."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from amtsbus.casework.case import Case
from amtsbus.desk import Rows, Sheet, Table
from amtsbus.web.languages import written_moment

from registration.desk.actions import Shown, offered, offered_on_block
from registration.desk.words import RegistrationWords
from registration.domain.declarations import (
    Departure,
    LandlordConfirmation,
    LandlordRefusal,
    Move,
    MoveIn,
    differing_fields,
)
from registration.domain.persons import PersonData, Resident
from registration.domain.procedures import CLOSED, DISCLOSURE_BLOCK, REGISTERED
from registration.domain.residences import Address, ResidenceKind
from registration.store import BlockRequest, DeclarationRecord, EnteredHomes


@dataclass(frozen=True, slots=True)
class DeclarationPage:
    """Everything that the page of a declaration is made of.

    Args:
        known: those of its persons whom the register knows.
        custodians: the persons whom it names as custodians and the register knows.
        homes: what the case did to the homes of each person; empty until it is entered.
        duplicates: who may be one of the persons, known under another id.
    """

    case: Case
    record: DeclarationRecord
    known: Mapping[UUID, Resident]
    custodians: Mapping[UUID, Resident]
    homes: Mapping[UUID, EnteredHomes]
    duplicates: Mapping[UUID, Resident]
    words: RegistrationWords

    @property
    def is_entered(self) -> bool:
        return self.case.state in (REGISTERED, CLOSED)

    def data(self, person_id: UUID) -> PersonData:
        """A person as the register has them; until it does, as they were declared."""
        if person_id in self.known:
            return self.known[person_id].data
        declared = self.record.declaration
        persons = declared.persons if isinstance(declared, MoveIn) else ()
        return next(one.data for one in persons if one.person_id == person_id)

    def sheet(self) -> Sheet:
        """The page."""
        case, words = self.case, self.words
        ordered = [self.known[one] for one in self.record.declaration.person_ids if one in self.known]
        shown = Shown(case, self.record.declaration, ordered, self.record.protected, words)
        return Sheet(
            case=case,
            words=words,
            procedure=words.procedure(case.procedure_key),
            applicant=self.data(case.applicant_id).full_name,
            kind=words.kind(case.state),
            next_step=words.next_step(case.procedure_key, case.state),
            facts=tuple(self._facts()),
            answers=tuple(self._answers()),
            problems=tuple(self._problems()),
            documents=None,
            letters=None,
            tables=(self._persons(), self._duplicates()),
            actions=tuple(offered(shown)),
            has_notes=False,
            own_notes=False,
        )

    def _facts(self) -> Iterator[tuple[str, str]]:
        words, record = self.words, self.record
        yield words.field(f"{record.procedure_key}.day"), words.day(record.declaration.effective_on)
        yield words.field("persons"), str(len(record.declaration.person_ids))
        yield words.field("language"), words.language(self.data(self.case.applicant_id).language)
        if record.enter_on is not None:
            yield words.field("enter_on"), words.day(record.enter_on)

    def _answers(self) -> Iterator[Rows]:
        words, declared = self.words, self.record.declaration
        match declared:
            case MoveIn():
                rows = [
                    ("address", words.address(declared.address)),
                    ("residence_kind", words.home_kind(declared.residence_kind)),
                    ("previous_address", words.address(declared.previous_address)),
                ]
                if declared.residence_kind is ResidenceKind.SECONDARY:
                    rows.append(("main_residence", words.address(declared.main_residence)))
            case Move():
                rows = [("address", words.address(declared.address))]
            case Departure():
                rows = [("address", words.address(declared.new_address))]
        heading = words.viewer.say("registration.declared")
        yield Rows(heading, tuple((words.field(name), text) for name, text in rows))
        if not isinstance(declared, Departure):
            yield Rows(words.viewer.say("registration.landlord"), tuple(_landlord(declared.landlord, words)))

    def _problems(self) -> Iterator[str]:
        say, words, record = self.words.viewer.say, self.words, self.record
        for person in self.known.values():
            if person.blocked_until is not None:
                yield say(
                    "registration.problem.blocked", name=person.data.full_name, day=words.day(person.blocked_until)
                )
        if record.days_late:
            yield say("registration.problem.late", count=record.days_late)
        if self.case.is_closed or self.is_entered:
            return
        declared = record.declaration
        if not isinstance(declared, Departure):
            landlord = declared.landlord
            if isinstance(landlord, LandlordConfirmation) and landlord.moved_in_on != declared.effective_on:
                yield say("registration.problem.landlord_day", day=words.day(landlord.moved_in_on))
            if isinstance(landlord, LandlordRefusal):
                yield say("registration.problem.landlord_refused")
        if isinstance(declared, MoveIn):
            for one in declared.persons:
                entered = self.known.get(one.person_id)
                differing = differing_fields(one.data, entered.data) if entered is not None else ()
                if entered is not None and differing:
                    fields = ", ".join(words.field(name) for name in differing)
                    yield say("registration.problem.differs", name=entered.data.full_name, fields=fields)
        if self.duplicates:
            yield say("registration.problem.duplicates", count=len(self.duplicates))

    def _persons(self) -> Table:
        words = self.words
        columns = ("person", "date_of_birth", "role", "previous_address", "result")
        return Table(
            words.field("persons"),
            tuple(words.field(name) for name in columns),
            tuple(self._person(person_id) for person_id in self.record.declaration.person_ids),
        )

    def _person(self, person_id: UUID) -> tuple[str, ...]:
        data = self.data(person_id)
        born_as = "" if data.birth_name is None else f" ({self.words.field('birth_name')} {data.birth_name})"
        return (
            data.full_name + born_as,
            self.words.day(data.date_of_birth),
            self._role(person_id, data),
            self.words.address(self._old_home(person_id)),
            self._result(person_id),
        )

    def _role(self, person_id: UUID, data: PersonData) -> str:
        say = self.words.viewer.say
        roles = [say("registration.role.declarant")] if person_id == self.case.applicant_id else []
        if data.custodian_ids:
            declared = self.record.declaration.person_ids
            names = [
                (self.data(one) if one in declared else self.custodians[one].data).full_name
                if one in declared or one in self.custodians
                else say("registration.unknown")
                for one in data.custodian_ids
            ]
            roles.append(say("registration.role.child", names=", ".join(names)))
        return "; ".join(roles)

    def _old_home(self, person_id: UUID) -> Address | None:
        """Where the person lived before: by what the case has ended, and until then by the register."""
        ended = self.homes[person_id].ended if person_id in self.homes else ()
        if ended:
            return ended[0].address
        declared = self.record.declaration
        if isinstance(declared, MoveIn) and declared.previous_address is not None:
            return declared.previous_address
        main = self.known[person_id].main_residence if person_id in self.known and not self.is_entered else None
        return main.address if main is not None else None

    def _result(self, person_id: UUID) -> str:
        say, words = self.words.viewer.say, self.words
        if self.is_entered:
            homes = self.homes[person_id]
            if isinstance(self.record.declaration, Departure) and homes.ended:
                return say("registration.result.departed", day=words.day(self.record.declaration.effective_on))
            entered = [
                say("registration.result.entered", home=words.home_kind(home.kind), day=words.day(home.moved_in_on))
                for home in homes.began
                if home.in_city
            ]
            return "; ".join(entered) or say("registration.result.corrected")
        if self.case.is_closed:
            return say("registration.result.not_entered")
        return say("registration.result.known" if person_id in self.known else "registration.result.new")

    def _duplicates(self) -> Table:
        words = self.words
        return Table(
            words.viewer.say("registration.duplicates"),
            (words.field("person"), words.field("date_of_birth"), words.field("person_id")),
            tuple(
                (one.data.full_name, words.day(one.data.date_of_birth), str(one.person_id))
                for one in self.duplicates.values()
            ),
        )


def _landlord(
    landlord: LandlordConfirmation | LandlordRefusal | None, words: RegistrationWords
) -> Iterator[tuple[str, str]]:
    say, status = words.viewer.say, words.field("landlord_status")
    match landlord:
        case None:
            yield status, say("registration.landlord.missing")
        case LandlordRefusal():
            yield status, say("registration.landlord.refused")
            yield words.field("statement"), landlord.statement
        case LandlordConfirmation():
            yield status, say("registration.landlord.confirmed")
            yield words.field("landlord_name"), landlord.landlord_name
            yield words.field("landlord_address"), words.address(landlord.landlord_address)
            yield words.field("moved_in_on"), words.day(landlord.moved_in_on)
            if landlord.owner_name is not None:
                yield words.field("owner_name"), landlord.owner_name


def block_sheet(case: Case, request: BlockRequest, person: Resident, words: RegistrationWords) -> Sheet:
    """The request for a disclosure block, without the address that it protects."""
    say, viewer = words.viewer.say, words.viewer
    facts: list[tuple[str, str]] = [
        (words.field("requested_by"), viewer.name_of(request.requested_by)),
        (words.field("requested_at"), written_moment(viewer.language, request.requested_at)),
    ]
    if request.valid_from is not None and request.valid_until is not None:
        facts.append((words.field("valid_from"), words.day(request.valid_from)))
        facts.append((words.field("valid_until"), words.day(request.valid_until)))
    problems = []
    if person.blocked_until is not None and not case.is_closed:
        problems.append(
            say("registration.problem.blocked", name=person.data.full_name, day=words.day(person.blocked_until))
        )
    return Sheet(
        case=case,
        words=words,
        procedure=words.procedure(DISCLOSURE_BLOCK.key),
        applicant=person.data.full_name,
        kind=words.kind(case.state),
        next_step=words.next_step(case.procedure_key, case.state),
        facts=tuple(facts),
        answers=(
            Rows(
                words.field("person"),
                (
                    (words.field("given_names"), person.data.given_names),
                    (words.field("family_name"), person.data.family_name),
                    (words.field("date_of_birth"), words.day(person.data.date_of_birth)),
                ),
            ),
        ),
        problems=tuple(problems),
        documents=None,
        letters=None,
        actions=tuple(offered_on_block(case, words)),
        has_notes=False,
    )


def custodians_of(data: Iterable[PersonData]) -> set[UUID]:
    """All who have custody of one of these persons."""
    return {custodian for one in data for custodian in one.custodian_ids}
