"""The ledger keeps what was asked and answered; the load repeats until there is an answer, and with the same key."""

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from town.clock import TownClock
from town.home import Home
from town.people import Person

from tests.proof import load as loads
from tests.proof.ledger import Deed, Ledger
from tests.proof.load import Load
from tests.proof.tests.small_city import SmallTown

CLERK = Person("clerk-permits")
A_MAIL = {
    "mail_id": "01980a52-7c1e-7d40-9a3b-52d1f5a0e009",
    "arrived_at": "2026-03-02T09:00:00.000+00:00",
    "sender": "noreply@city.example",
    "recipients": ["ada@proof.example"],
    "raw": "From: noreply@city.example\r\nMessage-ID: <01980a52-7c1e-7d40-9a3b-52d1f5a0e001@city.example>\r\n\r\nHello",
}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "ledger")
    yield opened
    opened.close()


def one_request(ledger: Ledger, **more: Any) -> Any:
    return ledger.ask("permits", "POST", "/v1/applications", by="ada", key="k", trace_id="t", **more)


def only(ledger: Ledger) -> Deed:
    [deed] = ledger.book().deeds
    return deed


# -- the ledger ----------------------------------------------------------------------------------------------------


def test_what_was_asked_and_answered_is_read_as_it_was_written(ledger: Ledger) -> None:
    asked = one_request(ledger, expects=["permits.application-submitted.v1"], said={"email": "a@b.example"})
    answered = ledger.answer(asked, 201, attempts=2, told={"case_id": "c", "version": 1}, failures={"503": 1})
    deed = only(ledger)
    assert deed.asked.expects == ("permits.application-submitted.v1",)
    assert deed.asked.said == {"email": "a@b.example"}
    assert deed.answered is not None
    assert deed.answered.told == answered.told
    assert deed.answered.failures == {"503": 1}
    assert deed.accepted
    assert deed.case_id == "c"
    assert (ledger.accepted, ledger.refused, ledger.open) == (1, 0, 0)


def test_a_request_is_on_record_before_it_is_sent(ledger: Ledger) -> None:
    one_request(ledger)
    assert only(ledger).answered is None
    assert ledger.open == 1


def test_a_request_that_nobody_answered_is_neither_accepted_nor_certain(ledger: Ledger) -> None:
    ledger.give_up(one_request(ledger), attempts=7, failures={"ReadTimeout": 7})
    deed = only(ledger)
    assert not deed.accepted
    assert not deed.is_certain
    assert ledger.open == 0


@pytest.mark.parametrize(
    ("status", "attempts", "certain"), [(201, 1, True), (201, 5, True), (422, 1, True), (422, 2, False)]
)
def test_a_refusal_is_certain_only_if_it_was_asked_once(
    ledger: Ledger, status: int, attempts: int, certain: bool
) -> None:
    ledger.answer(one_request(ledger), status, attempts=attempts, told={}, failures={})
    assert only(ledger).is_certain is certain


def test_a_line_that_its_writer_did_not_finish_is_left_out(ledger: Ledger) -> None:
    one_request(ledger)
    with ledger.file.open("a") as file:
        file.write('{"what": "answered", "numb')
    assert only(ledger).answered is None


def test_a_ledger_is_written_on_where_it_ended(ledger: Ledger, tmp_path: Path) -> None:
    mails = tmp_path / "mails"
    mails.mkdir()
    (mails / f"{A_MAIL['mail_id']}.json").write_text(json.dumps(A_MAIL))
    assert ledger.collect_mails(mails) == 1
    one_request(ledger)
    again = Ledger(ledger.folder)
    one_request(again)
    assert again.collect_mails(mails) == 0
    assert [deed.asked.number for deed in again.book().deeds] == [1, 2]
    assert len(again.book().mails) == 1
    again.close()


def test_a_mail_names_the_message_that_it_announces(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / f"{A_MAIL['mail_id']}.json").write_text(json.dumps(A_MAIL))
    (tmp_path / "half-written.json").write_text('{"mail_id": "x", "ra')
    assert ledger.collect_mails(tmp_path) == 1
    assert ledger.collect_mails(tmp_path) == 0
    [mail] = ledger.book().mails
    assert mail.message_id == "01980a52-7c1e-7d40-9a3b-52d1f5a0e001"
    assert mail.recipients == ("ada@proof.example",)


