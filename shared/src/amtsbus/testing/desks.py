"""That a desk shows everybody their part and nothing else: for a test of each department with a desk."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final
from uuid import UUID

from amtsbus.auth import STAFF_ROLES, Role
from amtsbus.desk.pages.viewing import EVERYBODY, READERS, WORKERS
from amtsbus.testing.browsing import Browser, Page
from amtsbus.web import Web

_C: Final = "{case_id}"
PLACES: Final[Mapping[tuple[str, str], tuple[Role, ...]]] = {
    ("GET", ""): EVERYBODY,
    ("GET", "/"): EVERYBODY,
    ("POST", "/search"): READERS,
    ("GET", "/live"): READERS,
    ("GET", f"/cases/{_C}/live"): READERS,
    ("GET", f"/cases/{_C}/documents/{{document_id}}"): READERS,
    ("GET", f"/cases/{_C}/documents/{{document_id}}/file"): READERS,
    ("GET", f"/cases/{_C}"): READERS,
    ("GET", f"/cases/{_C}/actions/{{action}}"): READERS,
    ("POST", f"/cases/{_C}/actions/{{action}}"): WORKERS,
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
"""Who comes where: by method and path below the desk's own address."""


def check_places(web: Web | None) -> None:
    """Fail where a desk has other pages than `PLACES`, or shows one of them to others.

    Raises:
        AssertionError: with what was found.
    """
    assert web is not None, "the service has no pages"
    found = {
        (method, route.path): route.guards[0].roles  # type: ignore[attr-defined] # all are pages, which have guards
        for router in web.routers
        for route in router.routes
        for method in route.methods  # type: ignore[attr-defined] # as above
        if method != "HEAD"
    }
    assert found == {place: frozenset(roles) for place, roles in PLACES.items()}


async def check_roles(browser: Browser, case_id: UUID) -> None:
    """Try every page of a desk with every role of its staff; fail where one comes where it may not, or the other way round.

    Args:
        browser: before the desk, with nobody logged in.
        case_id: a case of the department.

    Raises:
        AssertionError: with what was found.
    """
    wrong = []
    for role in sorted(STAFF_ROLES):
        async with browser.another() as somebody:
            await somebody.log_in(role, sub=f"demo-{role}")
            for (method, path), roles in PLACES.items():
                status = None if path.endswith("/live") else await _status(somebody, method, path, case_id, role)
                if status is not None and (status == 403) == (role in roles):  # a stream has no end
                    wrong.append(f"{method} {path} is {status} for {role}")
    assert wrong == []


async def check_strangers(browser: Browser, case_id: UUID, *secrets: str) -> None:
    """Try every page as staff of another department, as a citizen and as nobody: they see nothing.

    Args:
        secrets: texts that must stand on no page that they get.

    Raises:
        AssertionError: with what was found.
    """
    wrong = []
    for stranger in ("elsewhere", "citizen"):
        async with browser.another() as somebody:
            if stranger == "citizen":
                await somebody.log_in()
            else:
                roles = (Role.CLERK, Role.LEAD, Role.AUDITOR, Role.OPERATOR)
                await somebody.log_in(*roles, sub="stranger", department=stranger)
            for method, path in PLACES:
                if method == "GET":
                    page = await somebody.open(address_of(path, case_id))
                    if page.status != 403 or any(secret in page.response.text for secret in secrets):
                        wrong.append(f"{path} is {page.status} for {stranger}")
    assert wrong == []


def address_of(path: str, case_id: UUID) -> str:
    """The address of one of `PLACES` for a case."""
    return path.format(case_id=case_id, document_id="1", action="note", text_block_id=case_id)


async def _status(browser: Browser, method: str, path: str, case_id: UUID, role: Role) -> int | None:
    """How a page answers; None where the role has no form that could be sent there."""
    address = address_of(path, case_id)
    if method == "GET":
        return (await browser.open(address)).status
    page: Page = await browser.open("/operations" if role is Role.OPERATOR else "/")
    form = next((one for one in page.forms if one.method == "post"), None)
    if form is None:
        return None
    form.tag["action"] = f"{browser.base}{address}"
    return (await browser.send(form)).status


def accessibility_problems(page: Page) -> Iterator[str]:
    """What a page does not keep of what it owes to people who cannot see it or do not use a mouse, as far as its HTML says it."""
    soup = page.soup
    ids = Counter(str(tag["id"]) for tag in soup.select("[id]"))
    yield from (f"the id {one} is there {count} times" for one, count in ids.items() if count > 1)
    for tag in soup.select("[aria-labelledby], [aria-describedby]"):
        named = f"{tag.get('aria-labelledby', '')} {tag.get('aria-describedby', '')}".split()
        yield from (f"there is no {one}, which describes {tag.name}" for one in named if one not in ids)
    for field in soup.find_all(["input", "select", "textarea"]):
        hidden = field.get("type") == "hidden"
        if not hidden and not soup.select(f'label[for="{field.get("id")}"]'):
            yield f"the field {field.get('name')} has no label"
    for control in soup.find_all(["button", "a"]):
        if not control.get_text(strip=True) and control.get("aria-hidden") != "true":
            yield f"a {control.name} has no name"
    for link in soup.select('a[href^="#"]'):
        if str(link["href"]).removeprefix("#") not in ids:
            yield f"nothing is at {link['href']}"
    for table in soup.find_all("table"):
        if table.caption is None:
            yield "a table has no caption"
    levels = [int(tag.name[1]) for tag in page.main.find_all(["h1", "h2", "h3", "h4"])]
    if levels.count(1) != 1:
        yield f"{levels.count(1)} headings of the first level"
    first = levels.index(1)
    for before, level in zip(levels[first:], levels[first + 1 :], strict=False):
        if level > before + 1:
            yield f"a heading of level {level} follows one of level {before}"
    if soup.select("[style], style") or any(not one.get("src") for one in soup.find_all("script")):
        yield "a style or script stands in the page"
    if page.language not in ("de", "en") or not page.title:
        yield "no language or no title"
