"""A procedure as data: its states, who may lead a case from one to the next, and how."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from amtsbus.casework.calendar import is_land
from amtsbus.casework.roles import SYSTEM, ActingRole, Role

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_PREFIX = re.compile(r"[A-Z][A-Z0-9]{0,7}")


class ProcedureError(ValueError):
    """The procedure contradicts itself. The message lists everything that is wrong with it."""


@dataclass(frozen=True)
class Transition:
    """An action that leads a case from one of `sources` to `target`.

    Args:
        by: who may take it; `SYSTEM` for what the clock or a subscriber does by law.
        needs_reason: it is only taken with a reason.
        four_eyes: one person proposes it, a second one takes it (Vier-Augen-Prinzip).
        proposers: who may propose a four-eyes action.
    """

    action: str
    sources: tuple[str, ...]
    target: str
    by: Collection[ActingRole]
    needs_reason: bool = False
    four_eyes: bool = False
    proposers: Collection[Role] = (Role.CLERK, Role.LEAD)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", tuple(self.sources))
        object.__setattr__(self, "by", frozenset(self.by))
        object.__setattr__(self, "proposers", frozenset(self.proposers))

    def open_to(self, roles: Collection[ActingRole]) -> bool:
        """Whether one of `roles` may take it."""
        return any(role in self.by for role in roles)


@dataclass(frozen=True)
class Procedure:
    """One kind of case (Verfahren): where it begins, what can happen to it, where it ends.

    Args:
        reference_prefix: the beginning of its reference numbers (Aktenzeichen), capitals and digits: `BA` for BA-2026-000123.
        initial: the state of a fresh case.
        final: the states in which a case is closed; nothing leads out of them.
        land: the state of Germany whose public holidays its periods go by.

    Raises:
        ProcedureError: a state cannot be reached or left, an action is ambiguous, nobody may take it, or a name is wrong.
    """

    key: str
    reference_prefix: str
    initial: str
    transitions: tuple[Transition, ...]
    final: frozenset[str]
    land: str = "NW"
    _by_step: dict[tuple[str, str], Transition] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "transitions", tuple(self.transitions))
        object.__setattr__(self, "final", frozenset(self.final))
        wrong = [*self._wrong_names(), *self._wrong_steps(), *self._wrong_ways()]
        if wrong:
            raise ProcedureError(f"the procedure {self.key!r} cannot work: " + "; ".join(wrong))
        for transition in self.transitions:
            self._by_step.update({(source, transition.action): transition for source in transition.sources})

    @property
    def states(self) -> frozenset[str]:
        """Every state that a case of this procedure can be in."""
        of_transitions = {state for step in self.transitions for state in (*step.sources, step.target)}
        return frozenset({self.initial} | of_transitions | self.final)

    def transition(self, state: str, action: str) -> Transition | None:
        """What `action` does in `state`; None where it is not possible."""
        return self._by_step.get((state, action))

    def actions(self, state: str, roles: Collection[ActingRole]) -> tuple[Transition, ...]:
        """What a bearer of `roles` may take in `state`, in the order in which the procedure lists it."""
        return tuple(step for step in self.transitions if state in step.sources and step.open_to(roles))

    def _wrong_names(self) -> list[str]:
        wrong = [] if _NAME.fullmatch(self.key) else [f"its key {self.key!r} is not lower case with hyphens"]
        if not _PREFIX.fullmatch(self.reference_prefix):
            wrong.append(f"its reference prefix {self.reference_prefix!r} is not one to eight capitals and digits")
        if not is_land(self.land):
            wrong.append(f"its land {self.land!r} is not a German state; use its ISO code without DE-, for example NW")
        names = sorted(self.states | {step.action for step in self.transitions})
        return wrong + [
            f"the name {name!r} is not lower case with hyphens" for name in names if not _NAME.fullmatch(name)
        ]

    def _wrong_steps(self) -> list[str]:
        wrong, seen = [], set()
        for step in self.transitions:
            if not step.sources:
                wrong.append(f"{step.action!r} starts from no state")
            if not step.by:
                wrong.append(f"nobody may take {step.action!r}")
            if not {Role.AUDITOR, Role.OPERATOR}.isdisjoint(step.by):
                wrong.append(f"{step.action!r} is open to auditors or operators, who change nothing")
            if step.four_eyes and not step.proposers:
                wrong.append(f"nobody may propose {step.action!r}")
            if step.four_eyes and not {Role.CITIZEN, SYSTEM}.isdisjoint({*step.by, *step.proposers}):
                wrong.append(
                    f"{step.action!r} needs two members of staff, so only clerks and leads may take or propose it"
                )
            for source in step.sources:
                if (source, step.action) in seen:
                    wrong.append(f"{step.action!r} is declared twice for the state {source!r}")
                seen.add((source, step.action))
                if source in self.final:
                    wrong.append(f"{step.action!r} leads out of the final state {source!r}")
        return wrong

    def _wrong_ways(self) -> list[str]:
        if not self.final:
            return ["it has no final state"]
        onward: dict[str, set[str]] = {state: set() for state in self.states}
        back: dict[str, set[str]] = {state: set() for state in self.states}
        for step in self.transitions:
            for source in step.sources:
                onward[source].add(step.target)
                back[step.target].add(source)
        unreachable = self.states - _reached({self.initial}, onward)
        endless = self.states - _reached(self.final, back)
        return [f"the state {state!r} cannot be reached" for state in sorted(unreachable)] + [
            f"the state {state!r} is a dead end: no final state can be reached from it" for state in sorted(endless)
        ]


def _reached(start: Collection[str], ways: dict[str, set[str]]) -> set[str]:
    reached, ahead = set(start), list(start)
    while ahead:
        for state in ways[ahead.pop()] - reached:
            reached.add(state)
            ahead.append(state)
    return reached
