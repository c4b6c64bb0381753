"""A child moves away: it leaves the list."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from amtsbus.casework.roles import Actor
from amtsbus.postgres import Tx

from schooling import store
from schooling.domain.events import WithdrawalCause
from schooling.published import published


@dataclass(frozen=True)
class ReleaseChild:
    child_id: UUID
    moved_out_on: date


async def release_child(command: ReleaseChild, tx: Tx) -> None:
    """End the child's open enrolments; a place that it had becomes free. A child never heard of has none to end."""
    known = await store.lock_child(tx, command.child_id)
    if known is None:
        return
    child = known.moved_away(command.moved_out_on)
    await store.put_child(tx, child)
    for enrolment in await store.enrolments_of_child(tx, child):
        if enrolment.ends_when_the_child_moves_away(command.moved_out_on):
            withdrawn = enrolment.withdraw(WithdrawalCause.MOVED_AWAY, Actor.system(), tx.clock.now())
            await store.save_enrolment(tx, enrolment)
            await tx.append(enrolment.case.case_id, *published(enrolment, [withdrawn]))
