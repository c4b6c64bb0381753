"""The impatient citizen, the lost answer, two clerks at once: one case, one effect, and nobody overwrites anybody."""

import asyncio
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from amtsbus.casework.calendar import end_of
from amtsbus.casework.roles import Actor, Role
from amtsbus.errors import ConflictError
from permits import store
from permits.domain.application import Document
from permits.domain.codes import DocumentCode
from permits.domain.law import Term
from permits.domain.target import Target
from permits.use_cases.supply_documents import SupplyDocuments, supply_documents

BUILDER = UUID("01980a52-7c1e-7d40-9a3b-52d1f5a0c002")
THE_BUILDER = Actor("the-builder", frozenset({Role.CITIZEN}))
LAST_DAY = date(2026, 3, 16)


def a_site_plan_for(application_id: UUID) -> SupplyDocuments:
    handed_in_at = end_of(LAST_DAY) - timedelta(seconds=1)
    site_plan = Document(DocumentCode.SITE_PLAN, "plan.pdf", b"x" * 32, 1, handed_in_at)
    return SupplyDocuments(Target(application_id, 2, THE_BUILDER, BUILDER), [site_plan])


async def count(office: Any, table: str) -> int:
    number: int = await office.database.pool.fetchval(f"SELECT count(*) FROM {table}")
    return number


async def test_the_same_application_five_times_at_once_is_one_case_with_one_receipt(office: Any) -> None:
    form, headers = office.form(), office.builder | {"Idempotency-Key": str(uuid4())}
    answers = await asyncio.gather(
        *(office.client.post("/v1/applications", json=form, headers=headers) for _ in range(5))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert await count(office, "amtsbus.cases") == 1
    assert await count(office, "amtsbus.events") == 2, "one in our own words, one in those of every department"


async def test_a_lost_answer_is_given_again(office: Any) -> None:
    form, headers = office.form(), office.builder | {"Idempotency-Key": str(uuid4())}
    first = await office.client.post("/v1/applications", json=form, headers=headers)
    again = await office.client.post("/v1/applications", json=form, headers=headers)
    assert (again.status_code, again.content, again.headers["ETag"]) == (201, first.content, first.headers["ETag"])
    assert again.headers["Location"] == first.headers["Location"]
    assert await count(office, "amtsbus.cases") == 1


async def test_another_application_with_a_used_key_is_refused(office: Any) -> None:
    headers = office.builder | {"Idempotency-Key": str(uuid4())}
    await office.client.post("/v1/applications", json=office.form(), headers=headers)
    other = await office.client.post("/v1/applications", json=office.form(description="A barn"), headers=headers)
    assert other.status_code == 422
    assert await count(office, "amtsbus.cases") == 1


async def test_a_repeated_step_gives_its_first_answer_although_the_version_has_moved_on(office: Any) -> None:
    application_id = await office.submit()
    path = f"/v1/applications/{application_id}/completeness"
    headers = office.clerk | {"Idempotency-Key": str(uuid4()), "If-Match": '"1"'}
    first = await office.client.post(path, headers=headers)
    again = await office.client.post(path, headers=headers)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content
    assert (await office.journal(application_id)).count("application-complete") == 1


async def test_who_acts_on_an_old_version_is_told_to_read_again(office: Any) -> None:
    application_id = await office.submit()
    await office.step(application_id, "notes", {"text": "Something happened meanwhile."})
    answer = await office.client.post(
        f"/v1/applications/{application_id}/completeness", headers=office.clerk | {"If-Match": '"1"'}
    )
    assert answer.status_code == 412
    assert "Read it again" in answer.json()["detail"]
    without = await office.client.post(f"/v1/applications/{application_id}/completeness", headers=office.clerk)
    assert without.status_code == 428


async def test_of_two_who_decide_at_once_one_wins(office: Any) -> None:
    application_id = await office.submit()
    await office.step(application_id, "completeness")
    await office.step(application_id, "proposals", {"decision": "approve"})
    path, seen = f"/v1/applications/{application_id}", {"If-Match": '"3"'}
    answers = await asyncio.gather(
        office.client.post(f"{path}/decision", json={"verdict": "confirm"}, headers=office.lead | seen),
        office.client.post(f"{path}/withdrawal", headers=office.builder | seen),
    )
    assert sorted(answer.status_code for answer in answers)[0] == 200
    assert sorted(answer.status_code for answer in answers)[1] in (409, 412)
    ends = [e for e in await office.journal(application_id) if e in ("application-approved", "application-withdrawn")]
    assert len(ends) == 1


async def test_documents_of_the_last_second_are_safe_although_the_clock_rings_before_they_are_stored(
    office: Any,
) -> None:
    application_id = await office.submit("site-plan")
    await office.request_site_plan(application_id)
    office.clock.instant = end_of(LAST_DAY) - timedelta(seconds=1)
    async with office.database.transaction() as tx:
        await supply_documents(a_site_plan_for(application_id), tx)
        await office.morning_of(LAST_DAY + timedelta(days=1))
    await office.days_pass(1)
    assert (await office.read(application_id))["state"] == "submitted"
    assert "application-lapsed" not in await office.journal(application_id)


async def test_documents_that_meet_the_end_of_their_period_are_refused_and_not_half_stored(office: Any) -> None:
    application_id = await office.submit("site-plan")
    await office.request_site_plan(application_id)
    supply = a_site_plan_for(application_id)

    async def supply_while_the_clock_rings() -> None:
        async with office.database.transaction() as tx:
            check = await store.legal_term(tx, Term.COMPLETENESS_CHECK, LAST_DAY)
            application = await store.get_as_seen(tx, supply.target)
            application.supply_documents(supply.documents, check, THE_BUILDER, end_of(LAST_DAY) - timedelta(seconds=1))
            await office.morning_of(LAST_DAY + timedelta(days=1))
            await store.save(tx, application)

    with pytest.raises(ConflictError):
        await supply_while_the_clock_rings()
    view = await office.read(application_id)
    assert view["state"] == "lapsed"
    assert "site-plan" not in [document["code"] for document in view["documents"]]
