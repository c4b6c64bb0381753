"""An application comes from the portal: a case is opened for it, whatever is wrong with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from amtsbus.casework.roles import Actor
from amtsbus.postgres import Tx

from schooling import reporting, store
from schooling.domain.application import Application, HandedInFile
from schooling.use_cases.ask_applicant import ask_and_tell
from schooling.use_cases.read_answers import read_application
from schooling.use_cases.register_applied_child import register_or_wait


@dataclass(frozen=True)
class ReceiveApplication:
    application_id: UUID
    procedure_version: int
    applicant_id: UUID
    applicant_name: str | None
    identification: str
    answers: Mapping[str, Any]
    files: Sequence[HandedInFile]
    handed_in_at: datetime


async def receive_application(command: ReceiveApplication, tx: Tx) -> None:
    """Open the case under the application's id; what is wrong is asked for, and whoever is known is registered at once.

    Raises:
        NotFoundError: we never published this version of the form.
    """
    if await store.is_application(tx, command.application_id):
        return
    application = Application.open(
        application_id=command.application_id,
        reference=await store.next_application_reference(tx),
        applicant_id=command.applicant_id,
        applicant_name=command.applicant_name,
        identification=command.identification,
        procedure_version=command.procedure_version,
        answers=command.answers,
        files=command.files,
        handed_in_at=command.handed_in_at,
        now=tx.clock.now(),
    )
    read = await read_application(application, tx)
    await store.add_application(tx, application)
    await tx.append(application.application_id, reporting.opened(application))
    if read.wrong:
        await ask_and_tell(application, read.wrong, (), read.documents_period, Actor.system(), tx)
    elif read.stated is not None:
        await register_or_wait(application, read.stated, tx)
