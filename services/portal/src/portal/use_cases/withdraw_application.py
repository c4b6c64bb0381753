"""The applicant does not want it any more."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.postgres import Tx

from portal.domain.owner import Owner
from portal.published import ApplicationWithdrawnV1
from portal.store import applications


@dataclass(frozen=True, slots=True)
class WithdrawApplication:
    owner: Owner
    application_id: UUID


async def withdraw_application(command: WithdrawApplication, tx: Tx) -> None:
    """Tell the office, once.

    Raises:
        NotFoundError: there is no such application of this owner.
        RuleViolationError: code `application-closed`.
    """
    application = await applications.get(tx, command.application_id, command.owner, to_change=True)
    if application.withdrawn_at is not None:
        return
    application.require_open()
    now = tx.clock.now()
    application.withdrawn_at = now
    await applications.save(tx, application)
    await applications.note(tx, application.application_id, now, "withdrawn")
    await tx.append(
        application.application_id,
        ApplicationWithdrawnV1(office=application.office, application_id=application.application_id, withdrawn_at=now),
    )
