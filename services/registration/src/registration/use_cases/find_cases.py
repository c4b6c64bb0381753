"""A member of staff looks for cases, and for nothing that they may not know of."""

from collections.abc import Collection, Mapping
from uuid import UUID

from amtsbus.desk.search import query_of
from amtsbus.postgres import Tx

from registration import store
from registration.domain.access import Viewer
from registration.domain.names import search_words
from registration.store import ListedName


async def find_cases(text: str, viewer: Viewer, limit: int, tx: Tx) -> list[UUID]:
    """At most `limit` cases that have a word beginning like each word of `text`: in the name of whoever declares, however it is
    spelled, or in the reference. What is hidden from the viewer is not among them (BMG § 51)."""
    query = case_query(text)
    if query is None:
        return []
    return await store.find_cases(tx, query, limit, hidden_from=None if viewer.sees_blocked else viewer.subject)


async def hidden_cases(viewer: Viewer, tx: Tx) -> list[UUID]:
    """The cases that do not exist for the viewer: of somebody with a disclosure block, and requests for one, but for a clerk's
    own as long as it is open."""
    return [] if viewer.sees_blocked else await store.hidden_cases(tx, viewer.subject)


async def names_of_cases(case_ids: Collection[UUID], viewer: Viewer, tx: Tx) -> Mapping[UUID, ListedName]:
    """Whose these cases are; that staff have read the name of somebody with a disclosure block is logged."""
    found = await store.listed_names(tx, case_ids)
    protected = {one.person_id: True for one in found.values() if one.protected}
    if protected:
        await store.log_reads(tx, protected, by=viewer.subject, how="search")
    return found


def case_query(text: str) -> str | None:
    """The `tsquery` that finds what `text` asks for: each word as it is typed, or as the register spells names; None where it
    says nothing."""
    return " & ".join(query for word in text.split() if (query := _query(word))) or None


def _query(word: str) -> str | None:
    typed = query_of(word)
    # A reference or a number is no name, whatever letters it begins with.
    spelled = [] if any(sign.isdigit() for sign in word) else search_words(word)
    as_name = " & ".join(f"'{one}':*" for one in spelled)
    both = [f"({query})" for query in (typed, as_name) if query]
    return f"({' | '.join(both)})" if both else None
