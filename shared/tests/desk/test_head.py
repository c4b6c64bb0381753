"""The head of every page of a desk."""

from amtsbus.auth import Role


async def test_a_desk_is_called_by_its_department_in_the_language_of_the_page(browser):
    page = await browser.log_in(Role.CLERK, sub="clara", name="Clara Demo")
    assert page.soup.select_one(".city-name").get_text() == "Anträge"
    page = await browser.open("/?language=en")
    assert page.soup.select_one(".city-name").get_text() == "Requests"
