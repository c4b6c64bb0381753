"""From a procedure file to the steps of its cases: whatever is done, a case can still be brought to its end."""

from datetime import UTC, datetime
from itertools import pairwise
from uuid import UUID

import pytest
from amtsbus.casework import SYSTEM, ActingRole, Actor, Case, Procedure, ProcedureError, Role
from amtsbus.errors import ForbiddenError, RuleViolationError
from amtsbus.procedures import steps
from amtsbus.procedures.declaration import ProcedureFile
from hypothesis import given, settings
from hypothesis import strategies as st

from .allotments import Field, procedure

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
CITIZEN = Actor("citizen", frozenset({Role.CITIZEN}))
MIRA = Actor("mira", frozenset({Role.CLERK}))
LENA = Actor("lena", frozenset({Role.LEAD}))
EVERYBODY = [CITIZEN, MIRA, LENA, Actor.system()]

AUTOMATIC = {"when": "form.area < 100", "reasons": {"de": "Klein.", "en": "Small."}, "basis": "VwVfG § 35a"}
FICTION = {"period": {"months": 3}, "basis": "VwVfG § 42a", "fiction": "granted"}


def name(word: str) -> Field:
    return {"de": word, "en": word}


def step(action: str, source: str, target: str, **more: object) -> Field:
    return {"action": action, "name": name(action), "from": [source], "to": target} | more


def state(key: str, **more: object) -> Field:
    return {"key": key, "name": name(key)} | more


def a_case(declared: ProcedureFile) -> Case:
    compiled = steps.compiled(declared)
    return Case.open(compiled, case_id=UUID(int=7), reference="GARTEN-1", applicant_id=UUID(int=1), now=NOW)


def ways(compiled: Procedure, source: str, *roles: ActingRole) -> dict[str, str]:
    return {step.action: step.target for step in compiled.actions(source, roles)}


# the standard


def test_a_procedure_has_the_standard_steps():
    compiled = steps.compiled(procedure())
    assert (compiled.key, compiled.reference_prefix, compiled.initial) == ("allotment", "GARTEN", "received")
    assert compiled.final == {"granted", "refused", "withdrawn", "lapsed"}
    assert compiled.states == {"received", "documents-requested"} | compiled.final
    for role in (Role.CLERK, Role.LEAD):
        assert ways(compiled, "received", role) == {
            "request-documents": "documents-requested",
            "grant": "granted",
            "refuse": "refused",
            "withdraw": "withdrawn",
        }
        assert ways(compiled, "documents-requested", role) == {
            "supply-documents": "received",
            "lapse": "lapsed",
            "withdraw": "withdrawn",
        }


def test_a_citizen_hands_in_documents_and_withdraws_and_does_nothing_else():
    compiled = steps.compiled(procedure(decision={"basis": "§ 4", "hearing": ["environment"]}))
    assert ways(compiled, "received", Role.CITIZEN) == {"withdraw": "withdrawn"}
    assert ways(compiled, "documents-requested", Role.CITIZEN) == {
        "supply-documents": "received",
        "withdraw": "withdrawn",
    }
    assert ways(compiled, "hearing", Role.CITIZEN) == {"withdraw": "withdrawn"}


def test_by_itself_a_procedure_asks_for_documents_and_decides_nothing():
    compiled = steps.compiled(procedure())
    assert [step.action for step in compiled.transitions if SYSTEM in step.by] == ["request-documents"]


@pytest.mark.parametrize("action", ["refuse", "lapse"])
def test_what_goes_against_somebody_has_a_reason(action):
    [taken] = [one for one in steps.compiled(procedure()).transitions if one.action == action]
    assert taken.needs_reason


def test_the_land_decides_about_holidays():
    assert steps.compiled(procedure()).land == "NW"
    assert steps.compiled(procedure(), land="SN").land == "SN"


# what the file adds


@pytest.mark.parametrize("action", ["grant", "refuse"])
def test_what_two_people_decide_one_proposes_and_another_takes(action):
    case = a_case(procedure(decision={"basis": "§ 4", "four_eyes": True}))
    with pytest.raises(RuleViolationError, match="needs two people"):
        case.take(action, MIRA, NOW, reason="too small")
    case.propose(action, MIRA, NOW, reason="too small")
    with pytest.raises(ForbiddenError):
        case.take(action, MIRA, NOW)
    case.take(action, LENA, NOW)
    assert case.is_closed


