"""Who works at a department: names for the subjects of log-ins, who is away, and who does their work meanwhile."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from amtsbus.errors import NotFoundError, RuleViolationError
from amtsbus.postgres import Tx, affected


@dataclass(frozen=True, slots=True)
class Caseworker:
    """Somebody of the staff, as last seen at the desk."""

    subject: str
    name: str
    roles: tuple[str, ...]
    seen_at: datetime
    absent_from: date | None = None
    absent_until: date | None = None
    deputy: str | None = None

    def is_absent(self, today: date) -> bool:
        """Whether somebody else has to do their work today."""
        return (
            self.absent_from is not None
            and self.absent_until is not None
            and self.absent_from <= today <= self.absent_until
        )


async def meet(tx: Tx, subject: str, name: str, roles: Collection[str]) -> None:
    """Remember somebody who has come to the desk."""
    await tx.execute(
        "INSERT INTO amtsbus.caseworkers (subject, name, roles, seen_at) VALUES ($1, $2, $3, $4) ON CONFLICT (subject) "
        "DO UPDATE SET name = excluded.name, roles = excluded.roles, seen_at = excluded.seen_at",
        subject,
        name,
        sorted(roles),
        tx.clock.now(),
    )


async def caseworkers(tx: Tx) -> list[Caseworker]:
    """Everybody who has been at this desk, by name."""
    rows = await tx.fetch(
        "SELECT subject, name, roles, seen_at, absent_from, absent_until, deputy FROM amtsbus.caseworkers "
        "ORDER BY name, subject"
    )
    return [Caseworker(**{**dict(row), "roles": tuple(row["roles"])}) for row in rows]


async def set_absence(
    tx: Tx, subject: str, absent_from: date | None, absent_until: date | None, deputy: str | None = None
) -> None:
    """Note that somebody is away from one day to another, both of them included; None: they are there.

    Raises:
        RuleViolationError: code `absence-ends-before`, `deputy-is-absent` (they would stand in for themself).
        NotFoundError: nobody of this name has worked here.
    """
    if absent_from is not None and absent_until is not None and absent_until < absent_from:
        raise RuleViolationError("the absence ends before it begins", code="absence-ends-before")
    if deputy == subject:
        raise RuleViolationError("somebody else has to stand in", code="deputy-is-absent")
    tag = await tx.execute(
        "UPDATE amtsbus.caseworkers SET absent_from = $2, absent_until = $3, deputy = $4 WHERE subject = $1",
        subject,
        absent_from,
        absent_until,
        deputy if absent_from is not None else None,
    )
    if not affected(tag):
        raise NotFoundError("nobody of this name has worked here")


def present(everybody: Iterable[Caseworker], subject: str, today: date) -> str:
    """Who gets what is for `subject` today: they themself, or whoever stands in for them.

    Where deputies are away as well it goes on to theirs; where all of them are, it stays with `subject`.
    """
    known = {one.subject: one for one in everybody}
    asked, tried = subject, {subject}
    while (one := known.get(asked)) is not None and one.is_absent(today):
        if one.deputy is None or one.deputy in tried:
            return subject
        tried.add(one.deputy)
        asked = one.deputy
    return asked


def stands_in_for(everybody: Sequence[Caseworker], subject: str, today: date) -> tuple[str, ...]:
    """Whose work `subject` does today beside their own: that of those who are away and have named them."""
    return tuple(
        one.subject
        for one in everybody
        if one.subject != subject and one.is_absent(today) and present(everybody, one.subject, today) == subject
    )


async def who_gets(tx: Tx, subject: str | None, by: str) -> str | None:
    """Who gets what `by` gives to `subject`: they, or whoever stands in for them today; None is the pool.

    Raises:
        RuleViolationError: code `caseworker-unknown`.
    """
    if subject is None:
        return None
    everybody = await caseworkers(tx)
    if subject not in {one.subject for one in everybody}:
        raise RuleViolationError("nobody of this name has worked here", code="caseworker-unknown")
    # Who takes something themself is there, whatever is entered.
    return subject if subject == by else present(everybody, subject, tx.clock.today())
