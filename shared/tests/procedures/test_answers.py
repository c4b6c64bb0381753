"""Answers, as a browser sends them and as JSON: taken, or refused with a place and what to do."""

from pathlib import Path
from typing import Any

import pytest
from amtsbus.procedures import answers, checking, conditions, sampling, wording
from hypothesis import given, settings
from hypothesis import strategies as st

from .allotments import BEDS, EVERYTHING, PLAIN, TODAY, Field, asking, field, page, procedure, with_pages

ROOT = Path(__file__).parents[3]
DOG = checking.read_procedure(ROOT / "deploy/procedures/taxes/dog-registration.yaml")

ADDRESS = {"street": "Am Musterweg", "house_number": "12a", "postal_code": "51373", "locality": "Leverkusen"}
PHOTO = {"name": "Laube.jpg", "sha256": "0a" * 32, "size_bytes": 2048, "media_type": "image/jpeg"}
PLAN = PHOTO | {"name": "Plan.pdf", "media_type": "application/pdf"}


def read(asked: Field, sent: Any, **before: Any) -> tuple[Any, list[tuple[str, str]]]:
    """What becomes of `sent` for one field: the answer, and the problems as (place, English words)."""
    [one_page] = asking(asked).form.pages
    found, problems = answers.read_page(one_page, {asked["key"]: sent}, before, today=TODAY)
    return found.get(asked["key"]), [(problem.at, problem.message.en) for problem in problems]


def read_all(form, sent):
    found, problems = answers.read_all(form, sent, today=TODAY)
    return found, [(problem.at, problem.message.en) for problem in problems]


def x(kind: str, **more: Any) -> Field:
    return field("x", kind, **more)


# what is taken


@pytest.mark.parametrize(
    ("asked", "sent", "answer"),
    [
        (x("text"), "  a bed of kale ", "a bed of kale"),
        (x("text"), "Strasse mit u\u0308", "Strasse mit ü"),
        (x("text", lines=3), "one\r\ntwo\n\nthree", "one\ntwo\n\nthree"),
        (x("text", max_length=3), " abc ", "abc"),
        (x("text", pattern="[A-Z][0-9]{2}", pattern_message=PLAIN["label"], example="A12"), "B07", "B07"),
        (x("name"), " Erika   Demo-Muster ", "Erika Demo-Muster"),
        (x("name"), "Łukasz Nguyễn-O’Brien", "Łukasz Nguyễn-O’Brien"),
        (x("name"), "Garten & Söhne GmbH (24)", "Garten & Söhne GmbH (24)"),
        (x("date"), "2026-11-24", "2026-11-24"),
        (x("date"), "24.11.2026", "2026-11-24"),
        (x("date"), " 1. 2. 2026 ", "2026-02-01"),
        (x("date"), {"day": "4", "month": "2", "year": "2026"}, "2026-02-04"),
        (x("date"), {"day": 29, "month": 2, "year": 2028}, "2028-02-29"),
        (x("address"), ADDRESS, ADDRESS),
        (x("address"), ADDRESS | {"street": " Am  Musterweg "}, ADDRESS),
        (x("address"), ADDRESS | {"house_number": "12-14"}, ADDRESS | {"house_number": "12-14"}),
        (x("iban"), "de02 1203 0000 0000 2020 51", "DE02120300000000202051"),
        (x("iban"), "AT611904300234573201", "AT611904300234573201"),
        (x("email"), "demo.muster@example.org", "demo.muster@example.org"),
        (x("phone"), "+49 (0)214 406-0", "+49 (0)214 406-0"),
        (x("phone"), "(0214) 4060", "(0214) 4060"),
        (x("number"), "12", 12),
        (x("number"), "1.234", 1234),
        (x("number"), 12, 12),
        (x("number"), 12.0, 12),
        (x("number"), 0, 0),
        (x("number", least=-5), "-3", -3),
        (x("number", decimals=2), "12,5", 12.5),
        (x("number", decimals=2), "12.5", 12.5),
        (x("number", decimals=2), "1.234,5", 1234.5),
        (x("number", decimals=2), "1,234.5", 1234.5),
        (x("number", decimals=2), 12.25, 12.25),
        (x("number", decimals=1), 3, 3.0),
        (x("money"), "12,50", 1250),
        (x("money"), "12.50", 1250),
        (x("money"), "12", 1200),
        (x("money"), "1.234,50", 123_450),
        (x("money"), "1,234.50", 123_450),
        (x("money"), "1.200", 120_000),
        (x("money"), " 12,5 € ", 1250),
        (x("money"), "1 234,50\u00a0€", 123_450),
        (x("money"), 1250, 1250),
        (x("money"), 1250.0, 1250),
        (x("choice"), "kale", "kale"),
        (x("choice"), ["kale"], "kale"),
        (x("choice", several=True), "kale", ["kale"]),
        (x("choice", several=True), ["apple-tree", "roses", "roses"], ["roses", "apple-tree"]),
        (x("yes-no"), "yes", True),
        (x("yes-no"), "no", False),
        (x("yes-no"), True, True),
        (x("yes-no"), False, False),
        (x("declaration"), "on", True),
        (x("declaration"), "yes", True),
        (x("declaration"), True, True),
        (x("upload"), [PHOTO], [PHOTO]),
        (x("upload"), PHOTO, [PHOTO]),
        (x("upload"), [PHOTO, PLAN], [PHOTO, PLAN]),
    ],
)
def test_an_answer_is_kept_in_one_form_however_it_was_written(asked, sent, answer):
    found, problems = read(asked, sent)
    assert problems == []
    assert found == answer
    assert type(found) is type(answer)
    assert read(asked, found) == (found, [])


