"""What came through the portal: the answers of the form become a project, the keys of its documents become codes.

The form is `procedures/building-permit.yaml`. A file of that name that lacks one of `READ` is not offered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from permits.domain.application import Address, Parcel, Project
from permits.domain.codes import DocumentCode, ProjectKind

CODES: Final[Mapping[str, DocumentCode]] = MappingProxyType({code.replace("-", "_"): code for code in DocumentCode})
"""The form's keys of documents; a key of a form has no hyphen."""

KEYS: Final[Mapping[DocumentCode, str]] = MappingProxyType({code: key for key, code in CODES.items()})

READ: Final = frozenset(
    {
        "project_kind",
        "description",
        "cadastral_district",
        "cadastral_section",
        "parcel_number",
        "site_address",
        "gross_building_sum",
        *CODES,
    }
)
"""The keys of fields and documents that are read here."""


@dataclass(frozen=True)
class HandedInFile:
    """A file as the portal told it; `key` is what the form calls the document, which may be nothing that we know."""

    key: str
    name: str
    sha256: str
    size_bytes: int
    media_type: str


@dataclass(frozen=True)
class PortalApplication:
    """An application as it was handed in, with its answers as they are by now.

    Attributes:
        procedure_version: of the form that was filled in.
        language: of the applicant: `de`, `en` or `plain`.
        identification: how sure it is who they are (trust level of the log-in).
    """

    application_id: UUID
    procedure_version: int
    language: str
    applicant_name: str | None
    applicant_email: str | None
    identification: str
    answers: Mapping[str, Any]
    files: tuple[HandedInFile, ...]
    handed_in_at: datetime


@dataclass(frozen=True)
class Supplement:
    """What was handed in later, word for word.

    Attributes:
        answers: those that were given anew, by their keys.
        replaced: what was there before in their place.
        refused: the rule by which documents were not taken over; None: they were, or there were none.
    """

    message: str | None
    answers: Mapping[str, Any]
    replaced: Mapping[str, Any]
    files: tuple[HandedInFile, ...]
    supplied_at: datetime
    refused: str | None = None


@dataclass(frozen=True)
class Payment:
    """A payment that the provider confirmed to the portal."""

    payment_id: UUID
    amount_cents: int
    paid_at: datetime


def project_of(sound: Mapping[str, Any]) -> Project:
    """The project, from answers that are right or not there.

    What is not there is asked for and blank until it comes; as kind of project the one that needs the most documents is assumed.
    """
    address = sound.get("site_address")
    return Project(
        kind=ProjectKind(sound.get("project_kind", ProjectKind.NEW_BUILDING)),
        description=sound.get("description", ""),
        parcel=Parcel(
            sound.get("cadastral_district", ""), sound.get("cadastral_section", ""), sound.get("parcel_number", "")
        ),
        address=Address(**address) if address else None,
        gross_building_sum_cents=sound.get("gross_building_sum", 0),
    )
