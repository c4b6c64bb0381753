"""The simplified building permit procedure (§ 64 BauO NRW 2018) as data: states, and who may lead from one to the next."""

from enum import StrEnum

from amtsbus.casework.procedure import Procedure, Transition
from amtsbus.casework.roles import SYSTEM, Role


class State(StrEnum):
    """Where an application stands."""

    SUBMITTED = "submitted"  # received; the completeness check is running
    DOCUMENTS_REQUESTED = "documents-requested"
    COMPLETE = "complete"  # the legal clock is running; no agency is being heard yet
    CONSULTING = "consulting"  # at least one agency has not answered yet
    DECIDING = "deciding"  # all agencies have answered or were silent
    APPROVED = "approved"
    REFUSED = "refused"
    LAPSED = "lapsed"  # counts as withdrawn (gilt als zurückgenommen, § 71 (1))
    WITHDRAWN = "withdrawn"


class Action(StrEnum):
    """What can be done with an application."""

    REQUEST_DOCUMENTS = "request-documents"
    SUPPLY_DOCUMENTS = "supply-documents"
    SUPPLY_SOME_DOCUMENTS = "supply-some-documents"
    LAPSE = "lapse"
    DECLARE_COMPLETE = "declare-complete"
    HEAR_AGENCIES = "hear-agencies"
    RECORD_RESPONSE = "record-response"
    RECORD_SILENCE = "record-silence"
    CONCLUDE_HEARINGS = "conclude-hearings"
    APPROVE = "approve"
    REFUSE = "refuse"
    SEND_BACK = "send-back"
    WITHDRAW = "withdraw"


_STAFF = frozenset({Role.CLERK, Role.LEAD})
_APPLICANT_OR_STAFF = _STAFF | {Role.CITIZEN}
_LEAD = frozenset({Role.LEAD})
_CLOCK = frozenset({SYSTEM})
_DECIDABLE = (State.COMPLETE, State.DECIDING)
_UNDECIDED = (State.SUBMITTED, State.DOCUMENTS_REQUESTED, State.COMPLETE, State.CONSULTING, State.DECIDING)


def _steps() -> tuple[Transition, ...]:
    A, S = Action, State  # noqa: N806 - a table reads better in short
    return (
        Transition(A.REQUEST_DOCUMENTS, (S.SUBMITTED,), S.DOCUMENTS_REQUESTED, _STAFF | _CLOCK, needs_reason=True),
        Transition(A.SUPPLY_DOCUMENTS, (S.SUBMITTED, S.DOCUMENTS_REQUESTED), S.SUBMITTED, _APPLICANT_OR_STAFF),
        Transition(A.SUPPLY_SOME_DOCUMENTS, (S.DOCUMENTS_REQUESTED,), S.DOCUMENTS_REQUESTED, _APPLICANT_OR_STAFF),
        Transition(A.LAPSE, (S.DOCUMENTS_REQUESTED,), S.LAPSED, _CLOCK),
        Transition(A.DECLARE_COMPLETE, (S.SUBMITTED,), S.COMPLETE, _STAFF),
        Transition(A.HEAR_AGENCIES, (S.COMPLETE, S.CONSULTING, S.DECIDING), S.CONSULTING, _STAFF),
        Transition(A.RECORD_RESPONSE, (S.CONSULTING,), S.CONSULTING, _STAFF),
        Transition(A.RECORD_SILENCE, (S.CONSULTING,), S.CONSULTING, _CLOCK),
        Transition(A.CONCLUDE_HEARINGS, (S.CONSULTING,), S.DECIDING, _STAFF | _CLOCK),
        Transition(A.APPROVE, _DECIDABLE, S.APPROVED, _LEAD, four_eyes=True),
        Transition(A.REFUSE, _DECIDABLE, S.REFUSED, _LEAD, needs_reason=True, four_eyes=True),
        Transition(A.SEND_BACK, (S.COMPLETE,), S.COMPLETE, _LEAD, needs_reason=True),
        Transition(A.SEND_BACK, (S.DECIDING,), S.DECIDING, _LEAD, needs_reason=True),
        Transition(A.WITHDRAW, _UNDECIDED, S.WITHDRAWN, _APPLICANT_OR_STAFF),
    )


BUILDING_PERMIT = Procedure(
    key="building-permit",
    reference_prefix="BA",
    initial=State.SUBMITTED,
    transitions=_steps(),
    final=frozenset({State.APPROVED, State.REFUSED, State.LAPSED, State.WITHDRAWN}),
)
"""One person of the staff proposes the decision, a lead who is somebody else takes it (Vier-Augen-Prinzip)."""
