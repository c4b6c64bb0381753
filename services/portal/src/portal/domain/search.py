"""Finding a service by everyday words: forgiving with typing errors, umlauts, endings and long German words.

Each service is known by the words of its file, its name, its summary and whom it is for. A word that was typed is compared with
all of them: the same word, its beginning, a part of a compound (`Steuer` in `Hundesteuer`), or one that looks alike. What fits
few services counts more than what fits many.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from math import log
from typing import Final

from amtsbus.procedures.declaration import ProcedureFile
from rapidfuzz import process
from rapidfuzz.distance import OSA

MOST_FOUND: Final = 20
MOST_WORDS: Final = 8
"""Of what somebody types, so many words are looked at."""
LONGEST_QUESTION: Final = 200

_LEAST_LIKENESS: Final = 0.74
_SHARE_OF_BEST: Final = 0.35
"""What fits less than this share of the best one is not shown."""
_SHORTEST_PART: Final = 4
_SHORTEST_TYPO: Final = 4
_PHRASE: Final = 0.6
"""What it is worth that all that was typed stands in one entry of the file."""

_GERMAN: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "œ": "oe"})
_WORD: Final = re.compile(r"[a-z0-9]+")
_ENDINGS: Final = ("ern", "em", "er", "en", "es", "e", "n", "s")


def folded(text: str) -> str:
    """Lower case without umlauts and accents: `Knöllchen` and `Knoellchen` are the same."""
    composed = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    plain = unicodedata.normalize("NFKD", composed.translate(_GERMAN))
    return "".join(sign for sign in plain if not unicodedata.combining(sign)).translate(_GERMAN)


def words(text: str) -> list[str]:
    """The words of a text, folded."""
    return _WORD.findall(folded(text))


_SAYS_NOTHING: Final = frozenset(
    words(
        "ich wir mein meine meinen meiner meinem unser unsere der die das den dem des ein eine einen einem "
        "einer und oder fuer von vom zu zum zur im in am an auf bei mit aus ist bin sind war hab habe haben "
        "hat will wollen moechte muss kann wie wo was neu neue neuen neuer neues es sich bitte gern "
        "beantragen antrag stellen brauche machen "
        "i my we our the a an and or for of to in on at with is are am was have has want need would like how "
        "where what new please "
        "apply application get"
    )
)


def stem(word: str) -> str:
    """A folded word without the endings of plural and case, as far as a simple rule can tell: `hunde` as `hund`."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3 + (len(ending) == 1):
            return word[: -len(ending)]
    return word


class Index:
    """The words of all services, ready to be asked."""

    def __init__(self, procedures: Iterable[ProcedureFile]) -> None:
        self._services: list[str] = []
        self._weights: dict[str, dict[int, float]] = defaultdict(dict)
        self._phrases: list[set[str]] = []
        for nth, procedure in enumerate(procedures):
            self._services.append(procedure.key)
            self._phrases.append(set())
            for text, weight in _texts(procedure):
                stems = [stem(word) for word in words(text) if word not in _SAYS_NOTHING]
                if weight == 1:
                    self._phrases[nth].add(" ".join(sorted(stems)))
                for one in stems:
                    self._weights[one][nth] = max(weight, self._weights[one].get(nth, 0))
        self._stems = list(self._weights)

    def find(self, asked: str) -> list[str]:
        """The keys of the services that fit, the best first; none where nothing was asked."""
        typed = words(asked[:LONGEST_QUESTION])[:MOST_WORDS]
        stems = [stem(word) for word in typed if word not in _SAYS_NOTHING] or [stem(word) for word in typed]
        if not stems:
            return []
        scores: dict[int, float] = defaultdict(float)
        for one in stems:
            for nth, score in self._fitting(one).items():
                scores[nth] += score
        phrase = " ".join(sorted(stems))
        best_word = max(scores.values(), default=0)
        for nth in scores:
            if phrase in self._phrases[nth]:
                scores[nth] += _PHRASE * best_word
        if not scores:
            return []
        least = _SHARE_OF_BEST * max(scores.values())
        found = sorted((-score, self._services[nth]) for nth, score in scores.items() if score >= least)
        return [key for _, key in found[:MOST_FOUND]]

    def _fitting(self, asked: str) -> dict[int, float]:
        """How well each service fits one word that was typed."""
        fitting: dict[int, float] = {}
        for known, likeness in self._like(asked):
            for nth, weight in self._weights[known].items():
                fitting[nth] = max(likeness * weight, fitting.get(nth, 0))
        rareness = log(1 + (len(self._services) + 1) / (1 + len(fitting)))
        return {nth: score * rareness for nth, score in fitting.items()}

    def _like(self, asked: str) -> Iterator[tuple[str, float]]:
        """The known words that are like `asked`, with how much."""
        exact = asked in self._weights
        if exact:
            yield asked, 1.0
        for known in self._stems:
            if known == asked:
                continue
            if len(asked) >= 3 and known.startswith(asked):
                yield known, 0.85
            elif len(asked) >= _SHORTEST_PART and asked in known:
                yield known, 0.7
            elif len(known) >= _SHORTEST_PART + 1 and len(asked) > len(known) and known in asked:
                yield known, 0.6
        if len(asked) >= _SHORTEST_TYPO and not exact:
            alike = process.extract(
                asked, self._stems, scorer=OSA.normalized_similarity, score_cutoff=_LEAST_LIKENESS, limit=10
            )
            for known, likeness, _ in alike:
                yield known, likeness * 0.9


def _texts(procedure: ProcedureFile) -> Iterator[tuple[str, float]]:
    for word in procedure.words:
        yield word, 1
    for name in _languages(procedure.name):
        yield name, 1
    for text in (procedure.summary, procedure.audience):
        for said in _languages(text):
            yield said, 0.4


def _languages(text: object) -> Iterator[str]:
    for language in ("de", "en", "plain"):
        said = getattr(text, language)
        if said:
            yield said
