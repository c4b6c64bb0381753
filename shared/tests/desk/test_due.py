"""Due dates as people say them."""

from datetime import date, timedelta

import pytest
from amtsbus.desk import LANGUAGES
from amtsbus.desk.due import due_in_words
from amtsbus.web.languages import Catalogue

TODAY = date(2026, 3, 2)
CATALOGUE = Catalogue.read(LANGUAGES)


def said(due_on: date | None, language: str = "de", **options: bool) -> tuple[str, str]:
    found = due_in_words(due_on, TODAY, lambda key, **values: CATALOGUE.text(language, key, values), **options)
    return found.text, found.kind


@pytest.mark.parametrize(
    ("days", "text", "kind"),
    [
        (-3, "überfällig seit 3 Tagen", "danger"),
        (-1, "überfällig seit gestern", "danger"),
        (0, "heute", "warning"),
        (1, "morgen", "warning"),
        (7, "in 7 Tagen", "warning"),
        (8, "in 8 Tagen", "info"),
    ],
)
def test_a_due_date_says_how_near_it_is(days, text, kind):
    assert said(TODAY + timedelta(days=days)) == (text, kind)


def test_without_a_due_date_nothing_is_due():
    assert said(None) == ("keine Frist", "info")
    assert said(None, "en") == ("nothing due", "info")


def test_a_closed_case_is_never_overdue():
    assert said(TODAY - timedelta(days=9), closed=True) == ("abgeschlossen", "info")
