"""Who comes where: every page of the desk, tried with every role."""

from uuid import UUID

import pytest
from amtsbus.auth import STAFF_ROLES, Role
from amtsbus.desk.pages.viewing import EVERYBODY, READERS, WORKERS

C = "{case_id}"
PLACES = {
    ("GET", ""): EVERYBODY,
    ("GET", "/"): EVERYBODY,
    ("POST", "/search"): READERS,
    ("GET", "/live"): READERS,
    ("GET", f"/cases/{C}/live"): READERS,
    ("GET", f"/cases/{C}/documents/{{document_id}}"): READERS,
    ("GET", f"/cases/{C}/documents/{{document_id}}/file"): READERS,
    ("GET", f"/cases/{C}"): READERS,
    ("GET", f"/cases/{C}/actions/{{action}}"): READERS,
    ("POST", f"/cases/{C}/actions/{{action}}"): WORKERS,
    ("GET", "/absence"): WORKERS,
    ("POST", "/absence"): WORKERS,
    ("GET", "/texts"): WORKERS,
    ("GET", "/texts/new"): (Role.LEAD,),
    ("POST", "/texts/new"): (Role.LEAD,),
    ("GET", "/texts/{text_block_id}"): (Role.LEAD,),
    ("POST", "/texts/{text_block_id}"): (Role.LEAD,),
    ("GET", "/lead"): (Role.LEAD,),
    ("GET", "/audit"): (Role.AUDITOR,),
    ("POST", "/audit"): (Role.AUDITOR,),
    ("GET", "/operations"): (Role.OPERATOR,),
    ("POST", "/operations/retry"): (Role.OPERATOR,),
    ("POST", "/operations/skip"): (Role.OPERATOR,),
}


def test_every_page_says_who_may_come_as_it_is_written_here(service):
    assert service.web is not None
    found = {
        (method, route.path): route.guards[0].roles
        for router in service.web.routers
        for route in router.routes
        for method in route.methods
        if method != "HEAD"
    }
    assert found == {place: frozenset(roles) for place, roles in PLACES.items()}


def _address(path: str, case_id: UUID) -> str:
    return path.format(case_id=case_id, document_id="plan", action="note", text_block_id=case_id)


@pytest.mark.parametrize("role", sorted(STAFF_ROLES))
async def test_a_role_comes_where_it_may_and_nowhere_else(browser, request_, role):
    case_id = await request_()
    await browser.log_in(role, sub=f"demo-{role}")
    for (method, path), roles in PLACES.items():
        if path.endswith("/live"):
            continue  # a stream has no end; see test_live
        address = _address(path, case_id)
        if method == "GET":
            status = (await browser.open(address)).status
        else:
            page = await browser.open("/operations" if role is Role.OPERATOR else "/")
            form = next(one for one in page.forms or [] if one.method == "post") if _has_form(page) else None
            if form is None:
                continue
            form.tag["action"] = f"{browser.base}{address}"
            status = (await browser.send(form)).status
        assert (status == 403) == (role not in roles), f"{method} {path} is {status} for {role}"


def _has_form(page) -> bool:
    return any(one.method == "post" for one in page.forms)


async def test_staff_of_another_department_and_citizens_come_nowhere(browser, request_):
    case_id = await request_("Demo-Ada")
    for claims in ({"department": "elsewhere"}, None):
        async with browser.another() as stranger:
            if claims:
                await stranger.log_in(Role.CLERK, Role.LEAD, Role.AUDITOR, Role.OPERATOR, sub="stranger", **claims)
            else:
                await stranger.log_in()
            for method, path in PLACES:
                if method == "GET":
                    page = await stranger.open(_address(path, case_id))
                    assert page.status == 403, path
                    assert "Demo-Ada" not in page.response.text


async def test_who_is_not_logged_in_is_sent_to_log_in_and_comes_back(browser, request_):
    case_id = await request_("Demo-Ada")
    browser.be(Role.CLERK, sub="clara")
    page = await browser.open(f"/cases/{case_id}")
    assert (page.status, page.path) == (200, f"/desk/cases/{case_id}")