@pytest.mark.parametrize(
    "kind", ["text", "name", "date", "address", "iban", "email", "phone", "number", "money", "choice", "upload"]
)
@pytest.mark.parametrize("nothing", [None, "", "  ", [], {}, {"street": " ", "locality": ""}])
def test_an_empty_place_is_no_answer(kind, nothing):
    assert read(x(kind, required=False), nothing) == (None, [])


@pytest.mark.parametrize("nothing", [None, ""])
@pytest.mark.parametrize("kind", ["yes-no", "declaration", "group"])
def test_what_is_not_ticked_is_no_answer(kind, nothing):
    more = {"fields": [field("plant", "text")]} if kind == "group" else {}
    assert read(x(kind, required=False, **more), nothing) == (None, [])


@pytest.mark.parametrize("unticked", [False, "no"])
def test_a_statement_that_need_not_be_made_can_be_left_unticked(unticked):
    assert read(x("declaration", required=False), unticked) == (None, [])


# what is refused


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (x("text", label={"de": "Rufname:", "en": "Name?"}), "This is missing: Name."),
        (x("name"), "This is missing: The question."),
        (x("date"), "Enter the date."),
        (x("address"), "This is missing: The question."),
        (x("iban"), "This is missing: The question."),
        (x("email"), "This is missing: The question."),
        (x("phone"), "This is missing: The question."),
        (x("number"), "This is missing: The question."),
        (x("money"), "This is missing: The question."),
        (x("choice"), "Choose an answer."),
        (x("choice", several=True), "Choose an answer."),
        (x("yes-no"), "Choose yes or no."),
        (x("upload"), "Upload the file."),
        (x("declaration"), "The application cannot be handed in without this statement."),
        (x("group", fields=[field("plant", "text")]), "At least one is missing: Bed."),
    ],
)
def test_an_answer_that_is_required_says_what_is_missing(asked, said):
    assert read(asked, None) == (None, [("x", said)])