def test_other_offices_are_asked_where_the_file_says_so():
    heard = steps.compiled(procedure(decision={"basis": "§ 4", "hearing": ["environment"]}))
    assert ways(heard, "received", Role.CLERK)["hear"] == "hearing"
    assert ways(heard, "hearing", Role.CLERK) == {"close-hearing": "received", "withdraw": "withdrawn"}
    assert ways(heard, "hearing", SYSTEM) == {"close-hearing": "received"}
    assert "hearing" not in steps.compiled(procedure()).states


def test_nothing_is_decided_while_other_offices_are_asked():
    case = a_case(procedure(decision={"basis": "§ 4", "hearing": ["environment"]}))
    case.take("hear", MIRA, NOW)
    with pytest.raises(RuleViolationError, match="'grant' is not possible in the state 'hearing'"):
        case.take("grant", MIRA, NOW)


def test_a_decision_without_a_human_is_the_systems_and_has_reasons():
    compiled = steps.compiled(procedure(decision={"basis": "§ 4", "automatic": AUTOMATIC}))
    assert ways(compiled, "received", SYSTEM)["grant-automatically"] == "granted"
    assert "grant-automatically" not in ways(compiled, "received", Role.CLERK, Role.LEAD)
    case = a_case(procedure(decision={"basis": "§ 4", "automatic": AUTOMATIC}))
    with pytest.raises(RuleViolationError, match="needs a reason"):
        case.take("grant-automatically", Actor.system(), NOW)


def test_silence_grants_only_where_a_law_says_so():
    assert ways(steps.compiled(procedure(deadline=FICTION)), "received", SYSTEM)["deem-granted"] == "granted"
    for deadline in (None, FICTION | {"fiction": None}):
        assert "deem-granted" not in ways(steps.compiled(procedure(deadline=deadline)), "received", SYSTEM)


OWN = {
    "states": [state("inspected"), state("exchanged", final=True), state("granted")],
    "steps": [
        step("inspect", "received", "inspected"),
        step("return", "inspected", "received", needs_reason=True, by=["lead"]),
        step("exchange", "inspected", "exchanged", four_eyes=True),
        step("remind", "documents-requested", "documents-requested", by=["citizen", "clerk"]),
    ],
}


def test_a_procedure_can_have_states_and_steps_of_its_own():
    compiled = steps.compiled(procedure(**OWN))
    assert ways(compiled, "received", Role.CLERK)["inspect"] == "inspected"
    assert ways(compiled, "inspected", Role.CLERK) == {"exchange": "exchanged", "withdraw": "withdrawn"}
    assert ways(compiled, "inspected", Role.LEAD)["return"] == "received"
    assert "remind" in ways(compiled, "documents-requested", Role.CITIZEN)
    assert "exchanged" in compiled.final
    case = a_case(procedure(**OWN))
    case.take("inspect", MIRA, NOW)
    with pytest.raises(RuleViolationError, match="needs two people"):
        case.take("exchange", LENA, NOW)


def test_an_applicant_can_withdraw_out_of_every_state_that_is_not_final():
    declared = procedure(**OWN, decision={"basis": "§ 4", "hearing": ["environment"]})
    compiled = steps.compiled(declared)
    for one in compiled.states - compiled.final:
        assert ways(compiled, one, Role.CITIZEN)["withdraw"] == "withdrawn"


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"states": [state("shelf")]}, "the state 'shelf' cannot be reached"),
        ({"steps": [step("shelve", "received", "shelf")]}, "the state 'shelf' is a dead end"),
        ({"states": [state("shelf", final=True)]}, "the state 'shelf' cannot be reached"),
        ({"steps": [step("reopen", "granted", "received")]}, "'reopen' leads out of the final state 'granted'"),
        ({"steps": [step("grant", "received", "refused")]}, "'grant' is declared twice for the state 'received'"),
        (
            {"steps": [step("agree", "received", "granted", by=["citizen"], four_eyes=True)]},
            "needs two members of staff",
        ),
        ({"steps": [step("idle", "received", "received", by=[])]}, "nobody may take 'idle'"),
    ],
)
def test_states_and_steps_that_contradict_each_other_are_refused(parts, said):
    with pytest.raises(ProcedureError) as refused:
        steps.compiled(procedure(**parts))
    assert said in str(refused.value)


