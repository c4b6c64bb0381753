"""Correct the entry of a home; the old entry stays, with who and why (BMG § 6 (1))."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.errors import NotFoundError, PreconditionFailedError
from amtsbus.postgres import Tx

from registration import store
from registration.domain.access import Viewer
from registration.domain.law import Office
from registration.domain.persons import ResidenceCorrection
from registration.store import Record
from registration.use_cases.announce_changes import announce_changes
from registration.use_cases.read_person import visible_resident


@dataclass(frozen=True, slots=True)
class CorrectResidence:
    viewer: Viewer
    person_id: UUID
    residence_id: UUID
    version: int
    correction: ResidenceCorrection
    reason: str


async def correct_residence(command: CorrectResidence, tx: Tx, office: Office) -> None:
    """Enter a home anew in place of an entry that was wrong, and tell whoever is entitled to know of it.

    Raises:
        NotFoundError: see `read_person`; or the person has no such entry.
        PreconditionFailedError: the record has another version by now.
        RuleViolationError: nothing changes, or the dates are impossible beside the other entries.
    """
    before = await visible_resident(command.person_id, command.viewer, tx, lock=True)
    if before.version != command.version:
        raise PreconditionFailedError(f"the record is at version {before.version}; read it again before you correct it")
    home = next((home for home in before.residences if home.residence_id == command.residence_id), None)
    if home is None:
        raise NotFoundError("the person has no such residence in force or in the past")
    corrected = command.correction.apply(home, before, tx.clock.today())
    record = Record(by=command.viewer.subject, reason=command.reason, at=tx.clock.now())
    await store.supersede_residence(tx, before, corrected, record)
    await announce_changes(before, await store.resident(tx, before.person_id), office, tx)
