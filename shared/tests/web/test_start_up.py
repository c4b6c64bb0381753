"""What is found before the first request: pages that do not say who may come, missing assets, texts and settings."""

import subprocess
import sys
from dataclasses import replace

import pytest
from amtsbus.auth import Role
from amtsbus.http import create_app
from amtsbus.settings import Environment
from amtsbus.testing.browsing import stub_assets
from amtsbus.web import Web, machines, pages, people, staff, visitors
from amtsbus.web.app import guarded_routes
from amtsbus.web.errors import AssetsMissingError, UnguardedPageError, WebNotConfiguredError
from fastapi import APIRouter

from .baths import BATHS, WEB


async def endpoint() -> None:
    """Nothing."""


def web_with(router: APIRouter) -> Web:
    return replace(WEB, routers=(router,))


def test_a_page_that_does_not_say_who_may_come_is_named_and_refused():
    router = pages(prefix="/lanes")
    router.get("/open-by-mistake")(endpoint)
    with pytest.raises(UnguardedPageError, match=r"GET /lanes/open-by-mistake: say who may come, once"):
        guarded_routes(web_with(router))


def test_a_page_that_says_it_twice_is_refused():
    router = pages(dependencies=[visitors()])
    router.get("/x", dependencies=[people()])(endpoint)
    with pytest.raises(UnguardedPageError, match="once"):
        guarded_routes(web_with(router))


def test_a_rule_for_a_whole_router_holds():
    router = pages(dependencies=[staff(Role.LEAD)])
    router.get("/x")(endpoint)
    [route] = guarded_routes(web_with(router))
    assert route.guards[0].roles == {Role.LEAD}


def test_a_route_of_an_ordinary_router_or_of_a_router_inside_a_router_is_refused():
    ordinary = APIRouter()
    ordinary.get("/x", dependencies=[visitors()])(endpoint)
    inner, outer = pages(), pages()
    inner.get("/inner", dependencies=[visitors()])(endpoint)
    outer.include_router(inner)
    for router in (ordinary, outer):
        with pytest.raises(UnguardedPageError):
            guarded_routes(web_with(router))


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_a_method_that_no_form_can_send_is_refused(method):
    router = pages()
    router.api_route("/x", methods=[method], dependencies=[visitors()])(endpoint)
    with pytest.raises(UnguardedPageError, match="GET and POST"):
        guarded_routes(web_with(router))


def test_a_program_sends_a_post():
    router = pages()
    router.get("/x", dependencies=[machines()])(endpoint)
    with pytest.raises(UnguardedPageError, match="POST"):
        guarded_routes(web_with(router))


@pytest.mark.parametrize("roles", [(), (Role.CITIZEN,), (Role.CITIZEN, Role.CLERK)])
def test_staff_are_named_by_roles_of_staff(roles):
    with pytest.raises(ValueError, match="staff"):
        staff(*roles)


def test_a_level_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="substantial"):
        people(identification="very high")  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["desk", "/desk/", "/"])
def test_a_path_of_pages_is_written_as_one(path):
    with pytest.raises(ValueError, match="like /desk"):
        replace(WEB, path=path)


@pytest.fixture
def settings(tmp_path):
    def make(**overrides):
        known = {
            "database_url": "postgresql://nobody@127.0.0.1:1/none",
            "environment": Environment.DEVELOPMENT,
            "assets": stub_assets(tmp_path / "assets"),
        }
        return BATHS.settings.load("baths", **(known | overrides))

    return make


def test_without_assets_the_command_that_makes_them_is_named(settings, tmp_path):
    with pytest.raises(AssetsMissingError, match=r"python -m amtsbus\.web\.packing"):
        create_app(BATHS, settings(assets=tmp_path))


def test_in_production_pages_need_an_address_and_a_client(settings):
    production = {"environment": Environment.PRODUCTION, "oidc_issuer": "https://issuer.test"}
    with pytest.raises(WebNotConfiguredError, match="BATHS_WEB_ADDRESS"):
        create_app(BATHS, settings(**production))
    with pytest.raises(WebNotConfiguredError, match="BATHS_OIDC_CLIENT_ID"):
        create_app(BATHS, settings(**production, web_address="https://baths.example.org"))
    with pytest.raises(ValueError, match="WEB_ADDRESS must be https"):
        settings(**production, web_address="http://baths.example.org")
    create_app(BATHS, settings(**production, web_address="https://baths.example.org", oidc_client_id="baths"))


@pytest.mark.parametrize("address", ["baths.example.org", "https://baths.example.org/", "https://a@b", "ftp://x"])
def test_an_address_is_scheme_and_host(settings, address):
    with pytest.raises(ValueError, match="web_address"):
        settings(web_address=address)


def test_the_apis_document_needs_neither_assets_nor_settings():
    assert "/v1/lanes" in create_app(BATHS).openapi()["paths"]


def test_a_service_without_pages_loads_nothing_of_them(tmp_path):
    program = (
        "import sys; from amtsbus.service import Service; from amtsbus.http import create_app, routes\n"
        "class Parks(Service):\n    version = '1'\n"
        "create_app(Parks(name='parks', title='Parks', published=(), routers=(routes(),)))\n"
        "print([name for name in sys.modules if name.startswith(('jinja2', 'amtsbus.web'))])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert told.stdout.strip() == "[]"


def test_a_worker_that_imports_pages_loads_no_template_engine_and_no_cryptography(tmp_path):
    program = (
        "import sys, amtsbus.web, amtsbus.service\n"
        "print([name for name in sys.modules if name.startswith(('jinja2', 'joserfc', 'httpx'))])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert told.stdout.strip() == "[]"
