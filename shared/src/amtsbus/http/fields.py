"""Types for what people type: bounded, normalised, and refused with a reason instead of stored wrongly.

All text is brought to NFC first (DIN 91379 § 5), so that the same name is the same string however a keyboard composed it.
Lengths are in characters. The patterns stand in the OpenAPI document, so a client can check the same.
"""

import re
import unicodedata
from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

__all__ = [
    "Cents",
    "CountryCode",
    "EmailAddress",
    "GermanPostalCode",
    "HouseNumber",
    "InputModel",
    "LongText",
    "PersonName",
    "PlausibleDate",
    "PostalCode",
    "Reference",
    "ShortText",
]


class InputModel(BaseModel):
    """What a caller sends: nothing but the fields that are declared."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _composed(value: Any) -> Any:
    """Strip the ends and compose (NFC); anything but a string goes on as it is and is refused there."""
    return unicodedata.normalize("NFC", value.strip()) if isinstance(value, str) else value


_NORMALISED = BeforeValidator(_composed)

# No control characters, no bidirectional overrides (they make a text look like another), no line separators, no
# non-characters. The first and last character are visible: `strip` has run, and the pattern tells clients so.
_UNWANTED = r"\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff"
_ONE_LINE = rf"^[^\s{_UNWANTED}]([^{_UNWANTED}]*[^\s{_UNWANTED}])?$"
_SEVERAL_LINES = (
    r"^[^\s\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff]"
    r"([^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff]*"
    r"[^\s\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff])?$"
)

ShortText = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_ONE_LINE), _NORMALISED]
"""One line of 1 to 200 characters without control characters."""

LongText = Annotated[str, StringConstraints(min_length=1, max_length=5000, pattern=_SEVERAL_LINES), _NORMALISED]
"""1 to 5,000 characters; line breaks and tabs are fine."""

# The letters of DIN 91379 datatype A: Latin letters with at most two combining marks (some have no composed form in
# Unicode, as C̆ or n̂), and the marks that stand in names: space, apostrophes, hyphen, full stop, comma, middle dot.
_LATIN = r"A-Za-zªº\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0250-\u02af\u1e00-\u1eff"
_MARKS = r"\u0300-\u033f\u0342\u0345-\u036f"  # without those that NFC writes as others
_BETWEEN = r" '’‘ʹʺʼʾʿˈˊ`´·,.\-‐"


def _name(marks: int) -> str:
    letter = rf"[{_LATIN}][{_MARKS}]{{0,{marks}}}"
    return rf"^['’ʼʾʿ]?{letter}([{_BETWEEN}]{{0,2}}{letter})*[.'’]?$"


# Two marks may be typed on a letter; composing can take a letter that holds two itself apart, which makes four.
PersonName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=120, pattern=_name(4)),
    Field(json_schema_extra={"pattern": _name(2)}),
    _NORMALISED,
]
"""A given or family name in Latin letters (DIN 91379, datatype A), 1 to 120 characters."""

_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"


def _mail_address(value: Any) -> Any:
    """Domains know no capitals (RFC 1035 § 2.3.3); the part before the @ is the receiver's own business."""
    if not isinstance(value, str):
        return value
    local, at, domain = value.strip().rpartition("@")
    return f"{local}{at}{domain.lower()}"


EmailAddress = Annotated[
    str,
    StringConstraints(min_length=6, max_length=254, pattern=rf"^{_ATOM}(\.{_ATOM})*@({_LABEL}\.)+[A-Za-z]{{2,63}}$"),
    BeforeValidator(_mail_address),
]
"""An e-mail address in ASCII (RFC 5321 without quoted parts); whether it exists shows when a mail is delivered."""

CountryCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
"""A country, ISO 3166-1 alpha-2: `DE`."""

PostalCode = Annotated[str, StringConstraints(min_length=2, max_length=10, pattern=r"^[0-9A-Z]([0-9A-Z -]*[0-9A-Z])$")]
"""A postal code of any country."""

GermanPostalCode = Annotated[str, StringConstraints(pattern=r"^(0[1-9]|[1-9][0-9])[0-9]{3}$")]
"""A German postal code (Postleitzahl): five digits."""

HouseNumber = Annotated[
    str,
    StringConstraints(min_length=1, max_length=20, pattern=r"^[0-9A-Za-z]([0-9A-Za-z /,.\-]*[0-9A-Za-z.])?$"),
    _NORMALISED,
]
"""A house number with its additions: `12`, `12 a`, `12-14`, `3/4`."""

Reference = Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,5}-[0-9]{4}-[0-9]{6,9}$")]
"""A case's reference number (Aktenzeichen): `BA-2026-000123`."""


def _whole(value: Any) -> Any:
    """`1.0` is an integer to JSON Schema; `"1"` and `true`, which pydantic would take as well, are none to anybody."""
    if isinstance(value, bool | str):
        raise ValueError("a whole number is expected")
    return value


WholeNumber = BeforeValidator(_whole)
"""For an integer of a form: `Annotated[int, Field(ge=1, le=366), WholeNumber]`. Behind the bounds, or the schema loses them."""

Cents = Annotated[int, Field(ge=0, le=100_000_000_00), WholeNumber]
"""An amount of money in cents, up to 100 million euros."""

_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def _written_as_date(value: Any) -> Any:
    """Pydantic would also take seconds since 1970 and instants with a time; neither is how anybody writes a date."""
    if isinstance(value, str) and not _ISO_DATE.fullmatch(value):
        raise ValueError("a date is written as YYYY-MM-DD")
    if not isinstance(value, str | date):
        raise ValueError('a date is written as "YYYY-MM-DD"')
    return value


PlausibleDate = Annotated[
    date,
    Field(
        ge=date(1900, 1, 1),
        le=date(2100, 12, 31),
        json_schema_extra={"pattern": "^(19[0-9]{2}|20[0-9]{2}|2100)-[0-9]{2}-[0-9]{2}$"},
    ),
    BeforeValidator(_written_as_date),  # last: it runs first, and the constraints stay visible in the JSON schema
]
"""A date between 1900 and 2100, written YYYY-MM-DD."""