@pytest.mark.parametrize(
    ("asked", "sent", "said"),
    [
        (x("text"), 7, "Text is expected here."),
        (x("text"), ["a"], "Text is expected here."),
        (x("text", max_length=3), "abcd", "Shorten the text to at most 3 characters; it has 4."),
        (x("text"), "one\ntwo", "Write this on one line."),
        (x("text"), "a\x00b", "The text contains invisible control characters. Type it again."),
        (x("text"), "txt.\u202efdp", "The text contains invisible control characters. Type it again."),
        (x("text"), "half \ud83d", "The text contains invisible control characters. Type it again."),
        (x("text", pattern="[0-9]+", pattern_message=PLAIN["label"], example="1"), "1a", "The question?"),
        *[
            (x("name"), name, "Enter the name as it is in the identity document.")
            for name in ("123", "<b>Erika</b>", "Erika {name}", "Erika\nDemo", "王伟", "Ольга", "Max 😀", "-")
        ],
        *[
            (x("date"), day, "Enter a date that exists, for example 31.12.2026.")
            for day in (
                "30.02.2026",
                "2026-02-29",
                "24.11.26",
                "24.11.",
                "tomorrow",
                "20261124",
                "1.1.1849",
                "01.01.2201",
            )
        ],
        (x("date"), {"day": "31", "month": "11", "year": "2026"}, "Enter a date that exists, for example 31.12.2026."),
        (x("date"), {"day": "3", "month": "11"}, "Enter a date that exists, for example 31.12.2026."),
        (x("date"), 20261124, "Enter a date that exists, for example 31.12.2026."),
        (x("date", earliest="today"), "2026-11-23", "The date must be 24 November 2026 or later."),
        (x("date", latest="days_after(today, 7)"), "2026-12-02", "The date must be 1 December 2026 or earlier."),
        (x("address"), "Am Musterweg 12", "Enter street, house number, postal code and town."),
        (x("address"), ADDRESS | {"country": "DE"}, "Enter street, house number, postal code and town."),
        *[
            (x("iban"), iban, "The IBAN is not right. Compare it with your bank card; a German one has 22 characters.")
            for iban in ("DE02120300000000202052", "DE0212030000000020205", "SA4420000001234567891234", "1234", 7)
        ],
        *[
            (x("email"), mail, "Enter the e-mail address like name@example.org.")
            for mail in (
                "demo",
                "demo@",
                "@example.org",
                "demo@example",
                "a b@example.org",
                "a@b@example.org",
                "a@-b.org",
            )
        ],
        *[
            (x("phone"), phone, "Enter the telephone number with its area code, for example 0214 4060.")
            for phone in ("4060", "call me", "0214+4060")
        ],
        *[
            (x("number"), number, "Enter a whole number.")
            for number in ("1,5", "1,200", 1.5, "1e3", "1_000", "NaN", "few", True, "1.23", "--1", "12,34,5", "9" * 30)
        ],
        (x("number", decimals=2), "1,234", "Enter a number with at most 2 decimals."),
        (x("number", decimals=2), 1.234, "Enter a number with at most 2 decimals."),
        (x("number", decimals=2), float("inf"), "Enter a number with at most 2 decimals."),
        (x("number", decimals=2), float("nan"), "Enter a number with at most 2 decimals."),
        (x("number", least=5), "4", "The number must be at least 5."),
        (x("number", most=2_500_000), "2500001", "The number must be at most 2500000."),
        (x("number", decimals=1, least=0.5), "0,4", "The number must be at least 0.5."),
        *[
            (x("money"), amount, "Enter an amount in euros, for example 12.50.")
            for amount in ("1,200", "12,505", "twelve", "12.5.0", "1,20,50", 12.5, True, {"euros": 5}, "€ 1,200")
        ],
        (x("money", least_cents=500), "4,99", "The amount must be at least €5.00."),
        (x("money", most_cents=123_450), 123_451, "The amount must be at most €1,234.50."),
        (x("money"), "-1", "The amount must be at least €0.00."),
        (x("choice"), "tulips", "Choose one of the answers."),
        (x("choice"), ["roses", "kale"], "Choose one of the answers."),
        (x("choice"), {"key": "roses"}, "Choose one of the answers."),
        (x("choice", several=True), ["roses", "tulips"], "Choose one of the answers."),
        (x("yes-no"), "maybe", "Choose yes or no."),
        (x("yes-no"), 1, "Choose yes or no."),
        (x("yes-no"), 0, "Choose yes or no."),
        (x("yes-no"), ["yes"], "Choose yes or no."),
        (x("yes-no", required=False), "maybe", "Choose yes or no."),
        (x("declaration"), "perhaps", "This statement is ticked."),
        (x("declaration"), 1, "This statement is ticked."),
        (x("declaration"), False, "The application cannot be handed in without this statement."),
        (x("upload", most=1), [PHOTO, PHOTO], "At most 1 files are possible."),
    ],
)
def test_an_answer_that_cannot_be_right_says_what_to_do(asked, sent, said):
    assert read(asked, sent) == (None, [("x", said)])


