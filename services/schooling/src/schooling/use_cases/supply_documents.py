"""Documents are handed in, or shown at the counter."""

from dataclasses import dataclass

from amtsbus.postgres import Tx

from schooling import store
from schooling.domain.enrolment import Enrolment, Target
from schooling.domain.events import Document


@dataclass(frozen=True)
class SupplyDocuments:
    target: Target
    documents: frozenset[Document]


async def supply_documents(command: SupplyDocuments, tx: Tx) -> Enrolment:
    """Note that these documents are there. Nobody is written to: the confirmation is the answer.

    Raises:
        NotFoundError: the person has nothing to do with this child.
        PreconditionFailedError: the enrolment has changed.
        RuleViolationError: no documents are expected now.
    """
    enrolment = await store.lock_enrolment(tx, command.target.enrolment_id)
    actor = enrolment.admit(command.target)
    enrolment.supply(command.documents, actor, tx.clock.now())
    await store.save_enrolment(tx, enrolment)
    return enrolment
