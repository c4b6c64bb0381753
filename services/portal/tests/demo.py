"""Procedures, files and people that exist for tests only."""

from functools import cache
from pathlib import Path
from uuid import UUID

from amtsbus.procedures.checking import Office, read_office
from amtsbus.procedures.declaration import ProcedureFile

ANIMALS = Path(__file__).parent / "procedures" / "animals"
CITY = Path(__file__).parents[3] / "deploy" / "procedures"
"""The city's real procedures; they are not there where this department is tested alone."""

ERIKA = UUID("01980a52-7c1e-7d40-9a3b-52d1f5a0d001")
MAX = UUID("01980a52-7c1e-7d40-9a3b-52d1f5a0d002")

PDF = b"%PDF-1.7\n1 0 obj <</Demo true>> endobj\ntrailer <<>>\n%%EOF\n"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x02\x00\x00\x00\x03\x08\x02\x00\x00\x00" + b"\x00" * 20
JPEG = b"\xff\xd8\xff\xe0\x00\x04JF\xff\xc0\x00\x0b\x08\x00\x03\x00\x02\x01\x01\x11\x00\xff\xda\x00\x02\xff\xd9"


@cache
def animals() -> Office:
    """The office of the tests, with all of its procedures."""
    return read_office(ANIMALS)


def procedure(key: str = "tortoise") -> ProcedureFile:
    return animals().procedures[key]
