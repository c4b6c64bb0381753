"""The step that ends every change of the register: each reader is told what it is entitled to know, if that has changed."""

from amtsbus.events import Published
from amtsbus.postgres import Tx

from registration import store
from registration.domain.law import Office
from registration.domain.persons import Resident, SchoolListChange, school_list_change
from registration.published import (
    SchoolAgeChildMovedAwayV1,
    postal_address_changed,
    school_age_child_changed,
    school_age_child_registered,
)


async def announce_changes(
    before: Resident | None, after: Resident, office: Office, tx: Tx, *, moved: bool = False
) -> None:
    """Append the events that follow from a change of one person's record; nothing where nobody's view has changed.

    Somebody who `moved` has an address announced in any case: the letter about the move waits for it.
    """
    today = tx.clock.today()
    events: list[Published] = []
    address = postal_address_changed(after)
    if moved or before is None or postal_address_changed(before) != address:
        events.append(address)
    match school_list_change(before, after, numbers=office.law.on(today), today=today):
        case SchoolListChange.REGISTERED:
            if await store.enter_on_school_list(tx, after.person_id):
                events.append(school_age_child_registered(after))
        case SchoolListChange.CHANGED:
            events.append(school_age_child_changed(after))
        case SchoolListChange.MOVED_AWAY:
            await store.leave_school_list(tx, after.person_id)
            events.append(SchoolAgeChildMovedAwayV1(child_id=after.person_id, moved_out_on=after.left_on or today))
        case None:
            pass
    await tx.append(after.person_id, *events)