def test_what_is_wrong_is_said_in_german_too():
    [one_page] = asking(x("number", decimals=1, least=0.5), field("y", "money", most_cents=123_450)).form.pages
    _, problems = answers.read_page(one_page, {"x": "0,4", "y": "2000"}, {}, today=TODAY)
    assert [problem.message.de for problem in problems] == [
        "Die Zahl muss mindestens 0,5 sein.",
        "Der Betrag darf höchstens 1.234,50\u00a0€ sein.",
    ]


@pytest.mark.parametrize(
    ("part", "sent", "said"),
    [
        ("street", "", "Enter the street."),
        ("house_number", None, "Enter the house number."),
        ("postal_code", " ", "Enter the postal code."),
        ("locality", "", "Enter the town."),
        ("postal_code", "5137", "The postal code has five digits."),
        ("postal_code", "٥١٣٧٣", "The postal code has five digits."),
        ("postal_code", 51373, "Text is expected here."),
        ("house_number", "zwölf", "Enter the house number, for example 12 or 12a."),
        ("street", ["Am Musterweg"], "Text is expected here."),
        ("locality", "a" * 121, "Shorten the text to at most 120 characters; it has 121."),
    ],
)
def test_a_wrong_part_of_an_address_is_named(part, sent, said):
    assert read(x("address"), ADDRESS | {part: sent}) == (None, [(f"x.{part}", said)])


def test_every_wrong_part_of_an_address_is_named_at_once():
    _, problems = read(x("address"), {"street": "Am Musterweg", "postal_code": "5"})
    assert [place for place, _ in problems] == ["x.house_number", "x.postal_code", "x.locality"]


@pytest.mark.parametrize(
    "forged",
    [
        "Laube.jpg",
        {"name": "Laube.jpg"},
        PHOTO | {"url": "file:///etc/passwd"},
        PHOTO | {"name": ""},
        PHOTO | {"name": "a" * 201},
        PHOTO | {"name": "Laube.jpg\nHut.jpg"},
        PHOTO | {"name": "Laube\u202egpj.exe"},
        PHOTO | {"name": 7},
        PHOTO | {"sha256": "0A" * 32},
        PHOTO | {"sha256": "0a" * 31},
        PHOTO | {"sha256": 10**63},
        PHOTO | {"sha256": "../" + "0a" * 31},
        PHOTO | {"size_bytes": "2048"},
        PHOTO | {"size_bytes": 0},
        PHOTO | {"size_bytes": -1},
        PHOTO | {"size_bytes": True},
        PHOTO | {"size_bytes": 2048.0},
        PHOTO | {"media_type": "text/html"},
        PHOTO | {"media_type": ["image/jpeg"]},
    ],
)
def test_a_reference_to_a_file_that_no_upload_gave_is_refused(forged):
    assert read(x("upload"), [PHOTO, forged]) == (None, [("x", "Upload the file again.")])


# several of a kind


BED = {"plant": "kale", "planted_on": "2026-03-01"}


def test_rows_that_nobody_filled_in_are_left_out():
    sent = [{"plant": "", "planted_on": ""}, {"plant": " kale", "planted_on": "1.3.2026"}, {}, None, ""]
    assert read(BEDS, sent) == ([BED], [])


def test_a_row_in_which_only_no_was_said_is_an_answer():
    asked = x("group", fields=[field("organic", "yes-no")])
    assert read(asked, [{"organic": "no"}, {"organic": False}]) == ([{"organic": False}, {"organic": False}], [])


