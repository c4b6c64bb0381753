"""A primary school of the city is added."""

from dataclasses import dataclass

from amtsbus.ids import new_id
from amtsbus.postgres import Tx

from schooling import store
from schooling.domain.rules import School


@dataclass(frozen=True)
class AddSchool:
    name: str


async def add_school(command: AddSchool, tx: Tx) -> School:
    """Keep the school, so that parents can choose it.

    Raises:
        ConflictError: there is one of this name.
    """
    school = School(new_id(), command.name)
    await store.add_school(tx, school)
    return school
