"""Applications that came too early lead to the child as soon as it is clear which one it is."""

import structlog
from amtsbus.errors import RuleViolationError
from amtsbus.postgres import Tx

from schooling import store
from schooling.use_cases.read_answers import read_application
from schooling.use_cases.register_applied_child import register_if_known

log = structlog.get_logger("schooling")


async def match_waiting_applications(tx: Tx) -> bool:
    """Look anew at what one person has applied for, since something about their children has changed (`store.match_again`).

    Returns:
        Whether there was somebody to look at.
    """
    person_id = await store.claim_person_to_match(tx)
    if person_id is None:
        return False
    read = [
        (application, (await read_application(application, tx)).stated)
        for application in await store.lock_waiting_applications(tx, person_id)
    ]
    stated = [(application, said) for application, said in read if said is not None]
    # Children are locked by their days of birth, so that two parents of the same children do not wait for each other.
    for application, said in sorted(stated, key=lambda one: one[1].date_of_birth):
        try:
            await register_if_known(application, said, tx)
        except RuleViolationError as error:  # nothing has changed: it waits for a caseworker, and holds up nobody
            log.warning("application_not_matched", case_id=str(application.application_id), reason=error.code)
    return True
