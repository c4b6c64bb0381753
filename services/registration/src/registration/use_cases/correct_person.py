"""Correct or change an entry on a person; the old entry stays, with who and why (BMG § 6 (1))."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.errors import PreconditionFailedError, RuleViolationError
from amtsbus.postgres import Tx

from registration import store
from registration.domain.access import Viewer
from registration.domain.law import Office
from registration.domain.persons import EntryChange
from registration.store import Record
from registration.use_cases.announce_changes import announce_changes
from registration.use_cases.read_person import visible_resident


@dataclass(frozen=True, slots=True)
class CorrectPerson:
    viewer: Viewer
    person_id: UUID
    version: int
    change: EntryChange
    reason: str


async def correct_person(command: CorrectPerson, tx: Tx, office: Office) -> None:
    """Enter new data in place of the entry in force, and tell whoever is entitled to know of it.

    Raises:
        NotFoundError: see `read_person`.
        PreconditionFailedError: the record has another version by now.
        RuleViolationError: nothing changes, the dates are impossible, or a custodian is not known.
    """
    before = await visible_resident(command.person_id, command.viewer, tx, lock=True)
    if before.version != command.version:
        raise PreconditionFailedError(f"the record is at version {before.version}; read it again before you correct it")
    data = command.change.apply(before.entry, tx.clock.today())
    custodians = await store.residents(tx, data.custodian_ids)
    if len(custodians) != len(data.custodian_ids) or before.person_id in custodians:
        raise RuleViolationError(
            "a custodian is a person whom the register knows, named once", code="implausible-custodian"
        )
    if any(custodian.data.date_of_birth >= data.date_of_birth for custodian in custodians.values()):
        raise RuleViolationError("a custodian is older than the child", code="implausible-custodian")
    record = Record(by=command.viewer.subject, reason=command.reason, at=tx.clock.now())
    await store.change_entry(tx, before, data, changed_on=command.change.changed_on, record=record)
    await announce_changes(before, await store.resident(tx, before.person_id), office, tx)
