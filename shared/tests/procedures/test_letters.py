"""Letters: the file's words or the city's, with what the case has, and nothing that it does not have."""

import pytest
from amtsbus.procedures import letters
from amtsbus.procedures.declaration import Letter
from hypothesis import given
from hypothesis import strategies as st

from .allotments import TODAY, asking, field, procedure

WORDS = st.text("ab {}.\n/form", max_size=60)
TEXT = st.text("aä.", min_size=1, max_size=5)
ANSWERS = {"tenant_name": "Erika Demo-Muster", "area": 100, "hut": True}


def test_each_name_stands_for_what_the_case_has():
    known = {"reference": "GARTEN-2026-000001", "form.dog_name": "Bello"}
    assert letters.paragraphs("Zu {reference}: {form.dog_name}, {form.dog_name}!", known) == [
        "Zu GARTEN-2026-000001: Bello, Bello!"
    ]


def test_a_paragraph_that_names_what_is_missing_is_left_out():
    body = "Der Garten ist Ihrer.\n\nEr kostet {fee} bis zum {due_on}.\n\n{reasons}\n \n\nWillkommen, {name}!\n"
    assert letters.paragraphs(body, {"name": "Erika", "fee": "25,00 €"}) == [
        "Der Garten ist Ihrer.",
        "Willkommen, Erika!",
    ]
    assert letters.paragraphs(body, {"name": "Erika", "fee": "25,00 €", "due_on": "01.12.2026"}) == [
        "Der Garten ist Ihrer.",
        "Er kostet 25,00 € bis zum 01.12.2026.",
        "Willkommen, Erika!",
    ]


@pytest.mark.parametrize(
    "forged", ["{fee}", "{name}", "{form.tenant_name}", "{", "}", "{{name}}", "\\1", "\\g<0>", "%s", "{0}"]
)
def test_braces_in_an_answer_are_only_text(forged):
    known = {"name": forged, "fee": "0,00 €"}
    assert letters.paragraphs("Guten Tag, {name}. {fee}", known) == [f"Guten Tag, {forged}. 0,00 €"]
    assert letters.line("Antrag von {name}", known) == f"Antrag von {forged}"


def test_an_empty_line_in_an_answer_begins_no_paragraph():
    known = {"reasons": "Erstens.\n\n{fee}\n\nZweitens."}
    assert letters.paragraphs("Die Gründe:\n\n{reasons}", known) == ["Die Gründe:", "Erstens.\n\n{fee}\n\nZweitens."]


@given(
    st.lists(
        st.lists(st.one_of(TEXT, st.sampled_from(["{a}", "{b}", "{form.a}"])), min_size=1, max_size=5), max_size=6
    ),
    st.dictionaries(st.sampled_from(["a", "b", "form.a"]), WORDS),
)
def test_a_paragraph_is_there_exactly_where_the_case_has_all_that_it_names(letter, known):
    named = [{part[1:-1] for part in paragraph if part.startswith("{")} for paragraph in letter]
    expected = [
        "".join(known[part[1:-1]] if part.startswith("{") else part for part in paragraph)
        for paragraph, names in zip(letter, named, strict=True)
        if names <= set(known)
    ]
    assert letters.paragraphs("\n\n".join("".join(paragraph) for paragraph in letter), known) == (
        expected if letter else [""]
    )


@given(WORDS, st.dictionaries(st.sampled_from(["a", "b", "form.a"]), WORDS))
def test_a_subject_is_one_line(words, known):
    assert "\n" not in letters.line(words, known)


def test_a_subject_leaves_an_empty_place_for_what_is_missing():
    assert letters.line("Ihr Antrag {reference} ist da", {}) == "Ihr Antrag ist da"


# what is known


def test_the_answers_are_known_in_words_and_in_the_language_of_the_letter():
    german = letters.values(procedure(), ANSWERS, "de", today=TODAY, reference="GARTEN-1", fee=None)
    assert german == {
        "form.tenant_name": "Erika Demo-Muster",
        "form.area": "100",
        "form.hut": "Ja",
        "computed.rent": "40,00\u00a0€",
        "service": "Kleingarten pachten",
        "date": "24.11.2026",
        "reference": "GARTEN-1",
    }
    english = letters.values(procedure(), ANSWERS, "en", today=TODAY)
    assert (english["form.hut"], english["service"], english["date"]) == (
        "Yes",
        "Rent an allotment",
        "24 November 2026",
    )
    plain = letters.values(procedure(), ANSWERS, "plain", today=TODAY)
    assert (plain["form.hut"], plain["service"]) == ("Ja", "Einen Garten mieten")


