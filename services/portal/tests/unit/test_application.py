"""Where an application stands, what comes next, and what a correction changes."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from amtsbus.errors import RuleViolationError
from portal.domain.application import Applicant, Application, NextStep, Request, corrected, state_in_words

from ..demo import ERIKA, procedure

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
TODAY = date(2026, 3, 2)
ASKED = Request(("origin_proof",), ("garden",), date(2026, 3, 30))
ANSWERS = {
    "keeper": "Erika Demo-Muster",
    "home": {"street": "Hauptstraße", "house_number": "1", "postal_code": "51373", "locality": "Leverkusen"},
    "tortoises": [{"called": "Demo-Panzer", "weight": 2.5}],
    "garden": False,
    "balcony": "sunny",
    "born_on": "1990-05-01",
    "kept_since": "2000-05-01",
    "truth": True,
}


def application(**changes: Any) -> Application:
    values: dict[str, Any] = {
        "application_id": UUID(int=1),
        "office": "animals",
        "procedure": "tortoise",
        "version": 1,
        "applicant": Applicant(ERIKA, "Erika Demo-Muster", None, "basic"),
        "language": "de",
        "answers": dict(ANSWERS),
        "handed_in_at": NOW,
    }
    return Application(**(values | changes))


OPENED = {"opened_at": NOW, "reference": "TORT-2026-1", "state": "received"}


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({}, NextStep.WAIT_FOR_RECEIPT),
        (OPENED, NextStep.WAIT),
        (OPENED | {"request": ASKED}, NextStep.ANSWER),
        (OPENED | {"charged_cents": 1250}, NextStep.PAY),
        (OPENED | {"charged_cents": 1250, "request": ASKED}, NextStep.ANSWER),
        (OPENED | {"charged_cents": 1250, "paid_cents": 1250}, NextStep.WAIT),
        (OPENED | {"charged_cents": 1250, "settled_cents": 1250}, NextStep.WAIT),
        (OPENED | {"withdrawn_at": NOW}, NextStep.WAIT_FOR_WITHDRAWAL),
        ({"withdrawn_at": NOW}, NextStep.WAIT_FOR_WITHDRAWAL),
        (OPENED | {"is_closed": True}, NextStep.NOTHING),
        (OPENED | {"is_closed": True, "charged_cents": 1250}, NextStep.PAY),
        (OPENED | {"is_closed": True, "withdrawn_at": NOW}, NextStep.NOTHING),
        (OPENED | {"is_closed": True, "request": ASKED}, NextStep.NOTHING),
    ],
)
def test_the_next_step_is_what_the_citizen_has_to_do_before_what_the_office_does(changes, step):
    assert application(**changes).next_step == step


def test_a_period_belongs_to_what_is_to_be_done():
    waiting = application(**OPENED, due_on=date(2026, 6, 2), pay_until=date(2026, 4, 1))
    assert waiting.next_step_until == date(2026, 6, 2)
    waiting.request = ASKED
    assert waiting.next_step_until == date(2026, 3, 30)
    waiting.request, waiting.charged_cents = None, 1250
    assert waiting.next_step_until == date(2026, 4, 1)


@pytest.mark.parametrize("ended", [{"is_closed": True}, {"withdrawn_at": NOW}])
def test_what_has_ended_takes_nothing_more(ended):
    with pytest.raises(RuleViolationError):
        application(**OPENED, **ended).require_open()


def test_documents_that_the_office_asks_for_come_before_those_that_belong_to_it_anyway():
    assert application().asked_documents(procedure(), TODAY) == ["origin_proof", "lease"]
    request = Request(("lease", "unknown"), (), TODAY)
    assert application(request=request).asked_documents(procedure(), TODAY) == ["lease"]


def test_a_state_that_the_procedure_does_not_know_is_shown_as_it_is():
    assert state_in_words(procedure(), "granted").de == "angemeldet"
    assert state_in_words(procedure(), "lost-in-space").de == "lost-in-space"


def correction(asked: set[str], sent: dict[str, Any] | None, answers: dict[str, Any] | None = None):
    return corrected(procedure(), answers or ANSWERS, asked, sent, TODAY)


def test_a_corrected_answer_replaces_the_earlier_one_and_no_other():
    changed = correction({"kept_since"}, {"kept_since": "1.5.2001"})
    assert changed.changed == {"kept_since": "2001-05-01"}
    assert changed.answers == ANSWERS | {"kept_since": "2001-05-01"}
    assert changed.is_complete({"kept_since"})


def test_nothing_is_complete_before_it_was_shown():
    assert not correction({"kept_since"}, {"kept_since": "1.5.2001"}).is_complete(set())
    assert [page.key for page in correction({"kept_since"}, None).pages] == ["since"]


def test_a_correction_that_raises_a_question_asks_it():
    changed = correction({"garden"}, {"garden": "yes"})
    assert {field.key for page in changed.pages for field in page.fields} == {"garden", "garden_size"}
    assert not changed.is_complete({"garden"})


def test_what_does_not_apply_any_more_is_taken_back():
    changed = correction({"garden"}, {"garden": "yes", "garden_size": "80"})
    assert changed.changed == {"garden": True, "garden_size": 80, "balcony": None}
    assert "balcony" not in changed.answers


def test_a_field_that_is_not_asked_of_this_applicant_is_not_waited_for():
    changed = correction({"garden_size", "kept_since"}, {"kept_since": "1.5.2001", "garden_size": ""})
    assert changed.is_complete({"kept_since"})


def test_answers_that_do_not_go_together_with_the_corrected_one_are_told():
    changed = correction({"kept_since"}, {"kept_since": "1.5.1980"})
    assert [problem.at for problem in changed.problems] == ["kept_since"]


def test_what_was_right_when_it_was_handed_in_is_not_asked_again_because_time_has_passed():
    late = ANSWERS | {"born_on": "2026-12-01"}  # right by the rules of that day, and wrong by today's
    changed = corrected(procedure(), late, {"keeper"}, {"keeper": "Max Demo-Muster"}, TODAY)
    assert changed.changed == {"keeper": "Max Demo-Muster"}
    assert changed.answers["born_on"] == "2026-12-01"
    assert changed.problems == ()
