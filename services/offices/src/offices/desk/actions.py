"""What a caseworker may do with a case as it stands now: each step with its form, and how a form becomes a use case."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from amtsbus.casework.procedure import Transition
from amtsbus.desk import Action, Field, Filled, MistakesError, Viewer, handed_in, standard
from amtsbus.postgres import Tx
from amtsbus.procedures import steps
from amtsbus.web import german_date

from offices.desk import examining
from offices.desk.words import OUTCOMES, ProcedureWords
from offices.domain.case_file import CaseFile
from offices.domain.office import Office
from offices.domain.target import Target
from offices.reporting import DECIDING
from offices.use_cases.assign_case import AssignCase, assign_case
from offices.use_cases.extend_documents_period import ExtendDocumentsPeriod, extend_documents_period
from offices.use_cases.hear_offices import HearOffices, hear_offices
from offices.use_cases.propose_decision import ProposeDecision, propose_decision
from offices.use_cases.record_opinion import RecordOpinion, record_opinion
from offices.use_cases.request_documents import RequestDocuments, request_documents
from offices.use_cases.send_back_proposal import SendBackProposal, send_back_proposal
from offices.use_cases.take_decision import TakeDecision, take_decision
from offices.use_cases.take_step import TakeStep, take_step
from offices.use_cases.write_note import WriteNote, write_note

RECORD_OPINION: Final = "record-opinion"
EXTEND: Final = "extend-documents-period"

DOCUMENTS: Final = "documents"
FIELDS: Final = "fields"
OFFICES: Final = "offices"
OFFICE: Final = "office"
OUTCOME: Final = "outcome"
OPINION: Final = "opinion"
DUE_ON: Final = "due_on"

_ELSEWHERE: Final = frozenset({steps.SUPPLY_DOCUMENTS, steps.CLOSE_HEARING})
"""Steps that the applicant takes, or that follow from others."""
_END_WITHOUT_DECISION: Final = frozenset({steps.WITHDRAW, steps.LAPSE})


def offered(file: CaseFile, words: ProcedureWords, viewer: Viewer) -> list[Action]:
    """What the viewer may do now; first what is waited for."""
    if not standard.may_work(viewer):
        return []
    return sorted(_possible(file, words, viewer), key=lambda action: not action.open)


def _possible(file: CaseFile, words: ProcedureWords, viewer: Viewer) -> Iterator[Action]:
    case = file.case
    for step in case.procedure.actions(case.state, viewer.actor.roles):
        if step.action not in _ELSEWHERE:
            yield from _of_step(step, file, words, viewer)
    if case.proposal is not None:
        yield standard.send_back(case, viewer)
    if file.open_hearings:
        yield _opinion(file, words, viewer)
    if file.open_request is not None:
        yield _extension(viewer)
    yield from standard.about_assignment(case, viewer)
    yield standard.note(viewer)


def _of_step(step: Transition, file: CaseFile, words: ProcedureWords, viewer: Viewer) -> Iterator[Action]:
    name = words.action(step.action)
    if step.action == steps.REQUEST_DOCUMENTS:
        yield _request(file, name, viewer)
    elif step.action == steps.HEAR:
        yield _hearing(file, name, words, viewer)
    elif not step.four_eyes:
        ends = step.action in _END_WITHOUT_DECISION
        reasons = standard.reasons(viewer, required=step.needs_reason)
        yield Action(step.action, name, (reasons,), kind="danger" if ends else "primary")
    elif file.case.proposal is None:
        if viewer.actor.roles & set(step.proposers):
            reasons = standard.reasons(viewer, required=step.needs_reason)
            yield standard.propose(step.action, name, viewer, (reasons,))
    elif step in file.case.actions(viewer.actor):
        reasons = standard.reasons(viewer, required=False, hint=viewer.say("offices.hint.confirm"))
        yield standard.confirm(step.action, name, viewer, (reasons,), file.case.proposal.reason or "")


def _request(file: CaseFile, name: str, viewer: Viewer) -> Action:
    language = viewer.language
    documents = tuple((one.key, one.name.in_language(language)) for one in file.declared.documents)
    asked = tuple((one.key, one.label.in_language(language)) for one in file.declared.form.fields)
    missing = tuple(examining.missing_documents(file))
    wrong = {problem.field for problem in examining.problems(file)}
    fields = []
    if documents:
        label = viewer.say("offices.field.documents")
        fields.append(Field(DOCUMENTS, "checkboxes", label, required=False, options=documents, value=missing))
    fields.append(
        Field(
            FIELDS,
            "checkboxes",
            viewer.say("offices.field.fields"),
            required=False,
            options=asked,
            value=tuple(key for key, _ in asked if key in wrong),
        )
    )
    hint = viewer.say("offices.hint.request", language=handed_in.language_of(viewer, file.language))
    fields.append(standard.reasons(viewer, required=False, hint=hint))
    return Action(steps.REQUEST_DOCUMENTS, name, tuple(fields), kind="secondary")


def _hearing(file: CaseFile, name: str, words: ProcedureWords, viewer: Viewer) -> Action:
    asked = tuple((key, words.office(key)) for key in file.declared.decision.hearing)
    heard = {one.office for one in file.hearings}
    field = Field(
        OFFICES,
        "checkboxes",
        viewer.say("offices.field.offices"),
        options=asked,
        value=tuple(key for key, _ in asked if key not in heard),
    )
    return Action(steps.HEAR, name, (field,), kind="secondary")


def _opinion(file: CaseFile, words: ProcedureWords, viewer: Viewer) -> Action:
    say = viewer.say
    waiting = tuple((one.office, words.office(one.office)) for one in file.open_hearings)
    return Action(
        RECORD_OPINION,
        say("offices.action.record_opinion"),
        (
            Field(OFFICE, "radios", say("offices.field.office"), options=waiting, value=waiting[0][0]),
            Field(
                OUTCOME,
                "radios",
                say("offices.field.outcome"),
                options=tuple((key, say(f"offices.opinion.{key}")) for key in OUTCOMES),
            ),
            Field(OPINION, "textarea", say("offices.field.opinion"), required=False),
        ),
        open=True,
    )


def _extension(viewer: Viewer) -> Action:
    say = viewer.say
    return Action(
        EXTEND,
        say("offices.action.extend"),
        (Field(DUE_ON, "date", say("offices.field.due_on")), standard.reasons(viewer, required=True)),
        kind="secondary",
    )


# What is done with a form


@dataclass(frozen=True, slots=True)
class Sent:
    """A form, and what it is about."""

    action: str
    form: Filled
    target: Target
    office: Office
    viewer: Viewer

    @property
    def reasons(self) -> str:
        """Why, as it was typed."""
        return self.form.text(standard.REASONS)

    @property
    def stated(self) -> tuple[str, ...]:
        """The reasons of a decision; without any, those of its proposal stand."""
        return (self.reasons,) if self.reasons else ()


async def carry_out(sent: Sent, tx: Tx) -> None:
    """Do what a form asks for.

    Raises:
        MistakesError: a field cannot be read.
        RuleViolationError, ForbiddenError, PreconditionFailedError, ConflictError: see the use cases.
    """
    of_step = next((done for prefix, done in _OF_STEPS.items() if sent.action.startswith(prefix)), _take_step)
    await _ACTIONS.get(sent.action, of_step)(sent, tx)


async def _ask(sent: Sent, tx: Tx) -> None:
    documents, fields = frozenset(sent.form.texts(DOCUMENTS)), frozenset(sent.form.texts(FIELDS))
    await request_documents(RequestDocuments(sent.target, documents, fields, sent.reasons), sent.office, tx)


async def _hear(sent: Sent, tx: Tx) -> None:
    await hear_offices(HearOffices(sent.target, frozenset(sent.form.texts(OFFICES))), sent.office, tx)


async def _record_opinion(sent: Sent, tx: Tx) -> None:
    outcome = next((one for one in OUTCOMES if one == sent.form.text(OUTCOME)), None)
    if outcome is None:
        say = sent.viewer.say
        raise MistakesError({OUTCOME: say("desk.mistake.required", label=say("offices.field.outcome"))})
    opinion = sent.form.text(OPINION) or None
    await record_opinion(RecordOpinion(sent.target, sent.form.text(OFFICE), outcome, opinion), sent.office, tx)


async def _propose(sent: Sent, tx: Tx) -> None:
    step = sent.action.removeprefix(standard.PROPOSE)
    await propose_decision(ProposeDecision(sent.target, step, sent.stated), sent.office, tx)


async def _confirm(sent: Sent, tx: Tx) -> None:
    step = sent.action.removeprefix(standard.CONFIRM)
    if step in DECIDING:
        await take_decision(TakeDecision(sent.target, step, sent.stated), sent.office, tx)
    else:
        await take_step(TakeStep(sent.target, step, sent.reasons or None), sent.office, tx)


async def _decide(sent: Sent, tx: Tx) -> None:
    await take_decision(TakeDecision(sent.target, sent.action, sent.stated), sent.office, tx)


async def _take_step(sent: Sent, tx: Tx) -> None:
    await take_step(TakeStep(sent.target, sent.action, sent.reasons or None), sent.office, tx)


async def _send_back(sent: Sent, tx: Tx) -> None:
    await send_back_proposal(SendBackProposal(sent.target, sent.reasons), sent.office, tx)


async def _extend(sent: Sent, tx: Tx) -> None:
    try:
        due_on = german_date(sent.form.text(DUE_ON))
    except ValueError as error:
        raise MistakesError({DUE_ON: sent.viewer.say("desk.mistake.date")}) from error
    await extend_documents_period(ExtendDocumentsPeriod(sent.target, due_on, sent.reasons), sent.office, tx)


async def _assign(sent: Sent, tx: Tx) -> None:
    assignee = standard.given_to(sent.action, sent.form, sent.viewer)
    await assign_case(AssignCase(sent.target, assignee, sent.form.text(standard.TEXT)), sent.office, tx)


async def _note(sent: Sent, tx: Tx) -> None:
    await write_note(WriteNote(sent.target, sent.form.text(standard.TEXT)), sent.office, tx)


_Done = Callable[[Sent, Tx], Awaitable[None]]

_ACTIONS: Final[Mapping[str, _Done]] = {
    steps.REQUEST_DOCUMENTS: _ask,
    steps.HEAR: _hear,
    steps.GRANT: _decide,
    steps.REFUSE: _decide,
    RECORD_OPINION: _record_opinion,
    standard.SEND_BACK: _send_back,
    EXTEND: _extend,
    standard.TAKE_OVER: _assign,
    standard.HAND_OVER: _assign,
    standard.RETURN_TO_POOL: _assign,
    standard.NOTE: _note,
}
_OF_STEPS: Final[Mapping[str, _Done]] = {standard.PROPOSE: _propose, standard.CONFIRM: _confirm}
