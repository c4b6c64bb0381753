"""What declarations do to a person's homes."""

from collections.abc import Iterable
from datetime import date, timedelta
from itertools import pairwise
from typing import Literal
from uuid import UUID, uuid4

import pytest
from amtsbus.errors import RuleViolationError
from hypothesis import given
from hypothesis import strategies as st
from registration.domain.declarations import chosen_household
from registration.domain.residences import (
    Residence,
    ResidenceChanges,
    ResidenceKind,
    depart,
    main_residence,
    move,
    move_in,
)

from .people import BONN, HERE, OTHER, home

MAIN, SECONDARY = ResidenceKind.MAIN, ResidenceKind.SECONDARY
DAY = date(2026, 3, 1)


def entered(homes: Iterable[Residence], changes: ResidenceChanges) -> tuple[Residence, ...]:
    """The homes after the changes."""
    kept = [
        Residence(h.residence_id, h.kind, h.address, h.moved_in_on, changes.ends_on, h.household_id)
        if h.residence_id in changes.ends
        else h
        for h in homes
    ]
    begun = [Residence(uuid4(), h.kind, h.address, h.moved_in_on, None, h.household_id) for h in changes.begins]
    return (*kept, *begun)


def test_a_new_resident_gets_a_main_residence() -> None:
    changes = move_in((), kind=MAIN, address=HERE, household_id=uuid4(), moved_in_on=DAY, main_elsewhere=None)
    assert [(begun.kind, begun.in_city) for begun in changes.begins] == [(MAIN, True)]
    assert changes.ends == ()


def test_a_secondary_residence_brings_the_main_one_elsewhere_along() -> None:
    changes = move_in((), kind=SECONDARY, address=HERE, household_id=uuid4(), moved_in_on=DAY, main_elsewhere=BONN)
    assert [(begun.kind, begun.in_city) for begun in changes.begins] == [(MAIN, False), (SECONDARY, True)]


def test_a_secondary_residence_beside_the_main_one_in_the_city_leaves_that_alone() -> None:
    homes = (home(date(2020, 1, 1)),)
    changes = move_in(homes, kind=SECONDARY, address=OTHER, household_id=uuid4(), moved_in_on=DAY, main_elsewhere=None)
    assert changes.ends == ()
    assert [begun.kind for begun in changes.begins] == [SECONDARY]


def test_a_departure_ends_every_home_and_keeps_the_new_address() -> None:
    homes = (home(date(2020, 1, 1)), home(date(2021, 1, 1), kind=SECONDARY))
    after = entered(homes, depart(homes, moved_out_on=DAY, new_address=BONN))
    main = main_residence(after)
    assert main is not None
    assert (main.address, main.in_city) == (BONN, False)
    assert all(h.moved_out_on == DAY for h in after if h.in_city)


@pytest.mark.parametrize(
    ("homes", "code"),
    [
        ((), "not-registered-here"),
        ((home(date(2020, 1, 1), elsewhere=True),), "not-registered-here"),
        ((home(DAY + timedelta(days=1)),), "overlapping-residence"),
        ((home(date(2019, 1, 1), DAY + timedelta(days=1)), home(DAY + timedelta(days=1))), "overlapping-residence"),
    ],
)
def test_a_move_that_the_register_contradicts_is_refused(homes: tuple[Residence, ...], code: str) -> None:
    with pytest.raises(RuleViolationError) as refused:
        move(homes, address=OTHER, household_id=uuid4(), moved_on=DAY)
    assert refused.value.code == code


Step = tuple[Literal["main", "secondary", "move", "depart", "depart-known"], int]


@given(
    st.lists(st.tuples(st.sampled_from(["main", "secondary", "move", "depart", "depart-known"]), st.integers(-30, 60)))
)
def test_whatever_is_declared_there_is_one_main_residence_at_a_time(steps: list[Step]) -> None:
    homes: tuple[Residence, ...] = ()
    day = date(2020, 1, 1)
    for action, days in steps:
        day += timedelta(days=days)
        try:
            match action:
                case "main" | "secondary":
                    kind = ResidenceKind(action)
                    elsewhere = BONN if kind is SECONDARY else None
                    changes = move_in(
                        homes, kind=kind, address=HERE, household_id=uuid4(), moved_in_on=day, main_elsewhere=elsewhere
                    )
                case "move":
                    changes = move(homes, address=OTHER, household_id=uuid4(), moved_on=day)
                case _:
                    changes = depart(homes, moved_out_on=day, new_address=BONN if action == "depart-known" else None)
        except RuleViolationError:
            continue
        homes = entered(homes, changes)
        in_force = [h for h in homes if h.in_force]
        mains = sorted((h for h in homes if h.kind is MAIN), key=lambda h: (h.moved_in_on, h.moved_out_on or date.max))
        assert sum(h.kind is MAIN for h in in_force) == (1 if in_force else 0)
        assert all(a.moved_out_on is not None and a.moved_out_on <= b.moved_in_on for a, b in pairwise(mains))
        assert all(h.moved_out_on is None or h.moved_in_on <= h.moved_out_on for h in homes)


def test_a_household_goes_along_only_as_a_whole() -> None:
    a, b, c = uuid4(), uuid4(), uuid4()
    old, other, fresh = uuid4(), uuid4(), uuid4()
    whole: dict[UUID, frozenset[UUID]] = {old: frozenset({a, b})}
    assert chosen_household([b, a], whole, fresh) == old
    assert chosen_household([a], whole, fresh) == fresh
    assert chosen_household([a, b, c], whole | {other: frozenset({c})}, fresh) == fresh
