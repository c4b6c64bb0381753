"""A school that somebody names."""

from uuid import UUID

from amtsbus.errors import RuleViolationError
from amtsbus.postgres import Tx

from schooling import store
from schooling.domain.rules import School


async def find_school(school_id: UUID, tx: Tx) -> School:
    """The school that a form names.

    Raises:
        RuleViolationError: it does not exist.
    """
    found = (await store.schools_by_id(tx, [school_id])).get(school_id)
    if found is None:
        raise RuleViolationError(
            "a school that is named here does not exist: take its id from the list of schools", code="unknown-school"
        )
    return found
