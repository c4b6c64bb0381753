"""The way of a building application through the authority, over HTTP, with the real clock task and database."""

import json
from datetime import date
from typing import Any
from uuid import UUID


async def test_a_citizen_gets_a_receipt_with_reference_and_due_date(office: Any) -> None:
    answer = await office.client.post("/v1/applications", json=office.form(), headers=office.builder)
    receipt = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/v1/applications/{receipt['application_id']}"
    assert answer.headers["ETag"] == '"1"'
    assert receipt["reference"].startswith("BA-2026-")
    assert receipt["state"] == "submitted"
    assert receipt["completeness_due_on"] == "2026-03-16"


async def test_an_application_without_its_site_plan_goes_its_whole_way_to_the_permit(office: Any) -> None:
    application_id = await office.submit("site-plan")
    assert (await office.read(application_id, office.clerk))["desk"]["missing_documents"] == ["site-plan"]
    await office.request_site_plan(application_id)

    asked = (await office.read(application_id))["asked"]
    assert asked == {
        "documents": ["site-plan"],
        "outstanding": ["site-plan"],
        "reasons": "The site plan is missing.",
        "due_on": "2026-03-16",
        "answers": [],
        "otherwise": "counts-as-withdrawn",
    }
    await office.days_pass(8)
    site_plan = {"code": "site-plan", "name": "Lageplan.pdf", "sha256": "0a" * 32, "size": 90_000}
    assert await office.step(application_id, "documents", {"documents": [site_plan]}, office.builder) == "submitted"
    assert await office.step(application_id, "completeness") == "complete"

    agencies = ["fire-protection", "water-authority", "nature-conservation"]
    assert await office.step(application_id, "hearings", {"agencies": agencies}) == "consulting"
    answered = {"outcome": "conditions", "conditions": ["second-escape-route"], "remarks": "The stairs are of wood."}
    assert await office.step(application_id, "hearings/fire-protection/response", answered) == "consulting"
    no_objection = {"outcome": "no-objection"}
    assert await office.step(application_id, "hearings/water-authority/response", no_objection) == "consulting"

    await office.morning_of(date(2026, 4, 10))  # the last day of the third agency
    assert (await office.read(application_id))["state"] == "consulting"
    await office.morning_of(date(2026, 4, 11))
    view = await office.read(application_id)
    assert view["state"] == "deciding"
    assert {h["agency"]: h["outcome"] for h in view["hearings"]} == {
        "fire-protection": "conditions",
        "water-authority": "no-objection",
        "nature-conservation": "silent",
    }
    proposal = {"decision": "approve", "conditions": ["second-escape-route"], "reasons": "A second way out is needed."}
    await office.step(application_id, "proposals", proposal)
    assert (await office.read(application_id))["decision"] is None
    await office.step(application_id, "decision", {"verdict": "confirm"}, office.lead)

    view = await office.read(application_id)
    assert view["state"] == "approved"
    assert view["decision"] == {
        "outcome": "approved",
        "decided_on": "2026-04-11",
        "valid_until": "2029-04-11",
        "conditions": [{"code": "second-escape-route", "legal_basis": "BauO NRW § 33"}],
        "grounds": [],
        "reasons": ["A second way out is needed."],
        "legal_basis": "BauO NRW 2018 § 74",
    }
    assert view["fee"]["amount_cents"] == 180_000
    assert view["fee"]["payable_on"] == "2026-05-11"
    assert "Tarifstelle 3" in view["fee"]["legal_basis"]
    assert [period["kind"] for period in view["periods"] if not period["ended_at"]] == []
    assert await office.journal(application_id) == [
        "application-submitted",
        "documents-requested",
        "deadline-due-soon",  # a week before the documents are due
        "documents-supplied",
        "application-complete",
        "agency-heard",
        "agency-heard",
        "agency-heard",
        "agency-responded",
        "agency-responded",
        "agency-responded",
        "application-approved",
        "fee-noticed",
    ]


