"""The way through a form: what is asked, what is done, what comes next."""

from datetime import date

import pytest
from portal.domain.journey import Journey

from ..demo import procedure

TODAY = date(2026, 3, 2)
HOME = {"street": "Hauptstraße", "house_number": "1", "postal_code": "51373", "locality": "Leverkusen"}
ANSWERS = {
    "keeper": "Erika Demo-Muster",
    "home": HOME,
    "tortoises": [{"called": "Demo-Panzer", "weight": 2.5}],
    "garden": True,
    "garden_size": 200,
    "born_on": "1990-05-01",
    "kept_since": "2000-05-01",
    "truth": True,
}
PAGES = ("keeper", "tortoises", "garden", "since", "statement")


def journey(answers=ANSWERS, done=(*PAGES, "documents/origin_proof"), uploaded=("origin_proof",)) -> Journey:
    return Journey(procedure(), answers, done=done, uploaded=uploaded, today=TODAY)


def paths(way: Journey) -> list[str]:
    return [step.path for step in way.steps]


def test_documents_come_after_the_pages_of_the_form():
    assert paths(journey()) == [*PAGES, "documents/origin_proof"]


def test_a_page_that_does_not_apply_is_skipped():
    assert "balcony" in paths(journey(ANSWERS | {"garden": False}))
    assert "balcony" not in paths(journey())


def test_a_page_that_depends_on_what_was_not_answered_is_not_asked_yet():
    assert paths(journey({})) == [*PAGES, "documents/origin_proof"]


def test_an_answer_that_is_not_asked_for_any_more_does_not_count():
    changed = journey(ANSWERS | {"garden": False, "balcony": "sunny"})
    assert "garden_size" not in changed.answers
    assert changed.answers["balcony"] == "sunny"


def test_everything_done_leaves_nothing_open():
    assert journey().first_open is None
    assert journey().problems() == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_that_was_not_left_is_open(page):
    way = journey(done=[one for one in (*PAGES, "documents/origin_proof") if one != page])
    assert way.first_open is not None
    assert way.first_open.path == page


def test_a_page_whose_answer_is_not_right_any_more_is_open_again():
    way = journey(ANSWERS | {"kept_since": "2027-01-01"})
    assert way.first_open is not None
    assert way.first_open.path == "since"


def test_a_required_document_without_a_file_is_open():
    way = journey(uploaded=())
    assert way.first_open is not None
    assert way.first_open.path == "documents/origin_proof"


def test_a_document_that_can_be_handed_in_later_is_done_when_it_was_left():
    answers = ANSWERS | {"garden": False, "balcony": "none"}
    way = journey(answers, done=(*PAGES, "balcony", "documents/origin_proof", "documents/lease"))
    assert way.first_open is None


def test_forward_and_back_are_the_same_way():
    way = journey()
    for step in way.steps[1:]:
        preceding = way.preceding(step)
        assert preceding is not None
        assert way.following(preceding) == step
    assert way.preceding(way.steps[0]) is None
    assert way.following(way.steps[-1]) is None


def test_answers_that_do_not_go_together_are_told():
    [problem] = journey(ANSWERS | {"kept_since": "1980-01-01"}).problems()
    assert problem.at == "kept_since"
