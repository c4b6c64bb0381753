"""The table: which event tells whom, and what goes with it.

One kind of message per event type, named like the event without its version (`permits.application-approved`); the
templates have the kind's name too. A new kind is one line here, one model in `consumed`, and one template per language.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from uuid import UUID

Facts = Mapping[str, Any]
"""What an event said, as JSON values: ids, ISO dates, codes, cents."""


class Remedy(StrEnum):
    """What a person can do against a decision (Rechtsbehelf); who decides the decision's kind below."""

    ACTION = "action"
    """Klage at the administrative court within one month (VwGO § 74). In North Rhine-Westphalia no objection precedes
    it (JustG NRW § 110 (1); from memory, to be confirmed by the legal department before operation)."""

    OBJECTION = "objection"
    """Widerspruch to the deciding school within one month (VwGO § 70): decisions of schools are excepted from JustG NRW
    § 110 (1) by its paragraph 2 (from memory, to be confirmed by the legal department before operation)."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of message. One with a remedy is a decision (Verwaltungsakt)."""

    key: str
    addressees: Callable[[Facts], frozenset[UUID]]
    remedy: Remedy | None = None
    to_the_address_of_the_event: bool = False
    """The event goes with a new address, which comes on another topic: the letter waits for it."""
    announces: bool = False
    """The letter itself comes from the office; this says only that it is there."""

    @property
    def department(self) -> str:
        """Whose matter it is."""
        return self.key.partition(".")[0]

    @property
    def is_decision(self) -> bool:
        return self.remedy is not None


def _applicant(facts: Facts) -> frozenset[UUID]:
    return frozenset({UUID(str(facts["applicant_id"]))})


def _custodians(facts: Facts) -> frozenset[UUID]:
    """Each custodian gets a letter: they may live apart, and each can act against a decision (BGB § 1629)."""
    return frozenset(UUID(str(custodian)) for custodian in facts["custodian_ids"])


def _person_with_a_name(facts: Facts) -> frozenset[UUID]:
    """Somebody who applied without saying who they are has no inbox: they look in the portal."""
    return frozenset() if facts["person_id"] == facts["case_id"] else frozenset({UUID(str(facts["person_id"]))})


def _resident_of_age(facts: Facts) -> frozenset[UUID]:
    """Children are not written to; the adults who move with them are, each of them."""
    return frozenset({UUID(str(facts["person_id"]))}) if facts["adult"] else frozenset()


_TELLS: Mapping[str, Kind] = {
    # registration: the confirmation is a certificate (amtliche Meldebestätigung, BMG § 24 (2)), not a decision
    "registration.resident-registered.v1": Kind("registration.resident-registered", _resident_of_age),
    "registration.resident-moved.v1": Kind(
        "registration.resident-moved", _resident_of_age, to_the_address_of_the_event=True
    ),
    "registration.resident-moved-away.v1": Kind("registration.resident-moved-away", _resident_of_age),
    # permits
    "permits.application-submitted.v1": Kind("permits.application-submitted", _applicant),
    "permits.documents-requested.v1": Kind("permits.documents-requested", _applicant),
    # lapsed by law, hence no decision to act against (BauO NRW § 71 (1))
    "permits.application-lapsed.v1": Kind("permits.application-lapsed", _applicant),
    "permits.application-complete.v1": Kind("permits.application-complete", _applicant),
    "permits.application-approved.v1": Kind("permits.application-approved", _applicant, Remedy.ACTION),
    "permits.application-refused.v1": Kind("permits.application-refused", _applicant, Remedy.ACTION),
    "permits.fee-noticed.v1": Kind("permits.fee-noticed", _applicant, Remedy.ACTION),
    "permits.application-withdrawn.v1": Kind("permits.application-withdrawn", _applicant),
    # schooling
    "schooling.parents-invited.v1": Kind("schooling.parents-invited", _custodians),
    "schooling.enrolment-received.v1": Kind("schooling.enrolment-received", _custodians),
    "schooling.documents-requested.v1": Kind("schooling.documents-requested", _custodians),
    "schooling.enrolment-confirmed.v1": Kind("schooling.enrolment-confirmed", _custodians),
    "schooling.child-accepted.v1": Kind("schooling.child-accepted", _custodians, Remedy.OBJECTION),
    "schooling.child-not-accepted.v1": Kind("schooling.child-not-accepted", _custodians, Remedy.OBJECTION),
    "schooling.entry-deferred.v1": Kind("schooling.entry-deferred", _custodians, Remedy.OBJECTION),
    "schooling.early-entry-requested.v1": Kind("schooling.early-entry-requested", _custodians),
    "schooling.enrolment-withdrawn.v1": Kind("schooling.enrolment-withdrawn", _custodians),
    # applications from the portal that have not become the registration of a child
    "schooling.answers-requested.v1": Kind("schooling.answers-requested", _applicant),
    "schooling.application-refused.v1": Kind("schooling.application-refused", _applicant, Remedy.ACTION),
    # offices: their letters lie in the portal, and are announced here; what can be done against a decision is said there
    "offices.letter-written.v1": Kind("offices.letter-written", _person_with_a_name, announces=True),
}

TELLS: Mapping[str, Kind] = MappingProxyType(dict(_TELLS))
"""Event type → kind of message."""

KINDS: Mapping[str, Kind] = MappingProxyType({kind.key: kind for kind in TELLS.values()})
"""The kinds by their key."""

TELLS_NOBODY: Mapping[str, str] = MappingProxyType(
    {
        "offices.case-opened.v1": "The office writes a letter about it, which is announced.",
        "offices.case-moved.v1": "Where a letter goes with a step, it is announced; else the portal shows it.",
        "offices.documents-requested.v1": "The office writes a letter about it, which is announced.",
        "offices.case-decided.v1": "The office writes a letter about it, which is announced.",
        "offices.fee-charged.v1": "The letter about the decision says it.",
        "offices.fee-settled.v1": "Whoever has paid has just seen it.",
        "permits.documents-supplied.v1": "The applicant has just handed them in and saw the answer; the result follows.",
        "permits.agency-heard.v1": "A step between authorities; the applicant learns its result with the decision.",
        "permits.agency-responded.v1": "A step between authorities; a position is no decision and not to be acted upon.",
        "permits.deadline-due-soon.v1": "A reminder for the caseworkers' work list.",
        "permits.deadline-overdue.v1": "A reminder for the caseworkers' work list; what follows is an event of its own.",
    }
)
"""Events on the topics that we read of which nobody is told, each with the reason. They are not consumed."""


@dataclass(frozen=True, slots=True)
class Notice:
    """This person is to get a message of this kind."""

    person_id: UUID
    kind: Kind


def notices_for(event_type: str, facts: Facts) -> tuple[Notice, ...]:
    """Who is to be told what because of an event, ordered by person.

    The order lets two transactions that tell the same persons take their locks in the same order.

    Raises:
        KeyError: the event type is not in the table.
    """
    kind = TELLS[event_type]
    return tuple(Notice(person_id, kind) for person_id in sorted(kind.addressees(facts)))
