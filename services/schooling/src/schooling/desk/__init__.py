"""The school administration's desk: enrolments in words, and what can be done with them. The pages are `amtsbus.desk`'s."""

from pathlib import Path
from typing import Final

from schooling.desk.department import SchoolingDesk

__all__ = ["DESK_LANGUAGES", "SchoolingDesk"]

DESK_LANGUAGES: Final = Path(__file__).parent / "languages"
