"""Entries, their corrections, and what schooling is told of a child."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import uuid4

import pytest
from amtsbus.errors import RuleViolationError
from hypothesis import given
from hypothesis import strategies as st
from registration.domain.ages import latest_birth_of_age, years_later
from registration.domain.persons import (
    EntryChange,
    ResidenceCorrection,
    Resident,
    SchoolListChange,
    school_list_change,
)
from registration.published import postal_address_changed, school_age_child_changed, school_age_child_registered

from .people import NUMBERS, OTHER, TODAY, home, resident


def change(before: Resident | None, after: Resident) -> SchoolListChange | None:
    return school_list_change(before, after, numbers=NUMBERS, today=TODAY)


@pytest.mark.parametrize(
    ("born", "told"),
    [
        (latest_birth_of_age(3, TODAY) + timedelta(days=1), None),
        (latest_birth_of_age(3, TODAY), SchoolListChange.REGISTERED),
        (latest_birth_of_age(18, TODAY) + timedelta(days=1), SchoolListChange.REGISTERED),
        (latest_birth_of_age(18, TODAY), None),
    ],
)
def test_schooling_is_told_of_children_from_three_to_seventeen(born: date, told: SchoolListChange | None) -> None:
    assert change(None, resident(home(TODAY), born=born)) is told


def test_schooling_is_not_told_of_a_child_whose_main_residence_is_elsewhere() -> None:
    assert change(None, resident(home(TODAY, elsewhere=True), born=date(2020, 1, 1))) is None


def test_a_listed_child_is_reported_again_only_where_schoolings_view_has_changed() -> None:
    child = resident(home(TODAY), born=date(2020, 1, 1), on_school_list=True)
    renamed = replace(child, entry=replace(child.entry, data=replace(child.data, family_name="Weiß")))
    moved = replace(child, residences=(home(date(2020, 1, 1), TODAY), home(TODAY)))
    younger = replace(child, entry=replace(child.entry, data=replace(child.data, date_of_birth=date(2025, 1, 1))))
    left = replace(child, residences=(home(date(2020, 1, 1), TODAY),))
    assert change(child, child) is None
    assert change(child, moved) is None
    assert change(child, renamed) is SchoolListChange.CHANGED
    assert change(child, younger) is SchoolListChange.CHANGED
    assert change(child, left) is SchoolListChange.MOVED_AWAY
    assert left.left_on == TODAY


@given(st.dates(date(2000, 1, 1), TODAY), st.booleans(), st.booleans())
def test_the_events_for_schooling_never_carry_an_address(born: date, blocked: bool, listed: bool) -> None:
    until = years_later(TODAY, 2) if blocked else None
    child = resident(home(TODAY), born=born, blocked_until=until, on_school_list=listed)
    for event in (school_age_child_registered(child), school_age_child_changed(child)):
        assert "Hauptstraße" not in event.model_dump_json()
    assert postal_address_changed(child).disclosure_blocked is blocked


def test_a_correction_holds_from_the_beginning_and_a_change_from_its_day() -> None:
    entry = resident().entry
    assert EntryChange(family_name="Mayer").apply(entry, TODAY).family_name == "Mayer"
    assert EntryChange(family_name="Weiß", changed_on=TODAY).apply(entry, TODAY).family_name == "Weiß"
    for wrong in (
        EntryChange(family_name="Weiß", changed_on=TODAY + timedelta(days=1)),
        EntryChange(family_name="Weiß", changed_on=entry.valid_from - timedelta(days=1)),
        EntryChange(date_of_birth=date(1990, 5, 18), changed_on=TODAY),
        EntryChange(date_of_birth=date(1899, 12, 31)),
        EntryChange(family_name="Müller"),
    ):
        with pytest.raises(RuleViolationError):
            wrong.apply(entry, TODAY)


def test_a_correction_of_a_home_keeps_the_register_possible() -> None:
    past, present = home(date(2019, 1, 1), date(2020, 1, 1)), home(date(2020, 1, 1))
    person = resident(past, present)
    assert ResidenceCorrection(address=OTHER).apply(present, person, TODAY).address == OTHER
    earlier = date(2019, 12, 1)
    assert ResidenceCorrection(moved_out_on=earlier).apply(past, person, TODAY).moved_out_on == earlier
    for correction, wrong, code in (
        (ResidenceCorrection(), present, "nothing-to-change"),
        (ResidenceCorrection(moved_out_on=TODAY), present, "residence-in-force"),
        (ResidenceCorrection(moved_in_on=TODAY + timedelta(days=1)), present, "implausible-date"),
        (ResidenceCorrection(moved_in_on=date(1990, 5, 16)), past, "implausible-date"),
        (ResidenceCorrection(moved_out_on=date(2018, 1, 1)), past, "implausible-date"),
        (ResidenceCorrection(moved_in_on=earlier), present, "overlapping-residence"),
        (ResidenceCorrection(moved_out_on=date(2020, 1, 2)), past, "overlapping-residence"),
    ):
        with pytest.raises(RuleViolationError) as refused:
            correction.apply(wrong, person, TODAY)
        assert refused.value.code == code


def test_custodians_and_names_are_schoolings_business_but_the_language_is_not() -> None:
    child = resident(home(TODAY), born=date(2020, 1, 1), on_school_list=True)
    in_care = replace(child, entry=replace(child.entry, data=replace(child.data, custodian_ids=(uuid4(),))))
    assert change(child, in_care) is SchoolListChange.CHANGED
