"""The invitation of a whole cohort is ordered; the worker carries it out."""

from dataclasses import dataclass

from amtsbus.errors import RuleViolationError
from amtsbus.postgres import Tx

from schooling import store
from schooling.domain.rules import starts_on
from schooling.store import CohortInvitation


@dataclass(frozen=True)
class OrderCohortInvitation:
    school_year: int
    ordered_by: str


async def order_cohort_invitation(command: OrderCohortInvitation, tx: Tx) -> CohortInvitation:
    """Order that all parents of a cohort are invited. Ordering it again changes nothing.

    Raises:
        RuleViolationError: the school year has begun, or begins in more than two years.
    """
    today = tx.clock.today()
    if today >= starts_on(command.school_year):
        raise RuleViolationError(
            f"the school year {command.school_year} has begun: children who come now change school, they are not invited",
            code="school-year-has-begun",
        )
    if command.school_year > today.year + 2:
        raise RuleViolationError(
            f"the school year {command.school_year} is too far ahead: its children are not all known yet",
            code="too-early",
        )
    await store.order_invitation(tx, command.school_year, command.ordered_by, tx.clock.now())
    invitation = await store.invitation(tx, command.school_year)
    if invitation is None:
        raise AssertionError("an invitation that was just ordered exists")
    return invitation
