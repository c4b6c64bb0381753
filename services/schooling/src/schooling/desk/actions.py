"""What a caseworker may do with an enrolment as it stands now: each step with its form, and how a form becomes a use case.

No form here has a field for text: findings on a child's health would end up in it (VO-DV I § 1 (2)).
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar
from uuid import UUID

from amtsbus.casework.roles import Actor
from amtsbus.desk import Action, Field, Filled, MistakesError, Viewer, standard
from amtsbus.postgres import Tx

from schooling.desk.words import EnrolmentWords
from schooling.domain.enrolment import Enrolment, RefusalGround, Target
from schooling.domain.events import Document, WithdrawalCause
from schooling.domain.procedure import State
from schooling.domain.rules import Criterion, School
from schooling.store import Capacity
from schooling.use_cases.accept_child import AcceptChild, accept_child
from schooling.use_cases.assign_enrolment import AssignEnrolment, assign_enrolment
from schooling.use_cases.confirm_enrolment import ConfirmEnrolment, confirm_enrolment
from schooling.use_cases.defer_entry import DeferEntry, defer_entry
from schooling.use_cases.refuse_child import RefuseChild, refuse_child
from schooling.use_cases.register_child import RegisterChild, register_child
from schooling.use_cases.request_documents import RequestDocuments, request_documents
from schooling.use_cases.resolve_wishes import StatedWishes
from schooling.use_cases.supply_documents import SupplyDocuments, supply_documents
from schooling.use_cases.withdraw_enrolment import WithdrawEnrolment, withdraw_enrolment

REGISTER: Final = "register"
REQUEST: Final = "request-documents"
SUPPLY: Final = "supply-documents"
CONFIRM: Final = "confirm"
ACCEPT: Final = "accept"
REFUSE: Final = "refuse"
DEFER: Final = "defer"
WITHDRAW: Final = "withdraw"

FIRST_CHOICE: Final = "first_choice"
SECOND_CHOICE: Final = "second_choice"
SCHOOL: Final = "school"
CRITERIA: Final = "criteria"
DOCUMENTS: Final = "documents"
DEFERRAL: Final = "deferral"
GROUND: Final = "ground"
CAUSE: Final = "cause"
REPORT_SEEN: Final = "report_seen"

STATED_CAUSES: Final = (WithdrawalCause.PRIVATE_SCHOOL, WithdrawalCause.BY_PARENTS)
"""What a person can give as a cause; a move is reported to the registration authority, and the enrolment ends by itself."""

_Code = TypeVar("_Code", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Shown:
    """An enrolment as somebody of the administration sees it, with all schools and their places in its school year."""

    enrolment: Enrolment
    actor: Actor
    schools: Sequence[tuple[School, Capacity | None]]
    words: EnrolmentWords

    @property
    def viewer(self) -> Viewer:
        return self.words.viewer


def offered(shown: Shown) -> list[Action]:
    """What the viewer may do now."""
    return list(_possible(shown)) if standard.may_work(shown.viewer) else []


def _possible(shown: Shown) -> Iterator[Action]:
    case = shown.enrolment.case
    for step in case.procedure.actions(case.state, shown.actor.roles):
        if step.action in _FORMS:
            yield from _FORMS[step.action](shown)
    yield from standard.about_assignment(case, shown.viewer, with_note=False)


# Forms


def _registration(shown: Shown) -> Iterator[Action]:
    say, schools = shown.viewer.say, _schools(shown, [school for school, _ in shown.schools])
    yield Action(
        REGISTER,
        shown.words.action(REGISTER),
        (
            Field(FIRST_CHOICE, "select", say("schooling.field.first_choice"), options=schools),
            Field(SECOND_CHOICE, "select", say("schooling.field.second_choice"), required=False, options=schools),
            _criteria(shown, frozenset(), say("schooling.hint.stated_criteria")),
            _documents(shown, say("schooling.hint.documents"), required=False),
            Field(DEFERRAL, "checkbox", say("schooling.field.deferral"), required=False),
        ),
        intro=say("schooling.intro.register"),
        kind="secondary",
    )


def _request(shown: Shown) -> Iterator[Action]:
    missing = shown.enrolment.missing_documents
    if missing:
        intro = shown.viewer.say("schooling.intro.request-documents", documents=shown.words.codes(missing))
        yield Action(REQUEST, shown.words.action(REQUEST), intro=intro)


def _supply(shown: Shown) -> Iterator[Action]:
    if frozenset(Document) - shown.enrolment.documents:
        intro = shown.viewer.say("schooling.intro.supply-documents")
        yield Action(SUPPLY, shown.words.action(SUPPLY), (_documents(shown),), intro, kind="secondary")


def _confirmation(shown: Shown) -> Iterator[Action]:
    enrolment, say = shown.enrolment, shown.viewer.say
    if not enrolment.missing_documents:
        field = _criteria(shown, enrolment.stated_criteria, say("schooling.hint.criteria"))
        yield Action(CONFIRM, shown.words.action(CONFIRM), (field,), say("schooling.intro.confirm"))


def _acceptance(shown: Shown) -> Iterator[Action]:
    say, fields = shown.viewer.say, list(_school(shown))
    if shown.enrolment.early_entry:
        fields.append(_report(shown, required=True))
    yield Action(ACCEPT, shown.words.action(ACCEPT), tuple(fields), _decides(shown, say("schooling.intro.accept")))


def _refusal(shown: Shown) -> Iterator[Action]:
    say, fields, grounds = shown.viewer.say, list(_school(shown)), [RefusalGround.CAPACITY_EXHAUSTED]
    if shown.enrolment.early_entry:
        grounds.append(RefusalGround.NOT_READY_FOR_SCHOOL)
    options = _options(grounds, shown.words)
    fields.append(Field(GROUND, "radios", say("schooling.field.ground"), options=options, value=grounds[0]))
    if shown.enrolment.early_entry:
        fields.append(_report(shown, required=False))
    intro = _decides(shown, say("schooling.intro.refuse"))
    yield Action(REFUSE, shown.words.action(REFUSE), tuple(fields), intro, kind="secondary")


def _deferral(shown: Shown) -> Iterator[Action]:
    enrolment = shown.enrolment
    if not enrolment.early_entry:
        school_year = shown.words.school_year(enrolment.school_year + 1)
        intro = shown.viewer.say("schooling.intro.defer", school_year=school_year)
        fields = (_report(shown, required=True),)
        yield Action(DEFER, shown.words.action(DEFER), fields, intro, kind="secondary")


def _withdrawal(shown: Shown) -> Iterator[Action]:
    say = shown.viewer.say
    field = Field(CAUSE, "radios", say("schooling.field.cause"), options=_options(STATED_CAUSES, shown.words))
    yield Action(WITHDRAW, shown.words.action(WITHDRAW), (field,), say("schooling.intro.withdraw"), kind="danger")


_FORMS: Final[Mapping[str, Callable[[Shown], Iterator[Action]]]] = {
    REGISTER: _registration,
    REQUEST: _request,
    SUPPLY: _supply,
    CONFIRM: _confirmation,
    ACCEPT: _acceptance,
    REFUSE: _refusal,
    DEFER: _deferral,
    WITHDRAW: _withdrawal,
}


def _school(shown: Shown) -> Iterator[Field]:
    """Which school decides: before the first refusal the first choice, and nobody is asked."""
    enrolment = shown.enrolment
    if enrolment.case.state == State.NOT_ACCEPTED:
        others = [school for school, _ in shown.schools if school.school_id not in enrolment.refused_by]
        in_line = enrolment.school_in_line
        value = str(in_line.school_id) if in_line else ""
        label, options = shown.viewer.say("schooling.field.school"), _schools(shown, others)
        yield Field(SCHOOL, "select", label, options=options, value=value)


def _decides(shown: Shown, intro: str) -> str:
    in_line = shown.enrolment.school_in_line
    if in_line is None:
        return intro
    free = next((places for school, places in shown.schools if school.school_id == in_line.school_id), None)
    return f"{shown.viewer.say('schooling.intro.in_line', school=in_line.name, places=said_places(free, shown.words))} {intro}"


def said_places(places: Capacity | None, words: EnrolmentWords) -> str:
    """How many places of a school are free, in words."""
    say = words.viewer.say
    if places is None:
        return say("schooling.places_not_set")
    return say("schooling.places_free", free=max(0, places.places - places.accepted), places=places.places)


def _schools(shown: Shown, among: Sequence[School]) -> tuple[tuple[str, ...], ...]:
    places = {school.school_id: places for school, places in shown.schools}
    return tuple(
        (str(school.school_id), f"{school.name} ({said_places(places[school.school_id], shown.words)})")
        for school in among
    )


def _criteria(shown: Shown, met: frozenset[Criterion], hint: str) -> Field:
    label = shown.viewer.say("schooling.field.criteria")
    value = tuple(one.value for one in Criterion if one in met)
    options = _options(tuple(Criterion), shown.words)
    return Field(CRITERIA, "checkboxes", label, hint, required=False, options=options, value=value)


def _documents(shown: Shown, hint: str = "", *, required: bool = True) -> Field:
    label = shown.viewer.say("schooling.field.documents")
    missing = [one for one in Document if one not in shown.enrolment.documents]
    return Field(DOCUMENTS, "checkboxes", label, hint, required=required, options=_options(missing, shown.words))


def _report(shown: Shown, *, required: bool) -> Field:
    say = shown.viewer.say
    return Field(
        REPORT_SEEN, "checkbox", say("schooling.field.report_seen"), say("schooling.hint.report"), required=required
    )


def _options(codes: Iterable[StrEnum], words: EnrolmentWords) -> tuple[tuple[str, ...], ...]:
    return tuple((code.value, words.code(code)) for code in codes)


# What is done with a form


@dataclass(frozen=True, slots=True)
class Sent:
    """A form, and what it is about."""

    action: str
    form: Filled
    target: Target
    viewer: Viewer

    @property
    def report_seen(self) -> bool:
        """Whether it was ticked that the school doctor's report was seen."""
        return bool(self.form.text(REPORT_SEEN))

    @property
    def criteria(self) -> frozenset[Criterion]:
        """The criteria that were ticked."""
        return frozenset(standard.ticked(self.form, CRITERIA, Criterion))

    def some(self, name: str, known: Iterable[_Code]) -> tuple[_Code, ...]:
        """The codes that were ticked, where at least one must be.

        Raises:
            MistakesError: none is.
        """
        label = self.viewer.say(f"schooling.field.{name}")
        return standard.some_ticked(self.form, name, known, label, self.viewer)

    def school(self, name: str) -> UUID | None:
        """The school that was chosen; None where none was.

        Raises:
            MistakesError: what was sent names no school.
        """
        text = self.form.text(name)
        try:
            return UUID(text) if text else None
        except ValueError as error:
            raise MistakesError({name: self.viewer.say("desk.rule.unknown-school")}) from error


