"""What a caseworker may do with an application as it stands now: each step with its form, and how a form becomes a use case."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeVar

from amtsbus.casework.calendar import calendar_days
from amtsbus.casework.procedure import Transition
from amtsbus.desk import Action as Offer
from amtsbus.desk import Field, Filled, MistakesError, Viewer, staff, standard
from amtsbus.postgres import Tx

from permits.desk.words import PermitWords
from permits.domain.application import LONGEST_REQUEST_DAYS, SHORTEST_REQUEST_DAYS, BuildingApplication, Ruling
from permits.domain.codes import Agency, AgencyOutcome, Cited, ConditionCode, Decision, DocumentCode, GroundCode
from permits.domain.procedure import Action
from permits.domain.target import Target
from permits.use_cases.assign_application import AssignApplication, assign_application
from permits.use_cases.confirm_decision import ConfirmDecision, confirm_decision
from permits.use_cases.declare_complete import DeclareComplete, declare_complete
from permits.use_cases.hear_agencies import HearAgencies, hear_agencies
from permits.use_cases.propose_decision import ProposeDecision, propose_decision
from permits.use_cases.record_response import RecordResponse, record_response
from permits.use_cases.request_documents import RequestDocuments, request_documents
from permits.use_cases.send_back_proposal import SendBackProposal, send_back_proposal
from permits.use_cases.withdraw_application import WithdrawApplication, withdraw_application
from permits.use_cases.write_note import WriteNote, write_note

DOCUMENTS: Final = "documents"
QUESTIONS: Final = "questions"
PERIOD_DAYS: Final = "period_days"
AGENCIES: Final = "agencies"
AGENCY: Final = "agency"
OUTCOME: Final = "outcome"
CONDITIONS: Final = "conditions"
GROUNDS: Final = "grounds"
REMARKS: Final = "remarks"

USUAL_REQUEST_DAYS: Final = 28
"""What stands in the form at first: the authority's practice, not law."""
ANSWERS: Final = (AgencyOutcome.NO_OBJECTION, AgencyOutcome.CONDITIONS, AgencyOutcome.OBJECTION)
"""What an agency can answer; that it was silent is the clock's to say."""

_Code = TypeVar("_Code", bound=StrEnum)


def offered(application: BuildingApplication, words: PermitWords) -> list[Offer]:
    """What the viewer may do now; first what is waited for."""
    if not standard.may_work(words.viewer):
        return []
    return sorted(_possible(application, words), key=lambda offer: not offer.open)


def _possible(application: BuildingApplication, words: PermitWords) -> Iterator[Offer]:
    case, viewer = application.case, words.viewer
    for step in case.procedure.transitions:
        if case.state not in step.sources:
            continue
        if step.four_eyes:
            yield from _of_two(step, application, words)
        elif step.action in _FORMS and step.open_to(viewer.actor.roles):
            yield from _FORMS[step.action](application, words)
    yield from standard.about_assignment(case, viewer)
    yield standard.note(viewer)


# Forms


def _of_two(step: Transition, application: BuildingApplication, words: PermitWords) -> Iterator[Offer]:
    """Proposing a decision, in place of another one too, and confirming what somebody else has proposed."""
    case, viewer, name = application.case, words.viewer, words.action(step.action)
    if step in case.actions(viewer.actor):
        yield standard.confirm(step.action, name, viewer, intro=viewer.say("permits.intro.confirm"))
    if viewer.actor.roles & set(step.proposers):
        fields = _approval(words) if step.action == Action.APPROVE else _refusal(words)
        offer = standard.propose(step.action, name, viewer, fields)
        if case.proposal is not None:
            offer = replace(offer, intro=viewer.say("permits.intro.replaces"), kind="secondary")
        yield offer


def _approval(words: PermitWords) -> tuple[Field, ...]:
    hint = words.viewer.say("permits.hint.reasons_of_conditions")
    return _conditions(words), standard.reasons(words.viewer, required=False, hint=hint)


def _refusal(words: PermitWords) -> tuple[Field, ...]:
    say = words.viewer.say
    grounds = Field(GROUNDS, "checkboxes", say("permits.field.grounds"), options=_cited(tuple(GroundCode), words))
    return grounds, standard.reasons(words.viewer, required=True, hint=say("permits.hint.to_read"))


def _conditions(words: PermitWords, hint: str = "") -> Field:
    label, options = words.viewer.say("permits.field.conditions"), _cited(tuple(ConditionCode), words)
    return Field(CONDITIONS, "checkboxes", label, hint, required=False, options=options)


