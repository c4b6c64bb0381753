"""What a lead counts."""

from datetime import date, timedelta
from itertools import pairwise

from amtsbus.casework.store import NOTHING_DUE
from amtsbus.clock import BERLIN
from amtsbus.desk.workload import AGES, due_limits, workload

# Opened 0 to 399 days ago, due 30 days ago to 69 days ahead, a third of them of nobody, every fifth closed.
_TOWN = """
INSERT INTO amtsbus.cases (case_id, procedure_key, reference, state, version, applicant_id, subject_ids, opened_at, closed_at,
                           assignee, due_on)
SELECT md5(n::text)::uuid, 'request', 'RQ-' || n, 'received', 1, md5(n::text)::uuid, '{}',
       $1::timestamptz - n % 400 * interval '1 day',
       CASE WHEN n % 5 = 0 THEN $1::timestamptz END, CASE WHEN n % 3 > 0 THEN 'clerk-' || n % 4 END,
       CASE WHEN n % 5 = 0 OR n % 11 = 0 THEN 'infinity' ELSE $2::date + n % 100 - 30 END
FROM generate_series(1, 2000) AS n
"""


async def test_everything_that_is_open_is_counted_once_in_each_chart(database):
    async with database.transaction() as tx:
        today = tx.clock.today()
        await tx.execute(_TOWN, tx.clock.now(), today)
        counted = await workload(tx)
        rows = await tx.fetch("SELECT assignee, opened_at, due_on FROM amtsbus.cases WHERE closed_at IS NULL")
    assert counted.open == sum(counted.ages) == sum(counted.due) == len(rows)
    assert {load.assignee: load.open for load in counted.loads} == _counted(row["assignee"] for row in rows)
    overdue = [row for row in rows if row["due_on"] < today]
    assert counted.overdue == counted.due[0] == len(overdue)
    assert {load.assignee: load.overdue for load in counted.loads} == _counted(row["assignee"] for row in overdue)
    days = [(today - row["opened_at"].astimezone(BERLIN).date()).days for row in rows]
    limits = (0, *AGES, 10_000)
    assert list(counted.ages) == [sum(least <= age < below for age in days) for least, below in pairwise(limits)]
    begins = [date.min, *due_limits(today)]
    assert list(counted.due) == [
        sum(begin <= row["due_on"] < end for row in rows) for begin, end in pairwise(begins)
    ] + [sum(row["due_on"] == NOTHING_DUE for row in rows)]


def _counted(names):
    found: dict[str | None, int] = {}
    for name in names:
        found[name] = found.get(name, 0) + 1
    return found


def test_weeks_of_due_dates_begin_on_mondays_after_what_is_left_of_this_one():
    today, *mondays, never = due_limits(date(2026, 3, 4))
    assert today == date(2026, 3, 4)
    assert mondays[0] == date(2026, 3, 9)
    assert all(later - earlier == timedelta(weeks=1) for earlier, later in pairwise(mondays))
    assert never == NOTHING_DUE


async def test_a_department_without_cases_has_nothing_to_count(database):
    async with database.transaction() as tx:
        counted = await workload(tx)
    assert (counted.open, counted.overdue, counted.loads) == (0, 0, ())
