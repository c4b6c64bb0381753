"""The building authority's desk: its applications in words, and what can be done with them. The pages are `amtsbus.desk`'s."""

from pathlib import Path
from typing import Final

from permits.desk.department import PermitsDesk

__all__ = ["DESK_LANGUAGES", "PermitsDesk"]

DESK_LANGUAGES: Final = Path(__file__).parent / "languages"
