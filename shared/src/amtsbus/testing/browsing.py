"""A browser for tests of pages: it keeps cookies, follows links and redirects, logs in, and fills in forms by their labels.

It does what the HTML says and nothing else, like a browser without JavaScript, and it is strict: a link, a field or a button that
is not there, or is there twice, fails the test with a list of what is there.

::

    browser = await browse(SERVICE, database)          # the fixture of amtsbus.testing.fixtures
    await browser.log_in(person_id=somebody, name="Demo-Ada Muster")
    await browser.open("/apply/dog")
    page = await browser.submit({"Name des Hundes": "Demo-Rex"}, button="Weiter")
    assert page.heading == "Angaben prüfen"
"""

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlencode, urljoin, urlsplit
from uuid import UUID

import httpx
from bs4 import BeautifulSoup, Tag
from fastapi import FastAPI

from amtsbus.auth import Role
from amtsbus.testing.tokens import ISSUER, LOGS_IN_AS, TestIssuer, claims_of
from amtsbus.web import packing
from amtsbus.web.declaration import Identification, Web

ORIGIN: Final = "https://service.test"
MOST_REDIRECTS: Final = 20
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True)
class File:
    """A file that is chosen in a form."""

    name: str
    content: bytes
    content_type: str = "application/octet-stream"


Value = str | bool | Sequence[str] | File | Sequence[File] | None


def words(text: str) -> str:
    """A text as it is read: each run of white space is one space."""
    return _SPACES.sub(" ", text).strip()


class Page:
    """What the browser shows."""

    def __init__(self, response: httpx.Response, history: list[str]) -> None:
        self.response = response
        self.history = history
        """The paths that redirects led through before this one."""
        self.soup = BeautifulSoup(response.text, "html.parser")

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def url(self) -> str:
        return str(self.response.url)

    @property
    def path(self) -> str:
        """The path, with the query where there is one."""
        parts = urlsplit(self.url)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    @property
    def title(self) -> str:
        return words(self.soup.title.get_text()) if self.soup.title else ""

    @property
    def heading(self) -> str:
        """The one heading of the first level."""
        headings = self.soup.find_all("h1")
        if len(headings) != 1:
            raise AssertionError(f"{self.path} has {len(headings)} headings of the first level: {self._shown()}")
        return words(headings[0].get_text())

    @property
    def text(self) -> str:
        """What stands in the main part."""
        return words(self.main.get_text(" "))

    @property
    def main(self) -> Tag:
        found = self.soup.find("main")
        return found if isinstance(found, Tag) else self.soup

    @property
    def language(self) -> str:
        html = self.soup.find("html")
        return str(html.get("lang", "")) if isinstance(html, Tag) else ""

    @property
    def links(self) -> dict[str, str]:
        """The address of each link, by its text; of several with the same text the first."""
        found: dict[str, str] = {}
        for link in self.soup.find_all("a", href=True):
            found.setdefault(words(link.get_text()), str(link["href"]))
        return found

    @property
    def errors(self) -> dict[str, str]:
        """What the summary says is wrong, by the label of the field that it leads to, else by the field's id."""
        summary = self.soup.find(id="errors")
        found: dict[str, str] = {}
        for item in summary.find_all("li") if isinstance(summary, Tag) else []:
            link = item.find("a")
            target = str(link.get("href", "")).removeprefix("#") if isinstance(link, Tag) else ""
            found[self._label_of(target) or target] = words(item.get_text())
        return found

    @property
    def notices(self) -> list[str]:
        """What the page says in alerts, without the summary of mistakes."""
        return [
            words(alert.get_text(" "))
            for alert in self.soup.find_all(class_="kern-alert")
            if alert.get("id") != "errors"
        ]

    @property
    def forms(self) -> list["PageForm"]:
        """The forms of the main part, or of the whole page where that has none."""
        of_main = self.main.find_all("form")
        return [PageForm(self, form) for form in of_main or self.soup.find_all("form")]

    def field(self, label: str) -> str:
        """What a field holds now."""
        for form in self.forms:
            for found in form.fields:
                if found.is_called(label):
                    return ", ".join(found.chosen) if found.chosen else ""
        raise LookupError(f"{self.path} has no field {label!r}; it has {self._labels()}")

    def _label_of(self, field_id: str) -> str:
        for form in self.forms:
            for found in form.fields:
                if field_id in found.ids:
                    return found.label
        return ""

    def _labels(self) -> list[str]:
        return [found.label or found.name for form in self.forms for found in form.fields if not found.is_hidden]

    def _shown(self) -> str:
        return self.text[:500]

    def __repr__(self) -> str:
        return f"<{self.status} {self.path}: {self._shown()}>"


