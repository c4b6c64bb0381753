"""The procedure of first enrolment in a primary school (Schulanmeldung): states, and who may move a case between them."""

from enum import StrEnum

from amtsbus.casework.procedure import Procedure, Transition
from amtsbus.casework.roles import SYSTEM, Role


class State(StrEnum):
    """Where an enrolment stands."""

    EXPECTED = "expected"  # on its way to one of the next two, never kept
    INVITED = "invited"
    RECEIVED = "received"  # the parents have registered the child, or applied for early entry
    DOCUMENTS_REQUESTED = "documents-requested"
    CONFIRMED = "confirmed"  # complete; waits for the school's decision
    NOT_ACCEPTED = "not-accepted"  # a school has refused; another one is next
    ACCEPTED = "accepted"
    DEFERRED = "deferred"  # joins the next cohort, with an enrolment of its own
    WITHDRAWN = "withdrawn"


_STAFF = frozenset({Role.CLERK, Role.LEAD})
_LEAD = frozenset({Role.LEAD})
_PARENTS_OR_STAFF = frozenset({Role.CITIZEN}) | _STAFF  # a clerk takes down what parents bring on paper (Anmeldeschein)
_UNDECIDED = (State.INVITED, State.RECEIVED, State.DOCUMENTS_REQUESTED, State.CONFIRMED, State.NOT_ACCEPTED)

PRIMARY_ENROLMENT = Procedure(
    key="primary-enrolment",
    reference_prefix="SE",
    initial=State.EXPECTED,
    transitions=(
        Transition("invite", (State.EXPECTED,), State.INVITED, by=frozenset({SYSTEM})),
        Transition("apply-for-early-entry", (State.EXPECTED,), State.RECEIVED, by=_PARENTS_OR_STAFF),
        Transition("register", (State.INVITED,), State.RECEIVED, by=_PARENTS_OR_STAFF),
        Transition("request-documents", (State.RECEIVED,), State.DOCUMENTS_REQUESTED, by=_STAFF),
        Transition(
            "supply-documents", (State.RECEIVED, State.DOCUMENTS_REQUESTED), State.RECEIVED, by=_PARENTS_OR_STAFF
        ),
        Transition(
            "supply-some-documents", (State.DOCUMENTS_REQUESTED,), State.DOCUMENTS_REQUESTED, by=_PARENTS_OR_STAFF
        ),
        Transition("confirm", (State.RECEIVED,), State.CONFIRMED, by=_STAFF),
        Transition("accept", (State.CONFIRMED, State.NOT_ACCEPTED), State.ACCEPTED, by=_STAFF),
        Transition("refuse", (State.CONFIRMED, State.NOT_ACCEPTED), State.NOT_ACCEPTED, by=_LEAD),
        Transition("defer", (*_UNDECIDED, State.ACCEPTED), State.DEFERRED, by=_LEAD),
        Transition("withdraw", (*_UNDECIDED, State.ACCEPTED), State.WITHDRAWN, by=_PARENTS_OR_STAFF | {SYSTEM}),
    ),
    final=frozenset({State.DEFERRED, State.WITHDRAWN}),
)
