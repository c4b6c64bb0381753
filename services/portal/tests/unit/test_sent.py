"""What a browser sends, and how an answer stands in its inputs."""

from typing import Any

import pytest
from amtsbus.procedures import answers as reading
from amtsbus.procedures import sampling
from amtsbus.procedures.declaration import GroupField, ProcedureFile
from hypothesis import given
from hypothesis import strategies as some
from portal.domain.owner import Person
from portal.domain.sent import prefilled, sent_answers, typed_answers

from ..demo import procedure

PHOTO = {"name": "photo.png", "sha256": "ab" * 32, "size_bytes": 9, "media_type": "image/png"}


def inputs_of(fields, typed, before=""):
    """The inputs of a form in which these answers stand, as a browser sends them."""
    for field in fields:
        name = f"{before}{field.key}"
        value = typed.get(field.key)
        if isinstance(field, GroupField):
            for number, item in enumerate(value or []):
                yield f"{name}.{number}", "yes"
                yield from inputs_of(field.fields, item, f"{name}.{number}.")
        elif isinstance(value, dict):
            yield from ((f"{name}.{part}", text) for part, text in value.items())
        elif isinstance(value, list):
            yield from ((name, one["sha256"] if isinstance(one, dict) else one) for one in value)
        elif value is not None:
            yield name, value


def files_of(declared: ProcedureFile, answers):
    """The files that answers refer to, by field and hash."""
    found: dict[str, Any] = {}
    for page in declared.form.pages:
        for field in page.fields:
            values = answers.get(field.key) or []
            items = values if isinstance(field, GroupField) else [{field.key: values}]
            for item in items:
                for value in item.values():
                    for file in value if isinstance(value, list) else []:
                        if isinstance(file, dict):
                            found.setdefault(field.key, {})[file["sha256"]] = file
    return found


@pytest.mark.parametrize("language", ["de", "en", "plain"])
@given(seed=some.integers(0, 200))
def test_an_answer_that_stands_in_a_form_and_is_sent_again_is_the_same_answer(language, seed):
    declared = procedure()
    answers = sampling.one(declared, seed)
    before: dict[str, Any] = {}
    for page in reading.shown_pages(declared.form, answers, today=sampling.TODAY):
        inputs = list(inputs_of(page.fields, typed_answers(page.fields, answers, language)))
        sent = sent_answers(page.fields, inputs, files_of(declared, answers))
        read, problems = reading.read_page(page, sent, before, today=sampling.TODAY)
        assert problems == []
        before |= read
    assert before == answers


def field(key):
    return next(one for page in procedure().form.pages for one in page.fields if one.key == key)


def test_a_file_that_was_not_uploaded_here_is_no_answer():
    group = field("tortoises")
    inputs = [("tortoises.0", "yes"), ("tortoises.0.portrait", "ab" * 32), ("tortoises.0.portrait", "cd" * 32)]
    [item] = sent_answers([group], inputs, {"tortoises": {"ab" * 32: PHOTO}})["tortoises"]
    assert item["portrait"] == [PHOTO]


def test_items_of_a_group_keep_their_order_whatever_their_numbers():
    group = field("tortoises")
    inputs = [("tortoises.7.called", "Zweite"), ("tortoises.2.called", "Erste"), ("tortoises.x.called", "Keine")]
    items = sent_answers([group], inputs, {})["tortoises"]
    assert [item["called"] for item in items] == ["Erste", "Zweite"]


def test_an_item_in_which_nothing_stands_is_an_item():
    assert len(sent_answers([field("tortoises")], [("tortoises.0", "yes")], {})["tortoises"]) == 1


@pytest.mark.parametrize(
    ("street", "known"),
    [
        ("Hauptstraße 12", {"street": "Hauptstraße", "house_number": "12"}),
        ("Am Alten Markt 3 a", {"street": "Am Alten Markt", "house_number": "3 a"}),
        ("Straße des 17. Juni 100-102", {"street": "Straße des 17. Juni", "house_number": "100-102"}),
        ("Marktplatz", {"street": "Marktplatz"}),
        ("", {}),
    ],
)
def test_street_and_house_number_of_a_log_in_are_told_apart(street, known):
    person = Person(street_address=street, postal_code="51373", locality="Leverkusen")
    assert prefilled(field("home"), person) == {"postal_code": "51373", "locality": "Leverkusen", **known}


def test_what_is_not_known_is_not_filled_in():
    assert [prefilled(field(key), Person()) for key in ("keeper", "home", "email", "garden")] == [None] * 4
