"""Answers in words, in German and English."""

from datetime import date

import pytest
from amtsbus.procedures import sampling, wording
from amtsbus.procedures.wording import Line
from hypothesis import given
from hypothesis import strategies as st

from .allotments import BEDS, EVERYTHING, TODAY, asking, field, procedure


def in_words(asked, value, language):
    [one] = asking(asked).form.pages[0].fields
    return wording.answer(one, value, language)


UNIT = {"unit": {"de": "m²", "en": "sq m"}}


@pytest.mark.parametrize(
    ("asked", "value", "german", "english"),
    [
        (field("x", "text"), "Grünkohl", "Grünkohl", "Grünkohl"),
        (field("x", "name"), "Erika Demo-Muster", "Erika Demo-Muster", "Erika Demo-Muster"),
        (field("x", "date"), "2026-02-04", "04.02.2026", "4 February 2026"),
        (field("x", "money"), 123_450, "1.234,50\u00a0€", "€1,234.50"),
        (field("x", "number"), 12, "12", "12"),
        (field("x", "number", **UNIT), 120, "120 m²", "120 sq m"),
        (field("x", "number", decimals=2), 12.5, "12,50", "12.50"),
        (field("x", "number", decimals=1, **UNIT), 0.1, "0,1 m²", "0.1 sq m"),
        (field("x", "yes-no"), True, "Ja", "Yes"),
        (field("x", "yes-no"), False, "Nein", "No"),
        (field("x", "declaration"), True, "Bestätigt", "Confirmed"),
        (field("x", "choice"), "kale", "Grünkohl", "Kale"),
        (field("x", "choice", several=True), ["roses", "apple-tree"], "Rosen, Apfelbaum", "Roses, Apple tree"),
        (
            field("x", "address"),
            {"street": "Am Musterweg", "house_number": "12a", "postal_code": "51373", "locality": "Leverkusen"},
            "Am Musterweg 12a, 51373 Leverkusen",
            "Am Musterweg 12a, 51373 Leverkusen",
        ),
        (
            field("x", "upload"),
            [{"name": "Laube.jpg"}, {"name": "Plan.pdf"}],
            "Laube.jpg\nPlan.pdf",
            "Laube.jpg\nPlan.pdf",
        ),
        (
            BEDS,
            [
                {"plant": "Kohl", "planted_on": "2026-03-01"},
                {"plant": "Rosen", "planted_on": "2026-04-02", "organic": False},
            ],
            "Beet 1: Die Frage: Kohl; Die Frage: 01.03.2026\n"
            "Beet 2: Die Frage: Rosen; Die Frage: 02.04.2026; Die Frage: Nein",
            "Bed 1: The question: Kohl; The question: 1 March 2026\n"
            "Bed 2: The question: Rosen; The question: 2 April 2026; The question: No",
        ),
    ],
)
def test_an_answer_stands_in_the_language_of_its_reader(asked, value, german, english):
    assert in_words(asked, value, "de") == german
    assert in_words(asked, value, "en") == english


def test_plain_german_is_taken_where_there_is_some():
    assert in_words(field("x", "choice", several=True), ["roses", "kale"], "plain") == "Blumen, Grünkohl"
    assert in_words(field("x", "yes-no"), True, "plain") == "Ja"


@pytest.mark.parametrize(
    ("cents", "german", "english"),
    [
        (0, "0,00\u00a0€", "€0.00"),
        (5, "0,05\u00a0€", "€0.05"),
        (100_000_000, "1.000.000,00\u00a0€", "€1,000,000.00"),
        (-1250, "-12,50\u00a0€", "-€12.50"),
    ],
)
def test_an_amount_is_written_in_euros(cents, german, english):
    assert wording.euros(cents, "de") == german
    assert wording.euros(cents, "en") == english


@given(st.integers(-(10**12), 10**12))
def test_no_cent_is_lost_in_words(cents):
    digits = "".join(sign for sign in wording.euros(cents, "en") if sign.isdigit())
    assert int(digits) == abs(cents)


@pytest.mark.parametrize(
    ("value", "decimals", "german"),
    [
        (3, None, "3"),
        (2.5, None, "2,5"),
        (1e6, None, "1000000"),
        (1e-4, None, "0,0001"),
        (2, 2, "2,00"),
        (100.0, None, "100"),
    ],
)
def test_a_number_has_no_exponent(value, decimals, german):
    assert wording.number(value, "de", decimals) == german


def test_a_day_is_written_as_people_do():
    assert wording.day(date(2026, 12, 1), "de") == "01.12.2026"
    assert wording.day(date(2026, 12, 1), "en") == "1 December 2026"


# all answers


def test_the_answers_stand_in_the_order_in_which_they_were_asked():
    answers = {"hut": True, "area": 100, "tenant_name": "Erika Demo-Muster"}
    assert wording.lines(procedure(), answers, "de", today=TODAY) == [
        Line("tenant", "tenant_name", "Name", "Erika Demo-Muster"),
        Line("garden", "area", "Fläche", "100"),
        Line("garden", "hut", "Mit Laube?", "Ja"),
        Line("", "rent", "Pacht im Jahr", "40,00\u00a0€"),
    ]


def test_what_follows_from_an_unanswered_question_is_not_shown():
    assert [one.key for one in wording.lines(procedure(), {"hut": False}, "en", today=TODAY)] == ["hut"]


def computed(kind, value, **more):
    return asking(
        field("area", "number", required=False),
        computed=[{"key": "x", "label": {"de": "Wert", "en": "Value"}, "kind": kind, "value": value} | more],
    )


@pytest.mark.parametrize(
    ("kind", "value", "german", "english"),
    [
        ("money", "form.area * 100", "5,00\u00a0€", "€5.00"),
        ("number", "double(form.area) / 2.0", "2,5", "2.5"),
        ("number", "form.area", "5", "5"),
        ("number", "double(form.area) / 3.0", "1,67", "1.67"),
        ("date", "days_after(today, form.area)", "29.11.2026", "29 November 2026"),
        ("yes-no", "form.area > 4", "Ja", "Yes"),
        ("yes-no", "form.area > 5", "Nein", "No"),
        ("text", "string(form.area) + ' a'", "5 a", "5 a"),
    ],
)
def test_a_computed_value_stands_in_the_language_of_its_reader(kind, value, german, english):
    declared = computed(kind, value)
    assert wording.computed(declared, {"area": 5}, "de", today=TODAY) == {"x": german}
    assert wording.computed(declared, {"area": 5}, "en", today=TODAY) == {"x": english}


def test_a_computed_value_that_is_not_shown_is_known_all_the_same():
    declared = computed("number", "form.area", shown=False)
    assert [one.key for one in wording.lines(declared, {"area": 5}, "de", today=TODAY)] == ["area"]
    assert wording.computed(declared, {"area": 5}, "de", today=TODAY) == {"x": "5"}


@pytest.mark.parametrize("language", ["de", "en", "plain"])
def test_every_answer_of_anybody_has_words(language):
    for answers in sampling.some(EVERYTHING, count=20):
        lines = wording.lines(EVERYTHING, answers, language, today=TODAY)
        assert {one.key for one in lines} == set(answers)
        assert all(one.answer.strip() for one in lines)
