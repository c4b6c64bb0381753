"""What differs between two registration offices."""

from amtsbus.settings import Settings
from pydantic import Field

from registration.domain.law import City, Office, RegistrationLaw


class RegistrationSettings(Settings):
    """REGISTRATION_CITY_NAME, …_CITY_KEY, …_CITY_POSTAL_CODES, …_LAW, beside those of every service."""

    city_name: str = "Leverkusen"
    city_key: str = Field("05316000", pattern="^[0-9]{8}$", description="Amtlicher Gemeindeschlüssel (AGS)")
    city_postal_codes: tuple[str, ...] = ("51371", "51373", "51375", "51377", "51379", "51381")
    law: RegistrationLaw = Field(
        RegistrationLaw(),
        description="Numbers of the law as JSON, each with `number`, `holds_from` and `legal_reference`; what is left out stays",
    )

    @property
    def office(self) -> Office:
        """The office that the use cases act for."""
        return Office(City(self.city_name, self.city_key, self.city_postal_codes), self.law)
