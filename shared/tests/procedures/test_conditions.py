"""Conditions: what depends on an unanswered field has no value, and days count as the law counts them."""

import logging
from datetime import date, timedelta

import pytest
from amtsbus.procedures import conditions
from amtsbus.procedures.conditions import ConditionError, NoValueError
from hypothesis import given
from hypothesis import strategies as st

from .allotments import TODAY

DAYS = st.dates(date(1850, 1, 1), date(2200, 12, 31))
BEDS = {"beds": [{"plant": "kale", "rows": 3}, {"plant": "roses"}]}


def value(source, **form):
    return conditions.evaluate(source, form, today=TODAY)


# what was not answered


@pytest.mark.parametrize(
    ("source", "form", "fulfilled"),
    [
        (None, {}, True),
        ("form.hut", {}, False),
        ("form.hut", {"hut": True}, True),
        ("!form.hut", {}, False),
        ("form.kind == 'small'", {}, False),
        ("form.kind != 'small'", {}, False),
        ("form.kind in ['small', 'large']", {}, False),
        ("form.kind in ['small', 'large']", {"kind": "large"}, True),
        ("has(form.hut)", {}, False),
        ("has(form.hut)", {"hut": False}, True),
        ("has(form.hut) && form.hut", {}, False),
        ("!has(form.hut) || form.hut", {}, True),
        ("form.hut || true", {}, True),
        ("true || form.hut", {}, True),
        ("form.hut && false", {}, False),
        ("form.hut || form.kind == 'small'", {"kind": "small"}, True),
        ("form.address.postal_code == '51373'", {"address": {"postal_code": "51373"}}, True),
        ("form.address.postal_code == '51373'", {}, False),
        ("form.beds.exists(b, b.plant == 'roses')", BEDS, True),
        ("form.beds.all(b, has(b.rows))", BEDS, False),
        ("form.beds.exists(b, b.plant == 'roses')", {}, False),
        ("form.beds[2].plant == 'kale'", BEDS, False),
        ("form.born_on <= today", {"born_on": "2026-11-24"}, True),
        ("form.born_on < today", {"born_on": "2026-11-24"}, False),
    ],
)
def test_a_condition_on_what_was_not_answered_is_not_fulfilled(source, form, fulfilled):
    assert conditions.holds(source, form, today=TODAY) is fulfilled


@pytest.mark.parametrize(
    "source", ["form.hut", "form.beds[7].plant", "form.beds.map(b, b.rows)", "age_on(form.born_on, today)"]
)
def test_a_value_that_depends_on_what_was_not_answered_does_not_exist(source):
    with pytest.raises(NoValueError, match="was not answered"):
        value(source, **BEDS)


def test_a_computed_value_that_is_not_there_is_like_an_unanswered_field():
    assert not conditions.holds("computed.rent > 5", {}, today=TODAY)
    assert conditions.holds("computed.rent > 5", {}, today=TODAY, computed={"rent": 6})


@pytest.mark.parametrize(
    ("required", "form", "is_required"),
    [
        (True, {}, True),
        (False, {}, False),
        ("form.hut", {}, False),
        ("form.hut", {"hut": True}, True),
    ],
)
def test_something_is_required_always_or_never_or_under_a_condition(required, form, is_required):
    assert conditions.is_required(required, form, today=TODAY) is is_required


# what is no condition


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("form.hut &&", "this is not CEL"),
        ("wenn Laube", "this is not CEL"),
        ("hut == true", "'hut' is not known; conditions know form, computed, today"),
        ("form.beds.exists(b, c.rows > 1)", "'c' is not known"),
        ("heute < form.born_on", "'heute' is not known"),
        ("age(form.born_on)", "there is no function 'age'; beside those of CEL there are age_on, days_between"),
        ("form.hut || form.beds.total() > 1", "there is no function 'total'"),
    ],
)
def test_what_does_not_exist_is_found_without_any_answer(source, said):
    with pytest.raises(ConditionError) as refused:
        conditions.compiled(source)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "source",
    [
        "size(form.beds) == 2 && form.beds.exists_one(b, b.plant.startsWith('k'))",
        "form.beds.filter(b, has(b.rows)).size() == 1",
        "sum(form.beds.filter(b, has(b.rows)).map(b, b.rows)) == 3",
        "sum(form.beds.map(b, has(b.rows), b.rows)) == 3",
        "int('7') % 4 == 3 && double(7) / 2.0 == 3.5 && string(7) == '7'",
        "'Straße'.contains('ß') && 'Straße'.endsWith('e') && '12a'.matches('[0-9]+a')",
        "today == '2026-11-24' ? true : false",
    ],
)
def test_the_functions_of_cel_and_names_of_its_own_are_known(source):
    assert conditions.holds(source, BEDS, today=TODAY)


@pytest.mark.parametrize(
    "source",
    [
        "form.area + 'm'",
        "form.area > '5'",
        "form.area * 1.5",
        "form.area / 0",
        "form.area.startsWith('1')",
        "age_on(form.area, today)",
    ],
)
def test_kinds_that_do_not_go_together_are_no_unanswered_field(source):
    with pytest.raises(ConditionError, match="cannot be evaluated"):
        conditions.holds(source, {"area": 100}, today=TODAY)


