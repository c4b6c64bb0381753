"""What we read of other departments' events: only the fields that the letters need.

A reader is tolerant: codes, languages and countries stay plain text here, and an unknown one is shown as it came.
"""

import unicodedata
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from amtsbus.events import Consumed
from amtsbus.http.fields import EmailAddress
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

MOST_CHARACTERS = 500
MOST_ENTRIES = 50


def _one_plain_line(text: str) -> str:
    """NFC, and nothing in it that could begin a new line of a letter or an e-mail."""
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"longer than {MOST_CHARACTERS} characters")
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs") for character in text):
        raise ValueError("contains control characters or line breaks")
    return unicodedata.normalize("NFC", text)


# A validator of its own rather than a pattern: it holds for the reader alone and asks nothing more of the contract.
Line = Annotated[str, AfterValidator(_one_plain_line)]


def _not_negative(cents: int) -> int:
    if cents < 0:
        raise ValueError("a fee is not negative")
    return cents


def _countable(custodian_ids: list[UUID]) -> list[UUID]:
    # None is a fact as well: the school office knows of the child and of nobody to write to.
    if len(custodian_ids) > MOST_ENTRIES:
        raise ValueError("too many to be told")
    return custodian_ids


def _not_too_many(codes: list[str]) -> list[str]:
    if len(codes) > MOST_ENTRIES:
        raise ValueError(f"more than {MOST_ENTRIES} entries")
    return codes


Cents = Annotated[int, AfterValidator(_not_negative)]
Codes = Annotated[list[Line], AfterValidator(_not_too_many)]
Custodians = Annotated[list[UUID], AfterValidator(_countable)]


# -- registration ------------------------------------------------------------------------------------------------


class ResidentRegistered(Consumed, type="registration.resident-registered.v1"):
    case_id: UUID
    person_id: UUID
    reference: Line
    residence_kind: Line
    moved_in_on: date
    adult: bool


class ResidentMoved(Consumed, type="registration.resident-moved.v1"):
    case_id: UUID
    person_id: UUID
    reference: Line
    moved_on: date
    adult: bool


class ResidentMovedAway(Consumed, type="registration.resident-moved-away.v1"):
    case_id: UUID
    person_id: UUID
    reference: Line
    moved_out_on: date
    adult: bool


class Address(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    care_of: Line | None = None
    street: Line
    house_number: Line
    postal_code: Line
    locality: Line
    country: Line


class PostalAddressChanged(Consumed, type="registration.postal-address-changed.v1"):
    model_config = ConfigDict(hide_input_in_errors=True)

    person_id: UUID
    given_names: Line
    family_name: Line
    language: Line
    address: Address | None
    disclosure_blocked: bool


# -- permits -----------------------------------------------------------------------------------------------------


class ApplicationSubmitted(Consumed, type="permits.application-submitted.v1"):
    applicant_id: UUID
    reference: Line
    submitted_on: date
    completeness_due_on: date


class DocumentsRequested(Consumed, type="permits.documents-requested.v1"):
    applicant_id: UUID
    reference: Line
    documents: Codes
    due_on: date
    answers: Codes = Field(default=[])


class ApplicationLapsed(Consumed, type="permits.application-lapsed.v1"):
    applicant_id: UUID
    reference: Line
    lapsed_on: date


class ApplicationComplete(Consumed, type="permits.application-complete.v1"):
    applicant_id: UUID
    reference: Line
    complete_on: date
    decision_due_on: date


class ApplicationApproved(Consumed, type="permits.application-approved.v1"):
    applicant_id: UUID
    reference: Line
    decided_on: date
    valid_until: date
    conditions: Codes


class ApplicationRefused(Consumed, type="permits.application-refused.v1"):
    applicant_id: UUID
    reference: Line
    decided_on: date
    grounds: Codes


class FeeNoticed(Consumed, type="permits.fee-noticed.v1"):
    applicant_id: UUID
    reference: Line
    fee_cents: Cents
    payable_on: date


class ApplicationWithdrawn(Consumed, type="permits.application-withdrawn.v1"):
    applicant_id: UUID
    reference: Line
    withdrawn_on: date


# -- schooling ---------------------------------------------------------------------------------------------------


class School(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    name: Line


class ParentsInvited(Consumed, type="schooling.parents-invited.v1"):
    custodian_ids: Custodians
    reference: Line
    school_year: int
    register_until: date


class EnrolmentReceived(Consumed, type="schooling.enrolment-received.v1"):
    custodian_ids: Custodians
    reference: Line
    school_year: int
    first_choice: School
    second_choice: School | None = None


class EnrolmentDocumentsRequested(Consumed, type="schooling.documents-requested.v1"):
    custodian_ids: Custodians
    reference: Line
    school_year: int
    documents: Codes
    due_on: date


class EnrolmentConfirmed(Consumed, type="schooling.enrolment-confirmed.v1"):
    custodian_ids: Custodians
    reference: Line
    school_year: int


class ChildAccepted(Consumed, type="schooling.child-accepted.v1"):
    custodian_ids: Custodians
    reference: Line
    school_year: int
    school: School
    starts_on: date


class ChildNotAccepted(Consumed, type="schooling.child-not-accepted.v1"):
    custodian_ids: Custodians
    reference: Line
    school_year: int
    school: School


class EntryDeferred(Consumed, type="schooling.entry-deferred.v1"):
    custodian_ids: Custodians
    reference: Line
    school_year: int
    until_school_year: int


class EarlyEntryRequested(Consumed, type="schooling.early-entry-requested.v1"):
    custodian_ids: Custodians
    reference: Line
    school_year: int


class EnrolmentWithdrawn(Consumed, type="schooling.enrolment-withdrawn.v1"):
    custodian_ids: Custodians
    reference: Line
    school_year: int
    because: Line


class AnswersRequested(Consumed, type="schooling.answers-requested.v1"):
    applicant_id: UUID
    reference: Line
    due_on: date


class RegistrationRefused(Consumed, type="schooling.application-refused.v1"):
    applicant_id: UUID
    reference: Line
    grounds: Codes
    refused_on: date


# -- the portal --------------------------------------------------------------------------------------------------


class ContactPreferencesChosen(Consumed, type="portal.contact-preferences-chosen.v1"):
    model_config = ConfigDict(hide_input_in_errors=True)

    person_id: UUID
    email: EmailAddress | None
    language: Literal["de", "en"] | None
    email_notice: bool


# -- offices -----------------------------------------------------------------------------------------------------


class LetterWritten(Consumed, type="offices.letter-written.v1"):
    case_id: UUID
    person_id: UUID
    reference: Line
    is_decision: bool
