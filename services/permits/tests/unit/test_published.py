"""What the world hears: every domain event has its published form, with codes and without words."""

from dataclasses import fields
from datetime import UTC, date, datetime
from typing import get_args
from uuid import UUID

import pytest
from amtsbus.casework.calendar import working_days
from amtsbus.casework.roles import Actor, Role
from permits.domain.application import BuildingApplication, Parcel, Project
from permits.domain.codes import ConditionCode, ProjectKind
from permits.domain.events import ApplicationApproved, DomainEvent, FeeNoticed
from permits.domain.law import LegalTerm, Term
from permits.published import PUBLISHED, published

IDENTITY = {"application_id", "applicant_id", "reference"}


@pytest.fixture
def application() -> BuildingApplication:
    application, _ = BuildingApplication.submit(
        application_id=UUID("01980a52-7c1e-7d40-9a3b-52d1f5a0c001"),
        reference="BA-2026-000001",
        applicant_id=UUID("01980a52-7c1e-7d40-9a3b-52d1f5a0c002"),
        project=Project(ProjectKind.NEW_BUILDING, "A house", Parcel("Wiesdorf", "12", "345/6"), None, 1),
        documents=[],
        check=LegalTerm(
            term=Term.COMPLETENESS_CHECK, valid_from=date(2019, 1, 1), period=working_days(10), legal_basis="§ 71 (1)"
        ),
        actor=Actor("the-builder", frozenset({Role.CITIZEN})),
        now=datetime(2026, 3, 2, 9, tzinfo=UTC),
    )
    return application


def test_every_domain_event_has_a_published_form_with_the_same_fields() -> None:
    inside = {event.__name__: {field.name for field in fields(event)} for event in get_args(DomainEvent)}
    outside = {event.__name__.removesuffix("V1"): set(event.model_fields) for event in PUBLISHED}
    assert outside == {name: names | IDENTITY for name, names in inside.items()}


def test_the_order_of_what_happened_is_kept(application: BuildingApplication) -> None:
    happened: list[DomainEvent] = [
        ApplicationApproved(date(2026, 4, 24), date(2029, 4, 24), (ConditionCode.PARKING_SPACES,)),
        FeeNoticed(180_000, date(2026, 5, 26)),
    ]
    approved, fee = published(application, happened)
    assert approved.model_dump(mode="json") == {
        "application_id": "01980a52-7c1e-7d40-9a3b-52d1f5a0c001",
        "applicant_id": "01980a52-7c1e-7d40-9a3b-52d1f5a0c002",
        "reference": "BA-2026-000001",
        "decided_on": "2026-04-24",
        "valid_until": "2029-04-24",
        "conditions": ["parking-spaces"],
    }
    assert fee.event_type == "permits.fee-noticed.v1"


@pytest.mark.parametrize("event", PUBLISHED, ids=[event.__name__ for event in PUBLISHED])
def test_every_event_explains_itself(event: type) -> None:
    assert event.__doc__
    for name, field in event.model_fields.items():  # type: ignore[attr-defined] # all are pydantic models
        assert field.description, name
        assert field.examples, name