@dataclass
class Field:
    """A field of a form, or a group of radio buttons or checkboxes of one name."""

    name: str
    kind: str
    label: str
    chosen: list[str] = field(default_factory=list)
    options: list[tuple[str, str]] = field(default_factory=list)
    """Value and label of what can be chosen."""
    ids: list[str] = field(default_factory=list)
    files: list[File] = field(default_factory=list)

    @property
    def is_hidden(self) -> bool:
        return self.kind == "hidden"

    def is_called(self, label: str) -> bool:
        """Whether somebody would call it that; a lone checkbox by its own label."""
        return label in (self.label, self.name) or (
            self.kind == "checkbox" and len(self.options) == 1 and self.options[0][1] == label
        )

    def fill(self, value: Value) -> None:
        """Enter `value` as somebody at a browser would.

        Raises:
            LookupError: it cannot be chosen here.
        """
        if self.kind == "file":
            files = [value] if isinstance(value, File) else list(value) if isinstance(value, Sequence) else []
            self.files = [one for one in files if isinstance(one, File)]
        elif self.kind == "checkbox" and isinstance(value, bool):
            self.chosen = [self.options[0][0]] if value else []
        elif self.options:
            wanted = [value] if isinstance(value, str) else list(value) if isinstance(value, Sequence) else []
            self.chosen = [self._option(str(one)) for one in wanted]
        else:
            self.chosen = [str(value)]

    def _option(self, wanted: str) -> str:
        for value, label in self.options:
            if wanted in (value, label):
                return value
        raise LookupError(f"{self.label!r} cannot be {wanted!r}; it can be {[label for _, label in self.options]}")

    @property
    def sent(self) -> list[tuple[str, str]]:
        """What a browser sends of it."""
        return [(self.name, value) for value in self.chosen]


