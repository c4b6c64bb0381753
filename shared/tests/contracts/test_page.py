"""The page that explains a service's events: complete, and harmless."""

import json
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from amtsbus.contracts.page import CONTENT_SECURITY_POLICY, render


class Elements(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.style = ""
        self.text = ""
        self._inside_style = False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.attributes += attrs
        self.ids += [value for name, value in attrs if name == "id"]
        self.targets += [value.removeprefix("#") for name, value in attrs if name == "href" and value.startswith("#")]
        self._inside_style = tag == "style"

    def handle_endtag(self, tag):
        self._inside_style = False

    def handle_data(self, data):
        if self._inside_style:
            self.style += data
        else:
            self.text += data


def document(library, service):
    return json.loads((library.town.contracts(service) / "asyncapi.json").read_text(encoding="utf-8"))


def test_the_page_tells_topics_purpose_legal_basis_events_and_fields(library):
    text = Elements(render(document(library, "lending"))).text
    for told in (
        "Stadtbibliothek (lending)",
        "lending.loan.events",
        "Where a loan stands.",
        "Library statute § 4",
        "reminders (reminders.loans): Reminding readers of the day of return",
        "lending.book-lent.v1",
        "A book was lent to a reader.",
        "branch.city",
        "The day by which it has to be back",
        "string (date)",
        '"book" or "disc"',
        "Straße der Übersicht",
        "ce_sequence",
    ):
        assert told in text


def test_the_page_of_a_reader_tells_what_it_uses(library):
    text = Elements(render(document(library, "reminders"))).text
    assert "The fields that this service uses:" in text
    assert "branch.city" in text
    assert "reminders.loans" in text


def test_the_page_needs_nothing_from_outside_and_runs_no_script(library):
    page = Elements(render(document(library, "lending")))
    assert not {"script", "link", "img", "iframe", "object", "embed", "base", "form"} & set(page.names)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "style")]
    assert "url(" not in page.style
    assert "@import" not in page.style


def test_its_own_style_sheet_is_the_only_thing_that_the_policy_allows(library):
    page = Elements(render(document(library, "lending")))
    digest = b64encode(sha256(page.style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in CONTENT_SECURITY_POLICY
    assert "unsafe-inline" not in CONTENT_SECURITY_POLICY
    assert ("content", CONTENT_SECURITY_POLICY) in page.attributes


def test_every_link_inside_the_page_leads_somewhere(library):
    page = Elements(render(document(library, "lending")))
    assert page.targets
    assert set(page.targets) <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


@pytest.mark.parametrize("nasty", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "&lt;b&gt;"])
def test_what_the_document_says_is_shown_as_text(library, nasty):
    content = json.dumps(document(library, "lending")).replace("Where a loan stands.", json.dumps(nasty)[1:-1])
    page = Elements(render(json.loads(content)))
    assert nasty in page.text
    assert not {"script", "img", "b"} & set(page.names)


def test_a_service_without_events_has_a_page(library):
    empty = document(library, "lending") | {"channels": {}, "operations": {}, "components": {"messages": {}}}
    assert "nothing" in Elements(render(empty)).text
