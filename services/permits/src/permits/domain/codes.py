"""The building authority's vocabulary: what travels as a code, each with the rule that it stands on.

Events carry these codes and never free text. Sections of state law were not read in full for this version: they say
where a caseworker looks, and are to be confirmed by the legal department before operation.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Self


class Cited(StrEnum):
    """A code with the rule that it stands on."""

    legal_basis: str

    def __new__(cls, code: str, legal_basis: str = "") -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.legal_basis = legal_basis
        return member


class ProjectKind(Cited):
    """What is to be done on the site (§ 60 (1) BauO NRW)."""

    NEW_BUILDING = "new-building", "BauO NRW § 60 (1)"  # Errichtung
    ALTERATION = "alteration", "BauO NRW § 60 (1)"  # Änderung
    CHANGE_OF_USE = "change-of-use", "BauO NRW § 60 (1)"  # Nutzungsänderung


class DocumentCode(Cited):
    """A document that belongs to a building application (Bauvorlage)."""

    CADASTRAL_MAP = "cadastral-map", "BauPrüfVO NRW § 2"  # Auszug aus der Liegenschaftskarte
    SITE_PLAN = "site-plan", "BauPrüfVO NRW § 3"  # Lageplan
    BUILDING_DRAWINGS = "building-drawings", "BauPrüfVO NRW § 4"  # Bauzeichnungen
    BUILDING_DESCRIPTION = "building-description", "BauPrüfVO NRW § 5"  # Baubeschreibung
    OPERATION_DESCRIPTION = "operation-description", "BauPrüfVO NRW § 5"  # Betriebsbeschreibung
    COST_CALCULATION = "cost-calculation", "BauPrüfVO NRW § 6"  # Berechnung des Rauminhalts, Rohbausumme
    STRUCTURAL_CALCULATION_DECLARATION = (  # Erklärung zum Standsicherheitsnachweis
        "structural-calculation-declaration",
        "BauO NRW § 68",
    )
    PARKING_SPACES = "parking-spaces", "BauO NRW § 48"  # Stellplatznachweis
    DEVIATION_REQUEST = "deviation-request", "BauO NRW § 69"  # Antrag auf Abweichung


_ALWAYS = frozenset(
    {DocumentCode.SITE_PLAN, DocumentCode.BUILDING_DRAWINGS, DocumentCode.BUILDING_DESCRIPTION},
)
REQUIRED_DOCUMENTS: Mapping[ProjectKind, frozenset[DocumentCode]] = MappingProxyType(
    {
        ProjectKind.NEW_BUILDING: _ALWAYS | {DocumentCode.STRUCTURAL_CALCULATION_DECLARATION},
        ProjectKind.ALTERATION: _ALWAYS | {DocumentCode.STRUCTURAL_CALCULATION_DECLARATION},
        ProjectKind.CHANGE_OF_USE: _ALWAYS,
    }
)
"""What the simplified procedure cannot go without (§ 64, § 70 (2) BauO NRW; § 10 BauPrüfVO NRW)."""


class Agency(Cited):
    """A body that is heard because the project touches its field (§ 71 (3) BauO NRW; Träger öffentlicher Belange)."""

    FIRE_PROTECTION = "fire-protection", "BauO NRW § 14; BHKG NRW § 25"  # Brandschutzdienststelle
    NATURE_CONSERVATION = "nature-conservation", "BNatSchG § 17 (1)"  # untere Naturschutzbehörde
    MONUMENT_PROTECTION = "monument-protection", "DSchG NRW § 9"  # untere Denkmalbehörde
    WATER_AUTHORITY = "water-authority", "WHG §§ 52, 78"  # untere Wasserbehörde
    SOIL_PROTECTION = "soil-protection", "BBodSchG § 4"  # untere Bodenschutzbehörde
    IMMISSION_CONTROL = "immission-control", "BImSchG § 22"  # untere Immissionsschutzbehörde
    ROAD_AUTHORITY = "road-authority", "StrWG NRW § 25"  # Straßenbaubehörde
    HEALTH_AUTHORITY = "health-authority", "ÖGDG NRW § 8"  # Gesundheitsamt


class AgencyOutcome(StrEnum):
    """How the hearing of an agency ended."""

    NO_OBJECTION = "no-objection"
    CONDITIONS = "conditions"
    OBJECTION = "objection"
    SILENT = "silent"  # the period ended without an answer, which counts as no objection (§ 71 (3) BauO NRW)


class Decision(StrEnum):
    """What the building authority decides (§ 74 BauO NRW)."""

    APPROVAL = "approve"
    REFUSAL = "refuse"


class ConditionCode(Cited):
    """A condition of an approval (Nebenbestimmung, § 74 (4) BauO NRW, § 36 VwVfG NRW)."""

    FIRE_PROTECTION_MEASURES = "fire-protection-measures", "BauO NRW § 14"
    SECOND_ESCAPE_ROUTE = "second-escape-route", "BauO NRW § 33"  # zweiter Rettungsweg
    STRUCTURAL_PROOF_BEFORE_START = "structural-proof-before-start", "BauO NRW § 68"
    PARKING_SPACES = "parking-spaces", "BauO NRW § 48"  # Stellplätze
    STEP_FREE_ACCESS = "step-free-access", "BauO NRW § 49"  # barrierefreies Bauen
    PROTECTION_OF_TREES = "protection-of-trees", "BNatSchG §§ 14, 15"
    PROTECTION_OF_SPECIES = "protection-of-species", "BNatSchG § 44"
    MONUMENT_ACCOMPANIMENT = "monument-accompaniment", "DSchG NRW § 9"
    RAINWATER_INFILTRATION = "rainwater-infiltration", "LWG NRW § 44"  # Niederschlagswasser
    NOISE_PROTECTION = "noise-protection", "BImSchG § 22"
    NOTICE_OF_START = "notice-of-start", "BauO NRW § 74 (9)"  # Baubeginnanzeige


class GroundCode(Cited):
    """A ground on which an application is refused (Versagungsgrund, § 74 (1) BauO NRW)."""

    CONTRADICTS_DEVELOPMENT_PLAN = "contradicts-development-plan", "BauGB § 30"  # Bebauungsplan
    DOES_NOT_FIT_SURROUNDINGS = "does-not-fit-surroundings", "BauGB § 34"  # Einfügen
    OUTSIDE_BUILT_UP_AREA = "outside-built-up-area", "BauGB § 35"  # Außenbereich
    ACCESS_NOT_SECURED = "access-not-secured", "BauO NRW § 4"  # Erschließung
    DISTANCE_AREAS = "distance-areas", "BauO NRW § 6"  # Abstandsflächen
    FIRE_PROTECTION = "fire-protection", "BauO NRW § 14"
    ESCAPE_ROUTES = "escape-routes", "BauO NRW § 33"  # Rettungswege
    PARKING_SPACES_MISSING = "parking-spaces-missing", "BauO NRW § 48"
    STEP_FREE_ACCESS_MISSING = "step-free-access-missing", "BauO NRW § 49"
    NATURE_CONSERVATION = "nature-conservation", "BNatSchG § 15 (5)"
    MONUMENT_PROTECTION = "monument-protection", "DSchG NRW § 9"
    WATER_PROTECTION = "water-protection", "WHG §§ 52, 78"
    IMMISSIONS = "immissions", "BImSchG § 22"
