"""The registration office's desk: declarations and disclosure blocks in words, and what can be done with them. The pages are
`amtsbus.desk`'s."""

from pathlib import Path
from typing import Final

from registration.desk.department import RegistrationDesk

__all__ = ["DESK_LANGUAGES", "RegistrationDesk"]

DESK_LANGUAGES: Final = Path(__file__).parent / "languages"
