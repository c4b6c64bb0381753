"""How a clerk finds a name however it is spelled. (Which characters a name may have says `amtsbus.http.PersonName`.)"""

import re
import unicodedata
from functools import lru_cache

# Letters that have a name of their own, transcribed as ICAO 9303 does it. The rest follows from Unicode's names: ł is
# "LATIN SMALL LETTER L WITH STROKE".
_TRANSCRIPTION = {
    "œ": "oe",
    "ð": "d",
    "þ": "th",
    "ı": "i",
    "ĸ": "k",
    "ŋ": "n",
    "ə": "e",
    "ɛ": "e",
    "ɔ": "o",
    "ʒ": "z",
    "ƿ": "w",
}
_BASE_LETTERS = re.compile("LATIN SMALL LETTER (?:LONG )?([A-Z]{1,2})(?: WITH .*)?")
_SILENT_MARKS = str.maketrans("", "", "'’ʼ`´·ˈˌʹʺʾʿ‡~¨")
_E_OF_AN_UMLAUT = re.compile("(?<=[aou])e+")
_BETWEEN_WORDS = re.compile("[^a-z]+")


def search_key(*names: str) -> str:
    """The words of `names` in the spelling in which they are indexed: lower-case a–z, separated by single spaces.

    Müller, Mueller and MULLER have one key, composed or not; so have Weiß and Weiss, Łukasz and Lukasz. An e after a, o
    or u is dropped, because nobody can tell the transcription of an umlaut from an e of its own (Joel is kept as "jol");
    both sides of a search are treated alike, so nothing is lost by it.

    The key of a beginning of a word is a beginning of the word's key: that is what makes a search by prefix right.
    """
    return " ".join(search_words(" ".join(names)))


def search_words(text: str) -> list[str]:
    """The words of `search_key`, in order. Characters of other scripts have no key and are left out."""
    folded = unicodedata.normalize("NFKD", text.casefold()).casefold().translate(_SILENT_MARKS)
    latin = "".join(_transcribed(character) for character in folded if not unicodedata.combining(character))
    words = _BETWEEN_WORDS.split(latin)
    return [_E_OF_AN_UMLAUT.sub("", word) for word in words if word]


@lru_cache(maxsize=1024)
def _transcribed(character: str) -> str:
    if character.isascii():
        return character
    if character in _TRANSCRIPTION:
        return _TRANSCRIPTION[character]
    named = _BASE_LETTERS.fullmatch(unicodedata.name(character, ""))
    return named[1].lower() if named else character
