"""Who comes where: every page of the desk, tried with every role."""

from amtsbus.auth import Role
from amtsbus.testing.desks import check_places, check_roles, check_strangers


def test_every_page_says_who_may_come_as_it_is_written_down(service):
    check_places(service.web)


async def test_a_role_comes_where_it_may_and_nowhere_else(browser, request_):
    await check_roles(browser, await request_())


async def test_staff_of_another_department_and_citizens_come_nowhere(browser, request_):
    await check_strangers(browser, await request_("Demo-Ada"), "Demo-Ada")


async def test_who_is_not_logged_in_is_sent_to_log_in_and_comes_back(browser, request_):
    case_id = await request_("Demo-Ada")
    browser.be(Role.CLERK, sub="clara")
    page = await browser.open(f"/cases/{case_id}")
    assert (page.status, page.path) == (200, f"/desk/cases/{case_id}")
