"""A draft keeps what is right, and asks again for the rest."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from amtsbus.procedures.declaration import Page
from portal.domain.draft import Draft
from portal.domain.owner import Owner

from ..demo import ERIKA, MAX, procedure

TODAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
VISITOR = UUID(int=7)


@pytest.fixture
def draft() -> Draft:
    return Draft(
        draft_id=UUID(int=1),
        procedure="tortoise",
        version=1,
        person_id=None,
        visitor_id=VISITOR,
        begun_at=NOW,
        changed_at=NOW,
    )


def page(key: str) -> Page:
    return next(one for one in procedure().form.pages if one.key == key)


def answer(draft: Draft, key: str, sent, shown=None) -> list[str]:
    asked = page(key)
    fields = {field.key for field in asked.fields}
    problems = draft.answer(asked, sent, fields if shown is None else shown, draft.journey(procedure(), TODAY))
    return [problem.at for problem in problems]


SINCE = {"born_on": "1.5.1990", "kept_since": "1.5.2000", "price": "12,50", "food": ["hay"]}


def test_what_is_right_is_kept_also_where_something_else_is_wrong(draft):
    assert answer(draft, "since", SINCE | {"kept_since": "31.2.2000"}) == ["kept_since"]
    assert draft.answers == {"born_on": "1990-05-01", "price": 1250, "food": ["hay"]}
    assert draft.done == set()


def test_a_page_without_a_mistake_is_done(draft):
    assert answer(draft, "since", SINCE) == []
    assert draft.done == {"since"}


def test_answers_that_do_not_go_together_are_a_mistake_of_the_page(draft):
    assert answer(draft, "since", SINCE | {"kept_since": "1.5.1980"}) == ["kept_since"]
    assert draft.done == set()


def test_a_question_that_an_answer_raises_is_no_mistake_before_it_was_shown(draft):
    assert answer(draft, "garden", {"garden": "yes"}, shown={"garden"}) == []
    assert draft.done == set()
    assert draft.answers == {"garden": True}
    assert answer(draft, "garden", {"garden": "yes"}, shown={"garden", "garden_size", "pond"}) == ["garden_size"]
    assert answer(draft, "garden", {"garden": "yes", "garden_size": "20"}) == []
    assert draft.done == {"garden"}


def test_a_question_that_may_stay_unanswered_is_asked_as_well(draft):
    assert answer(draft, "garden", {"garden": "yes", "garden_size": "20"}, shown={"garden", "garden_size"}) == []
    assert draft.done == set()


def test_who_changes_an_answer_back_finds_the_others_again(draft):
    answer(draft, "garden", {"garden": "yes", "garden_size": "20"})
    answer(draft, "garden", {"garden": "no"})
    assert draft.answers["garden_size"] == 20
    assert "garden_size" not in draft.journey(procedure(), TODAY).answers


def test_an_answer_that_was_emptied_is_gone(draft):
    answer(draft, "since", SINCE)
    answer(draft, "since", SINCE | {"price": "", "food": []})
    assert set(draft.answers) == {"born_on", "kept_since"}


def test_a_draft_belongs_to_who_logs_in_while_working_on_it(draft):
    draft.take_over(Owner(ERIKA, VISITOR), NOW)
    assert draft.person_id == ERIKA


def test_a_draft_never_changes_hands(draft):
    draft.take_over(Owner(ERIKA, VISITOR), NOW)
    draft.take_over(Owner(MAX, VISITOR), NOW)
    assert draft.person_id == ERIKA


def test_a_draft_lives_for_thirty_days_after_the_last_change(draft):
    draft.take_over(Owner(None, VISITOR), NOW + timedelta(days=10))
    assert draft.expires_at == NOW + timedelta(days=40)
