"""A folder of procedures becomes what the office offers."""

import asyncio
import re
import shutil
from dataclasses import replace

import asyncpg
import pytest
from amtsbus.ids import new_id
from amtsbus.migrate import migrate
from amtsbus.procedures.checking import read_office
from amtsbus.procedures.publishing import OFFERED, REFUSED, ProcedureFolder, procedure_id
from amtsbus.procedures.store import newest
from amtsbus.service import Running
from offices.main import make
from offices.published import CATALOGUE
from offices.store import get
from pydantic import SecretStr

from .conftest import FOLDER


@pytest.fixture
def folder(tmp_path):
    copy = tmp_path / "pets"
    shutil.copytree(FOLDER, copy)
    return copy


async def catalogue(pets):
    async with pets.database.transaction() as tx:
        rows = await tx.fetch(
            "SELECT type, data::jsonb->>'key' AS key, data::jsonb->>'version' AS version FROM amtsbus.events "
            "WHERE topic = 'pets.procedure.events' ORDER BY position"
        )
    return [(row["type"].split(".")[1], row["key"], row["version"]) for row in rows]


async def test_each_procedure_is_published_once_however_often_the_folder_is_read(pets):
    assert await pets.publish() == []
    assert sorted(await catalogue(pets)) == [
        ("procedure-published", "goldfish", "1"),
        ("procedure-published", "parrot", "1"),
    ]


async def test_a_changed_file_is_a_new_version_and_open_cases_keep_theirs(pets, folder):
    before = await pets.apply()
    file = folder / "parrot.yaml"
    file.write_text(file.read_text().replace("form.parrots * 1000", "form.parrots * 9000"))
    assert await pets.publish(folder) == ["parrot"]
    after = await pets.apply(version=2)
    today = pets.database.clock.today()
    assert (await pets.file(before)).fee_cents(today) == 2000
    assert (await pets.file(after)).fee_cents(today) == 18000


async def test_a_file_that_is_taken_away_is_withdrawn_and_put_back_it_is_offered_again(pets, folder):
    gone = folder / "goldfish.yaml"
    kept = gone.read_text()
    gone.unlink()
    assert await pets.publish(folder) == ["goldfish"]
    assert (await catalogue(pets))[-1] == ("procedure-withdrawn", "goldfish", None)
    assert await pets.publish(folder) == []
    gone.write_text(kept)
    assert await pets.publish(folder) == ["goldfish"]
    assert (await catalogue(pets))[-1] == ("procedure-published", "goldfish", "1")


async def test_a_mistake_in_the_folder_changes_nothing_that_is_offered(pets, folder, settings_of):
    (folder / "parrot.yaml").write_text("key: parrot\n")
    task = ProcedureFolder("pets", folder, CATALOGUE)
    before = await catalogue(pets)
    await task.publish(Running(settings_of(make("pets"), pets.database), pets.database))
    assert await catalogue(pets) == before
    assert REFUSED.labels("pets")._value.get() == 1


async def test_a_version_never_changes_in_the_database_either(pets):
    with pytest.raises(asyncpg.RestrictViolationError):
        async with pets.database.transaction() as tx:
            await tx.execute("UPDATE amtsbus.procedures SET declaration = '{}'::jsonb")


def test_a_procedures_id_follows_from_office_and_key():
    assert procedure_id("pets", "parrot") == procedure_id("pets", "parrot")
    assert procedure_id("pets", "parrot") != procedure_id("taxes", "parrot")


def test_the_folder_of_the_tests_is_a_proper_one():
    assert sorted(read_office(FOLDER).procedures) == ["goldfish", "parrot"]


async def test_a_file_that_counts_on_code_of_its_own_is_not_offered_by_an_office(pets, folder, settings_of):
    file = folder / "goldfish.yaml"
    file.write_text(re.sub(r"^letters:\n(?:[ ].*\n|\n)*", "own_code: true\n", file.read_text(), flags=re.MULTILINE))
    before = await catalogue(pets)
    running = Running(settings_of(make("pets"), pets.database), pets.database)
    await ProcedureFolder("pets", folder, CATALOGUE).publish(running)
    assert await catalogue(pets) == before
    assert REFUSED.labels("pets")._value.get() == 1