class PageForm:
    """A form on a page."""

    def __init__(self, page: Page, tag: Tag) -> None:
        self.page = page
        self.tag = tag

    @property
    def method(self) -> str:
        return str(self.tag.get("method", "get")).lower()

    @property
    def action(self) -> str:
        return urljoin(self.page.url, str(self.tag.get("action", "")) or self.page.url)

    @property
    def is_multipart(self) -> bool:
        return self.tag.get("enctype") == "multipart/form-data"

    @property
    def buttons(self) -> list[Tag]:
        return [
            one
            for one in self.tag.find_all(["button", "input"])
            if one.get("type", "submit" if one.name == "button" else "text") == "submit"
        ]

    @cached_property
    def fields(self) -> list[Field]:
        """The fields as they stand on the page."""
        found: dict[str, Field] = {}
        for tag in self.tag.find_all(["input", "textarea", "select"]):
            name = str(tag.get("name", ""))
            kind = str(tag.get("type", "text")) if tag.name == "input" else tag.name
            if not name or kind in ("submit", "button", "reset", "image"):
                continue
            if kind in ("radio", "checkbox"):
                self._add_check(found, tag, name, kind)
            else:
                found[f"{name}#{len(found)}"] = self._plain(tag, name, kind)
        return list(found.values())

    def _add_check(self, found: dict[str, Field], tag: Tag, name: str, kind: str) -> None:
        group = found.setdefault(name, Field(name, kind, self._legend(tag)))
        value = str(tag.get("value", "on"))
        group.options.append((value, self._label(tag)))
        group.ids.append(str(tag.get("id", "")))
        if not group.label:
            group.label = self._label(tag)
        if tag.has_attr("checked"):
            group.chosen.append(value)

    def _plain(self, tag: Tag, name: str, kind: str) -> Field:
        made = Field(name, kind, self._label(tag), ids=[str(tag.get("id", ""))])
        if kind == "select":
            made.options = [
                (str(option.get("value", option.get_text())), words(option.get_text()))
                for option in tag.find_all("option")
            ]
            selected = [option for option in tag.find_all("option") if option.has_attr("selected")]
            made.chosen = [str(option.get("value", option.get_text())) for option in selected] or [
                value for value, _ in made.options[:1]
            ]
        elif kind == "textarea":
            made.chosen = [tag.get_text().removeprefix("\n")]
        elif kind != "file":
            made.chosen = [str(tag.get("value", ""))]
        return made

    def _label(self, tag: Tag) -> str:
        label = self.tag.find("label", attrs={"for": str(tag["id"])}) if tag.get("id") else None
        return _without_optional(label) if isinstance(label, Tag) else str(tag.get("aria-label", ""))

    def _legend(self, tag: Tag) -> str:
        fieldset = tag.find_parent("fieldset")
        legend = fieldset.find("legend") if isinstance(fieldset, Tag) else None
        return _without_optional(legend) if isinstance(legend, Tag) else ""

    def has(self, label: str) -> bool:
        return any(found.is_called(label) for found in self.fields)

    def button(self, text: str | None) -> Tag | None:
        """The button of this text; the first one where no text is given."""
        if text is None:
            return self.buttons[0] if self.buttons else None
        named = [one for one in self.buttons if words(one.get_text() or str(one.get("value", ""))) == text]
        if len(named) > 1:
            raise LookupError(f"{self.page.path} has {len(named)} buttons {text!r}")
        return named[0] if named else None

    def fill(self, values: Mapping[str, Value]) -> None:
        """Enter values by the labels of their fields.

        Raises:
            LookupError: there is no such field, or there are several.
        """
        for label, value in values.items():
            called = [found for found in self.fields if found.is_called(label)]
            if len(called) != 1:
                labels = [found.label or found.name for found in self.fields if not found.is_hidden]
                raise LookupError(f"{self.page.path} has {len(called)} fields {label!r}; it has {labels}")
            called[0].fill(value)


def _without_optional(tag: Tag) -> str:
    """The text of a label without what says that the answer is optional."""
    return words("".join(text for text in tag.find_all(string=True) if not _is_optional_mark(text.parent)))


def _is_optional_mark(tag: Any) -> bool:
    return isinstance(tag, Tag) and "kern-label__optional" in (tag.get("class") or [])


