"""An application that came through the portal, at the desk: who applied, the form as it was filled in, what came later."""

from hashlib import sha256
from io import BytesIO
from typing import Any

import pytest
from amtsbus.auth import Role
from amtsbus.casework.calendar import calendar_days
from amtsbus.casework.roles import Actor
from amtsbus.casework.roles import Role as CaseRole
from amtsbus.documents import DocumentStore
from amtsbus.errors import RuleViolationError
from amtsbus.ids import new_id
from amtsbus.testing.browsing import Browser
from permits.domain.target import Target
from permits.use_cases.request_documents import RequestDocuments, request_documents

from .test_portal import HOUSE, Counter, file

LEASE = b"%PDF-1.7 a letter of a neighbour"
NEIGHBOUR = {
    "key": "neighbour",
    "name": "nachbarin.pdf",
    "sha256": sha256(LEASE).hexdigest(),
    "size_bytes": len(LEASE),
    "media_type": "application/pdf",
}


@pytest.fixture
async def counter(office: Any, settings_of: Any) -> Counter:
    from permits.main import SERVICE

    made = Counter(office)
    await made.publish(settings_of(SERVICE, office.database))
    return made


async def test_whoever_applied_is_named_found_and_told_of_with_the_form_page_by_page(
    desk: Browser, counter: Counter
) -> None:
    application_id = await counter.apply()
    await desk.log_in(Role.CLERK, sub="clara", name="Clara Demo")
    page = await desk.open("/?scope=team")
    assert "Erika Demo-Muster" in page.text
    page = await desk.submit({"Aktenzeichen oder Name": "muster"}, button="Suchen")
    assert "Erika Demo-Muster" in page.text
    page = await desk.open(f"/cases/{application_id}")
    for told in (
        "Erika Demo-Muster",
        "Identität",
        "einfach",
        "Was haben Sie vor?",
        "Neubau",
        "Auf welchem Grundstück?",
        "345/6",
    ):
        assert told in page.text, told


async def test_what_came_later_and_files_that_are_no_documents_of_the_form_are_shown(
    desk: Browser, counter: Counter, documents: str
) -> None:
    await DocumentStore.at(documents).put(BytesIO(LEASE))
    application_id = await counter.apply("site_plan", answers=HOUSE | {"parcel_number": "none"})
    await counter.supply(
        application_id,
        file("site_plan"),
        NEIGHBOUR,
        answers={"parcel_number": "345/7"},
        message="Das Flurstück wurde geteilt.",
    )
    await desk.log_in(Role.CLERK, sub="clara", name="Clara Demo")
    page = await desk.open(f"/cases/{application_id}")
    for told in ("Nachgereicht", "Das Flurstück wurde geteilt.", "Flurstück: none", "345/7", "site_plan.pdf"):
        assert told in page.text, told
    answer = (await desk.follow("Ansehen: nachbarin.pdf (öffnet ein neues Fenster)")).response
    assert (answer.content, answer.headers["content-type"]) == (LEASE, "application/pdf")


async def test_what_was_paid_is_told(desk: Browser, counter: Counter) -> None:
    application_id = await counter.apply()
    await counter.pay(application_id, new_id(), 12_345)
    await desk.log_in(Role.CLERK, sub="clara", name="Clara Demo")
    assert "123,45 €" in (await desk.open(f"/cases/{application_id}")).text


async def test_a_caseworker_asks_for_an_answer_anew_and_the_portal_hears_which(desk: Browser, counter: Counter) -> None:
    application_id = await counter.apply()
    await desk.log_in(Role.CLERK, sub="clara", name="Clara Demo")
    await desk.open(f"/cases/{application_id}")
    page = await desk.submit(
        {
            "Welche Unterlagen?": [],
            "Welche Angaben sollen berichtigt oder ergänzt werden?": ["Flurstück"],
            "Begründung": "Das Flurstück gibt es nicht mehr.",
        },
        button="Unterlagen anfordern",
    )
    assert "Flurstück" in page.text
    kind, said = (await counter.told(application_id))[-1]
    assert (kind, said["documents"], said["fields"]) == ("case-documents-requested", [], ["parcel_number"])
    await counter.supply(application_id, answers={"parcel_number": "345/8"})
    page = await desk.open(f"/cases/{application_id}")
    assert "345/8" in page.text


async def test_a_question_that_the_form_does_not_have_is_not_asked(office: Any, counter: Counter) -> None:
    application_id = await counter.apply()
    target = Target(application_id, 1, Actor("clara", frozenset({CaseRole.CLERK})), owner=None)
    command = RequestDocuments(target, frozenset(), "Bitte.", calendar_days(14), frozenset({"shoe_size"}))
    with pytest.raises(RuleViolationError, match="the form has no question 'shoe_size'"):
        async with office.database.transaction() as tx:
            await request_documents(command, tx)