def _request(application: BuildingApplication, words: PermitWords) -> Iterator[Offer]:
    say = words.viewer.say
    hint = say("permits.hint.period_days", least=SHORTEST_REQUEST_DAYS, most=LONGEST_REQUEST_DAYS)
    missing = tuple(sorted(application.missing_documents))
    documents = Field(
        DOCUMENTS,
        "checkboxes",
        say("permits.field.documents"),
        required=not words.questions,
        options=_options(tuple(DocumentCode), words),
        value=missing,
    )
    questions = Field(
        QUESTIONS,
        "checkboxes",
        say("permits.field.questions"),
        required=False,
        options=tuple(words.questions.items()),
    )
    yield Offer(
        Action.REQUEST_DOCUMENTS,
        words.action(Action.REQUEST_DOCUMENTS),
        (
            documents,
            *([questions] if words.questions else []),
            standard.reasons(words.viewer, required=True, hint=say("permits.hint.to_read")),
            Field(PERIOD_DAYS, "text", say("permits.field.period_days"), hint, value=str(USUAL_REQUEST_DAYS)),
        ),
        intro=say("permits.intro.request-documents"),
        kind="primary" if missing else "secondary",
    )


def _completeness(application: BuildingApplication, words: PermitWords) -> Iterator[Offer]:
    if not application.missing_documents:
        label, intro = words.action(Action.DECLARE_COMPLETE), words.viewer.say("permits.intro.declare-complete")
        yield Offer(Action.DECLARE_COMPLETE, label, intro=intro)


def _hearing(application: BuildingApplication, words: PermitWords) -> Iterator[Offer]:
    others = [agency for agency in Agency if agency not in application.hearings]
    if others:
        label, intro = words.viewer.say("permits.field.agencies"), words.viewer.say("permits.intro.hear-agencies")
        field = Field(AGENCIES, "checkboxes", label, options=_options(others, words))
        yield Offer(Action.HEAR_AGENCIES, words.action(Action.HEAR_AGENCIES), (field,), intro, kind="secondary")


def _response(application: BuildingApplication, words: PermitWords) -> Iterator[Offer]:
    say = words.viewer.say
    waiting = [
        hearing.agency
        for hearing in application.hearings.values()
        if hearing.outcome is None and words.viewer.today <= hearing.due_on
    ]
    if waiting:
        yield Offer(
            Action.RECORD_RESPONSE,
            words.action(Action.RECORD_RESPONSE),
            (
                Field(
                    AGENCY, "radios", say("permits.field.agency"), options=_options(waiting, words), value=waiting[0]
                ),
                Field(OUTCOME, "radios", say("permits.field.outcome"), options=_options(ANSWERS, words)),
                _conditions(words, say("permits.hint.conditions")),
                Field(REMARKS, "textarea", say("permits.field.remarks"), say("permits.hint.remarks"), required=False),
            ),
            open=True,
        )


def _sending_back(application: BuildingApplication, words: PermitWords) -> Iterator[Offer]:
    if application.case.proposal is not None:
        yield standard.send_back(application.case, words.viewer)


def _withdrawal(application: BuildingApplication, words: PermitWords) -> Iterator[Offer]:  # noqa: ARG001 - a form like the others
    intro = words.viewer.say("permits.intro.withdraw")
    yield Offer(Action.WITHDRAW, words.action(Action.WITHDRAW), intro=intro, kind="danger")


_FORMS: Final[Mapping[str, Callable[[BuildingApplication, PermitWords], Iterator[Offer]]]] = {
    Action.REQUEST_DOCUMENTS: _request,
    Action.DECLARE_COMPLETE: _completeness,
    Action.HEAR_AGENCIES: _hearing,
    Action.RECORD_RESPONSE: _response,
    Action.SEND_BACK: _sending_back,
    Action.WITHDRAW: _withdrawal,
}


def _options(codes: Iterable[StrEnum], words: PermitWords) -> tuple[tuple[str, ...], ...]:
    return tuple((code.value, words.code(code)) for code in codes)


def _cited(codes: Iterable[Cited], words: PermitWords) -> tuple[tuple[str, ...], ...]:
    return tuple((code.value, words.code(code), code.legal_basis) for code in codes)


# What is done with a form


@dataclass(frozen=True, slots=True)
class Sent:
    """A form, and what it is about."""

    action: str
    form: Filled
    target: Target
    viewer: Viewer

    @property
    def reasons(self) -> str:
        """Why, as it was typed."""
        return self.form.text(standard.REASONS)

    def codes(self, name: str, known: Iterable[_Code]) -> tuple[_Code, ...]:
        """Those of the `known` codes that were ticked, in their order."""
        return standard.ticked(self.form, name, known)

    def some(self, name: str, known: Iterable[_Code]) -> tuple[_Code, ...]:
        """The same where at least one must be ticked.

        Raises:
            MistakesError: none is.
        """
        label = self.viewer.say(f"permits.field.{name}")
        return standard.some_ticked(self.form, name, known, label, self.viewer)


