"""What an application costs."""

import pytest
from amtsbus.procedures import fees
from amtsbus.procedures.conditions import ConditionError
from pydantic import ValidationError

from .allotments import TODAY, procedure


def fee(answers, **fee):
    return fees.cents(procedure(fee={"basis": "Gebührensatzung § 2"} | fee), answers, today=TODAY)


def test_an_amount_is_the_same_for_everybody():
    assert fee({}, cents=2500) == 2500
    assert fee({"area": 400}, cents=0) == 0


@pytest.mark.parametrize(
    ("rule", "answers", "cents"),
    [
        ("form.area * 10", {"area": 100}, 1000),
        ("form.area > 200 ? 5000 : 2500", {"area": 201}, 5000),
        ("computed.rent / 2", {"area": 101}, 2020),
        ("int(double(form.area) * 2.5)", {"area": 101}, 252),
        ("form.hut ? 0 : 100", {"hut": True}, 0),
    ],
)
def test_a_rule_gives_cents_by_the_answers(rule, answers, cents):
    assert fee(answers, rule=rule) == cents


def test_nothing_is_known_of_a_fee_that_depends_on_what_was_not_answered():
    assert fee({}, rule="form.area * 10") is None
    assert fee({}, rule="computed.rent") is None


def test_nothing_is_charged_before_the_city_has_set_it():
    assert fee({"area": 100}, set_by_city=True) is None


@pytest.mark.parametrize("rule", ["double(form.area) * 0.5", "form.area - 200", "form.area > 5", "'25 Euro'"])
def test_a_rule_that_gives_no_cents_is_a_mistake(rule):
    with pytest.raises(ConditionError, match="not a whole number of cents"):
        fee({"area": 101}, rule=rule)


@pytest.mark.parametrize(
    "ways", [{}, {"cents": 5, "rule": "5"}, {"cents": 0, "set_by_city": True}, {"rule": "5", "set_by_city": True}]
)
def test_a_fee_is_declared_in_one_way(ways):
    with pytest.raises(ValidationError, match="a fee is one of cents, rule, set_by_city or by_own_code"):
        fee({}, **ways)
