"""What registration tells the city, on three topics: each reader learns what the law lets it learn, and no more."""

from datetime import date
from typing import Literal
from uuid import UUID

from amtsbus.events import Published
from pydantic import BaseModel, ConfigDict, Field

from registration.domain.persons import Resident
from registration.domain.residences import Address, ResidenceKind

RESIDENTS = "registration.resident.events"
POSTAL_ADDRESSES = "registration.postal-address.events"
SCHOOL_AGE_CHILDREN = "registration.school-age-child.events"

_PERSON = "01985b1e-6f00-7a30-8c1d-2b6f5d1f0a01"
_CHILD = "01985b1e-6f00-7a30-8c1d-2b6f5d1f0a02"
_CUSTODIAN = "01985b1e-6f00-7a30-8c1d-2b6f5d1f0a03"
_CASE = "01985b1e-6f00-7a30-8c1d-2b6f5d1f0a04"
_HOUSEHOLD = "01985b1e-6f00-7a30-8c1d-2b6f5d1f0a05"


class ResidentRegisteredV1(Published, type="registration.resident-registered.v1", topic=RESIDENTS):
    """A person has been registered with a residence in this city (Anmeldung, BMG § 17 (1))."""

    person_id: UUID = Field(description="The resident", examples=[_PERSON])
    case_id: UUID = Field(
        description="The case of the move-in; shared by all persons of one declaration", examples=[_CASE]
    )
    reference: str = Field(description="The case's reference number (Aktenzeichen)", examples=["MA-2026-000123"])
    household_id: UUID = Field(description="The persons who live together in the new home", examples=[_HOUSEHOLD])
    residence_kind: ResidenceKind = Field(
        description="Main residence (Hauptwohnung) or secondary (Nebenwohnung)", examples=["main"]
    )
    moved_in_on: date = Field(description="The day of the move-in, local date", examples=["2026-03-01"])
    adult: bool = Field(
        description="Of full age on the day of registration; a minor's mail goes to the custodians", examples=[True]
    )


class ResidentMovedV1(Published, type="registration.resident-moved.v1", topic=RESIDENTS):
    """A resident has moved the main residence within the city (Ummeldung)."""

    person_id: UUID = Field(description="The resident", examples=[_PERSON])
    case_id: UUID = Field(description="The case of the move", examples=[_CASE])
    reference: str = Field(description="The case's reference number (Aktenzeichen)", examples=["UM-2026-000045"])
    moved_on: date = Field(description="The day of the move, local date", examples=["2026-04-01"])
    adult: bool = Field(description="Of full age on the day of registration", examples=[True])


class ResidentMovedAwayV1(Published, type="registration.resident-moved-away.v1", topic=RESIDENTS):
    """A resident has left the city (Abmeldung, BMG § 17 (2))."""

    person_id: UUID = Field(description="The former resident", examples=[_PERSON])
    case_id: UUID = Field(description="The case of the departure", examples=[_CASE])
    reference: str = Field(description="The case's reference number (Aktenzeichen)", examples=["AB-2026-000007"])
    moved_out_on: date = Field(description="The day of leaving, local date", examples=["2026-05-31"])
    adult: bool = Field(description="Of full age on the day of deregistration", examples=[True])


