"""Another office has answered, or has let its period pass."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from amtsbus.casework.roles import Actor
from amtsbus.postgres import Tx
from amtsbus.procedures import steps

from offices import reporting, store
from offices.domain.case_file import CaseFile
from offices.domain.office import Office
from offices.domain.target import Target


@dataclass(frozen=True, slots=True)
class RecordOpinion:
    target: Target
    office: str
    outcome: Literal["no-objection", "conditions", "objection"]
    opinion: str | None


async def record_opinion(command: RecordOpinion, office: Office, tx: Tx) -> CaseFile:
    """Write it into the file; after the last one the case goes on.

    Raises:
        RuleViolationError: code `not-asked`.
    """
    file = await store.get_as_seen(tx, command.target, office.land)
    await _record(file, command.office, command.outcome, command.opinion, command.target.actor, office, tx)
    return file


async def record_silence(case_id: UUID, heard: str, office: Office, tx: Tx) -> None:
    """The period of an office has ended without an answer: the case does not wait for it any longer."""
    file = await store.get(tx, case_id, office.land)
    if any(one.office == heard for one in file.open_hearings):
        await _record(file, heard, "silent", None, Actor.system(), office, tx)


async def _record(
    file: CaseFile, heard: str, outcome: str, opinion: str | None, actor: Actor, office: Office, tx: Tx
) -> None:
    now = tx.clock.now()
    was_last = file.record_opinion(heard, outcome, opinion, actor, now)
    await store.save(tx, file)
    if was_last:
        await tx.append(file.case_id, reporting.moved(office, file, steps.CLOSE_HEARING, now))
