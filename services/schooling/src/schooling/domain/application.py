"""What parents hand in at the portal: an application to register a child, until it is known which child that is.

Nothing here, and nothing that the applicant is told, depends on children of whom they have no custody: a child of somebody else
is to them a child that does not exist.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from amtsbus.casework.calendar import Period
from amtsbus.casework.case import Case, Decision
from amtsbus.casework.roles import Actor, Role
from amtsbus.errors import ForbiddenError, PreconditionFailedError, RuleViolationError

from schooling.domain.enrolment import DOCUMENTS_PERIOD, Party
from schooling.domain.events import Document
from schooling.domain.procedure import SCHOOL_REGISTRATION, ApplicationAction, ApplicationState
from schooling.domain.reasons import Reason, sentence
from schooling.domain.rules import Criterion

CODES: Final[Mapping[str, Document]] = MappingProxyType({code.replace("-", "_"): code for code in Document})
"""The form's keys of documents; a key of a form has no hyphen."""
KEYS: Final[Mapping[Document, str]] = MappingProxyType({code: key for key, code in CODES.items()})

SCHOOL_FIELDS: Final = ("first_choice", "second_choice")
"""The fields whose answers are the city's schools."""
READ: Final = frozenset(
    {"given_names", "family_name", "date_of_birth", *SCHOOL_FIELDS, "criteria", "deferral", *CODES},
)
"""The keys of fields and documents of `procedures/school-registration.yaml` that are read here."""

_SCHOOL: Final = "school-"


class Evidence(StrEnum):
    """By what a clerk knows that the applicant may register the child, where the register does not say so."""

    CUSTODY_EVIDENCE = "custody-evidence"
    """Sorgerechtsnachweis: a decision or a certificate that the register does not have yet."""
    POWER_OF_ATTORNEY = "power-of-attorney"
    """Vollmacht of somebody who has custody."""
    GUARDIANSHIP = "guardianship"
    """Bestellungsurkunde of a guardian or a curator (Vormundschaft, Pflegschaft)."""


class Ground(StrEnum):
    """Why an application is refused. None of them says anything about a child of whom the applicant has no custody."""

    CHILD_NOT_ESTABLISHED = Reason.CHILD_NOT_ESTABLISHED.value
    ALREADY_REGISTERED = Reason.ALREADY_REGISTERED.value
    """Of a child in the applicant's custody alone."""
    NOT_THIS_YEAR = Reason.NOT_THIS_YEAR.value


@dataclass(frozen=True)
class HandedInFile:
    """A document that was uploaded; its content lies in the store of documents."""

    document: Document
    sha256: bytes
    size_bytes: int
    media_type: str
    supplied_at: datetime


@dataclass(frozen=True)
class Statement:
    """What the answers say."""

    given_names: str
    family_name: str
    date_of_birth: date
    first_choice: UUID
    second_choice: UUID | None
    criteria: frozenset[Criterion]
    deferral: bool


def statement_of(sound: Mapping[str, Any]) -> Statement | None:
    """What answers say that are right by the rules of the form; None where one is not there without which nothing is said."""
    if not {"given_names", "family_name", "date_of_birth", "first_choice", "deferral"} <= sound.keys():
        return None
    second = sound.get("second_choice")
    return Statement(
        given_names=sound["given_names"],
        family_name=sound["family_name"],
        date_of_birth=date.fromisoformat(sound["date_of_birth"]),
        first_choice=school_id_of(sound["first_choice"]),
        second_choice=None if second is None else school_id_of(second),
        criteria=frozenset(one for one in Criterion if one in sound.get("criteria", ())),
        deferral=sound["deferral"],
    )


def school_key(school_id: UUID) -> str:
    """A school as an answer of the form; a key there begins with a letter."""
    return f"{_SCHOOL}{school_id}"


def school_id_of(key: str) -> UUID:
    """The school that an answer names."""
    return UUID(key.removeprefix(_SCHOOL))


@dataclass(frozen=True)
class ApplicationTarget:
    """Which application somebody acts on, in the version that they have seen."""

    application_id: UUID
    version: int
    party: Party