@pytest.mark.parametrize("source", ["form.area", "form.area > 5 ? 'yes' : 'no'", "today"])
def test_a_condition_is_true_or_false_and_nothing_else(source):
    with pytest.raises(ConditionError, match="neither true nor false"):
        conditions.holds(source, {"area": 100}, today=TODAY)


def test_a_function_that_fails_writes_no_answer_into_the_log(caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ConditionError):
        value("age_on(form.who, today)", who="Erika Demo-Muster")
    assert caplog.records == []


# which fields it asks for


@pytest.mark.parametrize(
    ("source", "fields", "computed"),
    [
        ("form.a == 1 && has(form.b_2)", {"a", "b_2"}, set()),
        ("form.a > computed.b", {"a"}, {"b"}),
        ("form.a == 'form.b' || \"form.c\" == form.d", {"a", "d"}, set()),
        ("form.beds.exists(b, b.rows > form.least)", {"beds", "least"}, set()),
        ("today > '2026-01-01'", set(), set()),
    ],
)
def test_a_condition_names_what_it_asks_for(source, fields, computed):
    assert conditions.asked_for(source) == (fields, computed)


# days


@given(st.tuples(DAYS, DAYS).map(sorted))
def test_an_age_is_the_number_of_birthdays_since(days):
    born, on = days

    def birthday(year):
        try:
            return born.replace(year=year)
        except ValueError:  # BGB § 188 (3): the year of life ends with 28 February
            return date(year, 3, 1)

    birthdays = sum(birthday(year) <= on for year in range(born.year + 1, on.year + 1))
    assert value("age_on(form.born_on, form.day)", born_on=born.isoformat(), day=on.isoformat()) == birthdays


@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        ("2008-11-24", "2026-11-23", 17),
        ("2008-11-24", "2026-11-24", 18),
        ("2008-02-29", "2026-02-28", 17),
        ("2008-02-29", "2026-03-01", 18),
        ("2008-02-29", "2028-02-28", 19),
        ("2008-02-29", "2028-02-29", 20),
        ("2026-11-24", "2026-11-24", 0),
    ],
)
def test_somebody_is_a_year_older_on_the_birthday(born, day, age):
    assert value("age_on(form.born, form.day)", born=born, day=day) == age


@given(day=DAYS, count=st.integers(-1000, 1000))
def test_months_later_is_the_same_day_or_the_last_of_the_month(day, count):
    later = date.fromisoformat(value("months_after(form.day, form.count)", day=day.isoformat(), count=count))
    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == count
    is_last = (later + timedelta(days=1)).month != later.month
    assert later.day == day.day or (is_last and later.day < day.day)


@pytest.mark.parametrize(
    ("day", "count", "later"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2028-01-31", 1, "2028-02-29"),
        ("2026-03-31", -1, "2026-02-28"),
        ("2026-05-31", 1, "2026-06-30"),
        ("2026-12-31", 2, "2027-02-28"),
        ("2026-11-30", 1, "2026-12-30"),
        ("2028-02-29", 12, "2029-02-28"),
        ("2028-02-29", -48, "2024-02-29"),
        ("2026-11-24", 0, "2026-11-24"),
        ("2026-01-15", -1, "2025-12-15"),
    ],
)
def test_months_end_as_they_do_in_the_calendar(day, count, later):
    assert value("months_after(form.day, form.count)", day=day, count=count) == later


@given(first=DAYS, second=DAYS)
def test_days_between_are_counted_as_the_calendar_does(first, second):
    form = {"first": first.isoformat(), "second": second.isoformat()}
    assert value("days_between(form.first, form.second)", **form) == (second - first).days
    assert value("days_after(form.first, days_between(form.first, form.second))", **form) == second.isoformat()


@given(first=DAYS, second=DAYS)
def test_days_compare_as_text(first, second):
    form = {"first": first.isoformat(), "second": second.isoformat()}
    assert value("form.first < form.second", **form) is (first < second)
    assert value("form.first == form.second", **form) is (first == second)


@pytest.mark.parametrize(
    ("source", "day"),
    [
        (None, None),
        ("today", TODAY),
        ("days_after(today, -30)", date(2026, 10, 25)),
        ("form.begins_on", date(2027, 1, 1)),
        ("form.ends_on", None),
    ],
)
def test_a_bound_is_a_day_or_nothing(source, day):
    assert conditions.day(source, {"begins_on": "2027-01-01"}, today=TODAY) == day


@pytest.mark.parametrize("source", ["7", "'tomorrow'", "true", "form.hut"])
def test_a_bound_that_is_no_day_is_a_mistake(source):
    with pytest.raises(ConditionError, match="is not a day"):
        conditions.day(source, {"hut": True}, today=TODAY)


@given(st.lists(st.integers(-10_000, 10_000), max_size=20))
def test_a_sum_adds_up(numbers):
    assert value("sum(form.numbers)", numbers=numbers) == sum(numbers)
