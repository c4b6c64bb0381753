"""People find what they need, whatever they call it."""

import pytest
import yaml
from amtsbus.procedures.declaration import ProcedureFile
from hypothesis import given
from hypothesis import strategies as some
from portal.domain.search import Index, folded, stem, words

from ..demo import CITY, animals

of_the_city = pytest.mark.skipif(not CITY.is_dir(), reason="the city's procedures lie outside this department")


@pytest.fixture(scope="module")
def city() -> Index:
    files = sorted(path for path in CITY.glob("*/*.yaml") if path.name != "office.yaml")
    return Index(ProcedureFile.model_validate(yaml.safe_load(path.read_text())) for path in files)


FIRST = {
    "Hund anmelden": "dog-registration",
    "hunde anmelden": "dog-registration",
    "ich möchte meinen Hund anmelden": "dog-registration",
    "dog": "dog-registration",
    "Perso": "identity-card",
    "perso beantragen": "identity-card",
    "Perosnalausweis": "identity-card",
    "Personalausweiss": "identity-card",
    "neuer Ausweis": "identity-card",
    "umgezogen": "change-address",
    "Reisepass": "passport",
    "reisepaß": "passport",
    "Sperrmuell": "bulky-waste",
    "Sperrmüll": "bulky-waste",
    "Wohngeld": "housing-benefit",
    "wohngelt": "housing-benefit",
    "heiraten": "register-marriage",
    "Geburtsurkunde": "birth-certificate",
    "geburts urkunde": "birth-certificate",
    "Auto anmelden": "vehicle-registration",
    "Führerschein verloren": "driving-licence-replacement",
    "fuhrerschein verloren": "driving-licence-replacement",
    "Kita Platz": "childcare-place",
    "Kitaplatz": "childcare-place",
    "Baum fällen": "tree-felling",
    "Gewerbeanmeldung": "business-registration",
    "Schlagloch": "defect-report",
    "angeln": "fishing-licence",
    "Briefwahl": "postal-vote",
    "einburgerung": "naturalisation",
    "Vater zahlt nicht": "maintenance-advance",
    "Halteverbot Umzug": "moving-no-parking-zone",
    "Wunschkennzeichen": "reserve-number-plate",
    "Knöllchen": "fine-hearing",
    "knoellchen": "fine-hearing",
    "Strafzettel": "fine-hearing",
    "geblitzt worden": "fine-hearing",
    "speeding ticket": "fine-hearing",
    "anwohnerparken": "resident-parking",
    "baby": "notify-birth",
    "vote by mail": "postal-vote",
}


@of_the_city
@pytest.mark.parametrize("asked", FIRST)
def test_everyday_words_find_the_service_first(city, asked):
    assert city.find(asked)[:1] == [FIRST[asked]]


AMONG = {
    "Umzug": {"change-address", "register-residence", "vehicle-address-change", "moving-no-parking-zone"},
    "umgezogen": {"change-address", "register-residence", "vehicle-address-change"},
    "Steuer": {"dog-registration", "second-home-tax", "amusement-tax", "property-tax-change"},
    "beerdigung": {"grave-right", "notify-death", "funeral-costs"},
    "parken": {"resident-parking", "disabled-parking-permit", "commercial-parking-permit"},
    "moved": {"change-address", "register-residence"},
}


@of_the_city
@pytest.mark.parametrize("asked", AMONG)
def test_a_word_that_fits_several_services_finds_them_all(city, asked):
    assert AMONG[asked] <= set(city.find(asked))


@of_the_city
@pytest.mark.parametrize("asked", ["xyzzy", "qqqq", "", "   ", "?!"])
def test_what_fits_nothing_finds_nothing(city, asked):
    assert city.find(asked) == []


@pytest.mark.parametrize(
    "asked", ["Schildkröte", "schildkroete", "Schildkröten", "Shildkröte", "tortoise", "Panzertiere"]
)
def test_umlauts_endings_and_typing_errors_do_not_matter(asked):
    assert Index(animals().procedures.values()).find(asked) == ["tortoise"]


@given(some.text(max_size=300))
def test_whatever_is_typed_is_answered(asked):
    index = Index(animals().procedures.values())
    assert set(index.find(asked)) <= set(animals().procedures)


@given(some.text(some.characters(max_codepoint=0x24F)))
def test_folding_twice_changes_nothing(text):
    assert folded(folded(text)) == folded(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Hund", "Hunde"), ("Hunde", "Hunden"), ("Tonne", "Tonnen"), ("Kind", "Kinder"), ("Müll", "Muell")],
)
def test_a_plural_has_the_stem_of_its_singular(one, other):
    assert stem(words(one)[0]) == stem(words(other)[0])
