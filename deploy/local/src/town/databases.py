"""One database for each service, with two roles: the owner, who migrates, and the one that the service runs as.

No service can connect to another's database. Passwords are random, made once per town and kept in `.town/secrets.json`.
"""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from amtsbus.migrate import migrations_of
from amtsbus.testing.servers import EmbeddedPostgres, write_atomically


@dataclass(frozen=True)
class DatabaseAccess:
    """How a service reaches its database. `migrator_url` is None where somebody else's server has no second role."""

    url: str
    migrator_url: str | None = None


def passwords(file: Path, names: list[str]) -> dict[str, str]:
    """A password for each of `names`: the one from before, or a new one."""
    try:
        known = {str(name): str(secret) for name, secret in json.loads(file.read_text()).items()}
    except (OSError, ValueError, AttributeError):
        known = {}
    complete = known | {name: secrets.token_urlsafe(24) for name in names if name not in known}
    if complete != known:
        write_atomically(file, json.dumps(complete, indent=2))
    return complete


async def prepare_database(server: EmbeddedPostgres, service: str, known: dict[str, str]) -> DatabaseAccess:
    """Make the database and the roles of `service` where they are missing, and set their passwords.

    Args:
        known: passwords by role.
    """
    owner, runner = f"{service}_owner", f"{service}_run"
    connection = await asyncpg.connect(server.url(), timeout=30)
    try:
        for role in (owner, runner):
            if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
                await connection.execute(f'CREATE ROLE "{role}" LOGIN')
            statement = await connection.fetchval(
                "SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, $2::text)", role, known[role]
            )
            await connection.execute(statement)
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", service):
            await connection.execute(f'CREATE DATABASE "{service}" OWNER "{owner}"')
        await connection.execute(f'REVOKE ALL ON DATABASE "{service}" FROM PUBLIC')
        await connection.execute(f'GRANT CONNECT ON DATABASE "{service}" TO "{owner}", "{runner}"')
    finally:
        await connection.close()
    return DatabaseAccess(
        server.url(service, runner, known[runner]), migrator_url=server.url(service, owner, known[owner])
    )


async def is_migrated(access: DatabaseAccess, service: str, folder: Path) -> bool:
    """Whether the database of `service` has exactly the migrations of the chassis and of `folder`: none is to be applied."""
    wanted = {(one.source, one.name, one.sha256) for one in migrations_of(service, folder)}
    connection = await asyncpg.connect(access.url, timeout=30)
    try:
        applied = await connection.fetch("SELECT source, name, sha256 FROM amtsbus.migrations")
    except asyncpg.PostgresError:  # there is no such table yet, or it is not ours to read
        return False
    finally:
        await connection.close()
    return {tuple(row) for row in applied} == wanted
