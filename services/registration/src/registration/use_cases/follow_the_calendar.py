"""What a new day brings: declarations whose day has come, children who reach school age, blocks that end.

Each of these looks at what the register still has to do, not at which days have passed: after a standstill everything is
caught up, and running it twice, or twice at once, does nothing twice.
"""

from dataclasses import replace
from datetime import date
from uuid import UUID

from amtsbus.casework import store as cases
from amtsbus.casework.roles import Actor
from amtsbus.errors import ConflictError, RuleViolationError
from amtsbus.postgres import Database, Tx

from registration import store
from registration.domain.ages import latest_birth_of_age
from registration.domain.law import Office
from registration.domain.procedures import DECLARATIONS
from registration.use_cases.announce_changes import announce_changes
from registration.use_cases.register_declaration import enter

CHILDREN_AT_ONCE = 200


async def follow_the_calendar(database: Database, office: Office) -> None:
    """Do everything that is due today, in transactions of their own."""
    while await _enter_next_declaration(database, office):
        pass
    await _end_blocks(database, office)
    await list_children_of_school_age(database, office)


async def _enter_next_declaration(database: Database, office: Office) -> bool:
    """Enter the oldest checked declaration whose day has come; False: there is none."""
    due: tuple[UUID, str] | None = None
    try:
        async with database.transaction() as tx:
            due = await store.next_due_declaration(tx)
            if due is None:
                return False
            case = await cases.get(tx, due[0], DECLARATIONS[due[1]])
            record = await store.declaration(tx, *due)
            await enter(case, record.declaration, Actor.system(), tx, office)
    except RuleViolationError as error:
        if due is None:
            raise
        await _return_to_clerk(database, *due, str(error))
    except ConflictError:
        # A clerk did something to it at the same moment; the next look shows what is left.
        return True
    return True


async def _return_to_clerk(database: Database, case_id: UUID, procedure_key: str, reason: str) -> None:
    """The register has changed since the declaration was checked, so that a clerk has to look at it again."""
    async with database.transaction() as tx:
        case = await cases.get(tx, case_id, DECLARATIONS[procedure_key])
        case.take("return-to-clerk", Actor.system(), tx.clock.now(), reason=reason)
        await cases.save(tx, case)
        await store.plan_entry(tx, case_id, None)


async def _end_blocks(database: Database, office: Office) -> None:
    """Tell whoever writes letters that a disclosure block has ended (BMG § 51 (4))."""
    while True:
        async with database.transaction() as tx:
            expired = await store.next_expired_block(tx)
            if expired is None:
                return
            case_id, person_id = expired
            after = await store.resident(tx, person_id, lock=True)
            await store.mark_expiry_announced(tx, case_id)
            if not after.blocked:
                await announce_changes(replace(after, blocked_until=tx.clock.today()), after, office, tx)


async def list_children_of_school_age(database: Database, office: Office) -> int:
    """Tell schooling of the registered children who have come of age for it; returns of how many."""
    listed = 0
    after: tuple[date, UUID] | None = None
    while True:
        async with database.transaction() as tx:
            children = await _next_children(tx, office, after)
            found = await store.residents(tx, [child_id for _, child_id in children], lock=True)
            for child in found.values():
                await announce_changes(child, child, office, tx)
        listed += len(children)
        if len(children) < CHILDREN_AT_ONCE:
            return listed
        after = children[-1]


async def _next_children(tx: Tx, office: Office, after: tuple[date, UUID] | None) -> list[tuple[date, UUID]]:
    today = tx.clock.today()
    numbers = office.law.on(today)
    return await store.unlisted_children(
        tx,
        born_after=latest_birth_of_age(numbers.school_list_to_age + 1, today),
        born_until=latest_birth_of_age(numbers.school_list_from_age, today),
        after=after,
        limit=CHILDREN_AT_ONCE,
    )
