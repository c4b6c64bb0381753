"""What other departments' events lead to here."""

from amtsbus.postgres import Tx
from amtsbus.reader import Reader

from schooling.consumed import SchoolAgeChildChanged, SchoolAgeChildMovedAway, SchoolAgeChildRegistered
from schooling.use_cases.release_child import ReleaseChild, release_child
from schooling.use_cases.take_in_child import TakeInChild, take_in_child

school_age_children = Reader("registration.school-age-child.events", group="schooling.school-age-children")


@school_age_children(SchoolAgeChildRegistered)
async def on_school_age_child_registered(event: SchoolAgeChildRegistered, tx: Tx) -> None:
    await take_in_child(_entry(event, arrives=True), tx)


@school_age_children(SchoolAgeChildChanged)
async def on_school_age_child_changed(event: SchoolAgeChildChanged, tx: Tx) -> None:
    await take_in_child(_entry(event, arrives=False), tx)


@school_age_children(SchoolAgeChildMovedAway)
async def on_school_age_child_moved_away(event: SchoolAgeChildMovedAway, tx: Tx) -> None:
    await release_child(ReleaseChild(event.child_id, event.moved_out_on), tx)


def _entry(event: SchoolAgeChildRegistered | SchoolAgeChildChanged, *, arrives: bool) -> TakeInChild:
    return TakeInChild(
        event.child_id,
        event.given_names,
        event.family_name,
        event.date_of_birth,
        event.custodian_ids,
        arrives=arrives,
    )
