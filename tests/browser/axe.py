"""axe-core in a page: which rules of WCAG 2.2 on level AA it breaks."""

from functools import cache

from playwright.async_api import Page

from tests.browser.town import TREE

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
"""Those of WCAG 2.2 A and AA, and what axe recommends besides (landmarks, the order of headings)."""
_SCRIPT = TREE / "deploy" / "assets" / "node_modules" / "axe-core" / "axe.min.js"


@cache
def _axe() -> str:
    return _SCRIPT.read_text(encoding="utf-8")


async def violations(page: Page) -> list[str]:
    """What is wrong with the page that is shown, each with the element that it is about."""
    # Not as a <script>, which the page's own policy forbids.
    await page.evaluate(_axe() + "\n0")
    found = await page.evaluate(
        """async (tags) => (await axe.run(document, {runOnly: tags, resultTypes: ["violations"]})).violations.flatMap(
            (rule) => rule.nodes.map((node) => `${rule.id}: ${rule.help}: ${node.html.slice(0, 200)} ${node.failureSummary}`))""",
        RULES,
    )
    return [str(one) for one in found]