async def carry_out(sent: Sent, tx: Tx) -> None:
    """Do what a form asks for; only what was `offered` comes here.

    Raises:
        MistakesError: a field cannot be read.
        RuleViolationError, ForbiddenError, PreconditionFailedError, ConflictError: see the use cases.
    """
    await _ACTIONS[sent.action](sent, tx)


async def _register(sent: Sent, tx: Tx) -> None:
    first_choice = sent.school(FIRST_CHOICE)
    if first_choice is None:
        label = sent.viewer.say("schooling.field.first_choice")
        raise MistakesError({FIRST_CHOICE: sent.viewer.say("desk.mistake.required", label=label)})
    wishes = StatedWishes(
        first_choice,
        sent.school(SECOND_CHOICE),
        sent.criteria,
        frozenset(standard.ticked(sent.form, DOCUMENTS, Document)),
        bool(sent.form.text(DEFERRAL)),
    )
    await register_child(RegisterChild(sent.target, wishes), tx)


async def _ask(sent: Sent, tx: Tx) -> None:
    await request_documents(RequestDocuments(sent.target), tx)


async def _take_documents(sent: Sent, tx: Tx) -> None:
    await supply_documents(SupplyDocuments(sent.target, frozenset(sent.some(DOCUMENTS, Document))), tx)


