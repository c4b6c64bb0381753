"""The registration office's desk says everything in German and in English."""

import json
from collections.abc import Iterator

import pytest
from amtsbus.testing.languages import check_languages
from amtsbus.web import Web
from registration.desk import DESK_LANGUAGES
from registration.desk.actions import REQUEST_BLOCK
from registration.domain.persons import Language
from registration.domain.procedures import LANDLORD_CONFIRMATION_PERIOD, PROCEDURES, REPORT_BACK_PERIOD
from registration.domain.residences import ResidenceKind

CODES = tuple(
    f"registration.{kind}." for kind in ("procedure", "state", "action", "next", "period", "home", "language")
)


def test_no_text_is_missing_unused_or_different() -> None:
    web = Web(routers=(), templates=DESK_LANGUAGES, languages=DESK_LANGUAGES, audience="staff")
    check_languages(web, built=(*CODES, "desk.rule.", "registration.field."))


def _wanted() -> Iterator[str]:
    """The keys that are put together of a code at run time."""
    for procedure in PROCEDURES.values():
        states = {procedure.initial, *(step.target for step in procedure.transitions)}
        yield f"registration.procedure.{procedure.key}"
        yield from (f"registration.state.{state}" for state in states)
        yield from (f"registration.next.{state}" for state in states - procedure.final)
        yield from (f"registration.action.{step.action}" for step in procedure.transitions)
    yield f"registration.action.{REQUEST_BLOCK}"
    yield from (f"registration.period.{kind}" for kind in (LANDLORD_CONFIRMATION_PERIOD, REPORT_BACK_PERIOD))
    yield from (f"registration.home.{kind}" for kind in ResidenceKind)
    yield from (f"registration.language.{language}" for language in Language)


@pytest.mark.parametrize("language", ["de", "en"])
def test_every_code_has_a_word_and_no_word_is_of_a_code_that_is_gone(language: str) -> None:
    texts = json.loads((DESK_LANGUAGES / f"{language}.json").read_text(encoding="utf-8"))
    assert {key for key in texts if key.startswith(CODES)} - {"registration.next.nothing"} == set(_wanted())
