"""How somebody wishes to hear of a letter that lies here."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class ContactPreferences:
    """What notifications goes by.

    Attributes:
        language: of the letters that registration, permits and schooling send; None: the one in the population register.
        email_notice: whether an e-mail may say that a letter is there.
        email_bounced_at: when a mail server last refused this address for good.
    """

    email: str | None = None
    language: Literal["de", "en"] | None = None
    email_notice: bool = False
    email_bounced_at: datetime | None = None
