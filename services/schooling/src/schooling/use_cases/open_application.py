"""Somebody of the administration takes an application in hand."""

from amtsbus.casework.roles import Actor
from amtsbus.errors import ForbiddenError
from amtsbus.postgres import Tx

from schooling import store
from schooling.domain.application import Application, ApplicationTarget


async def open_application(target: ApplicationTarget, tx: Tx) -> tuple[Application, Actor]:
    """The application, locked, and as what they act on it.

    Raises:
        NotFoundError: there is none.
        ForbiddenError: they do not work here, or it is their own matter.
        PreconditionFailedError: it has changed since they read it.
    """
    application = await store.lock_application(tx, target.application_id)
    person_id = target.party.person_id
    if person_id is not None and await store.concerns(tx, target.application_id, person_id):
        raise ForbiddenError("nobody decides in their own matter")
    return application, application.admit(target)