class PlainBrowser:
    """A browser without JavaScript that shows the pages of one origin.

    Args:
        client: with which it asks; cookies are kept in it, and it must not follow redirects.
        origin: scheme and host of the pages.
        base: the path below which they lie.
    """

    def __init__(self, client: httpx.AsyncClient, *, origin: str, base: str = "") -> None:
        self.client = client
        self.origin = origin
        self.base = base
        self.page: Page | None = None

    @property
    def cookies(self) -> httpx.Cookies:
        return self.client.cookies

    @property
    def shown(self) -> Page:
        """The page that is shown now."""
        assert self.page is not None, "the browser has not opened a page yet"
        return self.page

    # Going somewhere

    async def open(self, path: str) -> Page:
        """Type an address, below the service's own path."""
        return await self._go("GET", f"{self.origin}{self.base}{path}", site="none")

    async def reload(self) -> Page:
        """Ask for the same address again."""
        return await self._go("GET", self.shown.url, site="none")

    async def follow(self, text: str) -> Page:
        """Click on the link of this text.

        Raises:
            LookupError: there is none, or there are several that lead to different places.
        """
        found = {
            str(link["href"]) for link in self.shown.soup.find_all("a", href=True) if words(link.get_text()) == text
        }
        if len(found) != 1:
            raise LookupError(f"{self.shown.path} has {len(found)} links {text!r}; it has {list(self.shown.links)}")
        return await self._go("GET", urljoin(self.shown.url, found.pop()), site="same-origin")

    async def submit(self, values: Mapping[str, Value] | None = None, *, button: str | None = None) -> Page:
        """Fill in the form that has these fields and this button, and send it.

        Args:
            values: by label, or by name: text; the label or value of what is chosen; whether a checkbox is ticked; a `File`.
            button: its text; default: the first one of the form.

        Raises:
            LookupError: there is no such form, or there are several.
        """
        form = self._form(values or {}, button)
        form.fill(values or {})
        return await self.send(form, form.button(button))

    def _form(self, values: Mapping[str, Value], button: str | None) -> PageForm:
        forms = self.shown.forms
        fitting = [form for form in forms if all(form.has(label) for label in values) and form.button(button)]
        if len(fitting) != 1:
            labels = [[found.label or found.name for found in form.fields if not found.is_hidden] for form in forms]
            buttons = [[words(one.get_text()) for one in form.buttons] for form in forms]
            raise LookupError(
                f"{self.shown!r} has {len(fitting)} forms with {list(values)} and the button {button!r}; "
                f"fields {labels}, buttons {buttons}"
            )
        return fitting[0]

    async def send(self, form: PageForm, button: Tag | None = None) -> Page:
        """Send a form as it is filled in."""
        fields = [pair for found in form.fields for pair in found.sent]
        if button is not None and button.get("name"):
            fields.append((str(button["name"]), str(button.get("value", ""))))
        action = (
            urljoin(form.page.url, str(button["formaction"])) if button and button.get("formaction") else form.action
        )
        if form.method != "post":
            return await self._go("GET", f"{action.partition('?')[0]}?{urlencode(fields)}", site="same-origin")
        if form.is_multipart:
            kind, body = _multipart(fields, form.fields)
        else:
            kind, body = "application/x-www-form-urlencoded", urlencode(fields).encode()
        return await self._go("POST", action, site="same-origin", kind=kind, body=body)

    async def _go(self, method: str, url: str, *, site: str, kind: str = "", body: bytes = b"") -> Page:
        referer = self.page.url if self.page is not None and site == "same-origin" else ""
        history: list[str] = []
        for _ in range(MOST_REDIRECTS):
            response = await self._request(method, url, site, referer, kind, body)
            if response.is_redirect:
                history.append(urlsplit(url).path)
                following = urljoin(url, response.headers["location"])
                # A chain of redirects that has been elsewhere stays cross-site (Fetch Metadata).
                site = site if following.startswith(f"{self.origin}/") and site != "cross-site" else "cross-site"
                method, url, kind, body = "GET", following, "", b""
                continue
            self.page = Page(response, history)
            return self.page
        raise AssertionError(f"redirected in circles: {history}")

    async def _request(self, method: str, url: str, site: str, referer: str, kind: str, body: bytes) -> httpx.Response:
        if not url.startswith(f"{self.origin}/"):
            return await self._elsewhere(method, url)
        headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
        if referer:
            headers["Referer"] = referer.partition("#")[0]
        if method == "POST":
            headers |= {"Origin": self.origin, "Content-Type": kind}
        return await self.client.request(method, url.partition("#")[0], headers=headers, content=body or None)

    async def _elsewhere(self, method: str, url: str) -> httpx.Response:
        """What another host answers, where a page may lead there at all."""
        raise AssertionError(f"the page leads to another host: {method} {url}")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.aclose()


