"""The procedures of the registration office, as data."""

from amtsbus.casework.procedure import Procedure, Transition
from amtsbus.casework.roles import SYSTEM, Role

STAFF = frozenset({Role.CLERK, Role.LEAD})
DECLARANTS = frozenset({Role.CITIZEN, Role.CLERK, Role.LEAD})

SUBMITTED = "submitted"
AWAITING_CONFIRMATION = "awaiting-confirmation"
CHECKED = "checked"
REGISTERED = "registered"
CLOSED = "closed"
REJECTED = "rejected"
WITHDRAWN = "withdrawn"

LANDLORD_CONFIRMATION_PERIOD = "landlord-confirmation"
REPORT_BACK_PERIOD = "report-back"

_CHECKING = (
    # What is declared ahead of its day is checked at once and entered on the day: the register tells what is, not what
    # is planned (BMG § 17 (2): a departure is effective on the day of leaving).
    Transition("check", (SUBMITTED,), CHECKED, by=STAFF),
    Transition("register", (SUBMITTED, CHECKED), REGISTERED, by=STAFF | {SYSTEM}),
    Transition("return-to-clerk", (CHECKED,), SUBMITTED, by={SYSTEM}, needs_reason=True),
    Transition("close", (REGISTERED,), CLOSED, by=STAFF),
)

_CONFIRMING = (
    Transition("await-confirmation", (SUBMITTED,), AWAITING_CONFIRMATION, by=DECLARANTS),
    Transition("supply-confirmation", (AWAITING_CONFIRMATION,), SUBMITTED, by=DECLARANTS),
    # The landlord's refusal is reported, not held against the declarant (BMG § 19 (2)).
    Transition("report-refusal", (AWAITING_CONFIRMATION,), SUBMITTED, by=DECLARANTS),
)


def _exits(*sources: str) -> tuple[Transition, ...]:
    return (
        Transition("reject", sources, REJECTED, by=STAFF, needs_reason=True),
        Transition("withdraw", sources, WITHDRAWN, by=DECLARANTS),
    )


_FINAL = frozenset({CLOSED, REJECTED, WITHDRAWN})

MOVE_IN = Procedure(
    key="move-in",
    reference_prefix="MA",
    initial=SUBMITTED,
    transitions=(*_CONFIRMING, *_CHECKING, *_exits(SUBMITTED, AWAITING_CONFIRMATION, CHECKED)),
    final=_FINAL,
)
"""Anmeldung, BMG § 17 (1)."""

MOVE = Procedure(
    key="move",
    reference_prefix="UM",
    initial=SUBMITTED,
    transitions=(*_CONFIRMING, *_CHECKING, *_exits(SUBMITTED, AWAITING_CONFIRMATION, CHECKED)),
    final=_FINAL,
)
"""Ummeldung: a move within the city. In law a registration of the new home (BMG § 17 (1)), landlord's confirmation included."""

DEPARTURE = Procedure(
    key="departure",
    reference_prefix="AB",
    initial=SUBMITTED,
    transitions=(*_CHECKING, *_exits(SUBMITTED, CHECKED)),
    final=_FINAL,
)
"""Abmeldung, BMG § 17 (2)."""

REQUESTED = "requested"
GRANTED = "granted"
REFUSED = "refused"

DISCLOSURE_BLOCK = Procedure(
    key="disclosure-block",
    reference_prefix="AS",
    initial=REQUESTED,
    transitions=(
        Transition("grant", (REQUESTED,), GRANTED, by={Role.LEAD}, four_eyes=True, needs_reason=True),
        Transition("refuse", (REQUESTED,), REFUSED, by={Role.LEAD}, needs_reason=True),
    ),
    final=frozenset({GRANTED, REFUSED}),
)
"""Auskunftssperre, BMG § 51: a clerk proposes it with the grounds, a lead grants or refuses it."""

DECLARATIONS = {procedure.key: procedure for procedure in (MOVE_IN, MOVE, DEPARTURE)}
PROCEDURES = {**DECLARATIONS, DISCLOSURE_BLOCK.key: DISCLOSURE_BLOCK}
