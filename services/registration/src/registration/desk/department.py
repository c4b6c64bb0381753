"""The registration office as its desk sees it: declarations and disclosure blocks in words.

Who may not read the record of somebody with a disclosure block (BMG § 51) finds none of their cases here, in no list, count or
stream. Whoever is one of the persons of a case, or has custody of one, finds it in the list and cannot open it
(VwVfG NRW § 20 (1)).
"""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from uuid import UUID

from amtsbus.desk import CaseInWords, Condition, Filled, Sheet, Viewer
from amtsbus.desk.work_list import ListedCase
from amtsbus.errors import ForbiddenError, NotFoundError
from amtsbus.postgres import Tx

from registration import store
from registration.desk.actions import Sent, carry_out, reader_of
from registration.desk.sheets import DeclarationPage, block_sheet, custodians_of
from registration.desk.words import RegistrationWords
from registration.domain import access
from registration.domain.declarations import MoveIn
from registration.domain.procedures import DECLARATIONS, DISCLOSURE_BLOCK, MOVE_IN, PROCEDURES
from registration.use_cases.find_cases import find_cases, hidden_cases, names_of_cases
from registration.use_cases.read_declaration import read_case_file, read_declaration
from registration.use_cases.read_disclosure_block import read_disclosure_block


class RegistrationDesk:
    """The registration office, for `amtsbus.desk`, discreet about the protected."""

    name = "registration"
    title: Mapping[str, str] = MappingProxyType({"de": "Meldebehörde", "en": "Registration office"})
    land = MOVE_IN.land

    # Lists

    async def procedures(self, tx: Tx, viewer: Viewer) -> Sequence[tuple[str, str]]:  # noqa: ARG002 - they are in no table
        """The declarations, and disclosure blocks."""
        return [(key, RegistrationWords(viewer).procedure(key)) for key in PROCEDURES]

    async def states(self, tx: Tx, viewer: Viewer) -> Sequence[tuple[str, str]]:  # noqa: ARG002 - they are in no table
        """In the order in which a case comes through them."""
        words = RegistrationWords(viewer)
        states = dict.fromkeys(
            state
            for procedure in PROCEDURES.values()
            for state in (procedure.initial, *(step.target for step in procedure.transitions))
        )
        return [(state, words.state(state)) for state in states]

    async def find(self, tx: Tx, words: str, limit: int, viewer: Viewer) -> list[UUID]:
        """By reference, or by the name of whoever declares."""
        return await find_cases(words, reader_of(viewer), limit, tx)

    async def hidden(self, tx: Tx, viewer: Viewer) -> Collection[UUID]:
        """The cases of the protected."""
        return await hidden_cases(reader_of(viewer), tx)

    async def in_words(self, tx: Tx, cases: Sequence[ListedCase], viewer: Viewer) -> Mapping[UUID, CaseInWords]:
        """One query, however many they are; that a protected name was shown is logged."""
        names = await names_of_cases([case.case_id for case in cases], reader_of(viewer), tx)
        words = RegistrationWords(viewer)
        return {
            case.case_id: CaseInWords(
                applicant=f"{names[case.case_id].given_names} {names[case.case_id].family_name}",
                procedure=words.procedure(case.procedure_key),
                state=words.state(case.state),
                kind=words.kind(case.state),
                next_step=words.next_step(case.procedure_key, case.state),
                words=words,
            )
            for case in cases
        }

    # One case

    async def sheet(self, tx: Tx, case_id: UUID, viewer: Viewer) -> Sheet:
        """The declaration, or the request for a disclosure block; that it was read is logged for every person in it.

        Raises:
            NotFoundError: there is none, or it is of somebody whose record the viewer may not read.
            ForbiddenError: the viewer is one of its persons, or has custody of one.
        """
        if await store.is_block_request(tx, case_id):
            return await _block(tx, case_id, viewer)
        return await _declaration(tx, case_id, viewer)

    async def act(self, tx: Tx, case_id: UUID, version: int, action: str, form: Filled, viewer: Viewer) -> None:
        """Carry out what a form asks for."""
        is_block = await store.is_block_request(tx, case_id)
        procedure = DISCLOSURE_BLOCK if is_block else DECLARATIONS[await store.procedure_of(tx, case_id)]
        await carry_out(Sent(action, form, case_id, procedure, version, viewer), tx)

    # For the operator

    async def conditions(self, tx: Tx, viewer: Viewer) -> list[Condition]:
        """Whether the daily round has entered every declaration whose day has come."""
        say, count = viewer.say, await store.overdue_entries(tx)
        if count:
            return [Condition(say("registration.calendar"), say("registration.calendar.behind", count=count), "danger")]
        return [Condition(say("registration.calendar"), say("registration.calendar.done"), "success")]


async def _declaration(tx: Tx, case_id: UUID, viewer: Viewer) -> Sheet:
    procedure, reader = DECLARATIONS[await store.procedure_of(tx, case_id)], reader_of(viewer)
    opened = await read_declaration(case_id, procedure, reader, tx)
    declared = opened.record.declaration
    known = await store.residents(tx, declared.person_ids)
    persons = [one.data for one in declared.persons] if isinstance(declared, MoveIn) else []
    custodian_ids = custodians_of([*persons, *(one.data for one in known.values())])
    _refuse_own_matter(reader, {opened.case.applicant_id, *declared.person_ids, *custodian_ids})
    file = await read_case_file(opened, reader, tx)
    found = await store.residents(tx, custodian_ids)
    custodians = {key: one for key, one in found.items() if reader.may_read(one, None)}
    duplicates = await store.residents(tx, file.possible_duplicates)
    # Their names are shown as well, and they are in no declaration.
    named = {one.person_id: True for one in custodians.values() if one.blocked and one.person_id not in known}
    named |= {one.person_id: one.blocked for one in duplicates.values()}
    await store.log_reads(tx, named, by=reader.subject, how="search")
    page = DeclarationPage(
        opened.case,
        opened.record,
        known,
        custodians,
        await store.entered_homes(tx, case_id, declared.person_ids),
        duplicates,
        RegistrationWords(viewer),
    )
    return page.sheet()


async def _block(tx: Tx, case_id: UUID, viewer: Viewer) -> Sheet:
    reader = reader_of(viewer)
    case, request = await read_disclosure_block(case_id, reader, tx)
    person = await store.resident(tx, request.person_id)
    if not reader.may_read(person, None):
        raise NotFoundError("there is no such case")
    _refuse_own_matter(reader, {person.person_id, *person.data.custodian_ids})
    await store.log_reads(tx, {person.person_id: person.blocked}, by=reader.subject, how="case")
    return block_sheet(case, request, person, RegistrationWords(viewer))


def _refuse_own_matter(reader: access.Viewer, person_ids: Collection[UUID]) -> None:
    if reader.is_concerned(person_ids):
        raise ForbiddenError("whoever is one of the persons of a case does not act for the office in it")
