"""What a form sends, file names, days, and how often somebody may try."""

from contextlib import suppress
from datetime import date

import pytest
from amtsbus.web import RateLimit, TooManyRequestsError, attachment, german_date, is_at_least
from amtsbus.web.answers import safe_name
from amtsbus.web.errors import PageError
from amtsbus.web.forms import Form, Limits, read_form
from amtsbus.web.visit import is_own_path
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

URLENCODED = "application/x-www-form-urlencoded"


def request_with(body: bytes, kind: str = URLENCODED) -> Request:
    pieces = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive():
        return pieces.pop(0)

    return Request({"type": "http", "method": "POST", "headers": [(b"content-type", kind.encode())]}, receive)


async def test_fields_are_tidied_and_keep_their_order():
    body = b"b=%20x%20&a=A%CC%8A&b=two&c=&d=one%0D%0Atwo&_csrf=token"
    form = await read_form(request_with(body), Limits())
    assert list(form.items()) == [("b", "x"), ("a", "Å"), ("b", "two"), ("c", ""), ("d", "one\ntwo")]
    assert (form.text("b"), form.texts("b"), form.raw("b")) == ("x", ["x", "two"], " x ")
    assert (form.has("c"), form.has("x"), form.text("x", "-"), form.text("c", "-")) == (True, False, "-", "")
    assert form.names() == ["b", "a", "c", "d"]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"a=%ff", URLENCODED, 400),
        (b"a=\xc3\xa4", URLENCODED, 400),
        (b"a=%00", URLENCODED, 400),
        (b"&".join(b"a=1" for _ in range(1001)), URLENCODED, 400),
        (b"a=" + b"x" * 70_000, URLENCODED, 413),
        (b"a=" + b"x" * 300_000, URLENCODED, 413),
        (b'{"a": 1}', "application/json", 415),
        (b"", "", 415),
        (b"a=1", "text/plain", 415),
    ],
)
async def test_what_is_no_form_is_refused(body, kind, status):
    with pytest.raises(PageError) as refused:
        await read_form(request_with(body, kind), Limits())
    assert refused.value.status == status


@given(st.binary(max_size=300))
async def test_any_bytes_are_a_form_or_refused(body):
    for kind, limits in ((URLENCODED, Limits()), ("multipart/form-data; boundary=x", Limits(files=2))):
        with suppress(PageError):
            assert isinstance(await read_form(request_with(body, kind), limits), Form)


@pytest.mark.parametrize(
    ("text", "day"),
    [("3.3.2026", date(2026, 3, 3)), (" 24.12.1990 ", date(1990, 12, 24)), ("01. 02. 2000", date(2000, 2, 1))],
)
def test_a_day_is_read_as_people_write_it(text, day):
    assert german_date(text) == day


@pytest.mark.parametrize("text", ["", "2026-03-03", "31.2.2026", "3.3.26", "morgen", "0.1.2026", "٣.٣.2026"])
def test_what_is_no_day_is_none(text):
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        german_date(text)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("Ausweis.pdf", "Ausweis.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\Demo\\Bild.png", "Bild.png"),
        ("a\r\nX-Evil: 1.pdf", "aX-Evil 1.pdf"),
        ("exe.\u202efdp.scr", "exe.fdp.scr"),
        ("..", "file"),
        ("", "file"),
        ("x" * 300 + ".pdf", "x" * 109 + ".pdf"),
    ],
)
def test_a_files_name_is_made_safe(name, safe):
    assert safe_name(name) == safe


@given(st.text())
def test_no_files_name_breaks_a_header(name):
    header = attachment(name)["Content-Disposition"]
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2


@pytest.mark.parametrize("path", ["/", "/mine", "/mine?page=2&x=%2F%2F", "/a//b"])
def test_a_path_of_ours_is_one(path):
    assert is_own_path(path)


@given(st.text(st.sampled_from("/\\\t\n\r:.@ahtps%?#"), max_size=12))
def test_what_a_browser_would_take_for_another_host_is_no_path_of_ours(text):
    from urllib.parse import urljoin, urlsplit

    if is_own_path(text):
        # What browsers do before they parse an address (WHATWG URL, "basic URL parser").
        cleaned = text.replace("\\", "/").translate({9: None, 10: None, 13: None})
        assert urlsplit(urljoin("https://ours.test/", cleaned)).netloc == "ours.test"


def test_a_try_too_many_is_refused_until_time_has_passed():
    now = [0.0]
    limit = RateLimit(2, per_seconds=60, monotonic=lambda: now[0])
    limit.check("ada")
    limit.check("ada")
    limit.check("eve")
    with pytest.raises(TooManyRequestsError) as refused:
        limit.check("ada")
    assert refused.value.after_seconds == 30
    now[0] = 29
    with pytest.raises(TooManyRequestsError):
        limit.check("ada")
    now[0] = 30
    limit.check("ada")


def test_the_memory_of_tries_is_bounded():
    limit = RateLimit(1, per_seconds=60, most_keys=3, monotonic=lambda: 0.0)
    for number in range(100):
        limit.check(str(number))
    assert len(limit._buckets) == 3


def test_levels_have_an_order():
    assert is_at_least("high", "substantial")
    assert is_at_least("basic", "basic")
    assert not is_at_least("none", "basic")
