"""The reasons of decisions are composed of facts, and the same facts are read out of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from schooling.domain.reasons import Reason, Stated, read, sentence
from schooling.domain.rules import Criterion

NUMBERS = {
    Reason.PLACES: ("places", "free"),
    Reason.CRITERIA: (),
    Reason.AHEAD: ("ahead",),
    Reason.NOT_READY: (),
    Reason.DEFERRED_ON_APPLICATION: ("school_year",),
    Reason.DEFERRED_EX_OFFICIO: ("school_year",),
    Reason.CHILD_NOT_ESTABLISHED: (),
    Reason.ALREADY_REGISTERED: (),
    Reason.NOT_THIS_YEAR: (),
}
WITH_CRITERIA = (Reason.CRITERIA, Reason.AHEAD)


@given(st.sampled_from(Reason), st.frozensets(st.sampled_from(Criterion)), st.data())
def test_what_was_stated_is_read_back(reason: Reason, criteria: frozenset[Criterion], data: st.DataObject) -> None:
    numbers = {name: data.draw(st.integers(0, 3000)) for name in NUMBERS[reason]}
    named = criteria if reason in WITH_CRITERIA else frozenset()
    stated = Stated(reason, numbers, tuple(one for one in Criterion if one in named))
    assert read(sentence(reason, criteria=named, **numbers)) == stated


def test_the_sentences_that_decisions_have_kept_so_far_are_read() -> None:
    assert read("The school has 50 places, 3 of them free when this was decided.") == Stated(
        Reason.PLACES, {"places": 50, "free": 3}
    )
    assert read("Recorded criteria: hardship, sibling.") == Stated(
        Reason.CRITERIA, {}, (Criterion.HARDSHIP, Criterion.SIBLING)
    )
    deferred = (
        "Entry into school is deferred to the school year beginning in 2027, ex officio; "
        "the school doctor's report was seen."
    )
    assert read(deferred) == Stated(Reason.DEFERRED_EX_OFFICIO, {"school_year": 2027})


@pytest.mark.parametrize("text", ["", "Because.", "The school has many places, 3 of them free when this was decided."])
def test_anything_else_is_none_of_them(text: str) -> None:
    assert read(text) is None