@pytest.mark.parametrize(
    ("sent", "problems"),
    [
        ([{"plant": "kale"}], [("beds.0.planted_on", "Enter the date.")]),
        (
            [BED, {"plant": "", "planted_on": ""}, BED | {"planted_on": "1.3.2027"}],
            [("beds.2.planted_on", "The date must be 24 November 2026 or earlier.")],
        ),
        (
            [{"plant": "a" * 21}, BED | {"organic": "perhaps"}],
            [
                ("beds.0.plant", "Shorten the text to at most 20 characters; it has 21."),
                ("beds.0.planted_on", "Enter the date."),
                ("beds.1.organic", "Choose yes or no."),
            ],
        ),
        ([BED | {"organic": True}], [("beds.0.seal", "This is missing: The question.")]),
        ([BED] * 4, [("beds", "At most 3 are possible: Bed.")]),
        ([{"plant": ""}], [("beds", "At least one is missing: Bed.")]),
        (["kale"], [("beds", "Single answers are expected here.")]),
        ([BED, 7], [("beds", "Single answers are expected here.")]),
        (BED, [("beds", "Single answers are expected here.")]),
        ("kale", [("beds", "Single answers are expected here.")]),
    ],
)
def test_what_is_wrong_with_one_of_several_has_its_place(sent, problems):
    assert read(BEDS, sent) == (None, problems)


@pytest.mark.parametrize(
    ("least", "required", "problems"),
    [
        (0, True, []),
        (1, False, []),
        (1, True, [("x", "At least one is missing: Bed.")]),
        (2, True, [("x", "At least one is missing: Bed.")]),
    ],
)
def test_none_of_several_is_an_answer_where_there_may_be_none(least, required, problems):
    asked = x("group", least=least, required=required, fields=[field("plant", "text")])
    assert read(asked, []) == (None, problems)


def test_a_part_of_one_of_several_is_asked_for_by_the_answers_of_the_same_one():
    sent = [BED | {"organic": "yes", "seal": "Demo-Siegel"}, BED | {"organic": "no"}]
    assert read(BEDS, sent) == ([BED | {"organic": True, "seal": "Demo-Siegel"}, BED | {"organic": False}], [])


def test_a_part_can_depend_on_what_was_asked_before_all_of_them():
    asked = x("group", fields=[field("plant", "text"), field("seal", "text", when="form.organic")])
    assert read(asked, [{"plant": "kale"}], organic=False) == ([{"plant": "kale"}], [])
    assert read(asked, [{"plant": "kale"}], organic=True)[1] == [("x.0.seal", "This is missing: The question.")]


# what is asked for


HUT = with_pages(
    page("garden", field("hut", "yes-no")),
    page(
        "hut",
        field("colour", "text", required="form.hut"),
        field("coats", "number", when="has(form.colour)"),
        when="form.hut",
    ),
    page("reasons", field("reasons", "text", required="has(form.coats) && form.coats > 2")),
).form


def test_pages_are_shown_by_the_answers_before_them():
    assert [one.key for one in answers.shown_pages(HUT, {"hut": False}, today=TODAY)] == ["garden", "reasons"]
    assert [one.key for one in answers.shown_pages(HUT, {"hut": True}, today=TODAY)] == ["garden", "hut", "reasons"]
    assert [one.key for one in answers.shown_pages(HUT, {}, today=TODAY)] == ["garden", "reasons"]


def test_fields_are_shown_by_the_answers_before_them():
    hut = HUT.pages[1]
    assert [one.key for one in answers.shown_fields(hut, {}, today=TODAY)] == ["colour"]
    assert [one.key for one in answers.shown_fields(hut, {"colour": "red"}, today=TODAY)] == ["colour", "coats"]


