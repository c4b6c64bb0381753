"""The city sets how many children a school takes in a school year (Aufnahmekapazität, § 46 SchulG NRW)."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.errors import RuleViolationError
from amtsbus.postgres import Tx

from schooling import store
from schooling.store import Capacity


@dataclass(frozen=True)
class SetCapacity:
    school_id: UUID
    school_year: int
    places: int


async def set_capacity(command: SetCapacity, tx: Tx) -> Capacity:
    """Set or change the number of places.

    Raises:
        NotFoundError: there is no such school.
        RuleViolationError: more children have been accepted already.
    """
    await store.school(tx, command.school_id)
    await store.lock_places(tx, command.school_id, command.school_year)
    accepted = await store.accepted_children(tx, command.school_id, command.school_year)
    if command.places < accepted:
        raise RuleViolationError(
            f"{accepted} children have been accepted already: the capacity cannot be lower", code="below-accepted"
        )
    await store.set_places(tx, command.school_id, command.school_year, command.places)
    return Capacity(command.school_year, command.places, accepted)
