"""A member of staff proposes a disclosure block, on application or ex officio (Auskunftssperre, BMG § 51 (1))."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.casework import store as cases
from amtsbus.casework.case import Case
from amtsbus.errors import RuleViolationError
from amtsbus.ids import new_id
from amtsbus.postgres import Tx

from registration import store
from registration.domain.access import Viewer
from registration.domain.procedures import DISCLOSURE_BLOCK


@dataclass(frozen=True, slots=True)
class RequestDisclosureBlock:
    viewer: Viewer
    person_id: UUID
    grounds: str


async def request_disclosure_block(command: RequestDisclosureBlock, tx: Tx) -> UUID:
    """Open the case; a lead, another person, decides. Also renews a block that is in force: the answer is the same.

    Raises:
        NotFoundError: the register does not know the person.
        RuleViolationError: code `block-already-proposed`: by the same member of staff, and nobody has decided on it yet.
    """
    now = tx.clock.now()
    resident = await store.resident(tx, command.person_id, lock=True)
    if await store.has_open_block_request(tx, resident.person_id, command.viewer.subject):
        raise RuleViolationError(
            "you have proposed this block already; a lead, another person, decides on it", code="block-already-proposed"
        )
    case = Case.open(
        DISCLOSURE_BLOCK,
        case_id=new_id(),
        reference=await cases.next_reference(tx, DISCLOSURE_BLOCK, tx.clock.today().year),
        applicant_id=resident.person_id,
        now=now,
        actor=command.viewer.actor,
    )
    case.propose("grant", command.viewer.actor, now, reason=command.grounds)
    await cases.add(tx, case)
    await store.add_block_request(tx, case.case_id, resident.person_id, command.viewer.subject)
    return case.case_id