async def test_the_applicant_sees_reasons_and_remedy_of_a_refusal(office: Any) -> None:
    application_id = await office.submit()
    await office.step(application_id, "completeness")
    refusal = {"decision": "refuse", "grounds": ["distance-areas"], "reasons": "Three metres are missing."}
    await office.step(application_id, "proposals", refusal)
    await office.step(application_id, "decision", {"verdict": "confirm"}, office.lead)
    view = await office.read(application_id)
    assert view["state"] == "refused"
    assert view["decision"]["grounds"] == [{"code": "distance-areas", "legal_basis": "BauO NRW § 6"}]
    assert view["decision"]["reasons"] == ["Three metres are missing."]
    assert view["decision"]["valid_until"] is None
    assert view["fee"]["amount_cents"] == 135_000
    assert (await office.journal(application_id))[-2:] == ["application-refused", "fee-noticed"]


async def test_an_application_lapses_when_the_documents_do_not_come(office: Any) -> None:
    application_id = await office.submit("site-plan")
    await office.request_site_plan(application_id)
    await office.morning_of(date(2026, 3, 16))
    assert (await office.read(application_id))["state"] == "documents-requested"
    await office.morning_of(date(2026, 3, 17))
    assert (await office.read(application_id))["state"] == "lapsed"
    assert (await office.journal(application_id))[-1] == "application-lapsed"

    late = {"documents": [{"code": "site-plan", "name": "late.pdf", "sha256": "0b" * 32, "size": 1}]}
    refused = await office.try_step(application_id, "documents", late, office.builder)
    assert refused.status_code == 422
    assert refused.json()["type"] == "urn:amtsbus:problem:application-lapsed"
    assert "Hand in a new application" in refused.json()["detail"]
    assert "late.pdf" not in [document["name"] for document in (await office.read(application_id))["documents"]]


async def test_what_is_still_missing_is_asked_for_again(office: Any) -> None:
    application_id = await office.submit("site-plan")
    for content in ("0a", "0b"):
        await office.request_site_plan(application_id)
        assert (await office.read(application_id))["asked"]["outstanding"] == ["site-plan"]
        plan = {"documents": [{"code": "site-plan", "name": "plan.pdf", "sha256": content * 32, "size": 1}]}
        assert await office.step(application_id, "documents", plan, office.builder) == "submitted"
        assert (await office.read(application_id))["asked"] is None
    requests = await office.database.pool.fetch("SELECT nth, outstanding FROM document_requests ORDER BY nth")
    assert [(row["nth"], row["outstanding"]) for row in requests] == [(1, []), (2, [])]


async def test_a_clock_that_stood_still_lets_nothing_lapse_that_was_answered_in_time(office: Any) -> None:
    application_id = await office.submit("site-plan")
    await office.request_site_plan(application_id)
    site_plan = {"documents": [{"code": "site-plan", "name": "plan.pdf", "sha256": "0c" * 32, "size": 1}]}
    await office.step(application_id, "documents", site_plan, office.builder)
    await office.morning_of(date(2026, 8, 3))  # a whole spring later
    view = await office.read(application_id)
    assert view["state"] == "submitted"
    assert "application-lapsed" not in await office.journal(application_id)


async def test_the_clock_announces_each_deadline_once_and_in_order(office: Any) -> None:
    application_id = await office.submit()
    await office.step(application_id, "completeness")
    for day in (date(2026, 6, 1), date(2026, 6, 3), date(2026, 6, 3), date(2026, 6, 9)):
        await office.morning_of(day)
    rows = await office.database.pool.fetch(
        "SELECT type, data FROM amtsbus.events WHERE stream_id = $1 AND type LIKE 'permits.deadline%' ORDER BY sequence",
        application_id,
    )
    assert [(row["type"], json.loads(row["data"])["kind"], json.loads(row["data"])["due_on"]) for row in rows] == [
        ("permits.deadline-due-soon.v1", "decision", "2026-06-02"),
        ("permits.deadline-overdue.v1", "decision", "2026-06-02"),
    ]


