"""The portal says everything in German and in English."""

from amtsbus.testing.languages import check_languages
from portal.main import WEB

BUILT = (
    "charged.",
    "identification.",
    "life-event.",
    "next.",
    "payment.",
    "period.",
    "rule.",
    "timeline.",
    "verify.",
)


def test_every_text_is_there_in_both_languages_and_is_used():
    check_languages(WEB, built=BUILT)
