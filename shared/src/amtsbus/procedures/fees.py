"""What an application costs, by its procedure."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from amtsbus.procedures import conditions
from amtsbus.procedures.declaration import ProcedureFile


def cents(procedure: ProcedureFile, answers: Mapping[str, Any], *, today: date) -> int | None:
    """The fee in whole cents; None where the city has not set it, or where it depends on what was not answered.

    Raises:
        ConditionError: the rule gives no whole number of cents.
    """
    if procedure.fee.cents is not None:
        return procedure.fee.cents
    if procedure.fee.rule is None:
        return None
    computed = conditions.computed_values(procedure.form.computed, answers, today=today)
    try:
        amount = conditions.evaluate(procedure.fee.rule, answers, today=today, computed=computed)
    except conditions.NoValueError:
        return None
    if not isinstance(amount, int) or isinstance(amount, bool) or amount < 0:
        raise conditions.ConditionError(f"the fee's rule gives {amount!r}, which is not a whole number of cents")
    return amount
