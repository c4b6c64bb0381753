"""Sessions of browsers, kept in the service's database: the cookie holds a random token, the database only its hash.

A session of somebody who is not logged in begins when something has to be remembered. Logging in gives it a new token, whatever
is remembered moves along, and the old token is worth nothing from then on. Logging out deletes it.
"""

import json
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol
from uuid import UUID, uuid4

from amtsbus.auth import Caller, Role
from amtsbus.postgres import affected
from amtsbus.web.declaration import Identification

if TYPE_CHECKING:
    from amtsbus.postgres import Row

TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
"""256 bits in base64url."""
IDLE: Final[Mapping[str, timedelta]] = {"citizens": timedelta(minutes=30), "staff": timedelta(hours=2)}
LONGEST: Final = timedelta(hours=12)
SEEN_EVERY: Final = timedelta(minutes=1)
"""A session's row is written at most this often only because it was used."""
MOST_BYTES: Final = 262_144
"""How much one session may remember, as JSON."""

_COLUMNS = (
    "visitor_id, form_secret, subject, person_id, name, given_name, family_name, email, address, roles, department, "
    "identification, language, id_token, data"
)
_FIND = f"""
SELECT {_COLUMNS}, seen_at < clock_timestamp() - $2::interval AS stale FROM amtsbus.web_sessions
WHERE web_session_id = $1 AND idle_until > clock_timestamp() AND ends_at > clock_timestamp()
"""  # noqa: S608 - the names of columns stand above
_TOUCH = """
UPDATE amtsbus.web_sessions SET seen_at = clock_timestamp(), idle_until = clock_timestamp() + $2::interval
WHERE web_session_id = $1
"""
_INSERT = f"""
INSERT INTO amtsbus.web_sessions (web_session_id, {_COLUMNS}, idle_until, ends_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11, $12, $13, $14, $15, $16::jsonb,
        clock_timestamp() + $17::interval, clock_timestamp() + $18::interval)
"""  # noqa: S608 - the names of columns stand above
_REMEMBER = """
UPDATE amtsbus.web_sessions SET data = (data || $2::jsonb) - $3::text[] WHERE web_session_id = $1
"""
_END = "DELETE FROM amtsbus.web_sessions WHERE web_session_id = $1"
_END_ALL = "DELETE FROM amtsbus.web_sessions WHERE $1::text IS NULL OR subject = $1"
_SWEEP = """
DELETE FROM amtsbus.web_sessions WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM amtsbus.web_sessions WHERE idle_until < clock_timestamp() OR ends_at < clock_timestamp() LIMIT $1))
"""


class Queries(Protocol):
    """A connection, a pool of them, or a transaction."""

    async def fetchrow(self, sql: str, *arguments: Any) -> "Row | None": ...
    async def execute(self, sql: str, *arguments: Any) -> str: ...


@dataclass(frozen=True)
class Session:
    """What is known of whoever sits at a browser."""

    visitor_id: UUID = field(default_factory=uuid4)
    """Stays the same when an anonymous visitor logs in: what they own before it belongs to this."""
    form_secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    subject: str | None = None
    """The identity provider's pseudonym; None for somebody who is not logged in."""
    person_id: UUID | None = None
    name: str | None = None
    given_name: str | None = None
    family_name: str | None = None
    email: str | None = None
    address: dict[str, Any] | None = None
    """OpenID Connect Core § 5.1.1: `street_address`, `postal_code`, `locality`, `country`."""
    roles: frozenset[Role] = frozenset()
    department: str | None = None
    identification: Identification = "none"
    language: str | None = None
    id_token: str | None = field(default=None, repr=False)
    data: dict[str, Any] = field(default_factory=dict, repr=False)

    def caller(self, department: str) -> Caller | None:
        """Who is logged in, with the roles that count in `department`."""
        if self.subject is None:
            return None
        return Caller(self.subject, self.roles, self.department, self.person_id, self.name).at(department)


def new_token() -> str:
    """A token that nobody can guess."""
    return secrets.token_urlsafe(32)


def id_of(token: str) -> bytes:
    """What the database knows of a token."""
    return sha256(token.encode()).digest()


async def find(queries: Queries, token: str, audience: Literal["citizens", "staff"]) -> Session | None:
    """The session of a token, if it is alive; that it was used is noted now and then."""
    row = await queries.fetchrow(_FIND, id_of(token), SEEN_EVERY)
    if row is None:
        return None
    if row["stale"]:
        await queries.execute(_TOUCH, id_of(token), IDLE[audience])
    return _session(row)


def _session(row: "Row") -> Session:
    values = dict(row)
    del values["stale"]
    values["data"] = json.loads(values["data"])
    values["address"] = json.loads(values["address"]) if values["address"] else None
    values["roles"] = frozenset(Role(role) for role in values["roles"])
    return Session(**values)


async def begin(queries: Queries, token: str, session: Session, audience: Literal["citizens", "staff"]) -> None:
    """Keep a new session under `token`.

    Raises:
        ValueError: it would remember more than `MOST_BYTES`.
    """
    await queries.execute(
        _INSERT,
        id_of(token),
        session.visitor_id,
        session.form_secret,
        session.subject,
        session.person_id,
        session.name,
        session.given_name,
        session.family_name,
        session.email,
        json.dumps(session.address) if session.address else None,
        sorted(session.roles),
        session.department,
        session.identification,
        session.language,
        session.id_token,
        _json(session.data),
        IDLE[audience],
        LONGEST,
    )


async def remember(queries: Queries, token: str, values: Mapping[str, Any], forgotten: Iterable[str]) -> None:
    """Add `values` to what a session remembers, key by key, and forget others; two tabs do not undo each other's keys."""
    await queries.execute(_REMEMBER, id_of(token), _json(values), list(forgotten))


def _json(values: Mapping[str, Any]) -> str:
    content = json.dumps(values)
    if len(content) > MOST_BYTES:
        raise ValueError(f"a session remembers at most {MOST_BYTES} bytes")
    return content


async def end(queries: Queries, token: str) -> None:
    """Log out: the token is worth nothing any more."""
    await queries.execute(_END, id_of(token))


async def end_all(queries: Queries, subject: str | None = None) -> int:
    """End every session, or all of one `subject`; returns how many."""
    return affected(await queries.execute(_END_ALL, subject))


async def sweep(queries: Queries, at_once: int) -> int:
    """Delete at most `at_once` sessions that are over; returns how many."""
    return affected(await queries.execute(_SWEEP, at_once))
