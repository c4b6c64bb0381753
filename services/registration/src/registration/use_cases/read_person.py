"""Read a resident's record: staff for their work, logged; citizens their own and that of their household."""

from dataclasses import dataclass
from uuid import UUID

import structlog
from amtsbus.errors import NotFoundError, RuleViolationError
from amtsbus.postgres import Tx

from registration import store
from registration.domain.access import Viewer
from registration.domain.persons import Resident

log = structlog.get_logger("registration.access")


@dataclass(frozen=True, slots=True)
class ReadPerson:
    viewer: Viewer
    person_id: UUID
    purpose: str | None = None
    how: str = "record"


@dataclass(frozen=True, slots=True)
class PersonRecord:
    """A resident and those with whom they live, as far as the viewer may see them."""

    resident: Resident
    household: tuple[Resident, ...]


async def read_person(query: ReadPerson, tx: Tx) -> PersonRecord:
    """The record, if it is the viewer's to see; that staff have read it is logged in the same transaction.

    Raises:
        NotFoundError: it does not exist, is somebody else's, or is blocked and the viewer has not the role: all alike.
        RuleViolationError: code `purpose-missing`: a blocked record is read for a stated purpose only.
    """
    resident = await visible_resident(query.person_id, query.viewer, tx)
    if query.viewer.is_staff:
        if resident.blocked and query.purpose is None:
            raise RuleViolationError(
                "this record is protected by a disclosure block; say in the header Access-Purpose why you read it",
                code="purpose-missing",
            )
        await store.log_reads(
            tx, {resident.person_id: resident.blocked}, by=query.viewer.subject, how=query.how, purpose=query.purpose
        )
    members = await store.household_members(tx, resident.household_ids)
    others = {person_id for persons in members.values() for person_id in persons} - {resident.person_id}
    household = await store.residents(tx, others)
    return PersonRecord(
        resident,
        tuple(member for member in household.values() if query.viewer.may_read(member, resident)),
    )


async def visible_resident(person_id: UUID, viewer: Viewer, tx: Tx, *, lock: bool = False) -> Resident:
    """A resident whose record is the viewer's to see.

    Raises:
        NotFoundError: see `read_person`.
    """
    own_id = None if viewer.is_staff else viewer.person_id
    found = await store.residents(tx, [person_id, *([own_id] if own_id else [])], lock=lock)
    resident = found.get(person_id)
    if resident is None or not viewer.may_read(resident, found.get(own_id) if own_id else None):
        if resident is not None and resident.blocked:
            log.warning("protected-record-refused", person_id=str(person_id), subject=viewer.subject)
        raise NotFoundError("there is no such person")
    return resident
