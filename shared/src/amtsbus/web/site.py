"""What the pages of one service share while the process lives."""

import gzip
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from starlette.datastructures import State
from starlette.requests import Request

from amtsbus.settings import Environment, Settings
from amtsbus.web import languages
from amtsbus.web.answers import accepted_encodings
from amtsbus.web.declaration import Web
from amtsbus.web.errors import WebNotConfiguredError
from amtsbus.web.languages import Catalogue
from amtsbus.web.protection import content_policy
from amtsbus.web.rates import RateLimit

if TYPE_CHECKING:
    import jinja2

    from amtsbus.postgres import Database
    from amtsbus.web.assets import Assets
    from amtsbus.web.oidc import LoginClient

TEMPLATES: Final = Path(__file__).parent / "templates"
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
WORTH_COMPRESSING: Final = 1400
"""Bytes; what is smaller fits into one packet anyway."""


@dataclass
class Site:
    """The pages of one service: texts, templates, assets, and who logs people in."""

    web: Web
    service: str
    settings: Settings
    assets: "Assets"
    state: State
    """The app's: its database is known from the start of the process on."""
    login: "LoginClient | None" = None
    catalogue: Catalogue = field(init=False)
    logins_of_address: RateLimit = field(default_factory=lambda: RateLimit(60, per_seconds=60))
    """Steps of log-ins; a library or an office comes by one address."""
    logins_of_session: RateLimit = field(default_factory=lambda: RateLimit(10, per_seconds=60))

    def __post_init__(self) -> None:
        if self.is_production:
            for name, value in (
                ("WEB_ADDRESS", self.settings.web_address),
                ("OIDC_CLIENT_ID", self.settings.oidc_client_id),
            ):
                if not value:
                    raise WebNotConfiguredError(f"{self.service.upper()}_{name} is missing; its pages need it")
        self.catalogue = Catalogue.read(languages.OF_KIT, *self.web.shared_languages, self.web.languages)

    @property
    def is_production(self) -> bool:
        return self.settings.environment is Environment.PRODUCTION

    @property
    def database(self) -> "Database":
        database: Database = self.state.database
        return database

    def name(self, language: str) -> str:
        """What stands at the head of every page."""
        title = self.web.title
        if isinstance(title, str):
            return self.settings.city or title or self.service
        return title.get(language) or title.get("de") or self.service

    def origin(self, request: Request) -> str:
        """Scheme and host of the pages as browsers see them."""
        return self.settings.web_address or f"{request.url.scheme}://{request.headers.get('host', '')}"

    def knows_host(self, request: Request) -> bool:
        """Whether the request asks for the host that the pages live at, where one is set."""
        known = self.settings.web_address
        return not known or request.headers.get("host", "").lower() == urlsplit(known).netloc.lower()

    def is_secure(self, request: Request) -> bool:
        """Whether browsers come by TLS."""
        return self.origin(request).startswith("https:")

    def wants_strict_transport(self, request: Request) -> bool:
        """Whether browsers are to come by TLS only from now on; a developer's own machine is not to be pinned to that."""
        return self.is_secure(request) and urlsplit(self.origin(request)).hostname not in LOOPBACK

    def cookie(self, request: Request) -> str:
        """The name of the session's cookie. By TLS no other host and no subdomain can set it (RFC 6265bis § 4.1.3.2).

        Without TLS, in development only, it names the service: there all services are one host to a browser, whatever the port.
        """
        return "__Host-amtsbus" if self.is_secure(request) else f"amtsbus-{self.service}"

    def policy(self) -> str:
        """The Content-Security-Policy of a page."""
        return content_policy(self.login.origins if self.login else ())

    @cached_property
    def templates(self) -> "jinja2.Environment":
        """The template engine: it escapes everything, and refuses names that nothing was given for."""
        import jinja2

        from amtsbus.web.compiled import in_this_process

        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader([self.web.templates, *self.web.shared_templates, TEMPLATES]),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=not self.is_production,
            bytecode_cache=in_this_process(),
        )
        environment.filters["field_id"] = field_id
        environment.globals["html_language"] = languages.html_language
        environment.filters["date"] = _in_language(languages.written_date)
        environment.filters["moment"] = _in_language(languages.written_moment)
        environment.filters["money"] = _in_language(languages.written_money)
        return environment


def _in_language(write: Any) -> Any:
    """A filter that writes its value in the language of the page."""
    import jinja2

    @jinja2.pass_context
    def filter_in_language(context: "jinja2.runtime.Context", value: Any) -> str:
        return str(write(context["language"], value))

    return filter_in_language


def field_id(name: str) -> str:
    """The id of the field `name`: what is not a letter, a digit, `-` or `_` becomes `-`."""
    return "".join(sign if sign.isascii() and (sign.isalnum() or sign in "-_") else "-" for sign in name)


def compressed(content: bytes, request: Request) -> tuple[bytes, dict[str, str]]:
    """A page as it travels, and the headers that say so."""
    if len(content) < WORTH_COMPRESSING or "gzip" not in accepted_encodings(request):
        return content, {"Vary": "Accept-Encoding"}
    return gzip.compress(content, 5, mtime=0), {"Vary": "Accept-Encoding", "Content-Encoding": "gzip"}
