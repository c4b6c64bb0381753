"""Read a declaration's case, as whoever may."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.casework import store as cases
from amtsbus.casework.case import Case, HistoryEntry, Note
from amtsbus.casework.procedure import Procedure
from amtsbus.errors import NotFoundError, PreconditionFailedError
from amtsbus.postgres import Tx

from registration import store
from registration.domain.access import Viewer
from registration.domain.declarations import MoveIn
from registration.domain.names import search_key


@dataclass(frozen=True, slots=True)
class OpenedDeclaration:
    """A case and what was declared in it."""

    case: Case
    record: store.DeclarationRecord


@dataclass(frozen=True, slots=True)
class CaseFile:
    """What staff see beside it: notes, history, and whom the register may already know."""

    notes: tuple[Note, ...]
    history: tuple[HistoryEntry, ...]
    possible_duplicates: tuple[UUID, ...]


async def read_declaration(case_id: UUID, procedure: Procedure, viewer: Viewer, tx: Tx) -> OpenedDeclaration:
    """The case, if it is the viewer's to see.

    Raises:
        NotFoundError: there is none, it is somebody else's, or it concerns a person with a disclosure block and the
            viewer has not the role for that; the three look alike.
    """
    record = await store.declaration(tx, case_id, procedure.key)
    case = await cases.get(tx, case_id, procedure)
    if not viewer.may_see_case(
        applicant_id=case.applicant_id, adult_subject_ids=record.adult_ids, protected=record.protected
    ):
        raise NotFoundError("there is no such case")
    return OpenedDeclaration(case, record)


async def handed_in(case_id: UUID, procedure: Procedure, tx: Tx) -> OpenedDeclaration:
    """The case for whoever has handed it in or changed it in this transaction, also where they could not open it again."""
    return OpenedDeclaration(
        await cases.get(tx, case_id, procedure), await store.declaration(tx, case_id, procedure.key)
    )


async def opened_for_change(
    case_id: UUID, procedure: Procedure, viewer: Viewer, version: int, tx: Tx
) -> OpenedDeclaration:
    """The case, to act on it: for staff and the applicant, at the version that they have seen.

    Raises:
        NotFoundError: as `read_declaration`; also where somebody else of the family is the applicant.
        PreconditionFailedError: it has another version by now.
    """
    opened = await read_declaration(case_id, procedure, viewer, tx)
    if not viewer.is_staff and viewer.person_id != opened.case.applicant_id:
        raise NotFoundError("there is no such case")
    if opened.case.version != version:
        raise PreconditionFailedError(
            f"the case is at version {opened.case.version}; read it again before you act on it"
        )
    return opened


async def read_case_file(opened: OpenedDeclaration, viewer: Viewer, tx: Tx) -> CaseFile:
    """What staff see of the case; that they have seen it is logged for every person whom the register knows."""
    declaration = opened.record.declaration
    known = await store.residents(tx, declaration.person_ids)
    await store.log_reads(
        tx, {person_id: person.blocked for person_id, person in known.items()}, by=viewer.subject, how="case"
    )
    duplicates: list[UUID] = []
    if isinstance(declaration, MoveIn):
        for person in declaration.persons:
            if person.person_id not in known:
                duplicates += await store.same_identity(
                    tx,
                    search_key(person.data.family_name, person.data.given_names),
                    person.data.date_of_birth,
                    with_blocked=viewer.sees_blocked,
                    except_ids=declaration.person_ids,
                )
    return CaseFile(
        notes=tuple(await cases.notes(tx, opened.case.case_id)),
        history=tuple(await cases.history(tx, opened.case.case_id)),
        possible_duplicates=tuple(dict.fromkeys(duplicates)),
    )
