"""Who may do what: a foreign application does not exist, auditors change nothing, operators see nothing."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import pytest
from amtsbus.auth import Role
from permits.http import router

A_DOCUMENT = {"code": "site-plan", "name": "plan.pdf", "sha256": "aa" * 32, "size": 1}
FORMS: dict[str, Any] = {
    "documents": {"documents": [A_DOCUMENT]},
    "document-requests": {"documents": ["site-plan"], "reasons": "It is missing.", "period_days": 14},
    "completeness": None,
    "hearings": {"agencies": ["fire-protection"]},
    "hearings/fire-protection/response": {"outcome": "no-objection"},
    "proposals": {"decision": "approve"},
    "decision": {"verdict": "confirm"},
    "withdrawal": None,
    "assignment": {"assignee": "somebody"},
    "notes": {"text": "A note."},
}
OF_THE_APPLICANT = {"documents", "withdrawal"}
STRANGER = UUID("01980a52-7c1e-7d40-9a3b-52d1f5a0cfff")


def test_every_step_of_the_api_is_tried_here() -> None:
    paths = {route.path.removeprefix("/v1/applications") for route in router.routes if "POST" in route.methods}  # type: ignore[attr-defined] # all are API routes
    tried = {f"/{{application_id}}/{step}".replace("fire-protection", "{agency}") for step in FORMS}
    assert paths == tried | {""}


async def statuses(office: Any, application_id: UUID, steps: Iterable[str], who: dict[str, str]) -> dict[str, int]:
    """What each of `steps` is answered with."""
    return {step: (await office.try_step(application_id, step, FORMS[step], who)).status_code for step in steps}


async def test_somebody_elses_application_is_not_found(office: Any) -> None:
    application_id = await office.submit()
    stranger = office.login(Role.CITIZEN, person_id=STRANGER)
    assert set((await statuses(office, application_id, OF_THE_APPLICANT, stranger)).values()) == {404}
    answer = await office.client.get(f"/v1/applications/{application_id}", headers=stranger)
    assert answer.status_code == 404
    assert (await office.client.get("/v1/applications", headers=stranger)).json()["items"] == []


async def test_an_application_that_does_not_exist_is_not_found(office: Any) -> None:
    for step, form in FORMS.items():
        answer = await office.client.post(
            f"/v1/applications/{STRANGER}/{step}", json=form, headers=office.lead | {"If-Match": '"1"'}
        )
        assert answer.status_code == 404, step


async def test_citizens_do_not_do_the_staffs_work(office: Any) -> None:
    application_id = await office.submit()
    of_the_staff = FORMS.keys() - OF_THE_APPLICANT
    assert await statuses(office, application_id, of_the_staff, office.builder) == dict.fromkeys(of_the_staff, 403)


async def test_auditors_and_operators_change_nothing(office: Any) -> None:
    application_id = await office.submit()
    for who in (office.auditor, office.operator):
        assert await statuses(office, application_id, FORMS, who) == dict.fromkeys(FORMS, 403)
    assert await office.journal(application_id) == ["application-submitted"]


async def test_auditors_read_everything_and_operators_nothing(office: Any) -> None:
    application_id = await office.submit()
    for path in ("", f"/{application_id}", f"/{application_id}/history", f"/{application_id}/notes"):
        assert (await office.client.get(f"/v1/applications{path}", headers=office.auditor)).status_code == 200, path
        assert (await office.client.get(f"/v1/applications{path}", headers=office.operator)).status_code == 403, path


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.OPERATOR])
async def test_an_auditor_who_is_a_citizen_too_acts_on_their_own_case_only(office: Any, role: Role) -> None:
    application_id = await office.submit()
    both = office.login(Role.CITIZEN, role, person_id=STRANGER, sub="two-hats")
    withdrawn = await office.try_step(application_id, "withdrawal", None, both)
    assert withdrawn.status_code == 404
    seen = await office.client.get(f"/v1/applications/{application_id}", headers=both)
    assert seen.status_code == (200 if role is Role.AUDITOR else 404)


async def test_clerks_of_another_department_are_nobody_here(office: Any) -> None:
    application_id = await office.submit()
    elsewhere = office.login(Role.CLERK, sub="school-clerk", department="schooling")
    answer = await office.client.get(f"/v1/applications/{application_id}", headers=elsewhere)
    assert answer.status_code == 403


async def test_without_a_token_nothing_is_told(office: Any) -> None:
    application_id = await office.submit()
    assert (await office.client.get(f"/v1/applications/{application_id}")).status_code == 401


async def test_a_citizen_applies_for_themself_only(office: Any) -> None:
    form = office.form(applicant_id=str(STRANGER))
    answer = await office.client.post("/v1/applications", json=form, headers=office.builder)
    assert answer.status_code == 403
    answer = await office.client.post("/v1/applications", json=office.form(), headers=office.clerk)
    assert answer.json()["type"] == "urn:amtsbus:problem:applicant-missing"
