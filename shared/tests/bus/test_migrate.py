"""Migrations: forward only, each as a whole, safe to run twice and by two at once."""

import asyncio
import secrets

import asyncpg
import pytest
from amtsbus import migrate
from amtsbus.settings import Environment, Settings
from amtsbus.testing.fixtures import with_database


@pytest.fixture
async def settings(postgres_url):
    name = f"test_migrate_{secrets.token_hex(4)}"
    admin = await asyncpg.connect(postgres_url)
    await admin.execute(f'CREATE DATABASE "{name}"')
    yield Settings.load("library", database_url=with_database(postgres_url, name), environment=Environment.DEVELOPMENT)
    await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await admin.close()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "0001_shelves.sql").write_text("CREATE TABLE shelves (shelf_id int PRIMARY KEY);")
    return tmp_path


async def query(settings, sql):
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_the_chassis_comes_first_and_each_file_is_applied_once(settings, folder):
    applied = await migrate.migrate(settings, folder)
    assert applied[0] == "amtsbus/0001_bus"
    assert applied[-1] == "library/0001_shelves"
    assert await migrate.migrate(settings, folder) == []


async def test_two_deployments_at_once_apply_each_file_once(settings, folder):
    first, second = await asyncio.gather(migrate.migrate(settings, folder), migrate.migrate(settings, folder))
    assert {bool(first), bool(second)} == {True, False}


async def test_a_file_that_fails_leaves_nothing_behind_and_names_itself(settings, folder):
    (folder / "0002_broken.sql").write_text("CREATE TABLE half (a int); SELECT nonsense;")
    with pytest.raises(migrate.MigrationError, match="library/0002_broken failed and was rolled back"):
        await migrate.migrate(settings, folder)
    assert await query(settings, "SELECT to_regclass('half') IS NULL")
    assert await query(settings, "SELECT to_regclass('shelves') IS NOT NULL")


async def test_a_file_that_changed_after_it_was_applied_is_refused(settings, folder):
    await migrate.migrate(settings, folder)
    (folder / "0001_shelves.sql").write_text("CREATE TABLE shelves (shelf_id bigint PRIMARY KEY);")
    with pytest.raises(migrate.MigrationError, match="add a new file instead"):
        await migrate.migrate(settings, folder)