@pytest.mark.parametrize(
    ("sent", "found", "problems"),
    [
        ({"hut": "no"}, {"hut": False}, []),
        ({"hut": "yes"}, {"hut": True}, [("colour", "This is missing: The question.")]),
        (
            {"hut": True, "colour": "red"},
            {"hut": True, "colour": "red"},
            [("coats", "This is missing: The question.")],
        ),
        ({"hut": True, "colour": "red", "coats": 2}, {"hut": True, "colour": "red", "coats": 2}, []),
        (
            {"hut": True, "colour": "red", "coats": 3},
            {"hut": True, "colour": "red", "coats": 3},
            [("reasons", "This is missing: The question.")],
        ),
    ],
)
def test_something_is_required_where_its_condition_is_fulfilled(sent, found, problems):
    assert read_all(HUT, sent) == (found, problems)


@pytest.mark.parametrize(
    ("sent", "left_over"),
    [
        ({"hut": False, "colour": "red"}, ["colour"]),
        ({"hut": False, "colour": "red", "coats": 2}, ["colour", "coats"]),
        ({"hut": False, "garage": "yes"}, ["garage"]),
        ({"hut": False, "colour": "", "coats": None}, []),
        ({"hut": False, "garage": False}, []),
    ],
)
def test_what_is_not_asked_for_and_sent_is_not_silently_dropped(sent, left_over):
    found, problems = read_all(HUT, sent)
    assert found == {"hut": False}
    assert problems == [(place, "This is not asked for here.") for place in left_over]


@pytest.mark.parametrize(
    ("bed", "left_over"),
    [
        (BED | {"fertiliser": "much"}, ["beds.1.fertiliser"]),
        (BED | {"organic": False, "seal": "Demo-Siegel"}, ["beds.1.seal"]),
        (BED | {"organic": False, "seal": ""}, []),
    ],
)
def test_what_is_not_asked_for_of_one_of_several_is_not_silently_dropped(bed, left_over):
    _, problems = read_all(asking(BEDS).form, {"beds": [{}, bed]})
    assert problems == [(place, "This is not asked for here.") for place in left_over]


def test_a_page_of_the_portal_takes_no_notice_of_what_it_did_not_ask():
    found, problems = answers.read_page(HUT.pages[0], {"hut": "no", "colour": "red", "csrf": "1"}, {}, today=TODAY)
    assert (found, problems) == ({"hut": False}, [])


def test_a_page_that_is_answered_again_does_not_know_its_old_answers():
    hut = HUT.pages[1]
    found, problems = answers.read_page(hut, {"colour": ""}, {"hut": True, "colour": "red", "coats": 2}, today=TODAY)
    assert found == {}
    assert [problem.at for problem in problems] == ["colour"]


def test_an_answer_that_is_wrong_is_unanswered_to_what_comes_after_it():
    _, problems = read_all(
        asking(field("area", "number"), field("hut", "yes-no", when="form.area > 5")).form, {"area": "x"}
    )
    assert [place for place, _ in problems] == ["area"]


def test_a_date_is_bounded_by_the_answers_before_it():
    begin, end = field("begins_on", "date"), field("ends_on", "date", earliest="form.begins_on")
    form = asking(begin | {"required": False}, end).form
    assert read_all(form, {"begins_on": "2026-12-01", "ends_on": "2026-12-01"})[1] == []
    assert read_all(form, {"begins_on": "2026-12-01", "ends_on": "2026-11-30"})[1] == [
        ("ends_on", "The date must be 1 December 2026 or later.")
    ]
    assert read_all(form, {"ends_on": "1999-01-01"})[1] == []


def test_documents_are_asked_for_by_the_answers():
    documents = procedure().documents
    assert [one.key for one in answers.asked_documents(documents, {"hut": True}, today=TODAY)] == ["sketch"]
    assert answers.asked_documents(documents, {"hut": False}, today=TODAY) == ()


# several answers together


GARDEN = {"tenant_name": "Erika Demo-Muster", "area": 100, "hut": True}


def test_a_check_over_several_answers_stands_where_it_belongs():
    form = procedure().form
    assert read_all(form, GARDEN) == (GARDEN, [])
    assert read_all(form, GARDEN | {"area": 350})[1] == [("hut", "The garden is too large for a hut.")]