@pytest.mark.parametrize("nothing", [None, ""])
def test_what_is_empty_is_not_known(nothing):
    assert "fee" not in letters.values(procedure(), ANSWERS, "de", today=TODAY, fee=nothing)
    assert "form.colour" not in letters.values(procedure(), ANSWERS, "de", today=TODAY)


def test_a_letter_can_name_a_computed_value_that_is_not_shown_among_the_answers():
    label = {"de": "Pacht", "en": "Rent"}
    declared = asking(
        field("area", "number"),
        computed=[{"key": "rent", "label": label, "kind": "money", "value": "form.area * 40", "shown": False}],
    )
    assert letters.values(declared, {"area": 100}, "en", today=TODAY)["computed.rent"] == "€40.00"


@pytest.mark.parametrize(
    ("words", "unknown"),
    [
        ("{reference} {name} {office} {service} {date} {fee} {due_on} {reasons} {documents} {state}", []),
        ("{form.area} {computed.rent}", []),
        ("{form.garage}", ["form.garage"]),
        ("{computed.area} {form.rent}", ["computed.area", "form.rent"]),
        ("{Reference} { name } {}", ["Reference", " name ", ""]),
        ("{area} {form.area.x} {form}", ["area", "form.area.x", "form"]),
        ("no braces", []),
    ],
)
def test_a_name_that_no_case_can_have_is_found(words, unknown):
    assert list(letters.unknown_names(words, procedure())) == unknown


# which letter


OWN = {"subject": {"de": "Eigenes", "en": "Own"}, "body": {"de": "Eigenes.", "en": "own."}}


def test_the_files_own_letter_goes_before_the_citys():
    own = procedure(letters={**dict.fromkeys(("received", "granted", "refused"), OWN), "withdrawn": OWN})
    assert letters.letter_for(own, "withdrawn") == Letter.model_validate(OWN)
    standard = letters.letter_for(procedure(), "withdrawn")
    assert standard is not None
    assert standard.subject.en == "You have withdrawn your application {reference}"


def test_where_the_departments_own_code_writes_no_letter_comes_from_the_file():
    own = procedure(own_code=True, letters=None)
    assert letters.letter_for(own, "received") is None
    assert letters.letter_for(own, "withdrawn") is None, "nor the city's standard text: somebody would get two"


@pytest.mark.parametrize("event", ["received", "granted", "refused", "documents_requested", "withdrawn", "lapsed"])
def test_for_everything_that_ends_or_stops_a_case_there_is_a_letter(event):
    letter = letters.letter_for(procedure(), event)
    assert letter is not None
    for language in ("de", "en", "plain"):
        for words in (letter.subject, letter.body):
            assert list(letters.unknown_names(words.in_language(language), procedure())) == []


def test_a_step_of_its_own_has_its_own_letter_or_none():
    step = {"action": "inspect", "name": {"de": "Ansehen", "en": "Inspect"}, "from": ["received"], "to": "received"}
    assert letters.letter_for(procedure(steps=[step | {"letter": OWN}]), "inspect") == Letter.model_validate(OWN)
    assert letters.letter_for(procedure(steps=[step]), "inspect") is None
    assert letters.letter_for(procedure(), "inspect") is None


def test_the_citys_letter_on_missing_documents_says_what_and_until_when():
    letter = letters.letter_for(procedure(), "documents_requested")
    assert letter is not None
    known = letters.values(
        procedure(), ANSWERS, "en", today=TODAY, documents="Sketch of the hut", due_on="22 December 2026"
    )
    assert letters.paragraphs(letter.body.en, known) == [
        "for your application “Rent an allotment” we still need:",
        "Sketch of the hut",
        "Please hand it in by 22 December 2026, most easily in the portal under “My applications”.",
    ]
