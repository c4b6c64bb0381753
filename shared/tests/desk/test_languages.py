"""The desk says everything in German and in English."""

from pathlib import Path

from amtsbus.desk import LANGUAGES, TEMPLATES
from amtsbus.testing.languages import check_languages
from amtsbus.web import Web


def test_no_text_is_missing_unused_or_different():
    web = Web(routers=(), templates=TEMPLATES, languages=LANGUAGES, audience="staff")
    assert Path(TEMPLATES).parent.name == "desk"
    check_languages(web, built=("desk.handed_in.", "desk.history.", "desk.rule."))
