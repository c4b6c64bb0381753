"""Migrations: plain SQL, forward only, each file in one transaction, run by the owner of the tables.

First those of the chassis (schema `amtsbus`), then the service's own (schema `public`), then the rights of the role that
the service runs as: it may read and write the service's tables, and only add to the journal.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg

from amtsbus.settings import Settings

CHASSIS = Path(__file__).parent / "migrations"
LOCK = 0x6D696772  # "migr"
JOURNAL_MONTHS_AHEAD = 12
"""So many months of the journal exist beforehand; the worker prepares them every day, so a city never runs out of them."""

_HISTORY = """
CREATE SCHEMA IF NOT EXISTS amtsbus;
CREATE TABLE IF NOT EXISTS amtsbus.migrations (
    source     text        NOT NULL,
    name       text        NOT NULL,
    sha256     text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (source, name)
);
"""


class MigrationError(Exception):
    """The database cannot be brought to this version. The message names the file and what to do."""


@dataclass(frozen=True)
class Migration:
    """One SQL file."""

    source: str
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations_of(service: str, folder: Path) -> list[Migration]:
    """The chassis' migrations and those of `service`, in the order in which they are applied."""
    found = []
    for source, directory in (("amtsbus", CHASSIS), (service, folder)):
        files = sorted(directory.glob("[0-9][0-9][0-9][0-9]_*.sql"))
        found += [Migration(source, file.stem, file.read_text()) for file in files]
    return found


def fingerprint(service: str, folder: Path) -> str:
    """A hash of everything that `migrate` would apply."""
    return hashlib.sha256("".join(m.sha256 for m in migrations_of(service, folder)).encode()).hexdigest()[:16]


def user_of(url: str) -> str:
    """The role that a connection URL names."""
    return unquote(urlsplit(url).username or "")


async def migrate(settings: Settings, folder: Path) -> list[str]:
    """Bring the service's database to the present version; safe to run twice and by two at once.

    Returns:
        The migrations that were applied now.

    Raises:
        MigrationError: a file that was applied has changed since, or one fails; nothing of that file remains.
    """
    run_url = settings.database_url.get_secret_value()
    owner_url = (settings.migrator_database_url or settings.database_url).get_secret_value()
    connection = await asyncpg.connect(owner_url, timeout=10, server_settings={"application_name": "amtsbus-migrate"})
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
        await connection.execute("SET client_min_messages = warning")
        await connection.execute(_HISTORY)
        applied = await _apply(connection, migrations_of(settings.service, folder))
        await connection.execute("SELECT amtsbus.prepare_journal($1)", JOURNAL_MONTHS_AHEAD)
        if user_of(run_url) != user_of(owner_url):
            await grant(connection, user_of(run_url))
        return applied
    finally:
        await connection.close()


async def _apply(connection: Any, migrations: list[Migration]) -> list[str]:
    known = {
        (row["source"], row["name"]): row["sha256"]
        for row in await connection.fetch("SELECT source, name, sha256 FROM amtsbus.migrations")
    }
    applied = []
    for migration in migrations:
        before = known.get((migration.source, migration.name))
        if before == migration.sha256:
            continue
        label = f"{migration.source}/{migration.name}"
        if before is not None:
            raise MigrationError(
                f"{label} was applied in another form; migrations never change: add a new file instead"
            )
        try:
            async with connection.transaction():
                # A migration that waits for a lock makes everybody behind it wait as well.
                await connection.execute("SET LOCAL lock_timeout = '5s'")
                await connection.execute(migration.sql)
                await connection.execute(
                    "INSERT INTO amtsbus.migrations (source, name, sha256) VALUES ($1, $2, $3)",
                    migration.source,
                    migration.name,
                    migration.sha256,
                )
        except asyncpg.PostgresError as error:
            raise MigrationError(f"{label} failed and was rolled back: {error}") from error
        applied.append(label)
    return applied


async def grant(connection: Any, role: str) -> None:
    """Give the role that the service runs as its rights: everything on the service's tables, additions to the journal."""
    quoted = '"' + role.replace('"', '""') + '"'
    for statement in (
        "GRANT USAGE ON SCHEMA public, amtsbus TO {role}",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public, amtsbus TO {role}",
        "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public, amtsbus TO {role}",
        "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {role}",
        "REVOKE ALL ON amtsbus.migrations, amtsbus.events FROM {role}",
        "GRANT SELECT, INSERT ON amtsbus.events TO {role}",
        "REVOKE DELETE ON amtsbus.streams FROM {role}",
        "REVOKE INSERT, UPDATE, DELETE ON amtsbus.archived_months FROM {role}",
        "GRANT EXECUTE ON FUNCTION amtsbus.prepare_journal TO {role}",
        "GRANT SELECT ON amtsbus.migrations TO {role}",
    ):
        await connection.execute(statement.format(role=quoted))
