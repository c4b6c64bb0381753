"""A name has one search key however it is spelled, and a prefix of it finds it."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from registration.domain.names import search_key, search_words

# The blocks from which DIN 91379 takes the letters of names, and some that it adds.
LETTERS = st.one_of(
    st.characters(min_codepoint=0x41, max_codepoint=0x17F, categories=("Lu", "Ll")),
    st.characters(min_codepoint=0x1E00, max_codepoint=0x1EF9, categories=("Lu", "Ll")),
    st.sampled_from("ƏəƠơƯưƵƶǍǎǦǧǪǫȘșȚțȲȳɛɔ"),
).filter(lambda letter: letter not in "ªºµẟ")  # the micro sign is a unit, no letter
LATIN = LETTERS | st.sampled_from("\u0306\u0302\u0331 -'’.")
NAMES = st.text(LATIN, min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("spellings", "key"),
    [
        (("Müller", "Mueller", "Muller", "MÜLLER", "Mu\u0308ller", "MUELLER"), "muller"),
        (("Weiß", "Weiss", "WEISS", "WEIẞ"), "weiss"),
        (("Łukasz", "Lukasz", "ŁUKASZ"), "lukasz"),
        (("Ağrı", "Agri", "AĞRI"), "agri"),
        (("İpek", "Ipek", "ipek"), "ipek"),
        (("Søren", "Sören", "Soeren", "Soren"), "soren"),
        (("Jørgen Æbelø", "Joergen Aebeloe"), "jorgen abelo"),
        (("Đặng", "Dang"), "dang"),
        (("Məmmədov", "Memmedov"), "memmedov"),
        (("Þór", "Thor"), "thor"),
        (("O'Neil", "O’Neil", "ONeil"), "oneil"),
        (("Meier-Schmidt", "Meier Schmidt", " meier  schmidt "), "meier schmidt"),
        (("von der Heide",), "von der heide"),
        (("Joël", "Joel"), "jol"),
    ],
)
def test_spellings_of_one_name_have_one_key(spellings: tuple[str, ...], key: str) -> None:
    assert {search_key(spelling) for spelling in spellings} == {key}


def test_names_that_differ_keep_different_keys() -> None:
    names = ("Müller", "Miller", "Möller", "Mahler", "Weiß", "Weis", "Weise")
    assert len({search_key(name) for name in names}) == len(names)


@given(NAMES)
def test_a_key_has_letters_and_single_spaces_only_and_is_its_own_key(name: str) -> None:
    key = search_key(name)
    assert re.fullmatch("([a-z]+( [a-z]+)*)?", key)
    assert search_key(key) == key


@given(NAMES)
def test_case_and_composition_make_no_difference(name: str) -> None:
    assert search_key(unicodedata.normalize("NFD", name)) == search_key(unicodedata.normalize("NFC", name))
    assert search_key(name.lower()) == search_key(name)


@given(st.text(LETTERS, min_size=1, max_size=20), st.data())
def test_the_beginning_of_a_word_finds_the_word(word: str, data: st.DataObject) -> None:
    whole = search_words(word)
    beginning = search_words(word[: data.draw(st.integers(1, len(word)))])
    assert len(whole) == len(beginning) == 1
    assert whole[0].startswith(beginning[0])


@given(st.text(max_size=200))
def test_no_text_breaks_the_search(text: str) -> None:
    assert all(re.fullmatch("[a-z]+", word) for word in search_words(text))
