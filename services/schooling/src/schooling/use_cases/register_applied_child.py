"""An application becomes the registration of a child."""

from amtsbus.casework.roles import Actor
from amtsbus.postgres import Tx

from schooling import reporting, store
from schooling.domain.application import Application, Evidence, Statement
from schooling.domain.enrolment import Enrolment, Party, Target
from schooling.domain.procedure import ApplicationAction, State
from schooling.use_cases.register_child import RegisterChild, register_child
from schooling.use_cases.resolve_wishes import StatedWishes


async def register_if_known(application: Application, said: Statement, tx: Tx) -> None:
    """Register the child if the answers leave no doubt which one it is; else the application waits for the administration.

    It is a child in the applicant's custody, born on that day and called like that, the only one of which that is true, and
    invited. Whatever else is the case changes nothing that the applicant could see.
    """
    children = await store.lock_children_of_custodian(tx, application.applicant_id, said.date_of_birth)
    alike = [child for child in children if child.is_called(said.given_names, said.family_name)]
    if len(alike) != 1:
        return
    enrolments = await store.enrolments_of_child(tx, alike[0])
    invited = [enrolment for enrolment in enrolments if enrolment.case.state == State.INVITED]
    if len(invited) == 1:
        parent = Party(application.applicant, application.applicant_id)
        await register_applied_child(application, invited[0], said, parent, None, Actor.system(), tx)


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
