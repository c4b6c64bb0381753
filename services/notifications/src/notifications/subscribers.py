"""What this service listens to: one reader per topic. Which event tells whom stands in `domain.kinds`."""

from collections.abc import Sequence

from amtsbus.events import Consumed
from amtsbus.postgres import Tx
from amtsbus.reader import Reader

from notifications import consumed
from notifications.domain.addressee import Language
from notifications.use_cases.learn_address import learn_address
from notifications.use_cases.set_preferences import SetPreferences, set_preferences
from notifications.use_cases.tell_addressees import tell_addressees

residents = Reader("registration.resident.events", group="notifications.residents")
postal_addresses = Reader("registration.postal-address.events", group="notifications.postal-addresses", compacted=True)
permit_applications = Reader("permits.application.events", group="notifications.permit-applications")
school_enrolments = Reader("schooling.enrolment.events", group="notifications.school-enrolments")
school_applications = Reader("schooling.application.events", group="notifications.school-applications")
contact_preferences = Reader("portal.contact-preferences.events", group="notifications.contact-preferences")

READERS = (
    residents,
    postal_addresses,
    permit_applications,
    school_enrolments,
    school_applications,
    contact_preferences,
)


@postal_addresses(consumed.PostalAddressChanged)
async def on_postal_address_changed(event: consumed.PostalAddressChanged, tx: Tx) -> None:
    await learn_address(event, tx)


@contact_preferences(consumed.ContactPreferencesChosen)
async def on_contact_preferences_chosen(event: consumed.ContactPreferencesChosen, tx: Tx) -> None:
    language = Language(event.language) if event.language else None
    await set_preferences(SetPreferences(event.person_id, event.email, language, event.email_notice), tx)


TOLD: Sequence[tuple[Reader, Sequence[type[Consumed]]]] = (
    (
        residents,
        (
            consumed.ResidentRegistered,
            consumed.ResidentMoved,
            consumed.ResidentMovedAway,
        ),
    ),
    (
        permit_applications,
        (
            consumed.ApplicationSubmitted,
            consumed.DocumentsRequested,
            consumed.ApplicationLapsed,
            consumed.ApplicationComplete,
            consumed.ApplicationApproved,
            consumed.ApplicationRefused,
            consumed.FeeNoticed,
            consumed.ApplicationWithdrawn,
        ),
    ),
    (
        school_enrolments,
        (
            consumed.ParentsInvited,
            consumed.EnrolmentReceived,
            consumed.EnrolmentDocumentsRequested,
            consumed.EnrolmentConfirmed,
            consumed.ChildAccepted,
            consumed.ChildNotAccepted,
            consumed.EntryDeferred,
            consumed.EarlyEntryRequested,
            consumed.EnrolmentWithdrawn,
        ),
    ),
    (
        school_applications,
        (
            consumed.AnswersRequested,
            consumed.RegistrationRefused,
        ),
    ),
)
"""Each reader with the events of which somebody is told; all of them go to the same use case."""


def cases_of(office: str) -> Reader:
    """Reads what an office tells of its cases: that there is a letter."""
    cases = Reader(f"{office}.case.events", group=f"notifications.{office}-cases")
    cases(consumed.LetterWritten)(tell_addressees)
    return cases


for _reader, _models in TOLD:
    for _model in _models:
        _reader(_model)(tell_addressees)