def test_checks_wait_until_the_single_answers_are_right():
    assert read_all(procedure().form, GARDEN | {"area": 350, "tenant_name": ""})[1] == [
        ("tenant_name", "This is missing: Name.")
    ]


def test_a_check_on_what_was_not_answered_does_not_apply():
    assert answers.failed_checks(procedure().form, {"hut": True}, today=TODAY) == []


def test_checks_of_one_page_are_those_at_its_fields():
    form, wrong = procedure().form, GARDEN | {"area": 350}
    assert [one.at for one in answers.failed_checks(form, wrong, today=TODAY, at=["area", "hut"])] == ["hut"]
    assert answers.failed_checks(form, wrong, today=TODAY, at=["area"]) == []


def test_a_check_can_ask_for_a_computed_value():
    form = procedure(
        form=procedure().form.model_dump(mode="json")
        | {"checks": [{"that": "computed.rent < 5000", "message": PLAIN["label"], "at": "area"}]}
    ).form
    assert read_all(form, GARDEN)[1] == []
    assert read_all(form, GARDEN | {"area": 125})[1] == [("area", "The question?")]


def test_what_follows_from_the_answers_follows_only_from_what_is_there():
    form = asking(
        field("area", "number", required=False),
        computed=[
            {"key": "rent", "value": "form.area * 40", "kind": "money"} | PLAIN,
            {"key": "instalment", "value": "computed.rent / 12", "kind": "money"} | PLAIN,
            {"key": "year", "value": "int(today.matches('^2026') ? '2026' : '0')", "kind": "number"} | PLAIN,
        ],
    ).form
    assert conditions.computed_values(form.computed, {"area": 90}, today=TODAY) == {
        "rent": 3600,
        "instalment": 300,
        "year": 2026,
    }
    assert conditions.computed_values(form.computed, {}, today=TODAY) == {"year": 2026}


# whatever comes


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_answers_that_are_read_again_are_the_same(seed):
    for declared in (DOG, EVERYTHING, procedure()):
        found = sampling.one(declared, seed, today=TODAY)
        assert answers.read_all(declared.form, found, today=TODAY) == (found, [])


TYPED = st.one_of(
    st.text("aÄßé\u0308 \n\t\x00\u202e\ud800<{}@.-'😀王01", max_size=40),
    st.text("0123456789.,-€ ", max_size=12),
    st.sampled_from(["yes", "no", "on", "roses", "24.11.2026", "A12", "1.234,50", "Erika", "DE02120300000000202051"]),
)
PARTS = st.sampled_from(["day", "month", "year", *ADDRESS, *PHOTO, "plant", "planted_on", "organic", "seal", "other"])
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TYPED),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(PARTS, inner, max_size=5)),
    max_leaves=12,
)


FIELDS = [one.key for one_page in EVERYTHING.form.pages for one in one_page.fields]


@given(st.dictionaries(st.sampled_from([*FIELDS, "other"]), ANYTHING))
@settings(max_examples=400, deadline=None)
def test_whatever_is_sent_is_refused_or_read_and_then_stays_the_same(sent):
    found, problems = answers.read_all(EVERYTHING.form, sent, today=TODAY)
    assert not {problem.at.split(".")[0] for problem in problems} & set(found)
    again, _ = answers.read_all(EVERYTHING.form, found, today=TODAY)
    assert again == found


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers() | TYPED)
@settings(max_examples=200, deadline=None)
def test_a_number_that_is_taken_is_within_its_bounds_and_digits(sent):
    found, problems = read(x("number", decimals=2, least=-1000, most=1000), sent)
    if found is None:
        assert problems
    else:
        assert -1000 <= found <= 1000
        assert found == round(found, 2)


@given(st.integers(0, 10_000_000_000), st.sampled_from(["de", "en"]))
def test_an_amount_is_read_as_it_was_shown(cents, language):
    shown = wording.euros(cents, language)
    assert read(x("money"), shown) == (cents, [])
