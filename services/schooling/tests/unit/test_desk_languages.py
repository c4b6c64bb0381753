"""The school administration's desk says everything in German and in English."""

import json
from collections.abc import Iterator

import pytest
from amtsbus.testing.languages import check_languages
from amtsbus.web import Web
from schooling.desk import DESK_LANGUAGES
from schooling.desk.words import KEYS
from schooling.domain.enrolment import DOCUMENTS_PERIOD, REGISTRATION_PERIOD
from schooling.domain.procedure import (
    PRIMARY_ENROLMENT,
    SCHOOL_REGISTRATION,
    ApplicationAction,
    ApplicationState,
    State,
)
from schooling.domain.reasons import Reason
from schooling.use_cases.receive_supplement import SUPPLIED_LATE, SUPPLIED_UNASKED
from schooling.use_cases.receive_withdrawal import WITHDRAWN_LATE

BUILT = (
    *("schooling.state.", "schooling.action.", "schooling.next.", "schooling.period.", "schooling.reason."),
    *(f"schooling.application.{kind}." for kind in ("state", "action", "next", "period", "event")),
    "schooling.identification.",
    *KEYS.values(),
)


def test_no_text_is_missing_unused_or_different() -> None:
    web = Web(routers=(), templates=DESK_LANGUAGES, languages=DESK_LANGUAGES, audience="staff")
    check_languages(web, built=(*BUILT, "desk.rule.", "schooling.field."))


def _wanted() -> Iterator[str]:
    """The keys that are put together of a code at run time."""
    yield from (f"schooling.state.{state}" for state in State)
    yield from (f"schooling.action.{step.action}" for step in PRIMARY_ENROLMENT.transitions)
    yield from (f"schooling.period.{kind}" for kind in (REGISTRATION_PERIOD, DOCUMENTS_PERIOD))
    yield from (f"schooling.reason.{reason}" for reason in Reason)
    yield from (f"schooling.next.{state}" for state in set(State) - PRIMARY_ENROLMENT.final - {State.EXPECTED})
    yield from (f"schooling.application.state.{state}" for state in ApplicationState)
    yield from (f"schooling.application.action.{action}" for action in ApplicationAction)
    yield from (f"schooling.application.next.{state}" for state in set(ApplicationState) - SCHOOL_REGISTRATION.final)
    yield f"schooling.application.period.{DOCUMENTS_PERIOD}"
    yield from (f"schooling.application.event.{what}" for what in (SUPPLIED_LATE, SUPPLIED_UNASKED, WITHDRAWN_LATE))
    yield from (f"schooling.identification.{level}" for level in ("none", "basic", "substantial", "high"))
    yield from (f"{beginning}{code}" for kind, beginning in KEYS.items() for code in kind)


@pytest.mark.parametrize("language", ["de", "en"])
def test_every_code_has_a_word_and_no_word_is_of_a_code_that_is_gone(language: str) -> None:
    texts = json.loads((DESK_LANGUAGES / f"{language}.json").read_text(encoding="utf-8"))
    assert {key for key in texts if key.startswith(BUILT)} - {"schooling.next.nothing"} == set(_wanted())
