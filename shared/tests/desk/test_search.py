"""What is typed into the search becomes a query, whatever it is."""

import pytest
from amtsbus.desk.search import folded, query_of, search_words
from hypothesis import given
from hypothesis import strategies as st


def test_a_name_and_a_reference_are_found_by_their_parts():
    assert search_words("Ada Müller-Öztürk", "BA-2026-000123").split() == [
        *("ada", "muller-ozturk", "muller", "ozturk", "#ba-2026-000123", "123"),
    ]


@pytest.mark.parametrize("written", ["GROẞE STRASSE", "große Straße", "grosse  strasse "])
def test_letters_that_sound_alike_are_the_same(written):
    assert folded(written) == "grosse strasse"


def test_a_reference_is_not_looked_for_among_names():
    assert query_of("ba-2026 ada") == "'#ba-2026':* & 'ada':*"


def test_nothing_finds_nothing():
    assert query_of("  ") is None


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40))
async def test_whatever_is_typed_is_a_query(text):
    query = query_of(text)
    if query is not None:
        assert query.count(":*") >= 1
        assert query.count("'") % 2 == 0
