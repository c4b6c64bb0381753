"""A child is reported by the registration authority: it arrives, or its entry has changed."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from amtsbus.postgres import Tx

from schooling import store
from schooling.domain.child import Child
from schooling.use_cases.invite_late_arrival import invite_late_arrival


@dataclass(frozen=True)
class TakeInChild:
    child_id: UUID
    given_names: str
    family_name: str
    date_of_birth: date
    custodian_ids: tuple[UUID, ...]
    arrives: bool
    """The child comes to live here; otherwise its entry was corrected."""


async def take_in_child(command: TakeInChild, tx: Tx) -> None:
    """Keep the child in its cohort; where that has been invited already, invite its custodians by themselves.

    Raises:
        RuleViolationError: the entry is not one of a child (see `Child.register`).
    """
    known = await store.lock_child(tx, command.child_id)
    child = Child.register(
        command.child_id,
        command.given_names,
        command.family_name,
        command.date_of_birth,
        command.custodian_ids,
        today=tx.clock.today(),
        rulebook=await store.rulebook(tx),
    )
    if known is not None:
        child = child.following(known, arrives=command.arrives)
    await store.put_child(tx, child)
    await store.match_again(tx, child.custodian_ids)
    await invite_late_arrival(child, tx)
