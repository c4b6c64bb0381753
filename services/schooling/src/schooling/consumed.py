"""What schooling listens to: children of school age, reported by the registration authority for this purpose alone
(BMG § 36 with MeldDÜV NRW), and what parents hand in at the portal; with the fields that we use."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from amtsbus.events import Consumed
from pydantic import BaseModel


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


class UploadedDocument(BaseModel):
    """A file that was handed in. What its owner calls it is not read."""

    key: str
    sha256: str
    size_bytes: int
    media_type: str


class Applicant(BaseModel):
    """Who applies."""

    person_id: UUID
    name: str | None
    identification: str


class ApplicationSubmitted(Consumed, type="portal.application-submitted.v1"):
    """An application was handed in."""

    application_id: UUID
    procedure: str
    procedure_version: int
    applicant: Applicant
    answers: dict[str, Any]
    documents: tuple[UploadedDocument, ...]
    handed_in_at: datetime


class DocumentsSupplied(Consumed, type="portal.documents-supplied.v1"):
    """Something was handed in later."""

    application_id: UUID
    documents: tuple[UploadedDocument, ...]
    answers: dict[str, Any]
    message: str | None
    supplied_at: datetime


class ApplicationWithdrawn(Consumed, type="portal.application-withdrawn.v1"):
    """The citizen does not want it any more."""

    application_id: UUID
