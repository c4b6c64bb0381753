"""The procedure of first enrolment in a primary school (Schulanmeldung): states, and who may move a case between them.

An application from the portal is a procedure of its own, which ends when it is known which child it is about.
"""

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


class ApplicationState(StrEnum):
    """Where an application from the portal stands."""

    UNMATCHED = "unmatched"  # received; which child it is about is not settled
    ASKED = "asked"  # the applicant is to correct or to hand in something
    REGISTERED = "registered"  # it has become the registration of a child; see that child's enrolment
    REFUSED = "refused"
    TAKEN_BACK = "taken-back"


class ApplicationAction(StrEnum):
    """What can be done with it; as the procedure file calls it."""

    REQUEST_DOCUMENTS = "request-documents"
    SUPPLY_DOCUMENTS = "supply-documents"
    SUPPLY_SOME_DOCUMENTS = "supply-some-documents"
    REGISTER = "register"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"


_APPLICANT = frozenset({Role.CITIZEN})
_SYSTEM_OR_STAFF = _STAFF | {SYSTEM}
_OPEN = (ApplicationState.UNMATCHED, ApplicationState.ASKED)


def _steps_of_an_application() -> tuple[Transition, ...]:
    A, S = ApplicationAction, ApplicationState  # noqa: N806 - a table reads better in short
    return (
        Transition(A.REQUEST_DOCUMENTS, (S.UNMATCHED,), S.ASKED, by=_SYSTEM_OR_STAFF),
        Transition(A.SUPPLY_DOCUMENTS, (S.ASKED,), S.UNMATCHED, by=_APPLICANT),
        Transition(A.SUPPLY_SOME_DOCUMENTS, (S.ASKED,), S.ASKED, by=_APPLICANT),
        Transition(A.REGISTER, _OPEN, S.REGISTERED, by=_SYSTEM_OR_STAFF),
        Transition(A.REFUSE, _OPEN, S.REFUSED, by=_STAFF, needs_reason=True),
        Transition(A.WITHDRAW, _OPEN, S.TAKEN_BACK, by=_APPLICANT),
    )


SCHOOL_REGISTRATION = Procedure(
    key="school-registration",
    reference_prefix="SA",
    initial=ApplicationState.UNMATCHED,
    transitions=_steps_of_an_application(),
    final=frozenset({ApplicationState.REGISTERED, ApplicationState.REFUSED, ApplicationState.TAKEN_BACK}),
)
"""Parents register their child in the portal. `PRIMARY_ENROLMENT` is what follows from it."""