async def test_after_the_decision_no_period_is_announced_any_more(office: Any) -> None:
    application_id = await office.submit()
    await office.approve(application_id)
    await office.morning_of(date(2026, 12, 1))
    assert not [event for event in await office.journal(application_id) if event.startswith("deadline")]


async def test_all_agencies_that_are_silent_since_the_clock_stood_still_end_together(office: Any) -> None:
    application_id = await office.submit()
    await office.step(application_id, "completeness")
    await office.step(
        application_id, "hearings", {"agencies": ["fire-protection", "road-authority", "soil-protection"]}
    )
    await office.morning_of(date(2026, 5, 4))
    assert (await office.read(application_id))["state"] == "deciding"
    assert (await office.journal(application_id)).count("agency-responded") == 3


async def test_nobody_decides_alone(office: Any) -> None:
    application_id = await office.submit()
    await office.step(application_id, "completeness")
    await office.step(application_id, "proposals", {"decision": "approve"}, office.lead)
    alone = await office.try_step(application_id, "decision", {"verdict": "confirm"}, office.lead)
    assert alone.status_code == 403
    clerk = await office.try_step(application_id, "decision", {"verdict": "confirm"}, office.clerk)
    assert clerk.status_code == 403
    assert (await office.read(application_id))["state"] == "complete"


async def test_a_proposal_sent_back_stays_inside_the_house(office: Any) -> None:
    application_id = await office.submit()
    await office.step(application_id, "completeness")
    refusal = {"decision": "refuse", "grounds": ["distance-areas"], "reasons": "Too close."}
    await office.step(application_id, "proposals", refusal)
    assert (await office.read(application_id))["desk"] is None
    proposed = (await office.read(application_id, office.lead))["desk"]["proposal"]
    assert (proposed["decision"], proposed["proposed_by"]) == ("refuse", "clara-clerk")

    back = {"verdict": "send-back", "reason": "Measure again."}
    assert await office.step(application_id, "decision", back, office.lead) == "complete"
    assert (await office.read(application_id, office.lead))["desk"]["proposal"] is None
    history = (await office.client.get(f"/v1/applications/{application_id}/history", headers=office.clerk)).json()
    assert ("send-back", "Measure again.", "lena-lead") in [(h["about"], h["reason"], h["who"]) for h in history]
    assert await office.journal(application_id) == ["application-submitted", "application-complete"]


async def test_the_applicant_withdraws_and_nothing_follows(office: Any) -> None:
    application_id = await office.submit()
    await office.step(application_id, "completeness")
    await office.step(application_id, "hearings", {"agencies": ["fire-protection"]})
    assert await office.step(application_id, "withdrawal", None, office.builder) == "withdrawn"
    await office.morning_of(date(2026, 12, 1))
    assert (await office.journal(application_id))[-1] == "application-withdrawn"
    again = await office.try_step(application_id, "withdrawal", None, office.builder)
    assert again.status_code == 422


async def test_a_clerk_hands_in_for_somebody_who_came_with_paper(office: Any) -> None:
    form = office.form(applicant_id="01980a52-7c1e-7d40-9a3b-52d1f5a0c0aa")
    answer = await office.client.post("/v1/applications", json=form, headers=office.clerk)
    assert answer.status_code == 201
    view = await office.read(answer.json()["application_id"], office.clerk)
    assert view["applicant_id"] == "01980a52-7c1e-7d40-9a3b-52d1f5a0c0aa"


async def test_the_fee_follows_the_tariff_of_the_day_of_receipt(office: Any) -> None:
    await office.database.pool.execute(
        "INSERT INTO fee_tariffs (valid_from, share_per_ten_thousand, minimum_cents, refusal_percent, legal_basis) "
        "VALUES ('2026-03-03', 100, 5000, 75, 'a dearer tariff, § 1')"
    )
    old = await office.submit()
    await office.days_pass(1)
    new = await office.submit()
    await office.approve(old)
    await office.approve(new)
    assert (await office.read(old))["fee"]["amount_cents"] == 180_000
    assert (await office.read(new))["fee"]["amount_cents"] == 300_000


