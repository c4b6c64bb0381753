"""The custodians of one child are invited to register it."""

from amtsbus.postgres import Tx

from schooling import store
from schooling.domain.child import Child
from schooling.domain.enrolment import Enrolment
from schooling.domain.rules import Rulebook
from schooling.published import published


async def invite_parents(child: Child, rulebook: Rulebook, tx: Tx) -> None:
    """Open the child's enrolment and invite its custodians; hold the child's lock and know that it is uninvited."""
    enrolment, invited = Enrolment.invite(
        child,
        await store.new_case(tx),
        now=tx.clock.now(),
        today=tx.clock.today(),
        rules=rulebook.of(child.school_year),
    )
    await store.add_enrolment(tx, enrolment)
    await tx.append(enrolment.case.case_id, *published(enrolment, [invited]))
    await store.match_again(tx, child.custodian_ids)
