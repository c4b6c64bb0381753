"""What the departments' events say, as their contracts describe them: one example per type."""

from typing import Any
from uuid import UUID

PERSON = UUID("01957c0e-6b00-7000-8000-000000000001")
SECOND_CUSTODIAN = UUID("01957c0e-6b00-7000-8000-000000000002")
CASE = UUID("01957c0e-6b00-7000-8000-0000000000ca")

_MOVE = {"person_id": str(PERSON), "case_id": str(CASE), "reference": "ME-2026-000007", "adult": True}
_PERMIT = {"application_id": str(CASE), "applicant_id": str(PERSON), "reference": "BA-2026-000123"}
_SCHOOL = {
    "enrolment_id": str(CASE),
    "child_id": str(UUID(int=9)),
    "custodian_ids": [str(PERSON), str(SECOND_CUSTODIAN)],
    "reference": "SA-2026-000042",
    "school_year": 2026,
}
_KOLLWITZ = {"school_id": str(UUID(int=8)), "name": "Käthe-Kollwitz-Schule"}
_REGISTRATION = {"application_id": str(CASE), "applicant_id": str(PERSON), "reference": "SA-2026-000124"}

EVENTS: dict[str, dict[str, Any]] = {
    "registration.resident-registered.v1": _MOVE
    | {"household_id": str(CASE), "residence_kind": "main", "moved_in_on": "2026-02-27"},
    "registration.resident-moved.v1": _MOVE | {"moved_on": "2026-02-27"},
    "registration.resident-moved-away.v1": _MOVE | {"moved_out_on": "2026-02-27"},
    "permits.application-submitted.v1": _PERMIT | {"submitted_on": "2026-03-02", "completeness_due_on": "2026-03-16"},
    "permits.documents-requested.v1": _PERMIT | {"documents": ["site-plan"], "due_on": "2026-03-30"},
    "permits.application-lapsed.v1": _PERMIT | {"lapsed_on": "2026-03-31"},
    "permits.application-complete.v1": _PERMIT | {"complete_on": "2026-03-10", "decision_due_on": "2026-06-10"},
    "permits.application-approved.v1": _PERMIT
    | {"decided_on": "2026-05-04", "valid_until": "2029-05-04", "conditions": ["second-escape-route"]},
    "permits.application-refused.v1": _PERMIT | {"decided_on": "2026-05-04", "grounds": ["distance-areas"]},
    "permits.fee-noticed.v1": _PERMIT | {"fee_cents": 123450, "payable_on": "2026-06-04"},
    "permits.application-withdrawn.v1": _PERMIT | {"withdrawn_on": "2026-03-05"},
    "schooling.parents-invited.v1": _SCHOOL | {"register_until": "2025-11-15"},
    "schooling.enrolment-received.v1": _SCHOOL
    | {"first_choice": _KOLLWITZ, "second_choice": {"school_id": str(UUID(int=7)), "name": "Regenbogenschule"}},
    "schooling.documents-requested.v1": _SCHOOL | {"documents": ["measles-protection"], "due_on": "2025-12-01"},
    "schooling.enrolment-confirmed.v1": _SCHOOL,
    "schooling.child-accepted.v1": _SCHOOL | {"school": _KOLLWITZ, "starts_on": "2026-08-01"},
    "schooling.child-not-accepted.v1": _SCHOOL | {"school": _KOLLWITZ},
    "schooling.entry-deferred.v1": _SCHOOL | {"until_school_year": 2027},
    "schooling.early-entry-requested.v1": _SCHOOL,
    "schooling.enrolment-withdrawn.v1": _SCHOOL | {"because": "moved-away"},
    "schooling.answers-requested.v1": _REGISTRATION | {"due_on": "2026-03-16"},
    "schooling.application-refused.v1": _REGISTRATION
    | {"grounds": ["child-not-established"], "refused_on": "2026-03-20"},
    "offices.letter-written.v1": {
        "case_id": str(CASE),
        "person_id": str(PERSON),
        "reference": "HUND-2026-000042",
        "is_decision": True,
    },
}
"""Every type of which somebody is told."""

ADDRESS = {
    "street": "Hauptstraße",
    "house_number": "12 a",
    "postal_code": "51373",
    "locality": "Leverkusen",
    "country": "DE",
}


def postal_address(
    person_id: UUID = PERSON,
    *,
    given_names: str = "Änne",
    family_name: str = "Özdemir-Groß",
    language: str = "de",
    street: str | None = "Hauptstraße",
    blocked: bool = False,
) -> dict[str, Any]:
    """A registration.postal-address-changed.v1; without a street there is no address any more."""
    return {
        "person_id": str(person_id),
        "given_names": given_names,
        "family_name": family_name,
        "language": language,
        "address": ADDRESS | {"street": street} if street else None,
        "disclosure_blocked": blocked,
    }


def fact(event_type: str, **changes: Any) -> dict[str, Any]:
    """The example of `event_type` with some fields changed."""
    return EVENTS[event_type] | changes
