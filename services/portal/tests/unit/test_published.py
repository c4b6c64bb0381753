"""What the offices hear: every event explains itself, and goes to the topic of its office alone."""

import pytest
from portal.published import PUBLISHED, ApplicationWithdrawnV1


@pytest.mark.parametrize("event", PUBLISHED, ids=lambda event: event.__name__)
def test_every_event_explains_itself(event):
    assert event.__doc__
    for name, field in event.model_fields.items():
        assert field.description, name


@pytest.mark.parametrize("office", ["taxes", "youth"])
def test_an_event_goes_to_the_topic_of_its_office(office):
    event = ApplicationWithdrawnV1(
        office=office,
        application_id="01957c0e-6b00-7000-8000-0000000000d1",
        withdrawn_at="2026-03-02T09:00:00Z",
    )
    assert event.own_topic == f"portal.{office}.applications"
