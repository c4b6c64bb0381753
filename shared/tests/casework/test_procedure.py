"""A procedure is data, and data can be wrong: it says so when it is built."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from amtsbus.casework import SYSTEM, ActingRole, Actor, Case, Procedure, ProcedureError, Role, Transition
from hypothesis import given
from hypothesis import strategies as st

CLERK = (Role.CLERK,)


def procedure(
    *transitions: Transition, initial: str = "open", final: frozenset[str] = frozenset({"done"})
) -> Procedure:
    return Procedure("request", "RQ", initial, transitions, final)


@pytest.mark.parametrize(
    ("transitions", "final", "said"),
    [
        ([Transition("finish", ("open",), "done", CLERK)], {"done", "lost"}, "'lost' cannot be reached"),
        (
            [Transition("finish", ("open",), "done", CLERK), Transition("mend", ("broken",), "open", CLERK)],
            {"done"},
            "'broken' cannot be reached",
        ),
        (
            [Transition("finish", ("open",), "done", CLERK), Transition("shelve", ("open",), "shelf", CLERK)],
            {"done"},
            "'shelf' is a dead end",
        ),
        (
            [
                Transition("finish", ("open",), "done", CLERK),
                Transition("turn", ("open",), "left", CLERK),
                Transition("turn", ("left",), "right", CLERK),
                Transition("turn", ("right",), "left", CLERK),
            ],
            {"done"},
            "'left' is a dead end",
        ),
        ([Transition("finish", ("open",), "done", CLERK)], set(), "no final state"),
        (
            [Transition("finish", ("open",), "done", CLERK), Transition("reopen", ("done",), "open", CLERK)],
            {"done"},
            "'reopen' leads out of the final state 'done'",
        ),
        (
            [Transition("finish", ("open",), "done", CLERK), Transition("finish", ("open",), "open", CLERK)],
            {"done"},
            "'finish' is declared twice",
        ),
        ([Transition("finish", ("open",), "done", ())], {"done"}, "nobody may take 'finish'"),
        ([Transition("finish", ("open",), "done", (Role.AUDITOR,))], {"done"}, "auditors or operators"),
        ([Transition("finish", ("open",), "done", (SYSTEM,), four_eyes=True)], {"done"}, "two members of staff"),
        (
            [Transition("finish", ("open",), "done", CLERK, four_eyes=True, proposers=())],
            {"done"},
            "nobody may propose 'finish'",
        ),
        (
            [Transition("finish", ("open",), "done", CLERK), Transition("idle", (), "open", CLERK)],
            {"done"},
            "'idle' starts from no state",
        ),
        ([Transition("Finish!", ("open",), "done", CLERK)], {"done"}, "'Finish!' is not lower case"),
    ],
)
def test_a_procedure_that_cannot_work_is_refused(transitions: list[Transition], final: set[str], said: str) -> None:
    with pytest.raises(ProcedureError, match=said):
        procedure(*transitions, final=frozenset(final))


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(ProcedureError) as refused:
        Procedure(
            "A Request",
            "ba!",
            "open",
            (Transition("finish", ("open",), "done", ()),),
            frozenset({"done", "lost"}),
            "XX",
        )
    for fault in ("'A Request'", "'ba!'", "nobody may take", "'lost' cannot be reached", "'XX' is not a German state"):
        assert fault in str(refused.value)


def test_actions_are_those_of_the_state_and_the_role() -> None:
    steps = procedure(
        Transition("check", ("open",), "checked", CLERK),
        Transition("withdraw", ("open", "checked"), "done", (Role.CITIZEN,)),
        Transition("expire", ("checked",), "done", (SYSTEM,)),
    )
    assert [step.action for step in steps.actions("open", {Role.CLERK, Role.CITIZEN})] == ["check", "withdraw"]
    assert [step.action for step in steps.actions("checked", {Role.CLERK})] == []
    assert [step.action for step in steps.actions("checked", {SYSTEM})] == ["expire"]
    assert steps.states == {"open", "checked", "done"}


@st.composite
def valid_procedures(draw: st.DrawFn) -> Procedure:
    """A path through all states to the end, so that each can be reached and left, and any further ways between them."""
    path = [f"state-{nth}" for nth in range(draw(st.integers(1, 8)))]
    final = [f"end-{nth}" for nth in range(draw(st.integers(1, 3)))]
    everybody: list[ActingRole] = [Role.CITIZEN, Role.CLERK, Role.LEAD, SYSTEM]
    staff: list[ActingRole] = [Role.CLERK, Role.LEAD]
    ways = [*pairwise(path), *((path[-1], end) for end in final)]
    further = st.tuples(st.sampled_from(path), st.sampled_from(path + final))
    ways += draw(st.lists(further, max_size=10))
    transitions = []
    for nth, (source, target) in enumerate(ways):
        four_eyes = draw(st.booleans())
        by = draw(st.frozensets(st.sampled_from(staff if four_eyes else everybody), min_size=1))
        needs_reason = draw(st.booleans())
        transitions.append(Transition(f"step-{nth}", (source,), target, by, needs_reason, four_eyes))
    return Procedure("any", "ANY", path[0], tuple(transitions), frozenset(final))


def taken(case: Case, step: Transition, now: datetime) -> None:
    """Take `step`, by two people where two are needed."""
    reason = "because" if step.needs_reason else None
    if step.four_eyes:
        case.propose(step.action, Actor("first", frozenset({Role.CLERK})), now, reason=reason)
    case.take(step.action, Actor("second", frozenset(step.by)), now, reason=reason)


@given(valid_procedures())
def test_every_state_of_a_valid_procedure_can_be_walked_to_and_led_to_an_end(steps: Procedure) -> None:
    now = datetime(2026, 3, 2, 9, tzinfo=UTC)

    def fresh() -> Case:
        return Case.open(steps, case_id=UUID(int=1), reference="ANY-2026-000001", applicant_id=UUID(int=2), now=now)

    # Breadth first: for each state the shortest way to it, as real steps of real cases.
    ways: dict[str, list[Transition]] = {steps.initial: []}
    ahead = [steps.initial]
    while ahead:
        state = ahead.pop(0)
        for step in steps.transitions:
            if state in step.sources and step.target not in ways:
                ways[step.target] = [*ways[state], step]
                ahead.append(step.target)
    assert set(ways) == steps.states
    for state, way in ways.items():
        case = fresh()
        for nth, step in enumerate(way):
            taken(case, step, now + timedelta(hours=nth))
        assert case.state == state
        assert case.is_closed is (state in steps.final)
        possible = [step for step in steps.transitions if state in step.sources]
        assert bool(possible) is (state not in steps.final)
        assert [entry.about for entry in case.history if entry.what == "action-taken"] == [step.action for step in way]
