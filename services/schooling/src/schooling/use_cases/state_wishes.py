"""What parents ask for, as it comes from outside, with schools that exist."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.errors import RuleViolationError
from amtsbus.postgres import Tx

from schooling import store
from schooling.domain.enrolment import Wishes
from schooling.domain.events import Document
from schooling.domain.rules import Criterion, School


@dataclass(frozen=True)
class StatedWishes:
    first_choice: UUID
    second_choice: UUID | None = None
    criteria: frozenset[Criterion] = frozenset()
    documents: frozenset[Document] = frozenset()
    deferral: bool = False


async def with_schools(stated: StatedWishes, tx: Tx) -> Wishes:
    """The same wishes with the schools that they name.

    Raises:
        RuleViolationError: one of them does not exist.
    """
    first = await known_school(stated.first_choice, tx)
    second = None if stated.second_choice is None else await known_school(stated.second_choice, tx)
    return Wishes(first, second, stated.criteria, stated.documents, stated.deferral)


async def known_school(school_id: UUID, tx: Tx) -> School:
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