class PostalAddress(BaseModel):
    """Where a letter reaches a person."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    care_of: str | None = Field(
        None, description="Name on the letter box where it is another one", examples=["Schmidt"]
    )
    street: str = Field(description="Street", examples=["Hauptstraße"])
    house_number: str = Field(description="House number with its addition", examples=["12a"])
    postal_code: str = Field(description="Postal code", examples=["51373"])
    locality: str = Field(description="City or village", examples=["Leverkusen"])
    country: str = Field(description="Country, ISO 3166-1 alpha-2", examples=["DE"])


class PostalAddressChangedV1(Published, type="registration.postal-address-changed.v1", topic=POSTAL_ADDRESSES):
    """Name, language of correspondence or postal address of a person, as they are now; the topic keeps the latest."""

    person_id: UUID = Field(description="The person", examples=[_PERSON])
    given_names: str = Field(description="Given names, as in the register", examples=["Ağrı Łucja"])
    family_name: str = Field(description="Family name, as in the register", examples=["Müller"])
    language: Literal["de", "en"] = Field(description="Language of correspondence", examples=["de"])
    address: PostalAddress | None = Field(
        description="Main residence, in this city or elsewhere; null: not known any more",
        examples=[
            {
                "street": "Hauptstraße",
                "house_number": "12a",
                "postal_code": "51373",
                "locality": "Leverkusen",
                "country": "DE",
            }
        ],
    )
    disclosure_blocked: bool = Field(
        description="A disclosure block (BMG § 51) is in force: the address serves letters of this administration alone",
        examples=[False],
    )


class SchoolAgeChildRegisteredV1(
    Published, type="registration.school-age-child-registered.v1", topic=SCHOOL_AGE_CHILDREN
):
    """A child with main residence in this city has come of the age at which schooling is told of it."""

    child_id: UUID = Field(description="The child", examples=[_CHILD])
    given_names: str = Field(description="Given names", examples=["Jana"])
    family_name: str = Field(description="Family name", examples=["Müller"])
    date_of_birth: date = Field(description="Date of birth", examples=["2020-08-14"])
    custodian_ids: tuple[UUID, ...] = Field(
        description="Persons with custody (Personensorgeberechtigte), as far as known", examples=[[_CUSTODIAN]]
    )


class SchoolAgeChildChangedV1(Published, type="registration.school-age-child-changed.v1", topic=SCHOOL_AGE_CHILDREN):
    """Name, date of birth or custodians of a listed child have changed or were corrected; all fields as they are now."""

    child_id: UUID = Field(description="The child", examples=[_CHILD])
    given_names: str = Field(description="Given names", examples=["Jana"])
    family_name: str = Field(description="Family name", examples=["Müller"])
    date_of_birth: date = Field(description="Date of birth", examples=["2020-08-14"])
    custodian_ids: tuple[UUID, ...] = Field(
        description="Persons with custody (Personensorgeberechtigte), as far as known", examples=[[_CUSTODIAN]]
    )


class SchoolAgeChildMovedAwayV1(
    Published, type="registration.school-age-child-moved-away.v1", topic=SCHOOL_AGE_CHILDREN
):
    """A listed child has no main residence in this city any more."""

    child_id: UUID = Field(description="The child", examples=[_CHILD])
    moved_out_on: date = Field(description="The day on which the child left, local date", examples=["2026-05-31"])


PUBLISHED: tuple[type[Published], ...] = (
    ResidentRegisteredV1,
    ResidentMovedV1,
    ResidentMovedAwayV1,
    PostalAddressChangedV1,
    SchoolAgeChildRegisteredV1,
    SchoolAgeChildChangedV1,
    SchoolAgeChildMovedAwayV1,
)


def postal_address_changed(resident: Resident) -> PostalAddressChangedV1:
    """The letter-writer's view of a resident. The only event that carries an address."""
    address = resident.postal_address
    return PostalAddressChangedV1(
        person_id=resident.person_id,
        given_names=resident.data.given_names,
        family_name=resident.data.family_name,
        language=resident.data.language.value,
        address=None if address is None else _postal(address),
        disclosure_blocked=resident.blocked,
    )


def _postal(address: Address) -> PostalAddress:
    return PostalAddress(
        care_of=address.care_of,
        street=address.street,
        house_number=address.house_number,
        postal_code=address.postal_code,
        locality=address.locality,
        country=address.country,
    )


def school_age_child_registered(child: Resident) -> SchoolAgeChildRegisteredV1:
    """Schooling's view of a child."""
    return SchoolAgeChildRegisteredV1(
        child_id=child.person_id,
        given_names=child.data.given_names,
        family_name=child.data.family_name,
        date_of_birth=child.data.date_of_birth,
        custodian_ids=child.data.custodian_ids,
    )


def school_age_child_changed(child: Resident) -> SchoolAgeChildChangedV1:
    """Schooling's view of a child, after a change."""
    return SchoolAgeChildChangedV1(**school_age_child_registered(child).model_dump())
