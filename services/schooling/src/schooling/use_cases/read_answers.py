"""What an application from the portal says, by the form that was filled in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from amtsbus.casework.calendar import Period
from amtsbus.postgres import Tx
from amtsbus.procedures import answers as reading
from amtsbus.procedures import store as procedures
from amtsbus.procedures.declaration import ProcedureFile

from schooling.domain.application import Application, Statement, statement_of
from schooling.domain.procedure import SCHOOL_REGISTRATION


@dataclass(frozen=True)
class Read:
    """What answers say, and which of them are wrong or missing.

    Attributes:
        sound: the answers that are right by the rules of the form.
        stated: None where what is wrong or missing leaves nothing to go by.
        wrong: the keys of the fields.
        documents_period: how much time an applicant has for what is asked.
    """

    sound: Mapping[str, Any]
    stated: Statement | None
    wrong: frozenset[str]
    documents_period: Period


async def form_of(procedure_version: int, tx: Tx) -> ProcedureFile:
    """The form in the version that was filled in.

    Raises:
        NotFoundError: we never published it.
    """
    return (await procedures.get(tx, SCHOOL_REGISTRATION.key, procedure_version)).declared


async def read_application(application: Application, tx: Tx) -> Read:
    """What its answers say by now."""
    return read_answers(await form_of(application.procedure_version, tx), application.answers, tx.clock.today())


def read_answers(declared: ProcedureFile, answers: Mapping[str, Any], today: date) -> Read:
    """Read answers by the form's own rules, as the portal does."""
    sound, problems = reading.read_all(declared.form, answers, today=today)
    wrong = {problem.field for problem in problems} & {field.key for field in declared.form.fields}
    said = statement_of(sound)
    if said is not None and said.first_choice == said.second_choice:
        wrong.add("second_choice")  # also where a city's own file has no such check
    return Read(sound, None if wrong else said, frozenset(wrong), declared.documents_period.period)
