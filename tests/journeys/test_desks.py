"""Who works for a department with code of its own logs in at its desk in the town, and nobody else's staff does."""

import pytest

from tests.browser.town import RunningTown as CityTown
from tests.browser.walking import CityBrowser

from .conftest import RunningTown

DEPARTMENTS = ("permits", "schooling", "registration")

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize("department", DEPARTMENTS)
@pytest.mark.parametrize(
    ("role", "path"), [("clerk", "/"), ("lead", "/lead"), ("auditor", "/audit"), ("operator", "/operations")]
)
async def test_the_demo_staff_log_in_at_their_desk(town: RunningTown, department: str, role: str, path: str) -> None:
    async with CityBrowser(CityTown(town.home), f"{role}-{department}", office=department) as browser:
        page = await browser.open(path)
        assert (page.status, page.path) == (200, f"/desk{path}")
        assert f"{role}-{department}" in page.response.text


@pytest.mark.parametrize("department", DEPARTMENTS)
async def test_the_staff_of_another_department_are_nobody_there(town: RunningTown, department: str) -> None:
    async with CityBrowser(CityTown(town.home), "clerk-notifications", office=department) as browser:
        assert (await browser.open("/")).status == 403
