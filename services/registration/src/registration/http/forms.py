"""What callers send."""

from typing import Annotated
from uuid import UUID

from amtsbus.http import (
    CountryCode,
    HouseNumber,
    InputModel,
    LongText,
    PersonName,
    PlausibleDate,
    PostalCode,
    ShortText,
)
from pydantic import Field

from registration.domain.access import Viewer
from registration.domain.declarations import MOST_PERSONS, LandlordConfirmation
from registration.domain.persons import EntryChange, Language, PersonData, ResidenceCorrection
from registration.domain.residences import Address, ResidenceKind
from registration.use_cases.submit_departure import SubmitDeparture
from registration.use_cases.submit_move import SubmitMove
from registration.use_cases.submit_move_in import PersonMovingIn, SubmitMoveIn

MOST_CUSTODIANS = 4

PersonIds = Annotated[list[UUID], Field(min_length=1, max_length=MOST_PERSONS, description="Who moves, each once")]


class AddressForm(InputModel):
    """A postal address."""

    care_of: ShortText | None = Field(None, description="Name on the letter box where it is another one")
    street: ShortText
    house_number: HouseNumber
    postal_code: PostalCode
    locality: ShortText
    country: CountryCode = "DE"

    def to_address(self) -> Address:
        return Address(
            street=self.street,
            house_number=self.house_number,
            postal_code=self.postal_code,
            locality=self.locality,
            country=self.country,
            care_of=self.care_of,
        )


def _address(form: AddressForm | None) -> Address | None:
    return None if form is None else form.to_address()


class LandlordConfirmationForm(InputModel):
    """Wohnungsgeberbestätigung (BMG § 19 (3)); home and persons are those of the declaration."""

    landlord_name: ShortText
    landlord_address: AddressForm
    moved_in_on: PlausibleDate
    owner_name: ShortText | None = Field(None, description="Where the landlord does not own the home")

    def to_confirmation(self) -> LandlordConfirmation:
        return LandlordConfirmation(
            landlord_name=self.landlord_name,
            landlord_address=self.landlord_address.to_address(),
            moved_in_on=self.moved_in_on,
            owner_name=self.owner_name,
        )


def _confirmation(form: LandlordConfirmationForm | None) -> LandlordConfirmation | None:
    return None if form is None else form.to_confirmation()


class PersonForm(InputModel):
    """One person who moves in."""

    given_names: PersonName
    family_name: PersonName
    birth_name: PersonName | None = None
    date_of_birth: PlausibleDate
    language: Language = Field(Language.GERMAN, description="Language of correspondence")
    is_declarant: bool = Field(False, description="Exactly one person declares for all; for a citizen, themself")
    person_id: UUID | None = Field(
        None, description="Of somebody of the own household who is known already; staff: of any known person"
    )
    custodian_positions: list[Annotated[int, Field(ge=0, lt=MOST_PERSONS)]] = Field(
        default_factory=list,
        max_length=MOST_CUSTODIANS,
        description="Custodians of a minor among the persons of this form, by position from 0",
    )
    custodian_ids: list[UUID] = Field(
        default_factory=list, max_length=MOST_CUSTODIANS, description="Custodians whom the register knows already"
    )

    def to_person(self) -> PersonMovingIn:
        return PersonMovingIn(
            data=PersonData(
                given_names=self.given_names,
                family_name=self.family_name,
                birth_name=self.birth_name,
                date_of_birth=self.date_of_birth,
                language=self.language,
                custodian_ids=tuple(self.custodian_ids),
            ),
            is_declarant=self.is_declarant,
            person_id=self.person_id,
            custodian_positions=tuple(self.custodian_positions),
        )


