"""How a person is addressed."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from notifications.domain.addressee import Addressee, Language, PostalAddress

HOME = PostalAddress("Hauptstraße", "12 a", "51373", "Leverkusen", "DE")


def _addressee(**known: Any) -> Addressee:
    told_at = datetime(2026, 3, 2, tzinfo=UTC)
    return Addressee(person_id=UUID(int=1), told_at=told_at, given_names="Anna", family_name="Groß", **known)


def test_the_envelope_has_name_and_address() -> None:
    assert _addressee(address=HOME).envelope() == ["Anna Groß", "Hauptstraße 12 a", "51373 Leverkusen"]


def test_an_address_abroad_ends_with_the_country_and_care_of_comes_first() -> None:
    abroad = PostalAddress("Rue de la Loi", "16", "1000", "Bruxelles", "be", care_of="Familie Peeters")
    assert abroad.lines() == ["c/o Familie Peeters", "Rue de la Loi 16", "1000 Bruxelles", "BE"]


def test_without_an_address_there_is_no_envelope() -> None:
    assert _addressee(address=None).envelope() == []


def test_a_persons_own_choice_of_language_wins_over_the_register() -> None:
    assert _addressee(registry_language="en").language is Language.ENGLISH
    assert _addressee(registry_language="en", preferred_language=Language.GERMAN).language is Language.GERMAN


@given(st.text(max_size=5))
def test_a_language_that_no_template_knows_counts_as_german(language: str) -> None:
    expected = Language.ENGLISH if language == "en" else Language.GERMAN
    assert _addressee(registry_language=language).language is expected


def test_an_address_alone_is_no_wish_for_e_mails() -> None:
    assert _addressee(email="anna@example.org").wants_email
    assert not _addressee(email="anna@example.org", email_notice=False).wants_email
    assert not _addressee().wants_email