async def _confirm(sent: Sent, tx: Tx) -> None:
    await confirm_enrolment(ConfirmEnrolment(sent.target, sent.criteria), tx)


async def _accept(sent: Sent, tx: Tx) -> None:
    await accept_child(AcceptChild(sent.target, sent.school(SCHOOL), sent.report_seen), tx)


async def _refuse(sent: Sent, tx: Tx) -> None:
    [ground, *_] = sent.some(GROUND, RefusalGround)
    await refuse_child(RefuseChild(sent.target, sent.school(SCHOOL), ground, sent.report_seen), tx)


async def _defer(sent: Sent, tx: Tx) -> None:
    await defer_entry(DeferEntry(sent.target, sent.report_seen), tx)


async def _withdraw(sent: Sent, tx: Tx) -> None:
    [cause, *_] = sent.some(CAUSE, STATED_CAUSES)
    await withdraw_enrolment(WithdrawEnrolment(sent.target, cause), tx)


async def _assign(sent: Sent, tx: Tx) -> None:
    assignee = standard.given_to(sent.action, sent.form, sent.viewer)
    await assign_enrolment(AssignEnrolment(sent.target, assignee), tx)


_ACTIONS: Final[Mapping[str, Callable[[Sent, Tx], Awaitable[None]]]] = {
    REGISTER: _register,
    REQUEST: _ask,
    SUPPLY: _take_documents,
    CONFIRM: _confirm,
    ACCEPT: _accept,
    REFUSE: _refuse,
    DEFER: _defer,
    WITHDRAW: _withdraw,
    standard.TAKE_OVER: _assign,
    standard.HAND_OVER: _assign,
    standard.RETURN_TO_POOL: _assign,
}
