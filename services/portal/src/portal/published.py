"""What the portal tells an office: applications, what was handed in later, and what was paid.

Each office has a topic of its own, which nobody else reads: what somebody tells the youth office is not the tax office's
business. An application's events lie in one stream, so an office learns them in order.
"""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from amtsbus.events import Published
from amtsbus.http.fields import EmailAddress
from pydantic import BaseModel, ConfigDict, Field

APPLICATIONS = "portal.{office}.applications"
CONTACT = "portal.contact-preferences.events"

_APPLICATION = "01957c0e-6b00-7000-8000-0000000000d1"
_PERSON = "01957c0e-6b00-7000-8000-0000000000d2"
_PAYMENT = "01957c0e-6b00-7000-8000-0000000000e1"
_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


class DocumentV1(BaseModel):
    """A file that was handed in; its content lies in the city's document store under its hash."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str = Field(description="Which document it is, as the procedure names it", examples=["relief_proof"])
    name: str = Field(description="The name that the file had", examples=["vertrag.pdf"])
    sha256: str = Field(
        pattern="^[0-9a-f]{64}$", description="SHA-256 of its content, in hexadecimal", examples=[_SHA256]
    )
    size_bytes: int = Field(ge=1, description="Its size in bytes", examples=[48213])
    media_type: Literal["application/pdf", "image/jpeg", "image/png"] = Field(
        description="What its content is, found from the content", examples=["application/pdf"]
    )


class ApplicantV1(BaseModel):
    """Who applies, as far as it was asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    person_id: UUID = Field(
        description="Who applies; the application's own id where nobody had to say who they are", examples=[_PERSON]
    )
    name: str | None = Field(description="The name that they logged in with", examples=["Erika Demo-Muster"])
    identification: Literal["none", "basic", "substantial", "high"] = Field(
        description="How sure it is who they are (trust level of the log-in)", examples=["basic"]
    )
    email: str | None = Field(description="Where to announce letters, if they said so", examples=["erika@example.org"])


class _OfApplication(BaseModel):
    office: str = Field(description="The key of the office that it is for", examples=["taxes"])
    application_id: UUID = Field(
        description="The application; the office's case has the same id", examples=[_APPLICATION]
    )


class ApplicationSubmittedV1(_OfApplication, Published, type="portal.application-submitted.v1", topic=APPLICATIONS):
    """A citizen has handed in an application. The portal has checked it by the procedure's own rules."""

    procedure: str = Field(description="The key of the procedure", examples=["dog-registration"])
    procedure_version: int = Field(description="The version of the form that was filled in", examples=[3])
    language: Literal["de", "en", "plain"] = Field(description="The language that letters should have", examples=["de"])
    applicant: ApplicantV1 = Field(description="Who applies")
    answers: dict[str, Any] = Field(
        description="The answers by field, as the procedure's JSON Schema says", examples=[{"dog_name": "Bello"}]
    )
    documents: tuple[DocumentV1, ...] = Field(description="What was handed in with it")
    handed_in_at: datetime = Field(description="When (UTC)", examples=["2026-11-24T08:59:00Z"])


class DocumentsSuppliedV1(_OfApplication, Published, type="portal.documents-supplied.v1", topic=APPLICATIONS):
    """The citizen has handed in what the office asked for."""

    documents: tuple[DocumentV1, ...] = Field(description="The files")
    answers: dict[str, Any] = Field(
        description="Answers that replace earlier ones, by field", examples=[{"kept_since": "2026-11-01"}]
    )
    message: str | None = Field(description="What the citizen wrote with it", examples=["Der Vertrag liegt bei."])
    supplied_at: datetime = Field(description="When (UTC)", examples=["2026-12-01T18:00:00Z"])


class ApplicationWithdrawnV1(_OfApplication, Published, type="portal.application-withdrawn.v1", topic=APPLICATIONS):
    """The citizen does not want it any more."""

    withdrawn_at: datetime = Field(description="When (UTC)", examples=["2026-12-01T18:00:00Z"])


class FeePaidV1(_OfApplication, Published, type="portal.fee-paid.v1", topic=APPLICATIONS):
    """The payment provider has confirmed that the citizen paid the fee."""

    payment_id: UUID = Field(description="The payment", examples=[_PAYMENT])
    amount_cents: int = Field(ge=1, description="How much, in cents", examples=[2500])
    paid_at: datetime = Field(description="When the provider confirmed it (UTC)", examples=["2026-12-01T18:05:00Z"])


class ContactPreferencesChosenV1(Published, type="portal.contact-preferences-chosen.v1", topic=CONTACT):
    """A citizen has said how they wish to hear of their letters."""

    person_id: UUID = Field(description="Who", examples=[_PERSON])
    email: EmailAddress | None = Field(description="Where notices go; null: nowhere", examples=["erika@example.org"])
    language: Literal["de", "en"] | None = Field(
        description="The language of letters that are written from now on; null: the one in the population register",
        examples=["de"],
    )
    email_notice: bool = Field(description="Whether an e-mail may say that a letter is there", examples=[True])


PUBLISHED = (ApplicationSubmittedV1, DocumentsSuppliedV1, ApplicationWithdrawnV1, FeePaidV1, ContactPreferencesChosenV1)
