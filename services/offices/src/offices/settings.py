"""The settings of an office: those of every service, and what the city says for all of its offices."""

from pathlib import Path

from amtsbus.documents import DocumentSettings
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from offices.domain.office import Office


class CitySettings(BaseSettings):
    """What holds for every office of the city, and is known before one of them runs."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    procedures: Path = Field(
        Path("deploy/procedures"),
        alias="AMTSBUS_PROCEDURES",
        description="The folder with a folder for each office, in it office.yaml and its procedure files",
    )
    court: str = Field(
        "Verwaltungsgericht Köln, Appellhofplatz, 50667 Köln",
        alias="AMTSBUS_COURT",
        description="The administrative court that the instruction on remedies names (VwGO § 58)",
    )
    land: str = Field(
        "NW", alias="AMTSBUS_LAND", description="Whose public holidays periods go by (ISO 3166-2 without DE-)"
    )
    payment_days: int = Field(
        30, ge=1, le=365, alias="AMTSBUS_PAYMENT_DAYS", description="Days in which a fee is to be paid"
    )

    def office(self, key: str) -> Office:
        """The office `key`, with what the city says for all."""
        return Office(key, self.land, self.court, self.payment_days)


class Settings(DocumentSettings):
    """Settings of one office."""

    procedures_look_seconds: float = Field(
        1.0, gt=0, le=3600, description="How often the folder of procedures is looked at"
    )
