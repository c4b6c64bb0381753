"""What the database itself refuses, and how it finds things."""

from datetime import date
from typing import Any

import asyncpg
import pytest
from permits import store
from permits.domain.law import Term

IMPOSSIBLE = {
    "half an address": "UPDATE applications SET locality = NULL",
    "a negative sum": "UPDATE applications SET gross_building_sum_cents = -1",
    "a short hash": "UPDATE documents SET sha256 = '\\x00'",
    "a refusal without grounds": "INSERT INTO rulings VALUES ('{id}', 'refuse', '{{}}', '{{}}')",
    "an approval that is never valid": (
        "INSERT INTO rulings VALUES ('{id}', 'approve', '{{}}', '{{}}', '2026-03-02', NULL, '2026-04-02')"
    ),
    "a refusal that is valid": (
        "INSERT INTO rulings VALUES "
        "('{id}', 'refuse', '{{}}', '{{distance-areas}}', '2026-03-02', '2029-03-02', '2026-04-02')"
    ),
    "a silence that nobody noticed": (
        "INSERT INTO hearings VALUES ('{id}', 'fire-protection', '2026-03-02', '2026-04-02', 'silent')"
    ),
    "a hearing that ended before it began": (
        "INSERT INTO hearings VALUES ('{id}', 'fire-protection', '2026-04-02', '2026-03-02')"
    ),
}


async def test_the_database_refuses_what_cannot_be(office: Any) -> None:
    application_id = await office.submit()
    for sql in IMPOSSIBLE.values():
        with pytest.raises(asyncpg.CheckViolationError):
            await office.database.pool.execute(sql.format(id=application_id))


async def test_every_term_and_the_tariff_hold_today(office: Any) -> None:
    async with office.database.transaction() as tx:
        for term in Term:
            assert "§" in (await store.legal_term(tx, term, tx.clock.today())).legal_basis
        assert (await store.fee_tariff(tx, tx.clock.today())).share_per_ten_thousand == 60


async def test_a_day_without_a_law_is_an_error_and_not_a_guess(office: Any) -> None:
    async with office.database.transaction() as tx:
        with pytest.raises(LookupError, match="add the row"):
            await store.legal_term(tx, Term.DECISION, date(2000, 1, 1))
        with pytest.raises(LookupError, match="add the row"):
            await store.fee_tariff(tx, date(2000, 1, 1))
