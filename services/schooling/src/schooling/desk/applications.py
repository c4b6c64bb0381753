"""Applications from the portal at the desk: in words, and what can be done with them.

A caseworker finds the child that an application is about, asks the applicant, or refuses. There is nothing else to note, and no
field whose text is kept. What the applicant wrote in the portal's message box is shown here and goes into no enrolment.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from amtsbus.casework.case import HistoryEntry
from amtsbus.desk import (
    Action,
    CaseDocument,
    CaseInWords,
    Condition,
    Field,
    Filled,
    Rows,
    Sheet,
    Table,
    Viewer,
    standard,
)
from amtsbus.desk.due import Kind
from amtsbus.desk.work_list import ListedCase
from amtsbus.errors import ForbiddenError
from amtsbus.postgres import Tx
from amtsbus.procedures import store as procedures
from amtsbus.procedures import wording
from amtsbus.procedures.declaration import ProcedureFile
from amtsbus.web.languages import written_moment

from schooling import store
from schooling.desk.words import EnrolmentWords
from schooling.domain.application import Application, ApplicationTarget, Evidence, Ground
from schooling.domain.child import Child
from schooling.domain.enrolment import Enrolment, Party
from schooling.domain.events import Document
from schooling.domain.procedure import SCHOOL_REGISTRATION, ApplicationAction, ApplicationState, State
from schooling.use_cases.ask_applicant import AskApplicant, ask_applicant
from schooling.use_cases.assign_application import AssignApplication, assign_application
from schooling.use_cases.match_application import MatchApplication, match_application
from schooling.use_cases.read_answers import Read, form_of, read_answers
from schooling.use_cases.receive_supplement import SUPPLIED_LATE, SUPPLIED_UNASKED
from schooling.use_cases.receive_withdrawal import WITHDRAWN_LATE
from schooling.use_cases.refuse_application import RefuseApplication, refuse_application

REFERENCE: Final = "reference"
EVIDENCE: Final = "evidence"
ANSWERS: Final = "answers"
DOCUMENTS: Final = "documents"
GROUNDS: Final = "grounds"

_KINDS: Final[Mapping[str, Kind]] = {
    ApplicationState.ASKED: "warning",
    ApplicationState.REGISTERED: "success",
    ApplicationState.REFUSED: "danger",
}
_EVENTS: Final = (SUPPLIED_LATE, SUPPLIED_UNASKED, WITHDRAWN_LATE)
"""What the history says that only an application's can."""
_ENDINGS: Final = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png"}
_MOST_CHILDREN: Final = 20
"""Of one person's children, as many as are shown."""


@dataclass(frozen=True, slots=True)
class ApplicationWords(EnrolmentWords):
    """What the codes of an application are called, in the viewer's language."""

    prefix = "schooling.application"
    kinds = _KINDS

    def event(self, entry: HistoryEntry) -> str | None:
        """Something that came too late, or unasked."""
        return self.viewer.say(f"schooling.application.event.{entry.what}") if entry.what in _EVENTS else None


@dataclass(frozen=True, slots=True)
class Shown:
    """An application as somebody of the administration sees it."""

    application: Application
    declared: ProcedureFile
    read: Read
    children: Sequence[tuple[Child, Sequence[Enrolment]]]
    """Those of whom the applicant has custody, with their enrolments."""
    viewer: Viewer

    @property
    def words(self) -> EnrolmentWords:
        return EnrolmentWords(self.viewer)


# Lists


def states(viewer: Viewer) -> list[tuple[str, str]]:
    """In the order in which an application comes through them."""
    words = ApplicationWords(viewer)
    return [(state.value, words.state(state)) for state in ApplicationState]


async def in_words(tx: Tx, cases: Sequence[ListedCase], viewer: Viewer) -> dict[UUID, CaseInWords]:
    """Applications as the list shows them, by the name that the applicant gives the child."""
    names, words = await store.children_applied_for(tx, [case.case_id for case in cases]), ApplicationWords(viewer)
    return {
        case.case_id: CaseInWords(
            applicant=names[case.case_id][:100] or viewer.say("schooling.application.nameless"),
            procedure=viewer.say("schooling.application"),
            state=words.state(case.state),
            kind=words.kind(case.state),
            next_step=_next_step(case.state, viewer),
            words=words,
        )
        for case in cases
    }


# For the operator


async def offer(tx: Tx, viewer: Viewer) -> Condition:
    """Whether the portal offers the registration, which it does not before there are schools to choose from."""
    published = (await procedures.newest(tx)).get(SCHOOL_REGISTRATION.key)
    is_offered = published is not None and not published.withdrawn
    text = viewer.say("schooling.portal.offered") if is_offered else viewer.say("schooling.portal.not_offered")
    return Condition(viewer.say("schooling.portal"), text, "success" if is_offered else "warning")


# One application


