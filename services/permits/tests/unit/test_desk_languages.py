"""The building authority's desk says everything in German and in English."""

import json
from collections.abc import Iterator

import pytest
from amtsbus.testing.languages import check_languages
from amtsbus.web import Web
from permits.desk import DESK_LANGUAGES
from permits.desk.words import KEYS
from permits.domain.events import DeadlineKind
from permits.domain.law import Term
from permits.domain.procedure import BUILDING_PERMIT, Action, State

BUILT = (
    *("permits.state.", "permits.action.", "permits.next.", "permits.period.", "permits.term."),
    *KEYS.values(),
)


def test_no_text_is_missing_unused_or_different() -> None:
    web = Web(routers=(), templates=DESK_LANGUAGES, languages=DESK_LANGUAGES, audience="staff")
    check_languages(web, built=(*BUILT, "desk.rule.", "permits.field."))


def _wanted() -> Iterator[str]:
    """The keys that are put together of a code at run time."""
    yield from (f"permits.state.{state}" for state in State)
    yield from (f"permits.action.{action}" for action in Action)
    yield from (f"permits.period.{kind}" for kind in DeadlineKind)
    yield from (f"permits.term.{term}" for term in Term)
    yield from (f"permits.next.{state}" for state in BUILDING_PERMIT.states - BUILDING_PERMIT.final)
    yield from (f"{beginning}{code}" for kind, beginning in KEYS.items() for code in kind)


@pytest.mark.parametrize("language", ["de", "en"])
def test_every_code_has_a_word_and_no_word_is_of_a_code_that_is_gone(language: str) -> None:
    texts = json.loads((DESK_LANGUAGES / f"{language}.json").read_text(encoding="utf-8"))
    others = {"permits.next.nothing", "permits.next.second_person", "permits.period.hearing"}
    assert {key for key in texts if key.startswith(BUILT)} - others == set(_wanted())
