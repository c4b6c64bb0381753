"""The office's desk says everything in German and in English."""

from amtsbus.testing.languages import check_languages
from amtsbus.web import Web
from offices.desk import DESK_LANGUAGES


def test_no_text_is_missing_unused_or_different():
    web = Web(routers=(), templates=DESK_LANGUAGES, languages=DESK_LANGUAGES, audience="staff")
    built = ("desk.rule.", "offices.period.", "offices.opinion.", "offices.history.", "offices.next.",)  # fmt: skip
    check_languages(web, built=built)
