"""A lead grants a disclosure block that somebody else has proposed (BMG § 51 (1), (4))."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.casework import store as cases
from amtsbus.casework.case import Decision
from amtsbus.postgres import Tx

from registration import store
from registration.domain.access import Viewer, block_end
from registration.domain.law import Office
from registration.use_cases.announce_changes import announce_changes
from registration.use_cases.read_disclosure_block import block_case_at


@dataclass(frozen=True, slots=True)
class GrantDisclosureBlock:
    viewer: Viewer
    case_id: UUID
    version: int


async def grant_disclosure_block(command: GrantDisclosureBlock, tx: Tx, office: Office) -> None:
    """Put the block into force from today, for two years or, if one is running, two years beyond its end.

    From now on the person's address leaves the register for letters of this administration only, and the record is read
    by leads and auditors, for a stated purpose.

    Raises:
        ForbiddenError: whoever proposed it cannot grant it.
    """
    now, today = tx.clock.now(), tx.clock.today()
    case = await block_case_at(command.case_id, command.version, tx)
    request = await store.block_request(tx, command.case_id)
    before = await store.resident(tx, request.person_id, lock=True)
    case.take("grant", command.viewer.actor, now)
    case.decide(Decision("granted", (), command.viewer.subject, now, "BMG § 51 (1), (4)"))
    await cases.save(tx, case)
    await store.add_block(
        tx,
        case.case_id,
        request.person_id,
        valid_until=block_end(today, before.blocked_until, office.law.on(today).block_years),
        proposed_by=request.requested_by,
        granted_by=command.viewer.subject,
    )
    await announce_changes(before, await store.resident(tx, request.person_id), office, tx)
