"""Corrections and changes keep what was entered before, with who and why; the database refuses anything else."""

from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from registration.published import POSTAL_ADDRESSES, SCHOOL_AGE_CHILDREN

from .conftest import OTHER_HOME, Office, a_family, a_person


async def correct(office: Office, person_id: str, form: dict[str, Any], path: str = "corrections") -> Any:
    record = (await office.client.get(f"/v1/persons/{person_id}", headers=office.clerk)).json()
    return await office.act(f"/v1/persons/{person_id}/{path}", office.clerk, record, form)


async def test_a_corrected_name_reaches_the_letters_and_the_old_entry_stays(office: Office) -> None:
    [person] = await office.registered(a_person("Hans", "Meyer", is_declarant=True))
    answer = await correct(office, person, {"family_name": "Mayer", "reason": "Birth certificate seen"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["family_name"] == "Mayer"
    postal = [event["family_name"] for _, event in await office.events(POSTAL_ADDRESSES, person)]
    assert postal == ["Meyer", "Mayer"]

    history = (await office.client.get(f"/v1/persons/{person}/history", headers=office.clerk)).json()["entries"]
    wrong, right = history
    assert (wrong["family_name"], wrong["superseded_by"], wrong["valid_to"]) == ("Meyer", right["entry_id"], None)
    assert (right["recorded_by"], right["reason"]) == ("clerk-schmitz", "Birth certificate seen")
    found = await office.client.get("/v1/persons", params={"name": "Meyer"}, headers=office.clerk)
    assert found.json()["items"] == []


async def test_a_marriage_ends_the_old_entry_on_its_day(office: Office) -> None:
    [person] = await office.registered(a_person("Ana", "Silva", is_declarant=True))
    form = {"family_name": "Weiß", "birth_name": "Silva", "changed_on": "2026-02-28", "reason": "Marriage"}
    await correct(office, person, form)
    before, after = (await office.client.get(f"/v1/persons/{person}/history", headers=office.clerk)).json()["entries"]
    assert (before["valid_to"], before["superseded_by"]) == ("2026-02-28", None)
    assert (after["valid_from"], after["birth_name"]) == ("2026-02-28", "Silva")


async def test_a_change_of_language_reaches_the_letters(office: Office) -> None:
    [person] = await office.registered()
    await correct(office, person, {"language": "en", "changed_on": "2026-03-01", "reason": "On request"})
    assert (await office.events(POSTAL_ADDRESSES, person))[-1][1]["language"] == "en"


async def test_schooling_learns_of_a_listed_childs_corrected_birth(office: Office) -> None:
    *_, child, baby = await office.registered(*a_family())
    await correct(office, child, {"date_of_birth": "2020-08-15", "reason": "Typing error"})
    kind, event = (await office.events(SCHOOL_AGE_CHILDREN, child))[-1]
    assert (kind, event["date_of_birth"]) == ("school-age-child-changed", "2020-08-15")
    await correct(office, baby, {"date_of_birth": "2022-01-02", "reason": "Typing error"})
    assert [kind for kind, _ in await office.events(SCHOOL_AGE_CHILDREN, baby)] == ["school-age-child-registered"]


async def test_a_corrected_home_supersedes_the_entry(office: Office) -> None:
    [person] = await office.registered()
    [home] = (await office.client.get(f"/v1/persons/{person}", headers=office.clerk)).json()["residences"]
    path = f"residences/{home['residence_id']}/corrections"
    answer = await correct(office, person, {"address": OTHER_HOME, "reason": "Street misheard"}, path)
    [corrected] = answer.json()["residences"]
    assert corrected["address"]["street"] == "Am Büchelter Hof"
    assert (await office.events(POSTAL_ADDRESSES, person))[-1][1]["address"]["street"] == "Am Büchelter Hof"
    history = (await office.client.get(f"/v1/persons/{person}/history", headers=office.clerk)).json()["residences"]
    assert [entry["superseded_by"] for entry in history] == [corrected["residence_id"], None]


IMPOSSIBLE: list[tuple[dict[str, Any], str]] = [
    ({}, "nothing-to-change"),
    ({"given_names": "Ayşe"}, "nothing-to-change"),
    ({"given_names": "Eva", "changed_on": "2026-03-03"}, "implausible-date"),
    ({"given_names": "Eva", "changed_on": "2026-01-01"}, "implausible-date"),
    ({"date_of_birth": "1990-05-18", "changed_on": "2026-03-01"}, "implausible-date"),
    ({"date_of_birth": "2027-01-01"}, "implausible-date"),
    ({"custodian_ids": ["0190b0f0-0000-7000-8000-000000000000"]}, "implausible-custodian"),
]


async def test_an_impossible_correction_is_refused(office: Office) -> None:
    [person] = await office.registered()
    for form, code in IMPOSSIBLE:
        answer = await correct(office, person, form | {"reason": "A test"})
        assert answer.status_code == 422, form
        assert answer.json()["type"].endswith(code), (form, answer.text)


async def test_two_clerks_cannot_correct_the_same_version(office: Office) -> None:
    [person] = await office.registered()
    record = (await office.client.get(f"/v1/persons/{person}", headers=office.clerk)).json()
    path = f"/v1/persons/{person}/corrections"
    answers = [
        await office.act(path, office.clerk, record, {"given_names": name, "reason": "Seen"}) for name in ("Eva", "Ada")
    ]
    assert [answer.status_code for answer in answers] == [200, 412]


async def test_the_database_itself_refuses_to_rewrite_the_register(office: Office) -> None:
    [person] = await office.registered()
    for statement in (
        "UPDATE person_entries SET family_name = 'X'",
        "DELETE FROM person_entries",
        "UPDATE residences SET street = 'X'",
        "DELETE FROM residences",
        "UPDATE record_reads SET read_by = 'X'",
        "DELETE FROM record_reads",
    ):
        await office.client.get(f"/v1/persons/{person}", headers=office.clerk)
        with pytest.raises(asyncpg.RestrictViolationError):
            await office.database.pool.execute(statement)
    await office.database.pool.execute("UPDATE residences SET moved_out_on = '2026-03-01'")
    with pytest.raises(asyncpg.RestrictViolationError):
        await office.database.pool.execute("UPDATE residences SET moved_out_on = NULL")


INSERT_HOME = """
INSERT INTO residences (residence_id, person_id, household_id, kind, street, house_number, postal_code, locality, country,
                        moved_in_on, recorded_at, recorded_by, reason)
SELECT gen_random_uuid(), $1, household_id, $2, 'X', '1', '51373', 'L', 'DE', $3, now(), 'test', 'test' FROM households
"""


async def test_the_database_itself_keeps_exactly_one_main_residence(office: Office) -> None:
    [person] = await office.registered()
    with pytest.raises(asyncpg.ExclusionViolationError):
        await office.database.pool.execute(INSERT_HOME, UUID(person), "main", date(2026, 3, 1))
    await office.database.pool.execute(INSERT_HOME, UUID(person), "secondary", date(2026, 3, 1))
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="without a main one"):
        await office.database.pool.execute("UPDATE residences SET moved_out_on = '2026-03-01' WHERE kind = 'main'")
