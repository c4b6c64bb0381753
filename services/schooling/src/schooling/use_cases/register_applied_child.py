"""An application becomes the registration of a child."""

from amtsbus.casework.roles import Actor
from amtsbus.postgres import Tx

from schooling import reporting, store
from schooling.domain.application import Application, Evidence, Statement
from schooling.domain.enrolment import Enrolment, Party, Target
from schooling.domain.procedure import ApplicationAction, State
from schooling.use_cases.register_child import RegisterChild, register_child
from schooling.use_cases.resolve_wishes import StatedWishes


async def register_or_wait(application: Application, said: Statement, tx: Tx) -> None:
    """Register the child if it is known; else the application waits for it, or for the administration.

    What is committed about a child while this looks for it is not seen here, so it is looked for once more after the commit.
    """
    if not await register_if_known(application, said, tx):
        await store.match_again(tx, [application.applicant_id])


async def register_if_known(application: Application, said: Statement, tx: Tx) -> bool:
    """Register the child if the answers leave no doubt which one it is.

    It is a child in the applicant's custody, born on that day and called like that, the only one of which that is true, and
    invited. Whatever else is the case changes nothing that the applicant could see.

    Returns:
        Whether it is registered.
    """
    children = await store.lock_children_of_custodian(tx, application.applicant_id, said.date_of_birth)
    alike = [child for child in children if child.is_called(said.given_names, said.family_name)]
    if len(alike) != 1:
        return False
    enrolments = await store.enrolments_of_child(tx, alike[0])
    invited = [enrolment for enrolment in enrolments if enrolment.case.state == State.INVITED]
    if len(invited) != 1:
        return False
    parent = Party(application.applicant, application.applicant_id)
    await register_applied_child(application, invited[0], said, parent, None, Actor.system(), tx)
    return True


async def register_applied_child(
    application: Application,
    enrolment: Enrolment,
    said: Statement,
    party: Party,
    evidence: Evidence | None,
    actor: Actor,
    tx: Tx,
) -> None:
    """Register the child of `enrolment`, which is locked; what was uploaded counts as handed in.

    Raises:
        RuleViolationError: the child is not invited, or the application has come to its end.
    """
    documents = application.documents
    wishes = StatedWishes(said.first_choice, said.second_choice, said.criteria, documents, said.deferral)
    enrolment_id = enrolment.case.case_id
    await register_child(RegisterChild(Target(enrolment_id, enrolment.case.version, party), wishes), tx)
    now = tx.clock.now()
    application.register(enrolment_id, evidence, actor, now)
    await store.save_application(tx, application)
    await tx.append(application.application_id, reporting.moved(application, ApplicationAction.REGISTER, now))
