"""What schooling listens to: children of school age, reported by the registration authority for this purpose alone
(BMG § 36 with MeldDÜV NRW)."""

from datetime import date
from uuid import UUID

from amtsbus.events import Consumed


class SchoolAgeChildRegistered(Consumed, type="registration.school-age-child-registered.v1"):
    """A child comes to live here, or comes of the age at which schooling is told."""

    child_id: UUID
    given_names: str
    family_name: str
    date_of_birth: date
    custodian_ids: tuple[UUID, ...]


class SchoolAgeChildChanged(Consumed, type="registration.school-age-child-changed.v1"):
    """An entry was corrected or custody changed: the whole entry as it stands now."""

    child_id: UUID
    given_names: str
    family_name: str
    date_of_birth: date
    custodian_ids: tuple[UUID, ...]


class SchoolAgeChildMovedAway(Consumed, type="registration.school-age-child-moved-away.v1"):
    """A child left the city."""

    child_id: UUID
    moved_out_on: date
