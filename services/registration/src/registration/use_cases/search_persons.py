"""A clerk looks for a person by name and birth date."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from amtsbus.errors import RuleViolationError
from amtsbus.postgres import Tx

from registration import store
from registration.domain.access import Viewer
from registration.domain.names import search_words
from registration.store import Hit

SHORTEST_WORD = 2
MOST_WORDS = 8


@dataclass(frozen=True, slots=True)
class SearchPersons:
    viewer: Viewer
    name: str | None
    born_on: date | None
    after: tuple[str, UUID] | None
    limit: int


async def search_persons(query: SearchPersons, tx: Tx) -> list[Hit]:
    """Persons each of whose names begins with a word of `name`, in order of their names; every hit is logged as read.

    Whoever has a disclosure block is found by leads and auditors only, without the address; to others the answer is the
    same as if nobody were stored (BMG § 51).

    Raises:
        RuleViolationError: code `search-too-wide`: neither a word of two letters nor a date of birth.
    """
    words = search_words(query.name or "")
    if query.born_on is None and max((len(word) for word in words), default=0) < SHORTEST_WORD:
        raise RuleViolationError(
            f"name at least {SHORTEST_WORD} letters of a name, or the date of birth", code="search-too-wide"
        )
    if len(words) > MOST_WORDS:
        raise RuleViolationError(f"search for at most {MOST_WORDS} words", code="search-too-wide")
    hits = await store.search(
        tx, words, query.born_on, with_blocked=query.viewer.sees_blocked, after=query.after, limit=query.limit
    )
    await store.log_reads(tx, {hit.person_id: hit.blocked for hit in hits}, by=query.viewer.subject, how="search")
    return hits