class Browser(PlainBrowser):
    """One browser on the pages of an app, and whoever sits at it.

    Args:
        language: what it says that it prefers.
    """

    def __init__(self, app: FastAPI, issuer: TestIssuer, *, language: str = "de") -> None:
        headers = {"Accept-Language": language, "Accept": "text/html"}
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN, headers=headers)
        super().__init__(client, origin=ORIGIN, base=app.state.site.web.path)
        self.app = app
        self.issuer = issuer
        self.identity: dict[str, Any] | None = None
        """The claims of whoever sits here, as the issuer would tell them; nobody can log in while it is None."""

    def another(self) -> Self:
        """Another browser on the same pages, with no cookies."""
        return type(self)(self.app, self.issuer, language=self.client.headers["Accept-Language"])

    async def _elsewhere(self, method: str, url: str) -> httpx.Response:
        if not url.startswith(f"{ISSUER}/"):
            return await super()._elsewhere(method, url)
        told = {LOGS_IN_AS: json.dumps(self.identity, default=str)} if self.identity is not None else {}
        return await self.issuer.http.request(method, url, headers=told)

    # Logging in

    async def log_in(
        self,
        *roles: Role,
        identification: Identification = "basic",
        up_to: Identification | None = None,
        back_to: str = "/",
        **claims: Any,
    ) -> Page:
        """Log in as a citizen, or as staff of this service where roles are named; see `ApiClient.as_` for the rest of `claims`.

        Args:
            identification: how surely the issuer knows them.
            up_to: how surely it could, if a page asks for more.
            back_to: where to go from there.
        """
        self.be(*roles, identification=identification, up_to=up_to, **claims)
        asked = {"return": back_to} | ({"identification": identification} if identification != "none" else {})
        return await self.open(f"/login?{urlencode(asked)}")

    def be(
        self,
        *roles: Role,
        identification: Identification = "basic",
        up_to: Identification | None = None,
        **claims: Any,
    ) -> None:
        """Sit at this browser, without logging in yet."""
        roles = roles or (Role.CITIZEN,)
        known = claims_of(self.app, *roles, **claims)
        self.identity = {
            name: str(value) if isinstance(value, UUID) else value
            for name, value in {
                "name": f"Demo {known['sub']}",
                "roles": [str(role) for role in roles],
                "identification": identification,
                "up_to": up_to,
                **known,
            }.items()
            if value is not None
        }

    async def log_out(self) -> Page:
        """Press the button in the page's head, and leave the browser to nobody."""
        if self.page is None:
            await self.open("/")
        found = [form for form in self.shown.soup.find_all("form") if str(form.get("action", "")).endswith("/logout")]
        assert len(found) == 1, f"{self.shown.path} has no button to log out"
        page = await self.send(PageForm(self.shown, found[0]))
        self.identity = None
        return page


def _multipart(fields: list[tuple[str, str]], all_fields: list[Field]) -> tuple[str, bytes]:
    """A form with files as a browser sends it; of a field in which none was chosen it sends an empty one."""
    boundary = f"----demo-{secrets.token_hex(8)}"
    parts = [(f'form-data; name="{name}"', "", value.encode()) for name, value in fields]
    for one in all_fields:
        if one.kind == "file":
            for file in one.files or [File("", b"")]:
                told = f'form-data; name="{one.name}"; filename="{file.name}"'
                parts.append((told, file.content_type, file.content))
    body = b""
    for disposition, content_type, content in parts:
        head = f"--{boundary}\r\nContent-Disposition: {disposition}\r\n"
        if content_type:
            head += f"Content-Type: {content_type}\r\n"
        body += head.encode() + b"\r\n" + content + b"\r\n"
    return f"multipart/form-data; boundary={boundary}", body + f"--{boundary}--\r\n".encode()


def stub_assets(folder: Path, web: Web | None = None) -> Path:
    """A folder with assets that are none, so that pages can be rendered without the design system.

    Args:
        web: whose own assets have their names in it as well.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = {}
    of_service = {web.templates.parent / "static"} - set(packing.CHASSIS.glob("*/static")) if web else ()
    for name in (*packing.FACES, packing.STYLE, *packing.static_files(of_service)):
        stem, _, extension = name.rpartition(".")
        names[name] = f"{stem}.0000000000000000.{extension}"
        (folder / names[name]).write_bytes(b"/* a stub */")
    (folder / "manifest.json").write_text(json.dumps(names), encoding="utf-8")
    return folder
