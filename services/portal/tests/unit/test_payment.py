"""What the payment provider answers is believed only with its signature."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as some
from portal.domain.payment import Outcome, UnsignedAnswerError, answer_of, signed

SECRET = b"a secret of the tests"
VALUES = {"payment": str(UUID(int=1)), "amount_cents": "1250", "outcome": "paid"}


def test_a_signed_answer_says_what_was_paid():
    answer = answer_of(signed(VALUES, SECRET), SECRET)
    assert (answer.payment_id, answer.amount_cents, answer.outcome) == (UUID(int=1), 1250, Outcome.PAID)


@given(some.sampled_from([*VALUES, "signature"]), some.text())
def test_whatever_is_changed_breaks_the_signature(name, value):
    answer = signed(VALUES, SECRET)
    if answer[name] == value:
        return
    with pytest.raises(UnsignedAnswerError):
        answer_of(answer | {name: value}, SECRET)


@pytest.mark.parametrize("name", [*VALUES, "signature"])
def test_whatever_is_left_out_breaks_the_signature(name):
    answer = {key: value for key, value in signed(VALUES, SECRET).items() if key != name}
    with pytest.raises(UnsignedAnswerError):
        answer_of(answer, SECRET)


@given(some.dictionaries(some.text(), some.text(), max_size=3))
def test_what_else_an_address_carries_changes_nothing(others):
    answer = signed(VALUES, SECRET)
    assert answer_of(others | answer, SECRET) == answer_of(answer, SECRET)


def test_another_secret_signs_nothing():
    with pytest.raises(UnsignedAnswerError):
        answer_of(signed(VALUES, b"another one"), SECRET)


@pytest.mark.parametrize("changes", [{"payment": "x"}, {"amount_cents": "much"}, {"outcome": "perhaps"}])
def test_what_is_signed_and_makes_no_sense_is_no_answer(changes):
    with pytest.raises(UnsignedAnswerError):
        answer_of(signed(VALUES | changes, SECRET), SECRET)


def test_what_is_not_signed_at_all_is_no_answer():
    with pytest.raises(UnsignedAnswerError):
        answer_of(VALUES, SECRET)
