"""Letters as PDF, and the codes by which they are recognised."""

import re
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from portal.domain.letter import Letter, is_genuine, normal_code
from portal.rendering import DISPLAYABLE, Letterhead, pdf_of
from pypdf import PdfReader

from ..demo import animals

HEAD = Letterhead("Demo-Stadt", animals().declaration, "https://portal.example.org/verify")
LETTER = Letter(
    letter_id=UUID(int=1),
    case_id=UUID(int=2),
    office="animals",
    person_id=UUID(int=3),
    about="granted",
    language="de",
    reference="TORT-2026-000001",
    addressee="Erika Demo-Muster",
    subject="Ihre Schildkröte ist angemeldet",
    paragraphs=("Alles ist gut.", "• eins\n• zwei"),
    remedy="Gegen diesen Bescheid kann Klage erhoben werden.",
    is_decision=True,
    verification_code="7KQ2-M4XD-9TRA",
    issued_at=datetime(2026, 3, 2, 9, tzinfo=UTC),
)
TYPST = '#panic("taken for markup") #sys.inputs $x$ *fett* _schräg_ @ref <label> `roh` // weg \\ #include "/etc/passwd"'


def read(letter: Letter, head: Letterhead = HEAD) -> PdfReader:
    return PdfReader(BytesIO(pdf_of(letter, head)))


def words(reader: PdfReader) -> str:
    return " ".join(" ".join(page.extract_text() for page in reader.pages).split())


def test_a_letter_says_who_writes_to_whom_about_what_and_how_to_check_it():
    text = words(read(LETTER))
    for said in (
        "Demo-Stadt",
        "Tieramt",
        "Erika Demo-Muster",
        "02.03.2026",
        "TORT-2026-000001",
        "Ihre Schildkröte ist angemeldet",
        "Guten Tag Erika Demo-Muster,",
        "Alles ist gut.",
        "Ihre Rechte",
        "Gegen diesen Bescheid kann Klage erhoben werden.",
        "https://portal.example.org/verify",
        "7KQ2-M4XD-9TRA",
    ):
        assert said in text


def test_a_letter_is_tagged_has_a_title_a_language_and_its_fonts():
    reader = read(LETTER)
    catalogue: Any = reader.trailer["/Root"]
    assert catalogue["/MarkInfo"]["/Marked"]
    assert catalogue["/Lang"].lower().startswith("de")
    assert reader.metadata is not None
    assert reader.metadata.title == LETTER.subject
    metadata = catalogue["/Metadata"].get_data().decode()
    assert "pdfuaid:part>1<" in metadata.replace(" ", "")
    assert "pdfaid:part>2<" in metadata.replace(" ", "")
    assert "pdfaid:conformance>A<" in metadata.replace(" ", "")


def test_the_same_letter_is_the_same_file():
    assert pdf_of(LETTER, HEAD) == pdf_of(LETTER, HEAD)


def test_what_a_letter_says_is_never_read_as_markup():
    letter = replace(LETTER, addressee=TYPST, subject=TYPST, paragraphs=(TYPST,), remedy=TYPST)
    text = words(read(letter)).replace("- ", "")
    assert '#panic("taken for markup")' in text
    assert "*fett*" in text


def test_an_english_letter_is_english_and_its_binding_part_german():
    letter = replace(
        LETTER,
        language="en",
        paragraphs=("All is well.", "The German text is the binding one:", "Alles ist gut."),
        remedy="An action can be brought.\n\nGegen diesen Bescheid kann Klage erhoben werden.",
    )
    reader = read(letter)
    catalogue: Any = reader.trailer["/Root"]
    assert catalogue["/Lang"].lower().startswith("en")
    assert "Dear Erika Demo-Muster," in words(reader)
    assert "Your rights" in words(reader)


def test_a_letter_of_an_office_that_is_gone_is_still_a_letter():
    assert "Demo-Stadt" in words(read(LETTER, Letterhead("Demo-Stadt", None, "")))


def test_a_long_letter_numbers_its_pages():
    letter = replace(LETTER, paragraphs=tuple("Das ist ein langer Absatz. " * 20 for _ in range(20)))
    reader = read(letter)
    assert len(reader.pages) > 1
    assert f"Seite 1 von {len(reader.pages)}" in words(reader)


@settings(max_examples=50, deadline=None)
@given(addressee=some.text(max_size=80), subject=some.text(max_size=200), paragraph=some.text(max_size=300))
def test_any_letter_becomes_a_pdf(addressee, subject, paragraph):
    letter = replace(LETTER, addressee=addressee, subject=subject, paragraphs=(paragraph,))
    assert pdf_of(letter, HEAD).startswith(b"%PDF")


def test_a_sign_that_the_fonts_do_not_have_is_a_box_and_the_rest_is_there():
    assert "Erika □ Demo-Muster" in words(read(replace(LETTER, addressee="Erika \U0001f600\u200b Demo-Muster")))


def test_the_fonts_have_every_sign_that_a_letter_lets_through():
    signs = [chr(one) for one in range(0x20, 0x10000) if re.fullmatch(f"[{DISPLAYABLE}]", chr(one))]
    paragraph = " ".join(f"a{sign}" for sign in signs if unicodedata.category(sign) != "Cn")
    assert pdf_of(replace(LETTER, paragraphs=(paragraph,)), HEAD).startswith(b"%PDF")


@pytest.mark.parametrize("name", ["Łukasz Öztürk", "Ǧirgis Ḫalīl", "Nguyễn Thị", "Đorđe Žižić", "Þórður"])
def test_names_of_din_91379_stand_in_a_letter(name):
    assert f"Guten Tag {name}," in words(read(replace(LETTER, addressee=name)))


@pytest.mark.parametrize("typed", ["7KQ2-M4XD-9TRA", "7kq2m4xd9tra", " 7KQ2 M4XD 9TRA\n"])
def test_a_code_is_recognised_however_it_is_typed(typed):
    assert is_genuine(typed, ["1111-2222-3333", "7KQ2-M4XD-9TRA"])


@pytest.mark.parametrize("typed", ["", "7KQ2-M4XD-9TR", "7KQ2-M4XD-9TRAA", "1111-2222-333"])
def test_half_a_code_is_none(typed):
    assert not is_genuine(typed, ["1111-2222-3333", "7KQ2-M4XD-9TRA"])


@given(some.text())
def test_a_code_is_compared_by_its_capitals_and_digits(typed):
    assert normal_code(normal_code(typed)) == normal_code(typed)
