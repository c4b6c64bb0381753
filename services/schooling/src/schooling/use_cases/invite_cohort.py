"""The worker goes on with an ordered invitation: one batch of children, in one transaction."""

from amtsbus.postgres import Tx

from schooling import store
from schooling.use_cases.invite_parents import invite_parents


async def invite_cohort(batch: int, tx: Tx) -> int:
    """Invite the custodians of up to `batch` children; when none is left, the invitation is finished.

    What is done is read off the enrolments themselves, so a worker that is killed leaves nothing to repair, and several
    workers never invite a child twice.

    Returns:
        How many children were invited; 0 where there is nothing to do at the moment.
    """
    school_year = await store.claim_unfinished_invitation(tx)
    if school_year is None:
        return 0
    rulebook = await store.rulebook(tx)
    children = await store.claim_uninvited_children(tx, school_year, batch)
    for child in children:
        await invite_parents(child, rulebook, tx)
    # Children whom somebody else held just now are not done yet.
    if not children and await store.count_uninvited(tx, school_year) == 0:
        await store.finish_invitation(tx, school_year, tx.clock.now())
    return len(children)
