"""What parents ask for, as it comes from outside, with schools that exist."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.postgres import Tx

from schooling.domain.enrolment import Wishes
from schooling.domain.events import Document
from schooling.domain.rules import Criterion
from schooling.use_cases.find_school import find_school


@dataclass(frozen=True)
class StatedWishes:
    first_choice: UUID
    second_choice: UUID | None = None
    criteria: frozenset[Criterion] = frozenset()
    documents: frozenset[Document] = frozenset()
    deferral: bool = False


async def resolve_wishes(stated: StatedWishes, tx: Tx) -> Wishes:
    """The same wishes with the schools that they name.

    Raises:
        RuleViolationError: one of them does not exist.
    """
    first = await find_school(stated.first_choice, tx)
    second = None if stated.second_choice is None else await find_school(stated.second_choice, tx)
    return Wishes(first, second, stated.criteria, stated.documents, stated.deferral)
