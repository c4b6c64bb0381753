"""Periods, lateness and plausibility of declarations; what is refused at the API is tested there."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import uuid4

import pytest
from amtsbus.casework.calendar import weeks
from amtsbus.errors import RuleViolationError
from hypothesis import given
from hypothesis import strategies as st
from registration.domain.declarations import (
    DeclaredPerson,
    Departure,
    LandlordConfirmation,
    Move,
    MoveIn,
    check_departure,
    check_move,
    check_move_in,
    days_late,
    differing_fields,
    landlord_differences,
    twice_in_one_declaration,
)
from registration.domain.law import DatedNumber, RegistrationLaw, in_force
from registration.domain.residences import ResidenceKind

from .people import BONN, CITY, HERE, NUMBERS, TODAY, data


def test_two_weeks_end_on_the_next_werktag() -> None:
    assert days_late(date(2026, 2, 1), weeks(2), date(2026, 2, 16)) == 0, "the 15th is a Sunday"
    assert days_late(date(2026, 2, 1), weeks(2), date(2026, 2, 17)) == 1


@given(st.dates(date(2015, 11, 1), date(2030, 1, 1)), st.integers(-400, 400))
def test_whoever_declares_within_two_weeks_is_never_late(moved: date, days: int) -> None:
    late = days_late(moved, weeks(2), moved + timedelta(days=days))
    assert late == 0 if days <= 14 else late <= days - 14


@pytest.mark.parametrize(("days_before", "accepted"), [(8, False), (7, True), (0, True), (-400, True)])
def test_a_departure_is_declared_from_a_week_before(days_before: int, accepted: bool) -> None:
    departure = Departure(TODAY + timedelta(days=days_before), (uuid4(),))
    if accepted:
        check_departure(departure, city=CITY, numbers=NUMBERS, today=TODAY)
    else:
        with pytest.raises(RuleViolationError, match="earliest"):
            check_departure(departure, city=CITY, numbers=NUMBERS, today=TODAY)


def test_a_departure_abroad_may_have_the_postal_code_of_a_home_here() -> None:
    abroad = replace(HERE, country="FR", locality="Ville")
    check_departure(Departure(TODAY, (uuid4(),), abroad), city=CITY, numbers=NUMBERS, today=TODAY)


def test_a_move_names_each_person_once() -> None:
    person = uuid4()
    with pytest.raises(RuleViolationError) as refused:
        check_move(Move(TODAY, HERE, (person, person)), city=CITY, numbers=NUMBERS, today=TODAY)
    assert refused.value.code == "person-twice"


def test_somebody_of_fifteen_does_not_declare_and_somebody_of_sixteen_does() -> None:
    custodian = uuid4()
    for born, accepted in ((date(2010, 3, 3), False), (date(2010, 3, 2), True)):
        person = DeclaredPerson(uuid4(), data(born, custodian_ids=(custodian,)), is_declarant=True)
        move_in = MoveIn(TODAY, HERE, ResidenceKind.MAIN, (person,))
        if accepted:
            check_move_in(move_in, city=CITY, numbers=NUMBERS, today=TODAY)
        else:
            with pytest.raises(RuleViolationError) as refused:
                check_move_in(move_in, city=CITY, numbers=NUMBERS, today=TODAY)
            assert refused.value.code == "declarant-too-young"


def test_a_declaration_takes_twenty_persons_and_not_one_more() -> None:
    def persons(count: int) -> tuple[DeclaredPerson, ...]:
        return tuple(DeclaredPerson(uuid4(), data(), is_declarant=not nth) for nth in range(count))

    check_move_in(MoveIn(TODAY, HERE, ResidenceKind.MAIN, persons(20)), city=CITY, numbers=NUMBERS, today=TODAY)
    with pytest.raises(RuleViolationError) as refused:
        check_move_in(MoveIn(TODAY, HERE, ResidenceKind.MAIN, persons(21)), city=CITY, numbers=NUMBERS, today=TODAY)
    assert refused.value.code == "number-of-persons"


def test_the_same_person_twice_is_seen_through_the_spelling() -> None:
    spellings = (data(), replace(data(), family_name="MUELLER", given_names="Ayse"))
    assert twice_in_one_declaration([DeclaredPerson(uuid4(), spelling) for spelling in spellings])
    twins = (data(), replace(data(), given_names="Elif"))
    assert not twice_in_one_declaration([DeclaredPerson(uuid4(), twin) for twin in twins])


def test_a_clerk_is_told_where_landlord_and_register_differ() -> None:
    confirmation = LandlordConfirmation("Bau eG", BONN, date(2026, 2, 1))
    assert landlord_differences(date(2026, 2, 1), confirmation) is None
    assert "2026-02-01" in (landlord_differences(TODAY, confirmation) or "")
    assert differing_fields(data(), replace(data(), family_name="Mayer")) == ("family_name",)


def test_a_number_of_the_law_holds_from_its_day() -> None:
    two_then_three = (DatedNumber(2, date(2015, 11, 1), "BMG"), DatedNumber(3, date(2027, 1, 1), "a reform"))
    assert in_force(two_then_three, date(2026, 12, 31)) == 2
    assert in_force(two_then_three, date(2027, 1, 1)) == 3
    with pytest.raises(ValueError, match="no number"):
        in_force(two_then_three, date(2015, 10, 31))


def test_every_number_of_the_law_says_where_it_comes_from() -> None:
    law = RegistrationLaw()
    for name in law.__slots__:
        assert all(dated.legal_reference for dated in getattr(law, name))
