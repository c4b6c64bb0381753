"""Finding a case by the beginnings of words: of names, of places, of its reference.

A department keeps the words of a case in a column `search`, a blank between two, folded as here, with this index, and asks
`find` for what is in it::

    CREATE INDEX … USING gin (array_to_tsvector(string_to_array(search, ' ')));
"""

import re
import unicodedata
from typing import Final
from uuid import UUID

from amtsbus.postgres import Tx

# A reference has a sign before it, so that a name is not looked for among the references of a whole procedure.
_REFERENCE: Final = "#"
_LIKE_A_REFERENCE: Final = re.compile(r"[a-z][a-z0-9]*-[0-9]")


async def find(tx: Tx, text: str, limit: int, *, table: str, key: str) -> list[UUID]:
    """The `key` of at most `limit` rows of `table` that have a word beginning like each word of `text`; in no order."""
    query = query_of(text)
    if query is None:
        return []
    words = "array_to_tsvector(string_to_array(search, ' '))"
    statement = f"SELECT {key} FROM {table} WHERE {words} @@ $1::tsquery LIMIT $2"  # noqa: S608 - names from a department's store
    return [row[key] for row in await tx.fetch(statement, query, limit)]


def query_of(text: str) -> str | None:
    """The `tsquery` that finds what has a word beginning like each word of `text`; None where that says nothing."""
    words = [_REFERENCE + word if _LIKE_A_REFERENCE.match(word) else word for word in folded(text).split()]
    if not words:
        return None
    return " & ".join("'{}':*".format(word.replace("\\", "\\\\").replace("'", "''")) for word in words)


def search_words(name: str, reference: str) -> str:
    """What the search finds a case by: each word of the name, the parts of double names, the reference, and its bare number."""
    words = folded(name).split()
    parts = [part for word in words if "-" in word for part in word.split("-")]
    number = reference.rsplit("-", 1)[-1].lstrip("0")
    return " ".join(dict.fromkeys(word for word in [*words, *parts, _REFERENCE + folded(reference), number] if word))


def folded(text: str) -> str:
    """Text as the search compares it: lower case, ß as ss, without accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(sign for sign in decomposed if not unicodedata.combining(sign)).split())
