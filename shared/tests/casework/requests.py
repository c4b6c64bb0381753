"""A procedure to try the kernel with: somebody asks for something, and two people decide."""

from datetime import UTC, datetime
from uuid import UUID

from amtsbus.casework import SYSTEM, Actor, Case, Procedure, Role, Transition
from amtsbus.ids import new_id

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
APPLICANT = UUID("0190a000-0000-7000-8000-000000000001")
MIRA = Actor("mira", frozenset({Role.CLERK}))
OLAF = Actor("olaf", frozenset({Role.CLERK}))
LENA = Actor("lena", frozenset({Role.LEAD}))
CITIZEN = Actor("citizen", frozenset({Role.CITIZEN}))

REQUESTS = Procedure(
    "request",
    "RQ",
    "received",
    (
        Transition("examine", ("received",), "examined", (Role.CLERK, Role.LEAD)),
        Transition("return", ("examined",), "received", (Role.CLERK,), needs_reason=True),
        Transition("grant", ("examined",), "granted", (Role.CLERK, Role.LEAD), four_eyes=True),
        Transition("refuse", ("examined",), "refused", (Role.LEAD,), needs_reason=True, four_eyes=True),
        Transition("withdraw", ("received", "examined"), "withdrawn", (Role.CITIZEN,)),
        Transition("lapse", ("received",), "lapsed", (SYSTEM,)),
    ),
    frozenset({"granted", "refused", "withdrawn", "lapsed"}),
)


def a_request(reference: str = "RQ-2026-000001", *, applicant_id: UUID = APPLICANT, now: datetime = NOW) -> Case:
    """A fresh case."""
    return Case.open(REQUESTS, case_id=new_id(), reference=reference, applicant_id=applicant_id, now=now)
