"""What pages load: under names that change with the content, compressed, for good, and light."""

import json
from pathlib import Path

import pytest
from amtsbus.testing.browsing import Browser
from amtsbus.web import packing
from amtsbus.web.assets import Assets

from .baths import BATHS

ROOT = Path(__file__).parents[3]
FIRST_VISIT_BYTES = 150_000
LATER_VISIT_BYTES = 20_000


@pytest.fixture
def real(browse, database):
    """A browser of pages with the assets that a town has."""

    async def make() -> Browser:
        made: Browser = await browse(BATHS, database, assets=ROOT / ".assets")
        return made

    return make


async def fetched(browser: Browser, path: str, encoding: str = "br, gzip"):
    return await browser.client.get(path, headers={"Accept-Encoding": encoding})


async def test_everything_that_a_page_loads_is_there_for_good(real):
    browser = await real()
    page = await browser.open("/")
    sources = [tag.get("src") or tag["href"] for tag in page.soup.find_all(["script", "link"])]
    assert len(sources) >= 4
    for source in sources:
        answer = await fetched(browser, str(source))
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in answer.headers


async def test_the_style_refers_to_nothing_but_our_own_fonts(real):
    assets = Assets.load(ROOT / ".assets")
    style = assets.contents[assets.hashed("pages.css")].decode()
    assert "http:" not in style.replace("http://www.w3.org/2000/svg", "")
    assert "https:" not in style
    assert "@import" not in style
    for name in ("fira-sans-400.woff2", "fira-sans-600.woff2"):
        assert f'url("{assets.hashed(name)}")' in style


async def test_a_first_visit_and_a_later_one_are_light(real):
    browser = await real()
    page = await fetched(browser, "/gallery")
    names = Assets.load(ROOT / ".assets").names
    first = [await fetched(browser, f"/assets/{name}") for name in names.values()]
    on_the_wire = int(page.headers["content-length"]) + sum(int(one.headers["content-length"]) for one in first)
    assert on_the_wire < FIRST_VISIT_BYTES
    assert int(page.headers["content-length"]) < LATER_VISIT_BYTES


@pytest.mark.parametrize(("accepted", "encoding"), [("br", "br"), ("gzip, deflate", "gzip"), ("", None)])
async def test_an_asset_comes_as_the_browser_likes_it(real, accepted, encoding):
    browser = await real()
    name = Assets.load(ROOT / ".assets").hashed("pages.css")
    answer = await fetched(browser, f"/assets/{name}", accepted or "identity")
    assert answer.headers.get("content-encoding") == encoding
    assert ".kern-btn" in answer.text


@pytest.mark.parametrize(
    "name", ["manifest.json", "..%2fmanifest.json", "%2e%2e/x", "pages.css", "x.css", "pages.0000000000000000.css.br"]
)
async def test_nothing_else_is_served(browser: Browser, name):
    answer = await browser.client.get(f"/assets/{name}")
    assert answer.status_code == 404
    assert answer.headers["cache-control"] == "no-store"


def test_packing_again_gives_the_same_names(tmp_path):
    kern = ROOT / "deploy/assets" / packing.KERN
    first = packing.pack(kern, tmp_path / "assets")
    assert packing.pack(kern, tmp_path / "assets") == first
    assert json.loads((tmp_path / "assets/manifest.json").read_text()) == first
    assert sorted(tmp_path.iterdir()) == [tmp_path / "assets"]


def test_without_the_design_system_the_command_says_how_to_get_it(tmp_path, capsys):
    assert packing.main([str(tmp_path / "assets"), "--kern", str(tmp_path)]) == 1
    assert "npm ci --ignore-scripts" in capsys.readouterr().err


def test_the_fonts_have_the_letters_of_names():
    from io import BytesIO

    from fontTools.ttLib import TTFont  # type: ignore[import-untyped] # it ships no types

    assets = Assets.load(ROOT / ".assets")
    font = TTFont(BytesIO(assets.contents[assets.hashed("fira-sans-400.woff2")]))
    known = font.getBestCmap().keys()
    missing = {sign for sign in "ÄÖÜäöüßẞŁłŞşĞğŻżČčĐđŽžÆæØøÅåÑñ€„“”‚‘’–—…§" if ord(sign) not in known}
    assert missing == set()


def test_the_lock_file_names_no_registry_and_pins_what_it_takes():
    lock = json.loads((ROOT / "deploy/assets/package-lock.json").read_text())
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert packages
    for one in packages.values():
        assert one["integrity"].startswith("sha512-")
        assert "resolved" not in one