async def sheet(tx: Tx, application_id: UUID, viewer: Viewer) -> Sheet:
    """The application on one page.

    Raises:
        ForbiddenError: it is the viewer's own matter.
    """
    if viewer.person_id is not None and await store.concerns(tx, application_id, viewer.person_id):
        raise ForbiddenError("nobody decides in their own matter")
    application = await store.application(tx, application_id)
    declared = await form_of(application.procedure_version, tx)
    shown = Shown(
        application,
        declared,
        read_answers(declared, application.answers, tx.clock.today()),
        await _children(tx, application),
        viewer,
    )
    case, say, words = application.case, viewer.say, ApplicationWords(viewer)
    messages = await store.messages(tx, application_id)
    sent = tuple((written_moment(viewer.language, at), message) for at, message in messages)
    return Sheet(
        case=case,
        words=words,
        procedure=say("schooling.application"),
        applicant=store.name_given(application.answers)[:100] or say("schooling.application.nameless"),
        kind=words.kind(case.state),
        next_step=_next_step(case.state, viewer),
        facts=tuple([one async for one in _facts(tx, shown)]),
        answers=(Rows(say("schooling.application.answers"), tuple(_answers(shown))),),
        problems=tuple(_problems(shown)),
        documents=tuple(_documents(shown)),
        letters=None,
        tables=(
            _table_of_children(shown),
            Table(
                say("schooling.application.messages"),
                (say("schooling.column.day"), say("schooling.column.message")),
                sent,
            ),
        ),
        actions=tuple(_offered(shown)),
        has_notes=False,
    )


async def _children(tx: Tx, application: Application) -> list[tuple[Child, Sequence[Enrolment]]]:
    children = await store.children_of_custodian(tx, application.applicant_id, after=None, limit=_MOST_CHILDREN)
    return [(child, await store.enrolments_of_child(tx, child)) for child in children]


def _next_step(state: str, viewer: Viewer) -> str:
    if state in (ApplicationState.UNMATCHED, ApplicationState.ASKED):
        return viewer.say(f"schooling.application.next.{state}")
    return viewer.say("schooling.next.nothing")


async def _facts(tx: Tx, shown: Shown) -> AsyncIterator[tuple[str, str]]:
    say, application = shown.viewer.say, shown.application
    yield say("schooling.application.applicant"), application.applicant_name or shown.words.none
    yield say("schooling.application.applicant_id"), str(application.applicant_id)
    yield (
        say("schooling.application.identification"),
        say(f"schooling.identification.{application.identification}"),
    )
    if application.enrolment_id is not None:
        enrolment = await store.enrolment(tx, application.enrolment_id)
        yield say("schooling.procedure"), enrolment.case.reference
    if application.evidence is not None:
        yield say("schooling.field.evidence"), shown.words.code(application.evidence)


def _answers(shown: Shown) -> Iterator[tuple[str, str]]:
    lines = wording.lines(shown.declared, shown.read.sound, shown.viewer.language, today=shown.viewer.today)
    yield from ((line.label, line.answer) for line in lines)


def _problems(shown: Shown) -> Iterator[str]:
    if shown.application.case.is_closed:
        return
    for key, label in _fields(shown):
        if key in shown.read.wrong:
            yield shown.viewer.say("schooling.application.wrong", answer=label)
    for key, label in _fields(shown):
        if key in shown.application.asked_answers - shown.read.wrong:
            yield shown.viewer.say("schooling.application.asked", what=label)
    for document in Document:
        if document in shown.application.asked_documents:
            yield shown.viewer.say("schooling.application.asked", what=shown.words.code(document))


def _fields(shown: Shown) -> Iterator[tuple[str, str]]:
    for page in shown.declared.form.pages:
        for field in page.fields:
            yield field.key, field.label.in_language(shown.viewer.language)


def _documents(shown: Shown) -> Iterator[CaseDocument]:
    """What was uploaded; its own name is not kept, so it is called what it is."""
    for nth, one in enumerate(shown.application.files, 1):
        name = f"{one.document}-{nth}.{_ENDINGS.get(one.media_type, 'bin')}"
        label = shown.words.code(one.document)
        yield CaseDocument(str(nth), label, name, one.media_type, one.size_bytes, one.sha256.hex(), one.supplied_at)


def _table_of_children(shown: Shown) -> Table:
    say, words = shown.viewer.say, shown.words
    rows = [
        (
            f"{child.given_names} {child.family_name}",
            words.day(child.date_of_birth),
            ", ".join(f"{one.case.reference} ({words.state(one.case.state)})" for one in enrolments) or words.none,
        )
        for child, enrolments in shown.children
    ]
    columns = (say("schooling.child"), say("schooling.child.date_of_birth"), say("schooling.procedure"))
    return Table(say("schooling.application.children"), columns, tuple(rows))


# What can be done


