"""Other offices are asked for their opinion before the decision."""

from dataclasses import dataclass

from amtsbus.postgres import Tx
from amtsbus.procedures import steps

from offices import reporting, store
from offices.domain.case_file import CaseFile
from offices.domain.office import Office
from offices.domain.target import Target


@dataclass(frozen=True, slots=True)
class HearOffices:
    target: Target
    offices: frozenset[str]


async def hear_offices(command: HearOffices, office: Office, tx: Tx) -> CaseFile:
    """Ask them all at once; each has the period that the procedure gives.

    Raises:
        RuleViolationError: see `CaseFile.hear`.
    """
    file = await store.get_as_seen(tx, command.target, office.land)
    now = tx.clock.now()
    file.hear(command.offices, command.target.actor, now, tx.clock.today())
    await store.save(tx, file)
    await tx.append(file.case_id, reporting.moved(office, file, steps.HEAR, now))
    return file
