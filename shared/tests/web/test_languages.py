"""What pages say, in each language."""

from datetime import UTC, date, datetime

import pytest
from amtsbus.testing.browsing import Browser
from amtsbus.testing.languages import catalogue_problems, check_languages
from amtsbus.web import languages
from amtsbus.web.errors import CatalogueError
from amtsbus.web.languages import Catalogue, MissingTextError
from hypothesis import given
from hypothesis import strategies as st

from .baths import HERE, WEB


def test_every_text_of_the_demo_service_is_there_and_is_used():
    check_languages(WEB)


def test_the_kits_own_texts_agree():
    assert catalogue_problems(languages.OF_KIT) == []
    assert all(key.startswith("kit.") for key in Catalogue.read(languages.OF_KIT).texts["de"])


def test_a_missing_an_unused_and_a_different_text_are_found(tmp_path):
    import json
    from dataclasses import replace

    folder = tmp_path / "languages"
    folder.mkdir()
    german = {"a": "A", "b": "{one}", "c": "C", "kit.x": "X"}
    for name, texts in (("de", german), ("en", {"a": "A", "b": "{other}", "d": "D"}), ("plain", {"e": "E"})):
        (folder / f"{name}.json").write_text(json.dumps(texts))
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text('{{ t("a") }} {{ t("b", one=1) }} {{ t("missing") }}')
    with pytest.raises(AssertionError) as found:
        check_languages(replace(WEB, languages=folder, templates=tmp_path / "templates"))
    assert set(str(found.value).splitlines()) == {
        "'c' is missing in en",
        "'kit.x' is missing in en",
        "'d' is in en only",
        "'e' is in plain only",
        "'b' has other placeholders in en than in de",
        "there is no text 'missing'",
        "the text 'c' is not used",
        "the text 'kit.x' is not used",
        "'kit.x': texts of the kit begin with `kit.`",
    }


async def test_a_language_is_chosen_on_every_page_and_remembered(browser: Browser, rows):
    page = await browser.open("/booking?day=3&language=de")
    page = await browser.follow("English")
    assert page.path == "/booking?day=3&language=en"
    assert (page.language, page.heading) == ("en", "Book a lane")
    assert (await browser.open("/")).heading == "Baths of the demo city"
    assert await rows("amtsbus.web_sessions") == 0
    assert browser.cookies["language"] == "en"


async def test_plain_german_is_german_and_falls_back_on_it(browser: Browser):
    await browser.open("/")
    page = await browser.follow("Einfache Sprache")
    assert (page.language, page.heading) == ("de", "Schwimm-Bäder der Demo-Stadt")
    assert "Bahnen sind gebucht" in page.text
    assert page.response.headers["content-language"] == "de"


async def test_plain_german_is_offered_only_where_there_is_some(browse, database, tmp_path):
    import shutil
    from dataclasses import replace

    from .baths import BATHS

    folder = shutil.copytree(HERE / "languages", tmp_path / "languages")
    (folder / "plain.json").write_text("{}")
    browser = await browse(replace(BATHS, web=replace(WEB, languages=folder)), database)
    page = await browser.open("/?language=plain")
    assert page.heading == "Bäder der Demo-Stadt"
    assert "Einfache Sprache" not in page.links


@pytest.mark.parametrize(
    ("told", "language"),
    [
        ("en-GB,en;q=0.9,de;q=0.8", "en"),
        ("de-DE,en;q=0.9", "de"),
        ("fr,en;q=0.5", "en"),
        ("en;q=0,de;q=0.1", "de"),
        ("fr", "de"),
        ("", "de"),
        ("*", "de"),
        ("en;q=nonsense", "de"),
    ],
)
def test_a_browser_says_what_it_prefers(told, language):
    assert languages.preferred(told, ("de", "en")) == language


@given(st.text())
def test_whatever_a_browser_says_some_language_comes_of_it(told):
    assert languages.preferred(told, ("de", "en")) in ("de", "en")


async def test_what_the_log_in_says_counts_until_somebody_chooses(browser: Browser):
    page = await browser.log_in(locale="en-GB")
    assert page.language == "en"
    await browser.open("/?language=de")
    assert (await browser.open("/")).language == "de"


CATALOGUE = Catalogue(
    {
        "de": {"n.one": "ein Brief", "n.other": "{count} Briefe", "a": "für {name}", "only": "nur"},
        "en": {"a": "for {name}"},
        "plain": {"a": "für {name}!"},
    }
)


def test_a_number_chooses_its_text():
    assert [CATALOGUE.text("de", "n", {"count": n}) for n in (0, 1, 2)] == ["0 Briefe", "ein Brief", "2 Briefe"]
    assert CATALOGUE.text("plain", "n", {"count": 1}) == "ein Brief"


def test_a_value_is_put_in_as_it_is():
    assert CATALOGUE.text("en", "a", {"name": "{x} <b>"}) == "for {x} <b>"


@pytest.mark.parametrize(
    ("language", "key", "values"), [("en", "only", {}), ("de", "a", {"other": 1}), ("de", "x", {})]
)
def test_a_text_that_is_not_there_is_a_mistake(language, key, values):
    with pytest.raises(MissingTextError):
        CATALOGUE.text(language, key, values)


@pytest.mark.parametrize("content", ["[]", '{"a": 1}', "{"])
def test_a_catalogue_that_is_none_is_named(tmp_path, content):
    for language in ("de", "en", "plain"):
        (tmp_path / f"{language}.json").write_text(content)
    with pytest.raises(CatalogueError, match=r"de\.json"):
        Catalogue.read(tmp_path)
    with pytest.raises(CatalogueError, match="there is no"):
        Catalogue.read(tmp_path / "nowhere")


def test_days_moments_and_amounts_are_written_as_people_write_them():
    day, late = date(2026, 3, 3), datetime(2026, 3, 3, 23, 30, tzinfo=UTC)
    assert languages.written_date("de", day) == "3. März 2026"
    assert languages.written_date("en", day) == "3 March 2026"
    assert languages.written_moment("de", late) == "4. März 2026, 00:30 Uhr"
    assert languages.written_moment("en", late) == "4 March 2026, 00:30"
    assert [languages.written_money("de", n) for n in (0, 5, 123456789, -1050)] == [
        *("0,00\u00a0€", "0,05\u00a0€", "1.234.567,89\u00a0€", "-10,50\u00a0€")
    ]
    assert languages.written_money("en", 123450) == "€1,234.50"
