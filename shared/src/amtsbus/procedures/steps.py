"""From a procedure file to the procedure that casework knows: the standard states and steps, and the file's own.

::

    received ──grant──▶ granted          received ◀─▶ documents-requested ──lapse──▶ lapsed
       │  └────refuse─▶ refused          received ◀─▶ hearing
       └──withdraw─▶ withdrawn           (also out of documents-requested and hearing)
"""

from typing import Final

from amtsbus.casework.procedure import Procedure, Transition
from amtsbus.casework.roles import SYSTEM, Role
from amtsbus.procedures.declaration import ProcedureFile, Text

RECEIVED: Final = "received"
DOCUMENTS_REQUESTED: Final = "documents-requested"
HEARING: Final = "hearing"
GRANTED: Final = "granted"
REFUSED: Final = "refused"
WITHDRAWN: Final = "withdrawn"
LAPSED: Final = "lapsed"

REQUEST_DOCUMENTS: Final = "request-documents"
SUPPLY_DOCUMENTS: Final = "supply-documents"
HEAR: Final = "hear"
CLOSE_HEARING: Final = "close-hearing"
GRANT: Final = "grant"
GRANT_AUTOMATICALLY: Final = "grant-automatically"
DEEM_GRANTED: Final = "deem-granted"
REFUSE: Final = "refuse"
WITHDRAW: Final = "withdraw"
LAPSE: Final = "lapse"

_STAFF = (Role.CLERK, Role.LEAD)
_ROLES = {"clerk": Role.CLERK, "lead": Role.LEAD, "citizen": Role.CITIZEN}

_STATE_NAMES: Final = {
    RECEIVED: Text(de="in Bearbeitung", en="being worked on", plain="Wir arbeiten daran"),
    DOCUMENTS_REQUESTED: Text(de="Unterlagen angefordert", en="documents requested", plain="Es fehlt noch etwas"),
    HEARING: Text(de="Stellungnahmen werden eingeholt", en="other offices are asked", plain="Wir fragen andere Ämter"),
    GRANTED: Text(de="bewilligt", en="granted", plain="Ja: Es ist bewilligt"),
    REFUSED: Text(de="abgelehnt", en="refused", plain="Nein: Es ist abgelehnt"),
    WITHDRAWN: Text(de="zurückgenommen", en="withdrawn", plain="Sie haben es zurückgenommen"),
    LAPSED: Text(
        de="ohne Entscheidung eingestellt", en="closed without a decision", plain="Geschlossen, weil etwas gefehlt hat"
    ),
}

STANDARD_STATES: Final = tuple(_STATE_NAMES)
"""In the order in which a case may come to them."""

_STEP_NAMES: Final = {
    REQUEST_DOCUMENTS: Text(de="Unterlagen anfordern", en="Request documents"),
    SUPPLY_DOCUMENTS: Text(de="Unterlagen nachreichen", en="Hand in documents", plain="Unterlagen schicken"),
    HEAR: Text(de="Andere Stellen beteiligen", en="Ask other offices"),
    CLOSE_HEARING: Text(de="Beteiligung abschließen", en="Close the hearing"),
    GRANT: Text(de="Bewilligen", en="Grant"),
    GRANT_AUTOMATICALLY: Text(de="Automatisch bewilligen", en="Grant automatically"),
    DEEM_GRANTED: Text(de="Gilt als bewilligt", en="Deemed granted"),
    REFUSE: Text(de="Ablehnen", en="Refuse"),
    WITHDRAW: Text(de="Zurücknehmen", en="Withdraw", plain="Antrag zurücknehmen"),
    LAPSE: Text(de="Ohne Entscheidung einstellen", en="Close without a decision"),
}


def compiled(declared: ProcedureFile, *, land: str = "NW") -> Procedure:
    """The procedure as casework knows it.

    Raises:
        ProcedureError: its states and steps contradict each other.
    """
    four_eyes = declared.decision.four_eyes
    steps = [
        Transition(REQUEST_DOCUMENTS, (RECEIVED,), DOCUMENTS_REQUESTED, by=(*_STAFF, SYSTEM)),
        Transition(SUPPLY_DOCUMENTS, (DOCUMENTS_REQUESTED,), RECEIVED, by=(Role.CITIZEN, *_STAFF)),
        Transition(LAPSE, (DOCUMENTS_REQUESTED,), LAPSED, by=_STAFF, needs_reason=True),
        Transition(GRANT, (RECEIVED,), GRANTED, by=_STAFF, four_eyes=four_eyes),
        Transition(REFUSE, (RECEIVED,), REFUSED, by=_STAFF, four_eyes=four_eyes, needs_reason=True),
    ]
    open_states = [RECEIVED, DOCUMENTS_REQUESTED]
    if declared.decision.hearing:
        open_states.append(HEARING)
        steps += [
            Transition(HEAR, (RECEIVED,), HEARING, by=_STAFF),
            Transition(CLOSE_HEARING, (HEARING,), RECEIVED, by=(*_STAFF, SYSTEM)),
        ]
    if declared.decision.automatic:
        steps.append(Transition(GRANT_AUTOMATICALLY, (RECEIVED,), GRANTED, by=(SYSTEM,), needs_reason=True))
    if declared.deadline and declared.deadline.fiction:
        steps.append(Transition(DEEM_GRANTED, (RECEIVED,), GRANTED, by=(SYSTEM,)))
    open_states += [state.key for state in declared.states if not state.final and state.key not in _STATE_NAMES]
    steps += [
        Transition(
            step.action,
            step.sources,
            step.target,
            by=tuple(_ROLES[role] for role in step.by),
            needs_reason=step.needs_reason,
            four_eyes=step.four_eyes,
        )
        for step in declared.steps
    ]
    steps.append(Transition(WITHDRAW, tuple(open_states), WITHDRAWN, by=(Role.CITIZEN, *_STAFF)))
    return Procedure(
        key=declared.key,
        reference_prefix=declared.reference_prefix,
        initial=RECEIVED,
        transitions=tuple(steps),
        final=frozenset({GRANTED, REFUSED, WITHDRAWN, LAPSED} | {one.key for one in declared.states if one.final}),
        land=land,
    )


def state_name(declared: ProcedureFile, state: str) -> Text:
    """What a state is called."""
    return next((one.name for one in declared.states if one.key == state), None) or _STATE_NAMES[state]


def standard_state_name(state: str) -> Text:
    """What one of the standard states is called where a procedure does not call it otherwise."""
    return _STATE_NAMES[state]


def step_name(declared: ProcedureFile, action: str) -> Text:
    """What a step is called, on the button that takes it."""
    return next((one.name for one in declared.steps if one.action == action), None) or _STEP_NAMES[action]
