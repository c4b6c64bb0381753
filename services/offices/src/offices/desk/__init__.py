"""The office's desk: its cases in words, and what can be done with them. The pages are `amtsbus.desk`'s."""

from pathlib import Path
from typing import Final

from offices.desk.department import ProcedureDesk

__all__ = ["DESK_LANGUAGES", "ProcedureDesk"]

DESK_LANGUAGES: Final = Path(__file__).parent / "languages"
