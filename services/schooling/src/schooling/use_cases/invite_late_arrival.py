"""A child comes into a cohort that has been invited already."""

from amtsbus.postgres import Tx

from schooling import store
from schooling.domain.child import Child
from schooling.use_cases.invite_parents import invite_parents


async def invite_late_arrival(child: Child, tx: Tx) -> None:
    """Invite the child's custodians by themselves if the invitation of its cohort has been ordered, also after 15 November.

    Call it after the child was put (see `store.order_invitation`). Nothing happens where the child has an enrolment, does not
    live here, or its school year has begun.
    """
    if not child.awaits_school(tx.clock.today()) or not await store.is_uninvited(tx, child):
        return
    if await store.is_ordered(tx, child.school_year):
        await invite_parents(child, await store.rulebook(tx), tx)