async def test_a_changed_decision_period_holds_from_its_day_on(office: Any) -> None:
    await office.database.pool.execute(
        "INSERT INTO legal_terms VALUES ('decision', '2026-03-03', 2, 'months', 'a reform of the BauO NRW, § 1')"
    )

    async def decision_due_on(application_id: UUID) -> str:
        await office.step(application_id, "completeness")
        view = await office.read(application_id)
        [due_on] = [period["due_on"] for period in view["periods"] if period["kind"] == "decision"]
        return str(due_on)

    assert await decision_due_on(await office.submit()) == "2026-06-02"
    await office.days_pass(1)
    assert await decision_due_on(await office.submit()) == "2026-05-04"  # the 3rd is a Sunday


async def test_the_work_list_shows_the_most_urgent_first_and_can_be_narrowed(office: Any) -> None:
    first = await office.submit()
    await office.days_pass(1)
    second = await office.submit()
    third = await office.submit()
    await office.step(first, "completeness")
    await office.step(third, "assignment", {"assignee": "clara-clerk"})

    async def listed(query: str) -> list[str]:
        answer = await office.client.get(f"/v1/applications{query}", headers=office.clerk)
        assert answer.status_code == 200, answer.text
        return [item["application_id"] for item in answer.json()["items"]]

    assert set(await listed("")) == {str(first), str(second), str(third)}
    assert (await listed(""))[-1] == str(first)  # due in June, the others in March
    assert await listed("?state=complete") == [str(first)]
    assert await listed("?assignee=clara-clerk") == [str(third)]
    assert set(await listed("?due_before=2026-04-01")) == {str(second), str(third)}

    seen, after = [], ""
    while True:
        page = (await office.client.get(f"/v1/applications?limit=2{after}", headers=office.clerk)).json()
        seen += [item["application_id"] for item in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == await listed("")


async def test_a_citizen_lists_their_own_applications_only(office: Any) -> None:
    mine = await office.submit()
    other = office.form(applicant_id="01980a52-7c1e-7d40-9a3b-52d1f5a0c0aa")
    await office.client.post("/v1/applications", json=other, headers=office.clerk)
    await office.step(mine, "assignment", {"assignee": "clara-clerk"})
    [item] = (await office.client.get("/v1/applications", headers=office.builder)).json()["items"]
    assert item["application_id"] == str(mine)
    assert item["site"]["address"]["street"] == "Hauptstraße"
    assert item["due_on"] == "2026-03-16"
    assert item["assignee"] is None
    filtered = await office.client.get("/v1/applications?state=submitted", headers=office.builder)
    assert filtered.status_code == 403


async def test_notes_and_history_are_the_staffs(office: Any) -> None:
    application_id = await office.submit()
    await office.step(application_id, "notes", {"text": "Called the architect."})
    notes = (await office.client.get(f"/v1/applications/{application_id}/notes", headers=office.auditor)).json()
    assert [(note["text"], note["written_by"]) for note in notes] == [("Called the architect.", "clara-clerk")]
    history = (await office.client.get(f"/v1/applications/{application_id}/history", headers=office.lead)).json()
    assert history[0]["what"] == "opened"
    for part in ("notes", "history"):
        answer = await office.client.get(f"/v1/applications/{application_id}/{part}", headers=office.builder)
        assert answer.status_code == 403


async def test_a_step_out_of_turn_says_so(office: Any) -> None:
    application_id = await office.submit()
    await office.approve(application_id)
    out_of_turn: dict[str, dict[str, Any] | None] = {
        "proposals": {"decision": "approve"},
        "completeness": None,
        "hearings": {"agencies": ["fire-protection"]},
    }
    for step, form in out_of_turn.items():
        answer = await office.try_step(application_id, step, form, office.clerk)
        assert answer.status_code == 422
        assert answer.json()["type"] == "urn:amtsbus:problem:action-not-permitted"
