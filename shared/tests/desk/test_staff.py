"""Who stands in for whom."""

from datetime import UTC, date, datetime

import pytest
from amtsbus.desk import staff
from amtsbus.desk.staff import Caseworker, present, stands_in_for
from amtsbus.errors import NotFoundError, RuleViolationError
from hypothesis import given
from hypothesis import strategies as st

TODAY = date(2026, 3, 2)
SEEN = datetime(2026, 3, 1, tzinfo=UTC)
NAMES = ["clara", "mira", "olaf", "tim", "zoe"]


def somebody(subject: str, deputy: str | None = None, *, away: bool = False) -> Caseworker:
    return Caseworker(
        subject, subject.title(), ("clerk",), SEEN, TODAY if away else None, TODAY if away else None, deputy
    )


TEAMS = st.fixed_dictionaries({name: st.tuples(st.booleans(), st.sampled_from([*NAMES, None])) for name in NAMES}).map(
    lambda team: [
        somebody(name, deputy if deputy != name else None, away=away) for name, (away, deputy) in team.items()
    ]
)


@given(TEAMS, st.sampled_from(NAMES))
def test_work_goes_to_somebody_who_is_there_or_stays_where_it_was(team, name):
    found = present(team, name, TODAY)
    assert found == name or not next(one for one in team if one.subject == found).is_absent(TODAY)


@given(TEAMS)
def test_whoever_gets_the_work_of_others_stands_in_for_exactly_those(team):
    for one in team:
        expected = {
            other.subject for other in team if other is not one and present(team, other.subject, TODAY) == one.subject
        }
        assert set(stands_in_for(team, one.subject, TODAY)) == expected


def test_the_deputy_of_a_deputy_stands_in_where_both_are_away():
    team = [somebody("clara", "mira", away=True), somebody("mira", "olaf", away=True), somebody("olaf")]
    assert stands_in_for(team, "olaf", TODAY) == ("clara", "mira")


def test_two_who_stand_in_for_each_other_and_are_both_away_keep_their_own():
    team = [somebody("clara", "mira", away=True), somebody("mira", "clara", away=True)]
    assert present(team, "clara", TODAY) == "clara"


async def test_an_absence_is_entered_with_a_deputy_and_ends(database):
    async with database.transaction() as tx:
        await staff.meet(tx, "clara", "Clara Demo", ["clerk"])
        await staff.meet(tx, "mira", "Mira Demo", ["clerk"])
        await staff.set_absence(tx, "clara", TODAY, TODAY, "mira")
        [clara, _] = await staff.caseworkers(tx)
        assert (clara.absent_from, clara.absent_until, clara.deputy) == (TODAY, TODAY, "mira")
        await staff.set_absence(tx, "clara", None, None)
        [clara, _] = await staff.caseworkers(tx)
        assert (clara.absent_from, clara.absent_until, clara.deputy) == (None, None, None)


async def test_an_absence_that_cannot_be_is_refused(database):
    async with database.transaction() as tx:
        await staff.meet(tx, "clara", "Clara Demo", ["clerk"])
        with pytest.raises(RuleViolationError, match="ends before"):
            await staff.set_absence(tx, "clara", TODAY, date(2026, 3, 1))
        with pytest.raises(RuleViolationError, match="somebody else"):
            await staff.set_absence(tx, "clara", TODAY, TODAY, "clara")
        with pytest.raises(NotFoundError):
            await staff.set_absence(tx, "nobody", TODAY, TODAY)


async def test_who_comes_again_under_another_name_is_called_by_it(database):
    async with database.transaction() as tx:
        await staff.meet(tx, "clara", "Clara Demo", ["clerk"])
        await staff.meet(tx, "clara", "Clara Demo-Neu", ["lead", "clerk"])
        [clara] = await staff.caseworkers(tx)
    assert (clara.name, clara.roles) == ("Clara Demo-Neu", ("clerk", "lead"))


async def test_what_is_given_to_somebody_who_is_away_goes_to_whoever_stands_in(database):
    async with database.transaction() as tx:
        for name in ("clara", "mira"):
            await staff.meet(tx, name, name.title(), ["clerk"])
        await staff.set_absence(tx, "clara", tx.clock.today(), tx.clock.today(), "mira")
        assert await staff.who_gets(tx, "clara", "mira") == "mira"
        assert await staff.who_gets(tx, "clara", "clara") == "clara", "who takes something themself is there"
        assert await staff.who_gets(tx, None, "clara") is None
        with pytest.raises(RuleViolationError) as refused:
            await staff.who_gets(tx, "nobody", "clara")
    assert refused.value.code == "caseworker-unknown"
