"""What every procedure of an authority has: states, periods, fees, decisions, a second pair of eyes, a history.

Everything here is pure: no database, no clock of its own. Storage is `amtsbus.casework.store`, the clock that announces
due dates is `amtsbus.casework.deadlines`.
"""

from amtsbus.casework.calendar import (
    Period,
    Unit,
    add_working_days,
    calendar_days,
    due_on,
    end_of,
    is_holiday,
    is_werktag,
    is_working_day,
    months,
    until,
    weeks,
    werktage,
    working_days,
)
from amtsbus.casework.case import Case, Decision, Fee, HistoryEntry, Note, Proposal
from amtsbus.casework.periods import CasePeriod
from amtsbus.casework.procedure import Procedure, ProcedureError, Transition
from amtsbus.casework.roles import SYSTEM, ActingRole, Actor, Role

__all__ = [
    "SYSTEM",
    "ActingRole",
    "Actor",
    "Case",
    "CasePeriod",
    "Decision",
    "Fee",
    "HistoryEntry",
    "Note",
    "Period",
    "Procedure",
    "ProcedureError",
    "Proposal",
    "Role",
    "Transition",
    "Unit",
    "add_working_days",
    "calendar_days",
    "due_on",
    "end_of",
    "is_holiday",
    "is_werktag",
    "is_working_day",
    "months",
    "until",
    "weeks",
    "werktage",
    "working_days",
]