@dataclass
class Application:
    """One application to register a child.

    Attributes:
        procedure_version: of the form that was filled in.
        identification: how sure it is who applies (trust level of the log-in).
        answers: as they are by now.
        asked_answers: the keys of answers that the applicant was asked for and has not given.
        enrolment_id: the enrolment that it led to.
        evidence: what a clerk was shown, where custody is not in the register.
    """

    case: Case
    procedure_version: int
    applicant_name: str | None
    identification: str
    answers: Mapping[str, Any]
    handed_in_at: datetime
    files: tuple[HandedInFile, ...] = ()
    asked_answers: frozenset[str] = frozenset()
    asked_documents: frozenset[Document] = frozenset()
    enrolment_id: UUID | None = None
    evidence: Evidence | None = None

    @classmethod
    def open(
        cls,
        *,
        application_id: UUID,
        reference: str,
        applicant_id: UUID,
        applicant_name: str | None,
        identification: str,
        procedure_version: int,
        answers: Mapping[str, Any],
        files: Collection[HandedInFile],
        handed_in_at: datetime,
        now: datetime,
    ) -> "Application":
        """An application that has just come."""
        case = Case.open(
            SCHOOL_REGISTRATION, case_id=application_id, reference=reference, applicant_id=applicant_id, now=now
        )
        once = _each_once((), files)
        return cls(case, procedure_version, applicant_name, identification, answers, handed_in_at, once)

    @property
    def application_id(self) -> UUID:
        """The id that it has in the portal."""
        return self.case.case_id

    @property
    def applicant_id(self) -> UUID:
        """Who applies, as a resident."""
        return self.case.applicant_id

    @property
    def state(self) -> ApplicationState:
        """Where it stands."""
        return ApplicationState(self.case.state)

    @property
    def applicant(self) -> Actor:
        """The applicant, where they act themselves."""
        return Actor(str(self.applicant_id), frozenset({Role.CITIZEN}))

    @property
    def documents(self) -> frozenset[Document]:
        """Which documents were uploaded."""
        return frozenset(file.document for file in self.files)

    @property
    def asked_until(self) -> date | None:
        """Until when the applicant has time for what is asked; None where nothing is."""
        period = self.case.period(DOCUMENTS_PERIOD)
        return period.due_on if period else None

    # the applicant's part

    def supply(
        self, answers: Mapping[str, Any], files: Collection[HandedInFile], wrong: Collection[str], now: datetime
    ) -> ApplicationAction | None:
        """Take over what the applicant hands in later; what was asked for and is still missing or wrong stays asked for.

        Args:
            answers: those that are given anew; they count only where something was asked.
            wrong: the keys of answers that the form does not let through then.

        Returns:
            The step; None where nothing was asked, or nothing of what was asked came.

        Raises:
            RuleViolationError: code `application-closed`.
        """
        if self.case.is_closed:
            raise RuleViolationError("the application has come to its end", code="application-closed")
        self.keep(files)
        if self.state is not ApplicationState.ASKED or not (answers or files):
            return None
        self.answers = {**self.answers, **answers}
        self.asked_answers = (self.asked_answers - answers.keys()) | frozenset(wrong)
        self.asked_documents -= {file.document for file in files}
        is_all = not self.asked_answers and not self.asked_documents
        step = ApplicationAction.SUPPLY_DOCUMENTS if is_all else ApplicationAction.SUPPLY_SOME_DOCUMENTS
        self.case.take(step, self.applicant, now)
        if is_all:
            self.case.end_period(DOCUMENTS_PERIOD, now)
        return step

    def keep(self, files: Collection[HandedInFile]) -> None:
        """Keep what was uploaded later, each file once."""
        self.files = _each_once(self.files, files)

    def withdraw(self, now: datetime) -> None:
        """The applicant does not want it any more.

        Raises:
            RuleViolationError: it has come to its end.
        """
        self.case.take(ApplicationAction.WITHDRAW, self.applicant, now)
        self._ask_no_more()

    # the administration's part

    def admit(self, target: ApplicationTarget) -> Actor:
        """As what somebody of the administration acts on it, provided that they have seen its present version.

        Raises:
            ForbiddenError: it is their own application, or they do not work here.
            PreconditionFailedError: it has changed since they read it.
        """
        roles = target.party.actor.roles & {Role.CLERK, Role.LEAD}
        if target.party.person_id == self.applicant_id or not roles:
            raise ForbiddenError("nobody decides in their own matter")
        if target.version != self.case.version:
            raise PreconditionFailedError(
                f"the application has changed (version {self.case.version} now): read it again and decide anew"
            )
        return Actor(target.party.actor.subject, roles)

    def ask(
        self,
        answers: Collection[str],
        documents: Collection[Document],
        period: Period,
        actor: Actor,
        now: datetime,
        today: date,
    ) -> date:
        """Ask the applicant to check or correct answers, or to hand in documents.

        Returns:
            Until when they have time.

        Raises:
            RuleViolationError: code `nothing-asked`, or `action-not-permitted`.
        """
        if not answers and not documents:
            raise RuleViolationError("say what is asked for: at least one answer or document", code="nothing-asked")
        self.case.take(ApplicationAction.REQUEST_DOCUMENTS, actor, now)
        self.asked_answers, self.asked_documents = frozenset(answers), frozenset(documents)
        return self.case.start_period(DOCUMENTS_PERIOD, today, period, now=now).due_on

    def register(self, enrolment_id: UUID, evidence: Evidence | None, actor: Actor, now: datetime) -> None:
        """It has become the registration of a child."""
        self.case.take(ApplicationAction.REGISTER, actor, now, reason=evidence)
        self.enrolment_id, self.evidence = enrolment_id, evidence
        self._ask_no_more()

    def refuse(self, grounds: Collection[Ground], actor: Actor, now: datetime) -> None:
        """Decide that nobody is registered by it.

        Raises:
            RuleViolationError: it has come to its end, or no ground is named (`reason-missing`).
        """
        named = [ground for ground in Ground if ground in grounds]
        self.case.take(ApplicationAction.REFUSE, actor, now, reason=", ".join(named))
        self.case.decide(
            Decision(
                outcome=ApplicationState.REFUSED.value,
                reasons=tuple(sentence(Reason(ground.value)) for ground in named),
                decided_by=actor.subject,
                decided_at=now,
                legal_basis="§ 35 SchulG NRW, § 1 AO-GS",
            )
        )
        self._ask_no_more()

    def _ask_no_more(self) -> None:
        self.asked_answers, self.asked_documents = frozenset(), frozenset()


def _each_once(known: Collection[HandedInFile], files: Collection[HandedInFile]) -> tuple[HandedInFile, ...]:
    found = {(file.document, file.sha256): file for file in known}
    for file in files:
        found.setdefault((file.document, file.sha256), file)
    return tuple(found.values())
