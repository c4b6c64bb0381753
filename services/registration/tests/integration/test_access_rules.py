"""Every route of the service: a foreign id is 404 for a citizen, staff of elsewhere are nobody here, no key is 4xx."""

import re
from typing import Any
from uuid import uuid4

from amtsbus.auth import Role
from fastapi.routing import APIRoute
from registration.main import SERVICE

from .conftest import LANDLORD, Office, a_move_in

ROUTES = [
    (method, route.path)
    for router in SERVICE.routers
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods or ())
]
BODIES = {
    "landlord-confirmation": LANDLORD,
    "landlord-refusal": {"statement": "No"},
    "reject": {"reason": "No"},
    "refuse": {"reason": "No"},
    "assign": {"assignee": None},
    "corrections": {"reason": "No"},
}


async def test_nobody_gets_in_without_the_right_role(office: Office) -> None:
    elsewhere = office.client.as_(Role.CLERK, Role.LEAD, Role.AUDITOR, department="permits")
    for method, path in ROUTES:
        address = re.sub(r"{\w+}", lambda _: str(uuid4()), path)
        body = BODIES.get(address.rsplit("/", 1)[-1])
        expected = [({}, {401}), (elsewhere, {403})]
        if "{" in path:
            expected += [(who, {403, 404}) for who in (office.citizen(uuid4()), office.clerk, office.lead)]
        for who, statuses in expected:
            answer = await office.client.request(method, address, json=body, headers=who | {"If-Match": '"1"'})
            assert answer.status_code in statuses, (method, path, answer.text)


async def test_the_work_list_shows_the_most_urgent_first(office: Office) -> None:
    waiting = await office.submit("move-ins", a_move_in(landlord_confirmation=None), office.citizen(uuid4()))
    registered = await office.submit("move-ins", a_move_in(), office.citizen(uuid4()))
    await office.register("move-ins", registered)
    fresh = await office.submit("move-ins", a_move_in(), office.citizen(uuid4()))

    async def listed(**query: Any) -> list[str]:
        answer = await office.client.get("/v1/work-list", params=query, headers=office.clerk)
        assert answer.status_code == 200, answer.text
        return [line["case_id"] for line in answer.json()["items"]]

    assert await listed() == [registered["case_id"], waiting["case_id"], fresh["case_id"]]
    assert await listed(state="submitted") == [fresh["case_id"]]
    assert await listed(due_before="2026-03-06") == [registered["case_id"]]
    case = (await office.client.get(f"/v1/move-ins/{registered['case_id']}", headers=office.clerk)).json()
    closed = await office.act(f"/v1/move-ins/{case['case_id']}/close", office.clerk, case)
    assert closed.json()["state"] == "closed"
    assert await listed() == [waiting["case_id"], fresh["case_id"]]
    first = (await office.client.get("/v1/work-list", params={"limit": 1}, headers=office.clerk)).json()
    assert await listed(after=first["next"]) == [fresh["case_id"]]