# what they are called


def test_a_state_has_the_name_that_the_file_gives_it():
    declared = procedure(states=[state("granted"), state("inspected")], steps=OWN["steps"][:2])
    assert steps.state_name(declared, "granted").de == "granted"
    assert steps.state_name(declared, "inspected").de == "inspected"
    assert steps.state_name(declared, "refused").de == "abgelehnt"


def test_a_step_has_the_name_that_the_file_gives_it():
    declared = procedure(
        steps=[step("inspect", "received", "received"), step("grant", "documents-requested", "granted")]
    )
    assert steps.step_name(declared, "inspect").en == "inspect"
    assert steps.step_name(declared, "grant").en == "grant"
    assert steps.step_name(declared, "refuse").en == "Refuse"


# whatever is done


@st.composite
def declared_procedures(draw: st.DrawFn) -> ProcedureFile:
    """A file with any of the standard's variants, and states of its own on a path that leaves and ends the standard ones."""
    own = [f"own-{nth}" for nth in range(draw(st.integers(0, 4)))]
    ends = [f"end-{nth}" for nth in range(draw(st.integers(0, 2)))]
    standard = ["received", "documents-requested"]
    final = ["granted", "refused", *ends]
    path = [*draw(st.sampled_from([["received"], ["received", "documents-requested"]])), *own]
    wanted = list(pairwise(path)) + [(draw(st.sampled_from(path)), end) for end in ends]
    wanted += draw(st.lists(st.tuples(st.sampled_from(path), st.sampled_from([*standard, *own, *final])), max_size=6))
    four_eyes = draw(st.booleans())
    decision: Field = {"basis": "§ 4", "four_eyes": four_eyes}
    if draw(st.booleans()):
        decision["hearing"] = ["environment"]
    if draw(st.booleans()) and not four_eyes:
        decision["automatic"] = AUTOMATIC
    by = st.lists(st.sampled_from(["clerk", "lead"]), min_size=1, unique=True)
    return procedure(
        states=[*(state(key) for key in own), *(state(key, final=True) for key in ends)],
        steps=[
            step(
                f"step-{nth}",
                source,
                target,
                by=draw(by),
                four_eyes=draw(st.booleans()),
                needs_reason=draw(st.booleans()),
            )
            for nth, (source, target) in enumerate(wanted)
        ],
        decision=decision,
        deadline=draw(st.sampled_from([None, FICTION])),
    )


def can_end(compiled: Procedure, state: str) -> bool:
    """Whether a final state can be reached from here by steps that somebody may take."""
    seen, ahead = {state}, [state]
    while ahead:
        here = ahead.pop()
        if here in compiled.final:
            return True
        for target in ways(compiled, here, *Role, SYSTEM).values():
            if target not in seen:
                seen.add(target)
                ahead.append(target)
    return False


@given(declared=declared_procedures(), data=st.data())
@settings(deadline=None)
def test_whatever_is_done_a_case_can_still_come_to_its_end(declared, data):
    case = a_case(declared)
    compiled = case.procedure
    for _ in range(12):
        if case.is_closed:
            break
        assert can_end(compiled, case.state)
        assert "withdraw" in {one.action for one in case.actions(CITIZEN)}
        actor, action = data.draw(
            st.sampled_from([(actor, one) for actor in EVERYBODY for one in compiled.actions(case.state, actor.roles)])
        )
        if action.four_eyes:
            case.propose(action.action, MIRA if actor is LENA else LENA, NOW, reason="as the file says")
        case.take(action.action, actor, NOW, reason="as the file says")
        assert case.state == action.target
        assert steps.state_name(declared, case.state).en
        assert steps.step_name(declared, action.action).en
    assert case.is_closed == (case.state in compiled.final)


@given(declared_procedures())
@settings(deadline=None)
def test_nothing_leads_out_of_a_final_state(declared):
    compiled = steps.compiled(declared)
    for one in compiled.final:
        assert compiled.actions(one, [*Role, SYSTEM]) == ()
