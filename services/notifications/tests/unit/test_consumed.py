"""What this service accepts from other departments."""

from typing import Any

import pytest
from notifications import consumed
from pydantic import ValidationError

from ..facts import ADDRESS, fact, postal_address


@pytest.mark.parametrize(
    "changes",
    [
        {"person_id": None},
        {"person_id": "not-an-id"},
        {"given_names": "Anna\nHauptstraße 1"},
        {"family_name": "Groß\u2028"},
        {"given_names": "x" * 501},
        {"address": ADDRESS | {"street": None}},
        {"address": "Hauptstraße 12"},
        {"disclosure_blocked": None},
    ],
)
def test_a_wrong_address_is_refused_without_quoting_it(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refusal:
        consumed.PostalAddressChanged.model_validate(postal_address() | changes)
    assert "Hauptstraße" not in str(refusal.value)
    assert "Groß" not in str(refusal.value)


def test_combining_characters_are_composed_and_emoji_stay() -> None:
    event = consumed.PostalAddressChanged.model_validate(postal_address(given_names="A\u0308nne 👩‍👧"))
    assert event.given_names == "\u00c4nne 👩‍👧"


def test_fields_of_a_later_version_are_ignored() -> None:
    later = fact("permits.application-approved.v1", approved_by_robot=True)
    assert consumed.ApplicationApproved.model_validate(later).conditions == ["second-escape-route"]


@pytest.mark.parametrize(
    ("model", "changes"),
    [
        (consumed.FeeNoticed, {"fee_cents": -1}),
        (consumed.FeeNoticed, {"fee_cents": "much"}),
        (consumed.FeeNoticed, {"payable_on": "2026-02-30"}),
        (consumed.ParentsInvited, {"custodian_ids": None}),
        (consumed.ParentsInvited, {"custodian_ids": ["01980a52-7c1e-7d40-9a3b-52d1f5a0e003"] * 51}),
        (consumed.ApplicationRefused, {"grounds": ["distance-areas"] * 51}),
        (consumed.ApplicationRefused, {"applicant_id": 7}),
        (consumed.ResidentRegistered, {"adult": "perhaps"}),
    ],
)
def test_absurd_facts_are_refused(model: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(fact(model.event_type, **changes))
