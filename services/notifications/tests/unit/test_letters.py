"""Every letter exists in both languages, says what it must, and takes hostile values for what they are: text."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from amtsbus.casework.letters import BINDING
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError
from notifications.domain.addressee import Addressee, Language
from notifications.domain.delivery import deemed_delivered_on
from notifications.domain.kinds import KINDS, Kind
from notifications.main import SERVICE
from notifications.rendering import TEMPLATES, LetterText, email_text, letter_text

from ..facts import EVENTS, fact

LETTERS = [(kind, language) for kind in KINDS for language in Language]
MODELS = {t: s.model for reader in SERVICE.readers for t, s in reader.handlers.items()}
HOSTILE = (
    "{{ 7 * 7 }}{% for x in range(9) %}",
    "{{ letter.__class__.__mro__ }}",
    "{# gone #}<script>alert(1)</script>&amp;",
    "'; DROP TABLE letters; --",
    "👩‍👧 Z̷o̷e̷ G\u0302 العربية",
    "%s %(name)s ${x} \\n \\u0041",
)
TODAY = date(2026, 3, 2)


def _facts(kind: str, **changes: Any) -> dict[str, Any]:
    model = MODELS[f"{kind}.v1"]
    return model.model_validate(fact(f"{kind}.v1", **changes)).model_dump(mode="json")


def _letter(kind: Kind, language: Language, facts: dict[str, Any], given_names: str = "Änne") -> LetterText:
    addressee = Addressee(
        person_id=UUID(int=1),
        told_at=datetime(2026, 3, 2, tzinfo=UTC),
        given_names=given_names,
        family_name="Groß",
        preferred_language=language,
    )
    return letter_text(
        kind,
        facts,
        addressee,
        city="Stadt Leverkusen",
        court="Verwaltungsgericht Köln",
        today=TODAY,
        deemed_delivered_on=deemed_delivered_on(TODAY) if kind.is_decision else None,
    )


def _with_hostile_text(value: Any, poison: str) -> Any:
    """Every free text of `value` replaced; ids, dates and numbers stay what their contract says."""
    match value:
        case dict():
            return {key: _with_hostile_text(part, poison) for key, part in value.items()}
        case list():
            return [_with_hostile_text(part, poison) for part in value]
        case str() if not _is_id_or_date(value):
            return poison
        case _:
            return value


def _is_id_or_date(text: str) -> bool:
    for kind in (UUID, date.fromisoformat):
        try:
            kind(text)
        except ValueError:
            continue
        return True
    return False


@pytest.mark.parametrize(("kind", "language"), LETTERS)
def test_every_letter_is_complete(kind: str, language: Language) -> None:
    text = _letter(KINDS[kind], language, _facts(kind))
    assert text.subject
    assert "\n" not in text.subject
    assert f"{'Guten Tag' if language is Language.GERMAN else 'Dear'} Änne Groß," in text.body
    assert EVENTS[f"{kind}.v1"]["reference"] in text.subject + text.body
    assert "\n\n\n" not in text.body
    assert not any(mark in text.body for mark in ("{{", "{%", "None", "Undefined"))


@pytest.mark.parametrize(("kind", "language"), LETTERS)
@pytest.mark.parametrize("poison", HOSTILE)
def test_hostile_values_stay_what_they_are(kind: str, language: Language, poison: str) -> None:
    facts = _with_hostile_text(_facts(kind), poison)
    text = _letter(KINDS[kind], language, facts, given_names=poison)
    assert f"{poison} Groß," in text.body
    assert poison in (text.subject + text.body).replace(f"{poison} Groß,", "", 1)


@pytest.mark.parametrize(("kind", "language"), LETTERS)
def test_a_decision_says_what_one_can_do_against_it_and_when_it_counts_as_delivered(
    kind: str, language: Language
) -> None:
    letter = _letter(KINDS[kind], language, _facts(kind))
    body, decision = letter.body, KINDS[kind].is_decision
    assert (letter.remedy is not None) == decision
    remedies = "Rechtsbehelfsbelehrung" if language is Language.GERMAN else "legal remedies"
    fourth_day = "gilt am 6. März 2026" if language is Language.GERMAN else "notified on 6 March 2026"
    assert (remedies in body) == decision
    assert (fourth_day in body) == decision
    assert ("Verwaltungsgericht Köln" in body) == (KINDS[kind].remedy == "action")


@pytest.mark.parametrize("kind", KINDS)
def test_a_decision_in_english_says_all_of_it_in_german_as_well(kind: str) -> None:
    german, english = (_letter(KINDS[kind], language, _facts(kind)) for language in Language)
    if not KINDS[kind].is_decision:
        assert BINDING not in english.paragraphs
        return
    assert english.paragraphs[english.paragraphs.index(BINDING) + 1 :] == (german.subject, *german.paragraphs)
    assert english.remedy is not None
    assert english.remedy.split("\n\n")[1:] == [german.remedy]
    assert all(text in english.body for text in (*english.paragraphs, english.remedy))


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_fact_is_an_error_and_not_an_empty_line(kind: str) -> None:
    facts = _facts(kind)
    del facts["reference"]
    with pytest.raises(UndefinedError):
        _letter(KINDS[kind], Language.GERMAN, facts)


def test_no_template_is_without_its_twin_or_its_kind() -> None:
    names = {file.name.removesuffix(".txt") for file in TEMPLATES.glob("*.txt")}
    expected = {f"{name}.{language}" for name in (*KINDS, "letter", "remedy", "email") for language in Language}
    assert names == expected


def test_the_request_for_documents_warns_of_the_consequence() -> None:
    kind = KINDS["permits.documents-requested"]
    german = _letter(kind, Language.GERMAN, _facts(kind.key)).body
    assert "- Lageplan" in german
    assert "30. März 2026" in german
    assert "gilt Ihr Bauantrag kraft Gesetzes als zurückgenommen (§ 71 Absatz 1" in german


def test_answers_that_are_asked_for_are_answered_in_the_portal() -> None:
    kind = KINDS["permits.documents-requested"]
    both = _letter(kind, Language.GERMAN, _facts(kind.key, answers=["parcel_number"])).body
    assert "- Lageplan" in both
    assert "- Angaben in Ihrem Antrag" in both
    assert "parcel_number" not in both
    before = {name: fact for name, fact in _facts(kind.key).items() if name != "answers"}
    assert "Angaben" not in _letter(kind, Language.GERMAN, before).body, (
        "a letter that was begun before answers were asked for"
    )


def test_the_fee_is_written_as_the_language_writes_money() -> None:
    kind = KINDS["permits.fee-noticed"]
    assert "1.234,50 Euro" in _letter(kind, Language.GERMAN, _facts(kind.key)).body
    assert "EUR 1,234.50" in _letter(kind, Language.ENGLISH, _facts(kind.key)).body
    assert "0,05 Euro" in _letter(kind, Language.GERMAN, _facts(kind.key, fee_cents=5)).body


def test_a_code_that_we_have_no_words_for_is_shown_as_it_came() -> None:
    kind = KINDS["permits.application-refused"]
    assert "- swamp" in _letter(kind, Language.GERMAN, _facts(kind.key, grounds=["swamp", "distance-areas"])).body


def test_an_enrolment_without_a_second_choice_names_none() -> None:
    kind = KINDS["schooling.enrolment-received"]
    body = _letter(kind, Language.GERMAN, _facts(kind.key, second_choice=None)).body
    assert "Erstwunsch: Käthe-Kollwitz-Schule" in body
    assert "Zweitwunsch" not in body


def test_the_words_are_the_same_codes_in_both_languages() -> None:
    import json

    german, english = (json.loads((TEMPLATES / f"words.{language}.json").read_text()) for language in Language)
    assert {section: set(words) for section, words in german.items()} == {s: set(w) for s, w in english.items()}


@pytest.mark.parametrize("language", Language)
def test_the_e_mail_says_where_and_nothing_else(language: Language) -> None:
    text = email_text(language, city="Stadt Leverkusen", inbox_url="https://portal.example/postfach")
    assert "https://portal.example/postfach" in text.body
    assert "Stadt Leverkusen" in text.body


_LINES = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=40)


@given(given_names=_LINES.filter(lambda name: name == name.strip()))
def test_any_name_comes_through_unchanged(given_names: str) -> None:
    kind = KINDS["permits.application-withdrawn"]
    assert f"Dear {given_names} Groß," in _letter(kind, Language.ENGLISH, _facts(kind.key), given_names).body
