"""Where everything in the town is: what `.town/town.json` says while the town serves."""

from pathlib import Path
from typing import Self

from amtsbus.testing.servers import write_atomically
from pydantic import BaseModel, ConfigDict

from town.home import TownError, town_command


class MailAddresses(BaseModel):
    """The mail sink: `smtp` takes mail (host:port), `http` shows it."""

    model_config = ConfigDict(frozen=True)

    smtp: str
    http: str


class ServiceAddresses(BaseModel):
    """One service: its API, its worker (probes, metrics, AsyncAPI) and its database (the role that it runs as)."""

    model_config = ConfigDict(frozen=True)

    api: str
    worker: str
    database: str


class Addresses(BaseModel):
    """The whole town."""

    model_config = ConfigDict(frozen=True)

    kafka: str
    issuer: str
    mail: MailAddresses
    services: dict[str, ServiceAddresses]

    @classmethod
    def read(cls, file: Path) -> Self:
        """What a town that serves has written.

        Raises:
            TownError: no town serves here.
        """
        try:
            return cls.model_validate_json(file.read_text())
        except (OSError, ValueError) as error:
            raise TownError(
                f"no town serves here: start one with `{town_command()} up` and wait until it says that it serves"
            ) from error

    def write(self, file: Path) -> None:
        """Write them at once and whole; only the owner may read them, for there are passwords among them."""
        write_atomically(file, self.model_dump_json(indent=2) + "\n")