async def carry_out(sent: Sent, tx: Tx) -> None:
    """Do what a form asks for; only what was `offered` comes here.

    Raises:
        MistakesError: a field cannot be read.
        RuleViolationError, ForbiddenError, PreconditionFailedError, ConflictError: see the use cases.
    """
    await _ACTIONS[sent.action](sent, tx)


async def _ask(sent: Sent, tx: Tx) -> None:
    days = sent.form.text(PERIOD_DAYS)
    known = int(days) if days.isascii() and days.isdigit() and len(days) < 4 else 0
    if not SHORTEST_REQUEST_DAYS <= known <= LONGEST_REQUEST_DAYS:
        say, limits = sent.viewer.say, {"least": SHORTEST_REQUEST_DAYS, "most": LONGEST_REQUEST_DAYS}
        raise MistakesError({PERIOD_DAYS: say("permits.mistake.period_days", **limits)})
    questions = frozenset(sent.form.texts(QUESTIONS))
    documents = frozenset(sent.codes(DOCUMENTS, DocumentCode) if questions else sent.some(DOCUMENTS, DocumentCode))
    period = calendar_days(known)
    await request_documents(RequestDocuments(sent.target, documents, sent.reasons, period, questions), tx)


async def _declare(sent: Sent, tx: Tx) -> None:
    await declare_complete(DeclareComplete(sent.target), tx)


async def _hear(sent: Sent, tx: Tx) -> None:
    await hear_agencies(HearAgencies(sent.target, frozenset(sent.some(AGENCIES, Agency))), tx)


async def _record(sent: Sent, tx: Tx) -> None:
    command = RecordResponse(
        sent.target,
        sent.some(AGENCY, Agency)[0],
        sent.some(OUTCOME, ANSWERS)[0],
        sent.codes(CONDITIONS, ConditionCode),
        sent.form.text(REMARKS) or None,
    )
    await record_response(command, tx)


async def _propose_approval(sent: Sent, tx: Tx) -> None:
    ruling = Ruling(Decision.APPROVAL, conditions=sent.codes(CONDITIONS, ConditionCode))
    await propose_decision(ProposeDecision(sent.target, ruling, sent.reasons or None), tx)


async def _propose_refusal(sent: Sent, tx: Tx) -> None:
    ruling = Ruling(Decision.REFUSAL, grounds=sent.some(GROUNDS, GroundCode))
    await propose_decision(ProposeDecision(sent.target, ruling, sent.reasons), tx)


async def _confirm(sent: Sent, tx: Tx) -> None:
    await confirm_decision(ConfirmDecision(sent.target), tx)


async def _send_back(sent: Sent, tx: Tx) -> None:
    await send_back_proposal(SendBackProposal(sent.target, sent.reasons), tx)


async def _withdraw(sent: Sent, tx: Tx) -> None:
    await withdraw_application(WithdrawApplication(sent.target), tx)


async def _assign(sent: Sent, tx: Tx) -> None:
    asked = standard.given_to(sent.action, sent.form, sent.viewer)
    assignee = await staff.who_gets(tx, asked, sent.viewer.actor.subject)
    await assign_application(AssignApplication(sent.target, assignee, sent.form.text(standard.TEXT)), tx)


async def _note(sent: Sent, tx: Tx) -> None:
    await write_note(WriteNote(sent.target, sent.form.text(standard.TEXT)), tx)


_ACTIONS: Final[Mapping[str, Callable[[Sent, Tx], Awaitable[None]]]] = {
    Action.REQUEST_DOCUMENTS: _ask,
    Action.DECLARE_COMPLETE: _declare,
    Action.HEAR_AGENCIES: _hear,
    Action.RECORD_RESPONSE: _record,
    standard.PROPOSE + Action.APPROVE: _propose_approval,
    standard.PROPOSE + Action.REFUSE: _propose_refusal,
    standard.CONFIRM + Action.APPROVE: _confirm,
    standard.CONFIRM + Action.REFUSE: _confirm,
    standard.SEND_BACK: _send_back,
    Action.WITHDRAW: _withdraw,
    standard.TAKE_OVER: _assign,
    standard.HAND_OVER: _assign,
    standard.RETURN_TO_POOL: _assign,
    standard.NOTE: _note,
}
