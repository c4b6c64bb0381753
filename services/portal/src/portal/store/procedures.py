"""Procedures in all their versions, and the catalogue of those that are offered now."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from amtsbus.errors import NotFoundError
from amtsbus.postgres import Row, Tx
from amtsbus.procedures.declaration import OfficeFile, ProcedureFile

from portal.domain.catalogue import Catalogue, Service

MOST_IN_MEMORY: Final = 2000
"""So many versions a process keeps in memory; a version has some ten thousand bytes."""


@dataclass(frozen=True, slots=True)
class Published:
    """A version as its office published it, in JSON."""

    office: str
    key: str
    version: int
    declaration: str
    office_declaration: str
    published_at: datetime


_read: dict[tuple[bytes, int], Service] = {}
"""What this process has read, by hash and version. A declaration never changes, so none is read twice."""


async def add(tx: Tx, published: Published) -> None:
    """Keep a version; a second time changes nothing."""
    digest = sha256(f"{published.declaration}\n{published.office_declaration}".encode()).digest()
    await tx.execute(
        """
        INSERT INTO procedures (key, version, office, sha256, declaration, office_declaration, published_at)
        VALUES ($1, $2, $3, $4, $5::jsonb, $6::jsonb, $7)
        ON CONFLICT DO NOTHING
        """,
        published.key,
        published.version,
        published.office,
        digest,
        published.declaration,
        published.office_declaration,
        published.published_at,
    )


async def offer(tx: Tx, key: str, version: int) -> None:
    """Offer this version from now on, unless a newer one is."""
    await tx.execute(
        """
        INSERT INTO catalogue (key, version) VALUES ($1, $2)
        ON CONFLICT (key) DO UPDATE SET version = excluded.version, withdrawn_at = NULL
        WHERE catalogue.version <= excluded.version
        """,
        key,
        version,
    )


async def withdraw(tx: Tx, key: str, withdrawn_at: datetime) -> None:
    """Offer it no longer."""
    await tx.execute("UPDATE catalogue SET withdrawn_at = $2 WHERE key = $1", key, withdrawn_at)


async def office_of(tx: Tx, key: str) -> str | None:
    """The office that a key belongs to."""
    office: str | None = await tx.fetchval("SELECT office FROM procedures WHERE key = $1 LIMIT 1", key)
    return office


_SERVICE = "SELECT p.key, p.version, p.sha256 FROM procedures p"


async def get(tx: Tx, key: str, version: int) -> Service:
    """A version of a procedure.

    Raises:
        NotFoundError: it was never published.
    """
    row = await tx.fetchrow(f"{_SERVICE} WHERE p.key = $1 AND p.version = $2", key, version)
    if row is None:
        raise NotFoundError(f"There is no version {version} of the service {key!r}.")
    return (await _services(tx, [row]))[key]


async def offered(tx: Tx, key: str) -> Service:
    """A service in the version that is offered now.

    Raises:
        NotFoundError: it is not offered.
    """
    row = await tx.fetchrow(
        f"{_SERVICE} JOIN catalogue USING (key, version) WHERE key = $1 AND withdrawn_at IS NULL", key
    )
    if row is None:
        raise NotFoundError(f"There is no service {key!r}.")
    return (await _services(tx, [row]))[key]


async def catalogue(tx: Tx) -> Catalogue:
    """All services that are offered now."""
    rows = await tx.fetch(f"{_SERVICE} JOIN catalogue USING (key, version) WHERE withdrawn_at IS NULL ORDER BY key")
    state = tuple(_name(row) for row in rows)
    if _latest.state != state:
        _latest.catalogue, _latest.state = Catalogue(await _services(tx, rows)), state
    return _latest.catalogue


class _Latest:
    """The catalogue as this process knows it: its index of words is built once for each change."""

    def __init__(self) -> None:
        self.state: tuple[tuple[bytes, int], ...] = ()
        self.catalogue = Catalogue()


_latest = _Latest()


async def _services(tx: Tx, rows: list[Row]) -> dict[str, Service]:
    unread = [row for row in rows if _name(row) not in _read]
    if len(_read) + len(unread) > MOST_IN_MEMORY:
        _read.clear()
        unread = rows
    if unread:
        found = await tx.fetch(
            """
            SELECT sha256, version, declaration::text, office_declaration::text FROM procedures
            WHERE (key, version) IN (SELECT * FROM unnest($1::text[], $2::integer[]))
            """,
            [row["key"] for row in unread],
            [row["version"] for row in unread],
        )
        for row in found:
            _read[_name(row)] = Service(
                ProcedureFile.model_validate_json(row["declaration"]),
                OfficeFile.model_validate_json(row["office_declaration"]),
                row["version"],
            )
    return {row["key"]: _read[_name(row)] for row in rows}


def _name(row: Row) -> tuple[bytes, int]:
    return bytes(row["sha256"]), row["version"]
