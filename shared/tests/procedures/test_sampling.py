"""Applicants that do not exist: the same for a seed, and through the whole form."""

from datetime import date

import pytest
from amtsbus.procedures import answers, sampling
from amtsbus.procedures.conditions import ConditionError
from hypothesis import given, settings
from hypothesis import strategies as st

from .allotments import BEDS, EVERYTHING, PLAIN, TODAY, asking, field, page, procedure, with_pages


@given(st.integers(0, 1_000_000))
@settings(max_examples=30, deadline=None)
def test_a_seed_gives_the_same_applicant_every_time(seed):
    assert sampling.one(EVERYTHING, seed, today=TODAY) == sampling.one(EVERYTHING, seed, today=TODAY)


def test_seeds_give_different_applicants():
    invented = [sampling.one(EVERYTHING, seed, today=TODAY) for seed in range(20)]
    assert all(invented.count(one) == 1 for one in invented)


def test_some_are_as_many_as_were_asked_for_and_have_nothing_wrong():
    invented = sampling.some(EVERYTHING, count=30, today=TODAY)
    assert len(invented) == 30
    for one in invented:
        assert answers.read_all(EVERYTHING.form, one, today=TODAY) == (one, [])


def test_together_they_answer_every_question():
    asked = {one.key for one_page in EVERYTHING.form.pages for one in one_page.fields}
    assert {key for one in sampling.some(EVERYTHING, count=50) for key in one} == asked


def test_they_leave_out_what_may_be_left_out_now_and_then():
    declared = asking(field("why", "text"), field("colour", "text", required=False))
    invented = sampling.some(declared, count=50)
    assert {len(one) for one in invented} == {1, 2}


def test_they_apply_on_the_day_that_is_given():
    declared = asking(field("begins_on", "date", earliest="today", latest="days_after(today, 5)"))
    for seed in range(20):
        begins_on = sampling.one(declared, seed, today=date(2028, 2, 28))["begins_on"]
        assert "2028-02-28" <= begins_on <= "2028-03-04"


@pytest.mark.parametrize(
    "bounds",
    [
        {},
        {"least": 5},
        {"most": 5},
        {"most": -5},
        {"least": -20, "most": -10},
        {"least": 1_000_000},
        {"least": 0.5, "most": 1.5},
        {"decimals": 2, "least": 0.01, "most": 0.05},
        {"decimals": 1, "most": -5},
    ],
)
def test_a_number_is_invented_within_its_bounds(bounds):
    invented = sampling.some(asking(field("x", "number", **bounds)), count=20)
    least, most = bounds.get("least", float("-inf")), bounds.get("most", float("inf"))
    assert all(least <= one["x"] <= most for one in invented)


@pytest.mark.parametrize(
    "bounds",
    [
        {"earliest": "days_after(today, 3)"},
        {"latest": "months_after(today, -216)"},
        {"earliest": "today", "latest": "today"},
        {"earliest": "form.x"},
        {},
    ],
)
def test_a_day_is_invented_within_its_bounds(bounds):
    declared = asking(field("x", "date"), field("y", "date", **bounds))
    assert len(sampling.some(declared, count=20)) == 20


@pytest.mark.parametrize(("least", "most"), [(0, 1), (1, 1), (3, 3), (2, 40)])
def test_a_group_is_invented_within_its_bounds(least, most):
    invented = sampling.some(asking(BEDS | {"least": least, "most": most}), count=20)
    assert all(max(1, least) <= len(one["beds"]) <= most for one in invented)


def test_conditions_that_contradict_each_other_let_nobody_through():
    declared = asking(
        field("area", "number", most=10),
        checks=[{"that": "form.area > 10", "message": PLAIN["label"], "at": "area"}],
    )
    with pytest.raises(sampling.NoSampleError, match="of 400 invented applicants 0 got to the end of the form"):
        sampling.some(declared)
    with pytest.raises(sampling.NoSampleError, match="allotment"):
        sampling.one(declared, 7)


def test_a_form_that_one_in_many_gets_through_has_a_sample():
    declared = asking(
        field("area", "number", least=0, most=20),
        checks=[{"that": "form.area == 3", "message": PLAIN["label"], "at": "area"}],
    )
    assert sampling.one(declared, 0) == {"area": 3}


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (
            with_pages(page("a", field("x", "number")), page("b", field("y", "text"), when="form.x")),
            "neither true nor false",
        ),
        (
            with_pages(page("a", field("x", "number")), page("b", field("y", "text"), when="form.x > 'a'")),
            "cannot be evaluated",
        ),
        (asking(field("x", "number"), field("y", "date", earliest="form.x")), "is not a day"),
        (asking(field("x", "number"), field("y", "text", required="form.x + 1")), "neither true nor false"),
        (procedure(fee={"rule": "double(form.area)", "basis": "§ 2"}), "not a whole number of cents"),
        (
            procedure(fee={"rule": "size(form.colour)", "basis": "§ 2"}),
            "depends on something that not everybody is asked",
        ),
        (
            procedure(
                decision={
                    "basis": "§ 4",
                    "automatic": {"when": "form.area", "reasons": PLAIN["label"], "basis": "§ 35a"},
                }
            ),
            "neither true nor false",
        ),
        (
            procedure(documents=[{"key": "sketch", "name": PLAIN["label"], "when": "size(form.area) > 1"}]),
            "cannot be evaluated",
        ),
    ],
)
def test_a_condition_that_goes_wrong_with_an_answer_that_is_allowed_is_found(declared, said):
    with pytest.raises(ConditionError, match=said):
        sampling.some(declared)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("money", "form.area * 0.5"),
        ("money", "form.area > 1"),
        ("number", "'5'"),
        ("number", "true"),
        ("yes-no", "1"),
        ("text", "5"),
        ("date", "'tomorrow'"),
        ("date", "form.area"),
    ],
)
def test_a_computed_value_that_is_not_of_its_kind_is_found(kind, value):
    declared = asking(
        field("area", "number", decimals=1),
        computed=[{"key": "rent", "kind": kind, "value": value} | PLAIN],
    )
    with pytest.raises(ConditionError, match=f"computed.rent is .*, which is not {kind}"):
        sampling.some(declared)


def test_whoever_is_invented_is_plainly_invented():
    for one in sampling.some(EVERYTHING, count=20):
        assert "Demo-" in one["who"]
        assert one.get("email", "@example.org").endswith("@example.org")
