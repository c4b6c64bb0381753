"""What an operator sees and mends, without seeing a case."""

import pytest
from amtsbus import deadletters
from amtsbus.auth import Role
from amtsbus.kafka import Record


@pytest.fixture
async def parked(database):
    """An event that could not be handled, with something secret in it."""
    record = Record(
        topic="portal.requests.applications",
        partition=0,
        offset=7,
        timestamp=1_772_409_600_000,
        key=b"0190a000-0000-7000-8000-0000000000aa",
        value=b'{"name": "Demo-Secret"}',
        headers=[],
    )
    async with database.transaction() as tx:
        await deadletters.park(
            tx, "requests.applications", record.topic, record, reason="does not have the fields", failed=True
        )
        [key] = await deadletters.list_parked(tx)
    return key.dead_letter_id


@pytest.fixture
async def otto(browser):
    await browser.log_in(Role.OPERATOR, sub="otto", name="Otto Demo")
    return browser


async def test_an_operator_is_led_to_the_operations_and_sees_no_case(parked, otto, request_):
    case_id = await request_("Demo-Ada")
    page = otto.shown
    assert page.path == "/desk/operations"
    assert "Was nicht verarbeitet werden konnte" in page.text
    assert "does not have the fields" in page.text
    assert "The cellar dry" in page.text
    assert "Demo-Secret" not in page.response.text
    for path in ("/?scope=all", f"/cases/{case_id}", f"/cases/{case_id}/documents/plan", "/audit", "/lead", "/texts"):
        assert "Demo-Ada" not in (await otto.open(path)).response.text


async def test_a_retry_needs_a_reason_and_is_recorded(parked, otto, database):
    page = await otto.submit(button=f"Ereignis {parked} noch einmal versuchen")
    assert page.status == 422
    assert list(page.errors.values()) == ["Sagen Sie, warum. Es wird verzeichnet."]
    why = f"Warum greifen Sie bei Ereignis {parked} ein?"
    page = await otto.submit({why: "mended"}, button=f"Ereignis {parked} noch einmal versuchen")
    assert "Wiederholung ist angefordert" in page.text
    row = await database.pool.fetchrow("SELECT done_by, action, why FROM amtsbus.operator_actions")
    assert tuple(row) == ("otto", "retry dead letters", "mended")
    assert await database.pool.fetchval("SELECT retry_requested_by FROM amtsbus.parked_keys") == "otto"


async def test_an_event_is_given_up_with_a_reason(parked, otto, database):
    why = f"Warum greifen Sie bei Ereignis {parked} ein?"
    page = await otto.submit({why: "never ours"}, button=f"Ereignis {parked} aufgeben")
    assert any("Das Ereignis ist aufgegeben." in notice for notice in page.notices)
    assert "Nichts ist geparkt." in page.text or "angefordert" in page.text
    row = await database.pool.fetchrow("SELECT state, resolved_by, resolved_why FROM amtsbus.dead_letters")
    assert tuple(row) == ("skipped", "otto", "never ours")


async def test_what_is_not_parked_any_more_is_not_found(parked, otto, database):
    await database.pool.execute("DELETE FROM amtsbus.parked_keys")
    await database.pool.execute("UPDATE amtsbus.dead_letters SET state = 'handled', resolved_at = clock_timestamp()")
    why = f"Warum greifen Sie bei Ereignis {parked} ein?"
    form = next(one for one in otto.shown.forms if one.has(why))
    form.fill({why: "too late"})
    assert (await otto.send(form, form.button(f"Ereignis {parked} noch einmal versuchen"))).status == 404