def test_an_outage_lasts_from_the_first_request_that_failed_to_the_first_that_is_served_again(ledger: Ledger) -> None:
    ledger.served("permits")
    assert ledger.longest_outage_seconds() == 0.0
    ledger.failed(
        "permits", "503", datetime.now(UTC) + timedelta(seconds=-9)
    )  # sent before it was served: no outage yet
    assert ledger.longest_outage_seconds() < 1
    ledger.failed("schooling", "ConnectError", datetime.now(UTC) - timedelta(seconds=5))
    ledger.failed("schooling", "ConnectError", datetime.now(UTC) - timedelta(seconds=3))
    assert 5 <= ledger.longest_outage_seconds() < 6
    assert ledger.longest_outage_seconds(ended=True) < 1
    ledger.served("schooling")
    assert 5 <= ledger.longest_outage_seconds(ended=True) < 6


# -- the load ------------------------------------------------------------------------------------------------------

Answers = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
async def asking(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Answers], Any]:
    """`load = await asking(answers)`: people who ask a service that answers like this."""
    monkeypatch.setattr(loads, "PAUSES", (0.0,))
    home = Home(tmp_path, Path(__file__).parents[3])
    services = {"permits": SimpleNamespace(api="http://permits.test")}
    addresses = SimpleNamespace(services=services, issuer="http://nowhere.test")
    people = SmallTown()
    await people.add_staff(services)

    def make(answers: Answers) -> Load:
        city: Any = SimpleNamespace(home=home, addresses=addresses, clock=TownClock(home.clock))
        http = httpx.AsyncClient(transport=httpx.MockTransport(answers))
        return Load(city, ledger, Random(1), per_second=1000, http=http, people=people)

    return make


async def test_a_request_is_repeated_with_the_same_key_trace_and_body_until_it_is_answered(
    ledger: Ledger, asking: Callable[[Answers], Load]
) -> None:
    seen: list[httpx.Request] = []

    def answers(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        match len(seen):
            case 1:
                raise httpx.ReadTimeout("hangs")
            case 2:
                raise httpx.ConnectError("is being started again")
            case 3:
                return httpx.Response(503)
            case 4:
                return httpx.Response(500)
        return httpx.Response(201, json={"application_id": "c", "state": "submitted"}, headers={"etag": '"1"'})

    reply = await asking(answers).do("permits", "/v1/applications", {"kind": "x"}, by=CLERK, expects=["a.b.v1"])
    assert (reply.status, reply.version) == (201, 1)
    assert len({request.headers["idempotency-key"] for request in seen}) == 1
    assert len({request.headers["traceparent"] for request in seen}) == 1
    assert {request.content for request in seen} == {b'{"kind": "x"}'}
    deed = only(ledger)
    assert deed.answered is not None
    assert deed.answered.attempts == 5
    assert deed.answered.failures == {"ReadTimeout": 1, "ConnectError": 1, "503": 1, "500": 1}
    assert deed.asked.key == seen[0].headers["idempotency-key"]
    assert deed.asked.trace_id == seen[0].headers["traceparent"].split("-")[1]
    assert deed.case_id == "c"


async def test_a_refusal_is_an_answer(ledger: Ledger, asking: Callable[[Answers], Load]) -> None:
    load = asking(lambda _: httpx.Response(412, json={"type": "urn:amtsbus:problem:version-changed"}))
    reply = await load.do("permits", "/v1/applications/c/completeness", by=CLERK, about="c", version=3)
    assert reply.status == 412
    deed = only(ledger)
    assert not deed.accepted
    assert deed.case_id == "c"
    assert deed.answered is not None
    assert deed.answered.told == {"problem": "urn:amtsbus:problem:version-changed"}


async def test_a_conflict_is_tried_again_and_then_believed(ledger: Ledger, asking: Callable[[Answers], Load]) -> None:
    reply = await asking(lambda _: httpx.Response(409, json={})).do("permits", "/v1/applications", {}, by=CLERK)
    assert reply.status == 409
    deed = only(ledger)
    assert deed.answered is not None
    assert deed.answered.attempts == loads.MOST_CONFLICTS + 1


async def test_what_has_no_answer_when_everybody_goes_home_is_given_up(
    ledger: Ledger, asking: Callable[[Answers], Load]
) -> None:
    load = asking(lambda _: httpx.Response(503))
    load._ends_at = 0.0
    reply = await load.do("permits", "/v1/applications", {}, by=CLERK)
    assert reply.status == 0
    assert only(ledger).answered is None
    assert [line["what"] for line in ledger.lines()] == ["asked", "unanswered"]


async def test_a_load_that_breaks_down_says_so(
    asking: Callable[[Answers], Load], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that no service would give must not look like a quiet city."""
    load = asking(lambda _: httpx.Response(200, json={"items": "not a list of messages"}))
    load.residents.append(loads.Resident(Person("clerk-permits")))
    monkeypatch.setattr(loads, "FINISHING_SECONDS", 0.1)
    monkeypatch.setattr(loads, "ATTEMPT_SECONDS", 0.1)
    with pytest.raises((KeyError, TypeError, AttributeError)):
        await asyncio.wait_for(load.run(asyncio.Event()), 20)
