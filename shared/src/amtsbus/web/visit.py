"""One request for a page: who came, in which language, what is remembered of them, and the ways to answer."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import structlog
from fastapi import Depends
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from amtsbus.auth import Caller, Role
from amtsbus.telemetry import current_traceparent
from amtsbus.web import languages, protection, sessions
from amtsbus.web.declaration import Identification
from amtsbus.web.errors import ForgedRequestError, PageError
from amtsbus.web.forms import FORM_BYTES, Form, Limits, read_body, read_form
from amtsbus.web.guards import Guard
from amtsbus.web.languages import Language, MissingTextError
from amtsbus.web.sessions import Session
from amtsbus.web.site import Site, compressed

if TYPE_CHECKING:
    from amtsbus.postgres import Database, Tx
    from amtsbus.settings import Settings

log = structlog.get_logger(__name__)

LANGUAGE_COOKIE: Final = "language"
A_YEAR_SECONDS: Final = 365 * 24 * 3600
_NOTICES: Final = "kit.notices"
_VISIT: Final = "amtsbus.visit"


class PageVisit:
    """One request for a page. An endpoint asks for it as `visit: Visit`."""

    def __init__(self, request: Request, site: Site, token: str | None = None, session: Session | None = None) -> None:
        self.request = request
        self.site = site
        self.limits = Limits()
        self.keeps_changes = False
        self._token = token
        self._found = session
        self._session = replace(session, data=dict(session.data)) if session else None
        self._form: Form | None = None
        self._body: bytes | None = None
        self._remembered: dict[str, Any] = {}
        self._forgotten: set[str] = set()
        self._begins = False
        self._ends: str | None = None
        self._new_token: str | None = None
        self.caller = self._caller()
        self.language, self._chosen = self._languages()

    def afresh(self) -> "PageVisit":
        """The same request, of which nothing has been done yet: for the page that says why it could not be."""
        return PageVisit(self.request, self.site, self._token, self._found)

    # Who came

    @property
    def session(self) -> Session | None:
        """What is known of whoever sits at the browser; None while nothing has to be remembered."""
        return self._session

    caller: Caller | None
    """Who is logged in, with the roles that count in this service."""

    def _caller(self) -> Caller | None:
        return self._session.caller(self.site.service) if self._session else None

    @property
    def client_address(self) -> str:
        """Where the request came from, as the server sees it (behind a proxy: as the proxy that it trusts says)."""
        return self.request.client.host if self.request.client else ""

    def require(self, *, identification: Identification) -> None:
        """Go on only for a citizen who is identified at least like this; `none` asks for nothing.

        Raises:
            LoginNeededError: the browser is sent to log in, and comes back to this page.
            ForbiddenError: somebody else than a citizen is logged in.
        """
        if identification != "none":
            Guard("people", identification, frozenset({Role.CITIZEN})).check(self._session, self.caller)

    # What is remembered

    def open_session(self) -> Session:
        """The session, a new one where there was none; it is kept with the page's transaction."""
        if self._session is None:
            secret = protection.secret_before_session(self._token) if self._token else None
            self._session = Session(form_secret=secret) if secret else Session()
            self._begins = True
        return self._session

    def remember(self, key: str, value: Any) -> None:
        """Keep a JSON value in the session until it ends."""
        self.open_session().data[key] = value
        self._remembered[key] = value
        self._forgotten.discard(key)

    def recall(self, key: str, default: Any = None) -> Any:
        """What was remembered under `key`."""
        return self._session.data.get(key, default) if self._session else default

    def forget(self, key: str) -> None:
        """Remember `key` no longer."""
        if self._session is not None and key in self._session.data:
            del self._session.data[key]
            self._remembered.pop(key, None)
            self._forgotten.add(key)

    def notice(self, key: str, kind: str = "success", **values: Any) -> None:
        """Say the text `key` once, on the next page that is shown.

        Args:
            kind: `success`, `info`, `warning` or `danger`.
        """
        self.remember(_NOTICES, [*self.recall(_NOTICES, []), {"key": key, "kind": kind, "values": values}])

    def log_in(self, session: Session) -> None:
        """From now on the browser has `session`, under a new token; the old one is worth nothing any more."""
        self._ends = self._token
        self._session = session
        self._begins = True
        self.caller = self._caller()

    def log_out(self) -> None:
        """The session is over, and the browser forgets its token."""
        self._ends = self._token
        self._session = None
        self._begins = False
        self._remembered, self._forgotten = {}, set()
        self.caller = None

    async def save(self, tx: "Tx | None") -> None:
        """Write what has to be remembered, in the page's transaction or in one of its own."""
        if not (self._begins or self._ends or self._remembered or self._forgotten):
            return
        if tx is None:
            async with self.site.database.transaction() as own:
                await self._write(own)
        else:
            await self._write(tx)

    async def _write(self, tx: "Tx") -> None:
        try:
            if self._ends:
                await sessions.end(tx, self._ends)
            if self._begins and self._session is not None:
                self._new_token = sessions.new_token()
                await sessions.begin(tx, self._new_token, self._session, self.site.web.audience)
            elif self._token and self._session is not None:
                await sessions.remember(tx, self._token, self._remembered, self._forgotten)
        except ValueError as error:
            raise PageError(413, str(error)) from error

    def dress(self, answer: Response) -> None:
        """Put the cookies of this visit onto its answer."""
        secure = self.site.is_secure(self.request)
        name = self.site.cookie(self.request)
        if self._new_token:
            answer.set_cookie(name, self._new_token, path="/", secure=secure, httponly=True, samesite="lax")
        elif self._ends:
            answer.delete_cookie(name, path="/", secure=secure, httponly=True, samesite="lax")
        if self._chosen:
            answer.set_cookie(
                LANGUAGE_COOKIE,
                self.language,
                max_age=A_YEAR_SECONDS,
                path="/",
                secure=secure,
                httponly=True,
                samesite="lax",
            )

    # Forms

    async def form(self) -> Form:
        """The form that was sent; it is read once.

        Raises:
            PageError: it is malformed or too large.
        """
        if self._form is None:
            self._form = await read_form(self.request, self.limits)
        return self._form

    async def take_over(self, other: "PageVisit") -> None:
        """What `other` has read of the same request."""
        self._form, self._body = other._form, other._body
        if self._form is not None:
            await self._form.rewind()

    async def close_form(self) -> None:
        """Let go of the files that were sent."""
        if self._form is not None:
            await self._form.close()

    async def body(self) -> bytes:
        """What a program sent to a page of `machines()`.

        Raises:
            PageError: 413, it is larger than a form may be.
        """
        if self._body is None:
            self._body = await read_body(self.request, max(FORM_BYTES, self.limits.limit_bytes))
        return self._body

    def form_token(self) -> str:
        """What a form of this visitor carries, so that nobody else's is taken for it."""
        return protection.masked(self.form_secret(give=True))

    def form_secret(self, *, give: bool = False) -> bytes:
        """The secret that the visitor's forms carry masked.

        Args:
            give: begin with a new one where the browser has none yet.

        Raises:
            ForgedRequestError: it has none, and none was to be given.
        """
        if self._session is not None:
            return self._session.form_secret
        if self._token is None:
            if not give:
                raise ForgedRequestError("the browser has no cookie of ours")
            self._token = self._new_token = sessions.new_token()
        return protection.secret_before_session(self._token)

    # Language

    def _languages(self) -> tuple[Language, bool]:
        """The language of the page, and whether it was chosen with this request."""
        known = self.site.catalogue.languages
        asked = self.request.query_params.get("language")
        kept = self.request.cookies.get(LANGUAGE_COOKIE)
        told = self._session.language if self._session else None
        for choice in (asked, kept, told):
            for language in known:
                if choice == language:
                    return language, choice == asked and choice != kept
        return languages.preferred(self.request.headers.get("accept-language", ""), known), False

    def t(self, key: str, **values: Any) -> str:
        """The text `key` in the language of the page.

        Raises:
            MissingTextError: there is none. In production the key is shown instead, and the log names it.
        """
        try:
            return self.site.catalogue.text(self.language, key, values)
        except MissingTextError as error:
            if not self.site.is_production:
                raise
            log.error("text-missing", reason=str(error))
            return key

    @property
    def other_language(self) -> Language:
        """German for readers of English, and English for everybody else."""
        return "de" if self.language == "en" else "en"

    def in_other_language(self, key: str, **values: Any) -> str:
        """The text `key` in the other language."""
        return self.site.catalogue.text(self.other_language, key, values)

    def language_links(self) -> list[tuple[str, str, str]]:
        """Code, name and address of this page in every other language."""
        path = self._address() if self.request.method == "GET" else self.url(self.back_to or "/")
        parts = urlsplit(path)
        kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != "language"]
        return [
            (code, languages.NAMES[code], f"{parts.path}?{urlencode([*kept, ('language', code)])}")
            for code in self.site.catalogue.languages
            if code != self.language
        ]

    # Addresses

    def url(self, path: str) -> str:
        """The address of one of this service's pages, for links."""
        return self.site.web.path + path if path.startswith("/") else path

    def absolute(self, path: str) -> str:
        """The same with scheme and host, for letters and for other servers."""
        return self.site.origin(self.request) + self.url(path)

    def _address(self) -> str:
        scope = self.request.scope
        path = quote(scope["path"], safe="/~:@!$&'()*+,;=-._")
        query = scope["query_string"].decode("ascii", "ignore")
        return f"{path}?{query}" if query else path

    @property
    def here(self) -> str:
        """This page's path with its query, below the service's own; where a form was sent: the page that held it."""
        if self.request.method != "GET":
            return self.back_to or "/"
        return self._below(self._address()) or "/"

    @property
    def back_to(self) -> str | None:
        """The page of ours that the visitor comes from."""
        parts = urlsplit(self.request.headers.get("referer", "")[:2000])
        if f"{parts.scheme}://{parts.netloc}".lower() != self.site.origin(self.request).lower():
            return None
        return self._below(f"{parts.path}?{parts.query}" if parts.query else parts.path)

    def _below(self, address: str) -> str | None:
        prefix = self.site.web.path
        below = address.removeprefix(prefix) if address.startswith(f"{prefix}/") else None
        return below if below and is_own_path(below) else None

    # Time

    @property
    def now(self) -> datetime:
        """The service's clock."""
        return self.site.database.clock.now()

    @property
    def today(self) -> date:
        """The local date of the service's clock."""
        return self.site.database.clock.today()

    @property
    def database(self) -> "Database":
        return self.site.database

    @property
    def settings(self) -> "Settings":
        return self.site.settings

    # Answers

    def render(
        self,
        template: str,
        status: int = 200,
        *,
        keep_changes: bool = False,
        headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> HTMLResponse:
        """A page.

        Args:
            keep_changes: commit the page's transaction although the status is 400 or above (a form with mistakes, of which the
                rest is kept).
            context: what the template is given.
        """
        self.keeps_changes = keep_changes
        content = self.site.templates.get_template(template).render(self._context() | context).encode()
        body, encoding = compressed(content, self.request)
        return HTMLResponse(
            body,
            status,
            headers={
                "Content-Language": languages.html_language(self.language),
                "Content-Security-Policy": self.site.policy(),
                **encoding,
                **(headers or {}),
            },
        )

    def _context(self) -> dict[str, Any]:
        return {
            "visit": self,
            "t": self.t,
            "url": self.url,
            "asset": self._asset,
            "csrf": self._hidden_token,
            "errors": {},
            "language": self.language,
            "session": self._session,
            "caller": self.caller,
            "city": self.site.name(self.language),
            "web": self.site.web,
            "notices": self._take_notices(),
            "can_log_in": self.site.login is not None,
            "reference": reference(),
        }

    def _asset(self, name: str) -> str:
        return self.url(f"/assets/{self.site.assets.hashed(name)}")

    def _hidden_token(self) -> Any:
        from markupsafe import Markup

        return Markup('<input type="hidden" name="{}" value="{}">').format(protection.FORM_FIELD, self.form_token())

    def _take_notices(self) -> list[tuple[str, str]]:
        """Kind and text of what is to be said once."""
        notices = self.recall(_NOTICES, [])
        self.forget(_NOTICES)
        return [(one["kind"], self.t(one["key"], **one["values"])) for one in notices]

    def go(self, path: str) -> RedirectResponse:
        """Send the browser on to a page of this service (303: with GET, whatever was sent here).

        Raises:
            ValueError: it is not a path.
        """
        if not is_own_path(path):
            raise ValueError("visit.go takes a path of this service")
        return RedirectResponse(self.url(path), 303)

    def go_to_log_in(self, identification: Identification) -> RedirectResponse:
        """Send the browser to log in, and back here."""
        asked = {"return": self.here} | ({"identification": identification} if identification != "none" else {})
        return self.go(f"/login?{urlencode(asked)}")


def is_own_path(path: str) -> bool:
    """Whether a browser takes `path` as an address on the same host, whatever it is given.

    Not `//host`, nor `/\\host`, which browsers read alike, nor anything that they would leave out of it.
    """
    return (
        path.startswith("/")
        and not path.startswith(("//", "/\\"))
        and all(" " < sign < "\x7f" and sign != "\\" for sign in path)
    )


def reference() -> str:
    """What somebody names when they ask for help: the trace id, in groups that can be read out."""
    traceparent = current_traceparent()
    return traceparent.split("-")[1] if traceparent else ""


def put_visit(request: Request, visit: PageVisit) -> None:
    """Make `visit` the one that an endpoint gets."""
    request.scope[_VISIT] = visit


def visit_of(request: Request, default: PageVisit) -> PageVisit:
    """The visit that has begun with this request, or `default`."""
    visit: PageVisit = request.scope.get(_VISIT, default)
    return visit


async def current_visit(request: Request) -> PageVisit:
    """What `Visit` gives to an endpoint."""
    visit: PageVisit = request.scope[_VISIT]
    return visit


Visit = Annotated[PageVisit, Depends(current_visit)]
"""The request for the page, of an endpoint of `pages()`."""
