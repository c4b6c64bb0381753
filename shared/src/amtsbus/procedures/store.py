"""Procedures in all their versions, in PostgreSQL (schema `amtsbus`): a case is decided by the version that it began with."""

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from amtsbus.casework.procedure import Procedure
from amtsbus.errors import NotFoundError
from amtsbus.postgres import Tx
from amtsbus.procedures import steps
from amtsbus.procedures.declaration import OfficeFile, ProcedureFile


@dataclass(frozen=True, slots=True)
class StoredProcedure:
    """One version of a procedure."""

    procedure_id: UUID
    key: str
    version: int
    sha256: str
    declared: ProcedureFile
    office: OfficeFile
    withdrawn: bool

    def compiled(self, land: str) -> Procedure:
        """The procedure as casework knows it."""
        return _compiled(_Version(self.sha256, self.declared), land)


@dataclass(frozen=True, slots=True)
class _Version:
    sha256: str
    declared: ProcedureFile = field(compare=False)


@lru_cache(maxsize=512)
def _compiled(version: _Version, land: str) -> Procedure:
    return steps.compiled(version.declared, land=land)


_DECLARED: Final[OrderedDict[str, ProcedureFile]] = OrderedDict()
"""Procedure files that this process has read lately, by the hash of their text: a version never changes."""
_MOST_DECLARED: Final = 512


def _declared(sha256: str, declaration: str) -> ProcedureFile:
    if sha256 not in _DECLARED:
        _DECLARED[sha256] = ProcedureFile.model_validate_json(declaration)
        if len(_DECLARED) > _MOST_DECLARED:
            _DECLARED.popitem(last=False)
    return _DECLARED[sha256]


_PROCEDURE = (
    "SELECT procedure_id, key, version, sha256, declaration::text, office::text, withdrawn_at FROM amtsbus.procedures"
)


def _procedure(row: Any) -> StoredProcedure:
    return StoredProcedure(
        row["procedure_id"],
        row["key"],
        row["version"],
        row["sha256"],
        _declared(row["sha256"], row["declaration"]),
        OfficeFile.model_validate_json(row["office"]),
        row["withdrawn_at"] is not None,
    )


async def get(tx: Tx, key: str, version: int) -> StoredProcedure:
    """One version of a procedure.

    Raises:
        NotFoundError: the department never had it.
    """
    row = await tx.fetchrow(f"{_PROCEDURE} WHERE key = $1 AND version = $2", key, version)
    if row is None:
        raise NotFoundError(f"there is no version {version} of the procedure {key}")
    return _procedure(row)


async def newest_version(tx: Tx, key: str) -> int:
    """The number of the newest version of a procedure; 0 where none was published yet."""
    number: int = await tx.fetchval("SELECT coalesce(max(version), 0) FROM amtsbus.procedures WHERE key = $1", key)
    return number


async def newest_to_change(tx: Tx) -> dict[str, StoredProcedure]:
    """`newest` for whoever publishes; others who do wait, so that a version is published once."""
    await tx.execute("LOCK TABLE amtsbus.procedures IN SHARE ROW EXCLUSIVE MODE")
    return await newest(tx)


async def newest(tx: Tx) -> dict[str, StoredProcedure]:
    """The newest version of every procedure, the withdrawn ones too, by key."""
    rows = await tx.fetch(
        f"SELECT DISTINCT ON (key) * FROM ({_PROCEDURE}) p ORDER BY key, version DESC"  # noqa: S608 - built from constants
    )
    return {row["key"]: _procedure(row) for row in rows}


async def declared_versions(tx: Tx, versions: Collection[tuple[str, int]]) -> dict[tuple[str, int], ProcedureFile]:
    """Procedure files by key and version. Of those that this process has read before only the hash is fetched."""
    keys, numbers = [key for key, _ in versions], [version for _, version in versions]
    known = {(row["key"], row["version"]): row["sha256"] for row in await tx.fetch(_HASHES, keys, numbers)}
    unread = [place for place, sha256 in known.items() if sha256 not in _DECLARED]
    read: dict[tuple[str, int], ProcedureFile] = {}
    if unread:
        rows = await tx.fetch(_DECLARATIONS, [key for key, _ in unread], [version for _, version in unread])
        read = {(row["key"], row["version"]): _declared(row["sha256"], row["declaration"]) for row in rows}
    return {place: read.get(place) or _DECLARED[sha256] for place, sha256 in known.items()}


async def newest_declared(tx: Tx) -> list[ProcedureFile]:
    """The newest version of every procedure, by key."""
    rows = await tx.fetch("SELECT key, max(version) AS version FROM amtsbus.procedures GROUP BY key ORDER BY key")
    versions = [(row["key"], row["version"]) for row in rows]
    found = await declared_versions(tx, versions)
    return [found[version] for version in versions]


_WANTED = "amtsbus.procedures p JOIN unnest($1::text[], $2::int[]) AS w (key, version) USING (key, version)"
_HASHES = f"SELECT key, version, p.sha256 FROM {_WANTED}"  # noqa: S608 - built from constants
_DECLARATIONS = f"SELECT key, version, p.sha256, p.declaration::text AS declaration FROM {_WANTED}"  # noqa: S608 - built from constants


async def add(tx: Tx, stored: StoredProcedure, declaration: str, office: str, now: datetime) -> None:
    """Keep a new version."""
    await tx.execute(
        "INSERT INTO amtsbus.procedures (key, version, procedure_id, sha256, declaration, office, published_at) "
        "VALUES ($1, $2, $3, $4, $5::jsonb, $6::jsonb, $7)",
        stored.key,
        stored.version,
        stored.procedure_id,
        stored.sha256,
        declaration,
        office,
        now,
    )


async def set_offered(tx: Tx, key: str, version: int, withdrawn_at: datetime | None) -> None:
    """Note that a procedure is not offered any more, or is again."""
    await tx.execute(
        "UPDATE amtsbus.procedures SET withdrawn_at = $3 WHERE key = $1 AND version = $2", key, version, withdrawn_at
    )
