"""What is found before the first request: routes without a rule, and what the API says about itself."""

import pytest
from amtsbus.auth import PUBLIC, Role, allow
from amtsbus.http import UnguardedRouteError, create_app, routes
from amtsbus.testing.tokens import ApiClient
from fastapi import APIRouter

from .parks import PARKS, ParksService


def service_with(router: APIRouter) -> ParksService:
    return ParksService(name="parks", title="Parks", published=(), routers=(router,))


async def endpoint() -> int:
    return 1


def test_a_route_without_a_rule_is_named_and_refused():
    router = routes(prefix="/v1/trees")
    router.get("/open-by-mistake")(endpoint)
    with pytest.raises(UnguardedRouteError, match="GET /v1/trees/open-by-mistake"):
        create_app(service_with(router))


def test_a_route_of_an_ordinary_router_is_refused():
    router = APIRouter()
    router.get("/ordinary", dependencies=[allow(PUBLIC)])(endpoint)
    with pytest.raises(UnguardedRouteError, match="GET /ordinary"):
        create_app(service_with(router))


def test_a_router_inside_a_router_is_refused_because_nobody_would_see_its_rules():
    inner, outer = routes(), routes()
    inner.get("/inner", dependencies=[allow(PUBLIC)])(endpoint)
    outer.include_router(inner)
    with pytest.raises(UnguardedRouteError):
        create_app(service_with(outer))


def test_two_rules_are_refused():
    router = routes(dependencies=[allow(PUBLIC)])
    router.get("/x", dependencies=[allow(Role.LEAD)])(endpoint)
    with pytest.raises(UnguardedRouteError, match="once"):
        create_app(service_with(router))


def test_a_rule_for_a_whole_router_holds():
    router = routes(dependencies=[allow(Role.LEAD)])
    router.get("/x")(endpoint)
    create_app(service_with(router))


def test_a_post_cannot_be_public():
    router = routes()
    router.post("/x", dependencies=[allow(PUBLIC)])(endpoint)
    with pytest.raises(UnguardedRouteError, match="PUBLIC"):
        create_app(service_with(router))


@pytest.mark.parametrize("who", [(), (PUBLIC, Role.CLERK)])
def test_a_rule_that_says_nothing_or_everything_is_refused(who):
    with pytest.raises(ValueError, match="allow"):
        allow(*who)


async def test_the_openapi_document_tells_everything_that_a_client_needs(client: ApiClient):
    document = (await client.get("/openapi.json")).json()
    assert (document["info"]["title"], document["info"]["version"]) == ("Parks department", "1.2.3")
    post = document["paths"]["/v1/trees"]["post"]
    assert post["security"] == [{"bearer": []}]
    assert "For citizen." in post["description"]
    assert [p["name"] for p in post["parameters"] if p["required"]] == ["Idempotency-Key"]
    assert set(post["responses"]) == {
        *("201", "400", "401", "403", "404", "408", "409", "413", "415", "422", "500", "503"),
    }
    for status, answer in post["responses"].items():
        if status != "201":
            assert list(answer["content"]) == ["application/problem+json"]
    put = document["paths"]["/v1/trees/{tree_id}/plaque"]["put"]
    assert {"412", "428"} <= set(put["responses"])
    [if_match] = [p for p in put["parameters"] if p["name"] == "If-Match"]
    assert if_match["required"]
    assert document["paths"]["/v1/trees"]["get"]["security"] == []
    assert "HTTPValidationError" not in str(document)
    assert "/livez" not in document["paths"]


def test_the_openapi_document_needs_no_settings_and_is_the_same_each_time():
    assert create_app(PARKS).openapi() == create_app(PARKS).openapi()


async def test_the_documentation_page_needs_nobody_elses_server(client: ApiClient):
    page = await client.get("/docs")
    assert page.status_code == 200
    assert "http:" not in page.text
    assert "https:" not in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    for asset in ("docs/swagger-ui-bundle.js", "docs/swagger-ui.css", "docs/start.js"):
        assert asset in page.text
        answer = await client.get(f"/{asset}")
        assert answer.status_code == 200
        assert len(answer.content) > 100
    assert (await client.get("/docs/main.py")).status_code == 404


def test_the_transaction_is_no_parameter_of_the_api():
    document = create_app(PARKS).openapi()
    names = {p["name"] for path in document["paths"].values() for op in path.values() for p in op.get("parameters", [])}
    assert names == {"Idempotency-Key", "If-Match", "after", "limit", "seconds", "species", "times", "tree_id"}