class MoveInForm(InputModel):
    """Registration of a home for one or more persons (Anmeldung)."""

    moved_in_on: PlausibleDate
    address: AddressForm
    residence_kind: ResidenceKind = ResidenceKind.MAIN
    persons: list[PersonForm] = Field(min_length=1, max_length=MOST_PERSONS)
    previous_address: AddressForm | None = None
    main_residence: AddressForm | None = Field(None, description="Beside a secondary residence: the main one elsewhere")
    landlord_confirmation: LandlordConfirmationForm | None = Field(
        None, description="Without it the case waits for it (BMG § 19)"
    )

    def to_command(self, viewer: Viewer) -> SubmitMoveIn:
        return SubmitMoveIn(
            viewer=viewer,
            moved_in_on=self.moved_in_on,
            address=self.address.to_address(),
            residence_kind=self.residence_kind,
            persons=tuple(person.to_person() for person in self.persons),
            previous_address=_address(self.previous_address),
            main_residence=_address(self.main_residence),
            landlord=_confirmation(self.landlord_confirmation),
        )


class MoveForm(InputModel):
    """A move of known persons within the city (Ummeldung)."""

    moved_on: PlausibleDate
    address: AddressForm
    person_ids: PersonIds
    landlord_confirmation: LandlordConfirmationForm | None = Field(
        None, description="Without it the case waits for it (BMG § 19)"
    )

    def to_command(self, viewer: Viewer) -> SubmitMove:
        return SubmitMove(
            viewer=viewer,
            moved_on=self.moved_on,
            address=self.address.to_address(),
            person_ids=tuple(self.person_ids),
            landlord=_confirmation(self.landlord_confirmation),
        )


class DepartureForm(InputModel):
    """Known persons leave the city (Abmeldung)."""

    moved_out_on: PlausibleDate
    person_ids: PersonIds
    new_address: AddressForm | None = Field(None, description="Where letters reach them from then on, if known")

    def to_command(self, viewer: Viewer) -> SubmitDeparture:
        return SubmitDeparture(
            viewer=viewer,
            moved_out_on=self.moved_out_on,
            person_ids=tuple(self.person_ids),
            new_address=_address(self.new_address),
        )


class LandlordRefusalForm(InputModel):
    """The landlord does not confirm (BMG § 19 (2))."""

    statement: LongText


class ReasonForm(InputModel):
    """Why."""

    reason: LongText


class AssignmentForm(InputModel):
    """To whom a case is given."""

    assignee: ShortText | None = Field(description="A caseworker's subject; null: back to the pool")


class PersonCorrectionForm(InputModel):
    """What is to be entered anew; what is left out stays."""

    given_names: PersonName | None = None
    family_name: PersonName | None = None
    birth_name: PersonName | None = None
    date_of_birth: PlausibleDate | None = None
    language: Language | None = None
    custodian_ids: list[UUID] | None = Field(None, max_length=MOST_CUSTODIANS)
    changed_on: PlausibleDate | None = Field(
        None,
        description="The day of a change (marriage, change of name); left out: the entry was wrong from the beginning",
    )
    reason: LongText

    def to_change(self) -> EntryChange:
        return EntryChange(
            given_names=self.given_names,
            family_name=self.family_name,
            birth_name=self.birth_name,
            date_of_birth=self.date_of_birth,
            language=self.language,
            custodian_ids=None if self.custodian_ids is None else tuple(self.custodian_ids),
            changed_on=self.changed_on,
        )


class ResidenceCorrectionForm(InputModel):
    """What was entered wrongly of a home; what is left out stays."""

    address: AddressForm | None = None
    moved_in_on: PlausibleDate | None = None
    moved_out_on: PlausibleDate | None = None
    reason: LongText

    def to_correction(self) -> ResidenceCorrection:
        return ResidenceCorrection(_address(self.address), self.moved_in_on, self.moved_out_on)


class DisclosureBlockForm(InputModel):
    """A proposal to block disclosure (Auskunftssperre, BMG § 51)."""

    person_id: UUID
    grounds: LongText = Field(description="The facts that justify the assumption of a danger")