async def test_the_version_before_goes_on_while_procedures_move_to_the_chassis(pets, folder):
    """Under their old name they can still be read, added and withdrawn."""
    columns = "key, version, procedure_id, sha256, declaration, office, published_at"
    async with pets.database.transaction() as tx:
        await tx.execute("LOCK TABLE procedures IN SHARE ROW EXCLUSIVE MODE")
        await tx.execute(
            f"INSERT INTO procedures ({columns}) SELECT key, 2, procedure_id, 'new', declaration, office, published_at "
            "FROM procedures WHERE key = 'parrot'"
        )
        await tx.execute("UPDATE procedures SET withdrawn_at = published_at WHERE key = 'parrot' AND version = 2")
        found = await newest(tx)
    assert (found["parrot"].version, found["parrot"].withdrawn) == (2, True)


async def test_an_office_that_has_procedures_and_cases_keeps_them_when_they_move(
    service_database, settings_of, owner_url, tmp_path
):
    service = make("pets")
    before = tmp_path / "migrations"
    before.mkdir()
    for file in sorted(service.migrations.glob("*.sql"))[:2]:
        shutil.copy(file, before)
    database = await service_database(replace(service, migrations=before))
    read = read_office(FOLDER).procedures["parrot"].model_dump_json(by_alias=True, exclude_none=True)
    case_id = new_id()
    async with database.transaction() as tx:
        await tx.execute(
            "INSERT INTO procedures SELECT 'parrot', 3, $1, 'hash', $2::jsonb, $3::jsonb, now(), now()",
            procedure_id("pets", "parrot"),
            read,
            read_office(FOLDER).declaration.model_dump_json(exclude_none=True),
        )
        await tx.execute(
            "INSERT INTO amtsbus.cases (case_id, procedure_key, reference, state, version, applicant_id, subject_ids, opened_at, "
            "due_on) VALUES ($1, 'parrot', 'P-1', 'received', 1, $1, '{}', now(), 'infinity')",
            case_id,
        )
        await tx.execute(
            "INSERT INTO applications (case_id, procedure_key, procedure_version, language, identification, answers, "
            "handed_in_at, search) VALUES ($1, 'parrot', 3, 'de', 'none', '{}', now(), '')",
            case_id,
        )
    settings = settings_of(service, database)
    settings = settings.model_copy(update={"migrator_database_url": SecretStr(owner_url(database))})
    assert await migrate(settings, service.migrations) == ["pets/0003_procedures_move"]
    async with database.transaction() as tx:
        found = await newest(tx)
        assert (found["parrot"].version, found["parrot"].withdrawn) == (3, True)
        assert (await get(tx, case_id, "NW")).version == 3


class Garden:
    """What a department's database knows and its file does not: here, what the parrots may be called."""

    def __init__(self, *words):
        self.words = words

    async def complete(self, declared, tx):
        assert await tx.fetchval("SELECT true"), "it is asked in a transaction of the department"
        if declared.key != "parrot":
            return declared
        return declared.model_copy(update={"words": self.words}) if self.words else None


async def test_what_the_file_lacks_is_put_in_and_a_change_of_it_is_a_new_version(pets, folder, settings_of):
    garden = Garden("Kakadu")
    running = Running(settings_of(make("pets"), pets.database), pets.database)
    task = ProcedureFolder("pets", folder, CATALOGUE, complete=garden.complete)
    for words in (("Kakadu",), ("Kakadu",), ("Kakadu", "Ara"), (), ("Kakadu", "Ara")):
        garden.words = words
        await task.publish(running)
    assert [one for one in await catalogue(pets) if one[1] == "parrot"] == [
        ("procedure-published", "parrot", "1"),  # before there was anything to put in
        ("procedure-published", "parrot", "2"),
        ("procedure-published", "parrot", "3"),
        ("procedure-withdrawn", "parrot", None),
        ("procedure-published", "parrot", "3"),
    ]
    async with pets.database.transaction() as tx:
        assert (await newest(tx))["parrot"].declared.words == ("Kakadu", "Ara")
    assert OFFERED.labels("pets")._value.get() == 2


async def test_a_worker_notices_by_itself_what_has_changed_in_its_database(pets, folder, settings_of):
    garden = Garden("Kakadu")
    running = Running(settings_of(make("pets"), pets.database), pets.database)
    task = asyncio.create_task(ProcedureFolder("pets", folder, CATALOGUE, complete=garden.complete)(running))
    try:
        for version, words in (("2", ("Kakadu",)), ("3", ("Ara",))):
            garden.words = words
            while ("procedure-published", "parrot", version) not in await catalogue(pets):
                assert not task.done()
                await asyncio.sleep(0.05)
    finally:
        task.cancel()