def _offered(shown: Shown) -> Iterator[Action]:
    application, viewer = shown.application, shown.viewer
    if not standard.may_work(viewer):
        return
    possible = {step.action for step in application.case.procedure.actions(application.case.state, viewer.actor.roles)}
    for action, forms in _FORMS.items():
        if action in possible:
            yield from forms(shown)
    yield from standard.about_assignment(application.case, viewer, with_note=False)


def _registration(shown: Shown) -> Iterator[Action]:
    say = shown.viewer.say
    invited = [
        one.case.reference for _, enrolments in shown.children for one in enrolments if one.case.state == State.INVITED
    ]
    if shown.read.stated is None:
        return
    yield Action(
        ApplicationAction.REGISTER,
        ApplicationWords(shown.viewer).action(ApplicationAction.REGISTER),
        (
            Field(
                REFERENCE,
                "text",
                say("schooling.field.reference"),
                say("schooling.hint.reference"),
                value=invited[0] if len(invited) == 1 else "",
            ),
            Field(
                EVIDENCE,
                "select",
                say("schooling.field.evidence"),
                say("schooling.hint.evidence"),
                required=False,
                options=tuple((one.value, shown.words.code(one)) for one in Evidence),
            ),
        ),
        intro=say("schooling.application.intro.register"),
    )


def _question(shown: Shown) -> Iterator[Action]:
    say = shown.viewer.say
    documents = tuple((one.value, shown.words.code(one)) for one in Document)
    wrong = tuple(key for key, _ in _fields(shown) if key in shown.read.wrong)
    yield Action(
        ApplicationAction.REQUEST_DOCUMENTS,
        ApplicationWords(shown.viewer).action(ApplicationAction.REQUEST_DOCUMENTS),
        (
            Field(
                ANSWERS,
                "checkboxes",
                say("schooling.field.answers"),
                required=False,
                options=tuple(_fields(shown)),
                value=wrong,
            ),
            Field(
                DOCUMENTS,
                "checkboxes",
                say("schooling.field.asked_documents"),
                required=False,
                options=documents,
            ),
        ),
        intro=say("schooling.application.intro.request-documents"),
        kind="secondary",
    )


def _refusal(shown: Shown) -> Iterator[Action]:
    say = shown.viewer.say
    options = tuple((one.value, shown.words.code(one)) for one in Ground)
    yield Action(
        ApplicationAction.REFUSE,
        ApplicationWords(shown.viewer).action(ApplicationAction.REFUSE),
        (Field(GROUNDS, "checkboxes", say("schooling.field.grounds"), options=options),),
        intro=say("schooling.application.intro.refuse"),
        kind="danger",
    )


_FORMS: Final[Mapping[str, Callable[[Shown], Iterator[Action]]]] = {
    ApplicationAction.REGISTER: _registration,
    ApplicationAction.REQUEST_DOCUMENTS: _question,
    ApplicationAction.REFUSE: _refusal,
}


@dataclass(frozen=True, slots=True)
class Sent:
    """A form, and what it is about."""

    action: str
    form: Filled
    target: ApplicationTarget
    viewer: Viewer


async def act(tx: Tx, application_id: UUID, version: int, action: str, form: Filled, viewer: Viewer) -> None:
    """Do what a form asks for; only what was offered comes here.

    Raises:
        MistakesError: a field cannot be read.
        RuleViolationError, ForbiddenError, PreconditionFailedError, ConflictError: see the use cases.
    """
    target = ApplicationTarget(application_id, version, Party(viewer.actor, viewer.person_id))
    await _ACTIONS[action](Sent(action, form, target, viewer), tx)


async def _register(sent: Sent, tx: Tx) -> None:
    shown = standard.ticked(sent.form, EVIDENCE, Evidence)
    reference = sent.form.text(REFERENCE).strip().upper()
    await match_application(MatchApplication(sent.target, reference, shown[0] if shown else None), tx)


async def _ask(sent: Sent, tx: Tx) -> None:
    documents = frozenset(standard.ticked(sent.form, DOCUMENTS, Document))
    await ask_applicant(AskApplicant(sent.target, frozenset(sent.form.texts(ANSWERS)), documents), tx)


async def _refuse(sent: Sent, tx: Tx) -> None:
    label = sent.viewer.say("schooling.field.grounds")
    grounds = standard.some_ticked(sent.form, GROUNDS, Ground, label, sent.viewer)
    await refuse_application(RefuseApplication(sent.target, frozenset(grounds)), tx)


async def _assign(sent: Sent, tx: Tx) -> None:
    assignee = standard.given_to(sent.action, sent.form, sent.viewer)
    await assign_application(AssignApplication(sent.target, assignee), tx)


_ACTIONS: Final[Mapping[str, Callable[[Sent, Tx], Awaitable[None]]]] = {
    ApplicationAction.REGISTER: _register,
    ApplicationAction.REQUEST_DOCUMENTS: _ask,
    ApplicationAction.REFUSE: _refuse,
    standard.TAKE_OVER: _assign,
    standard.HAND_OVER: _assign,
    standard.RETURN_TO_POOL: _assign,
}
