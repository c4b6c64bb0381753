"""What a caseworker may do with a case as it stands now: each step with its form, and how a form becomes a use case."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final
from uuid import UUID

from amtsbus.casework.case import Case
from amtsbus.casework.procedure import Procedure
from amtsbus.casework.roles import Role
from amtsbus.desk import Action, Field, Filled, MistakesError, Viewer, staff, standard
from amtsbus.desk.staff import Caseworker
from amtsbus.errors import RuleViolationError
from amtsbus.http import CountryCode, HouseNumber, LongText, PlausibleDate, PostalCode, ShortText
from amtsbus.postgres import Tx
from amtsbus.web import german_date
from pydantic import AfterValidator, TypeAdapter, ValidationError

from registration import store
from registration.desk.words import RegistrationWords
from registration.domain import access
from registration.domain.declarations import Declaration, LandlordConfirmation
from registration.domain.law import Office
from registration.domain.persons import Resident
from registration.domain.procedures import CHECKED, DISCLOSURE_BLOCK
from registration.domain.residences import Address
from registration.settings import RegistrationSettings
from registration.use_cases.assign_case import AssignCase, assign_case
from registration.use_cases.close_declaration import CloseDeclaration, close_declaration
from registration.use_cases.grant_disclosure_block import GrantDisclosureBlock, grant_disclosure_block
from registration.use_cases.refuse_disclosure_block import RefuseDisclosureBlock, refuse_disclosure_block
from registration.use_cases.register_declaration import RegisterDeclaration, register_declaration
from registration.use_cases.reject_declaration import RejectDeclaration, reject_declaration
from registration.use_cases.report_landlord_refusal import ReportLandlordRefusal, report_landlord_refusal
from registration.use_cases.request_disclosure_block import RequestDisclosureBlock, request_disclosure_block
from registration.use_cases.supply_landlord_confirmation import (
    SupplyLandlordConfirmation,
    supply_landlord_confirmation,
)
from registration.use_cases.withdraw_declaration import WithdrawDeclaration, withdraw_declaration

CHECK: Final = "check"
REGISTER: Final = "register"
SUPPLY: Final = "supply-confirmation"
REPORT_REFUSAL: Final = "report-refusal"
REJECT: Final = "reject"
WITHDRAW: Final = "withdraw"
CLOSE: Final = "close"
REQUEST_BLOCK: Final = "request-block"
GRANT: Final = "grant"
REFUSE: Final = "refuse"

LANDLORD: Final = "landlord_name"
STREET: Final = "street"
HOUSE_NUMBER: Final = "house_number"
POSTAL_CODE: Final = "postal_code"
LOCALITY: Final = "locality"
COUNTRY: Final = "country"
MOVED_IN_ON: Final = "moved_in_on"
OWNER: Final = "owner_name"
STATEMENT: Final = "statement"
PERSON: Final = "person"
GROUNDS: Final = "grounds"


@dataclass(frozen=True, slots=True)
class Shown:
    """A declaration as somebody of the office sees it, with those of its persons whom the register knows."""

    case: Case
    declaration: Declaration
    known: Sequence[Resident]
    protected: bool
    words: RegistrationWords

    @property
    def viewer(self) -> Viewer:
        return self.words.viewer

    @property
    def day_has_come(self) -> bool:
        """Whether what was declared can be entered."""
        return self.declaration.effective_on <= self.viewer.today


def offered(shown: Shown) -> list[Action]:
    """What the viewer may do with a declaration now."""
    return list(_possible(shown)) if standard.may_work(shown.viewer) else []


def _possible(shown: Shown) -> Iterator[Action]:
    case = shown.case
    for step in case.procedure.actions(case.state, shown.viewer.actor.roles):
        if step.action in _FORMS:
            yield from _FORMS[step.action](shown)
    among = shown.viewer
    if shown.protected:
        among = replace(among, staff=tuple(one for one in among.staff if _reads_protected(one)))
    yield from standard.about_assignment(case, among, with_note=False)
    yield from _block_request(shown)


def _reads_protected(one: Caseworker) -> bool:
    return Role.LEAD.value in one.roles


def offered_on_block(case: Case, words: RegistrationWords) -> list[Action]:
    """What the viewer may do now with a request for a disclosure block; whoever proposed it does not grant it."""
    viewer, actions = words.viewer, []
    for step in case.actions(viewer.actor):
        name = words.action(step.action)
        if step.action == GRANT:
            actions.append(standard.confirm(GRANT, name, viewer, intro=viewer.say("registration.intro.grant")))
        else:
            fields, intro = (standard.reasons(viewer, required=True),), viewer.say("registration.intro.refuse")
            actions.append(Action(REFUSE, name, fields, intro, kind="danger"))
    return actions


# Forms


def _registration(shown: Shown) -> Iterator[Action]:
    if shown.day_has_come:
        yield Action(REGISTER, shown.words.action(REGISTER), intro=shown.viewer.say("registration.intro.register"))
    elif shown.case.state != CHECKED:
        day = shown.words.day(shown.declaration.effective_on)
        yield Action(REGISTER, shown.words.action(CHECK), intro=shown.viewer.say("registration.intro.check", day=day))


def _confirmation(shown: Shown) -> Iterator[Action]:
    words, day = shown.words, shown.declaration.effective_on
    fields = (
        Field(LANDLORD, "text", words.field(LANDLORD)),
        Field(STREET, "text", words.field(STREET)),
        Field(HOUSE_NUMBER, "text", words.field(HOUSE_NUMBER)),
        Field(POSTAL_CODE, "text", words.field(POSTAL_CODE)),
        Field(LOCALITY, "text", words.field(LOCALITY)),
        Field(COUNTRY, "text", words.field(COUNTRY), shown.viewer.say("registration.hint.country"), value="DE"),
        Field(MOVED_IN_ON, "date", words.field(MOVED_IN_ON), value=f"{day:%d.%m.%Y}"),
        Field(OWNER, "text", words.field(OWNER), shown.viewer.say("registration.hint.owner"), required=False),
    )
    yield Action(SUPPLY, words.action(SUPPLY), fields, shown.viewer.say("registration.intro.supply-confirmation"))


def _refusal_of_landlord(shown: Shown) -> Iterator[Action]:
    say = shown.viewer.say
    field = Field(STATEMENT, "textarea", shown.words.field(STATEMENT), say("registration.hint.statement"))
    intro = say("registration.intro.report-refusal")
    yield Action(REPORT_REFUSAL, shown.words.action(REPORT_REFUSAL), (field,), intro, kind="secondary")


def _rejection(shown: Shown) -> Iterator[Action]:
    say = shown.viewer.say
    field = standard.reasons(shown.viewer, required=True, hint=say("registration.hint.reasons"))
    yield Action(REJECT, shown.words.action(REJECT), (field,), say("registration.intro.reject"), kind="danger")


def _withdrawal(shown: Shown) -> Iterator[Action]:
    intro = shown.viewer.say("registration.intro.withdraw")
    yield Action(WITHDRAW, shown.words.action(WITHDRAW), intro=intro, kind="danger")


def _closure(shown: Shown) -> Iterator[Action]:
    yield Action(CLOSE, shown.words.action(CLOSE), intro=shown.viewer.say("registration.intro.close"))


def _block_request(shown: Shown) -> Iterator[Action]:
    """Whom the register knows can be protected, also after the case has ended."""
    if shown.known:
        words, say = shown.words, shown.viewer.say
        options = tuple(
            (str(one.person_id), one.data.full_name, words.day(one.data.date_of_birth)) for one in shown.known
        )
        only = options[0][0] if len(options) == 1 else ""
        fields = (
            Field(PERSON, "radios", words.field(PERSON), options=options, value=only),
            Field(GROUNDS, "textarea", words.field(GROUNDS), say("registration.hint.grounds")),
        )
        intro = say("registration.intro.request-block")
        yield Action(REQUEST_BLOCK, words.action(REQUEST_BLOCK), fields, intro, kind="secondary")


_FORMS: Final[Mapping[str, Callable[[Shown], Iterator[Action]]]] = {
    REGISTER: _registration,
    SUPPLY: _confirmation,
    REPORT_REFUSAL: _refusal_of_landlord,
    REJECT: _rejection,
    WITHDRAW: _withdrawal,
    CLOSE: _closure,
}


# What is done with a form


def reader_of(viewer: Viewer) -> access.Viewer:
    """Who sits at the desk, as the use cases know them."""
    return access.Viewer(viewer.actor, viewer.person_id)


@dataclass(frozen=True, slots=True)
class Sent:
    """A form, and what it is about."""

    action: str
    form: Filled
    case_id: UUID
    procedure: Procedure
    version: int
    viewer: Viewer

    @property
    def reader(self) -> access.Viewer:
        """Who acts, as the use cases know them."""
        return reader_of(self.viewer)

    @property
    def target(self) -> tuple[access.Viewer, UUID, Procedure, int]:
        """What each step on a declaration begins with."""
        return self.reader, self.case_id, self.procedure, self.version

    @property
    def office(self) -> Office:
        """The office that is acted for."""
        settings = self.viewer.settings
        if not isinstance(settings, RegistrationSettings):
            raise TypeError("registration runs with its own settings")
        return settings.office

    @property
    def reasons(self) -> str:
        """Why, as it was typed."""
        label = self.viewer.say("desk.field.reasons")
        return str(self._read({standard.REASONS: (_LONG, label)})[standard.REASONS])

    def fields(self, *names: str) -> dict[str, Any]:
        """What was typed into these fields; an empty one is None.

        Raises:
            MistakesError: with all that cannot be taken as it is.
        """
        return self._read({name: (_FIELDS[name], self.viewer.say(f"registration.field.{name}")) for name in names})

    def _read(self, wanted: Mapping[str, tuple[TypeAdapter[Any], str]]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        mistakes = {}
        for name, (adapter, label) in wanted.items():
            text = self.form.text(name)
            try:
                values[name] = adapter.validate_python(text) if text else None
            except ValidationError:
                mistakes[name] = self.viewer.say("registration.mistake.unreadable", label=label)
        if mistakes:
            raise MistakesError(mistakes)
        return values


def _day(text: str) -> str:
    return german_date(text).isoformat()


_SHORT: Final = TypeAdapter[Any](ShortText)
_LONG: Final = TypeAdapter[Any](LongText)
_PLAUSIBLE: Final = TypeAdapter[Any](PlausibleDate)
_FIELDS: Final[Mapping[str, TypeAdapter[Any]]] = {
    LANDLORD: _SHORT,
    STREET: _SHORT,
    HOUSE_NUMBER: TypeAdapter(HouseNumber),
    POSTAL_CODE: TypeAdapter(PostalCode),
    LOCALITY: _SHORT,
    COUNTRY: TypeAdapter(CountryCode),
    MOVED_IN_ON: TypeAdapter(Annotated[str, AfterValidator(_day), AfterValidator(_PLAUSIBLE.validate_python)]),
    OWNER: _SHORT,
    STATEMENT: _LONG,
    PERSON: TypeAdapter(UUID),
    GROUNDS: _LONG,
}


async def carry_out(sent: Sent, tx: Tx) -> None:
    """Do what a form asks for; only what was `offered` comes here.

    Raises:
        MistakesError: a field cannot be read.
        RuleViolationError, ForbiddenError, PreconditionFailedError, ConflictError: see the use cases.
    """
    actions = _ON_BLOCKS if sent.procedure is DISCLOSURE_BLOCK else _ON_DECLARATIONS
    await actions[sent.action](sent, tx)


async def _register(sent: Sent, tx: Tx) -> None:
    await register_declaration(RegisterDeclaration(*sent.target), tx, sent.office)


async def _supply(sent: Sent, tx: Tx) -> None:
    typed = sent.fields(LANDLORD, STREET, HOUSE_NUMBER, POSTAL_CODE, LOCALITY, COUNTRY, MOVED_IN_ON, OWNER)
    confirmation = LandlordConfirmation(
        landlord_name=typed[LANDLORD],
        landlord_address=Address(
            typed[STREET], typed[HOUSE_NUMBER], typed[POSTAL_CODE], typed[LOCALITY], typed[COUNTRY]
        ),
        moved_in_on=typed[MOVED_IN_ON],
        owner_name=typed[OWNER],
    )
    await supply_landlord_confirmation(SupplyLandlordConfirmation(*sent.target, confirmation), tx)


async def _report_refusal(sent: Sent, tx: Tx) -> None:
    statement: str = sent.fields(STATEMENT)[STATEMENT]
    await report_landlord_refusal(ReportLandlordRefusal(*sent.target, statement), tx)


async def _reject(sent: Sent, tx: Tx) -> None:
    await reject_declaration(RejectDeclaration(*sent.target, sent.reasons), tx)


async def _withdraw(sent: Sent, tx: Tx) -> None:
    await withdraw_declaration(WithdrawDeclaration(*sent.target), tx)


async def _close(sent: Sent, tx: Tx) -> None:
    await close_declaration(CloseDeclaration(*sent.target), tx)


async def _assign(sent: Sent, tx: Tx) -> None:
    asked = standard.given_to(sent.action, sent.form, sent.viewer)
    assignee = await staff.who_gets(tx, asked, sent.viewer.actor.subject)
    record = await store.declaration(tx, sent.case_id, sent.procedure.key)
    leads = {one.subject for one in sent.viewer.staff if _reads_protected(one)}
    if record.protected and assignee not in {None, *leads}:
        raise RuleViolationError(
            "somebody of the case has a disclosure block: only a lead can have it", code="lead-needed"
        )
    await assign_case(AssignCase(*sent.target, assignee), tx)


async def _request_block(sent: Sent, tx: Tx) -> None:
    typed = sent.fields(PERSON, GROUNDS)
    record = await store.declaration(tx, sent.case_id, sent.procedure.key)
    if typed[PERSON] not in record.declaration.person_ids:
        label = sent.viewer.say(f"registration.field.{PERSON}")
        raise MistakesError({PERSON: sent.viewer.say("registration.mistake.unreadable", label=label)})
    await request_disclosure_block(RequestDisclosureBlock(sent.reader, typed[PERSON], typed[GROUNDS]), tx)


async def _grant(sent: Sent, tx: Tx) -> None:
    await grant_disclosure_block(GrantDisclosureBlock(sent.reader, sent.case_id, sent.version), tx, sent.office)


async def _refuse(sent: Sent, tx: Tx) -> None:
    await refuse_disclosure_block(RefuseDisclosureBlock(sent.reader, sent.case_id, sent.version, sent.reasons), tx)


_Done = Callable[[Sent, Tx], Awaitable[None]]
_ON_DECLARATIONS: Final[Mapping[str, _Done]] = {
    REGISTER: _register,
    SUPPLY: _supply,
    REPORT_REFUSAL: _report_refusal,
    REJECT: _reject,
    WITHDRAW: _withdraw,
    CLOSE: _close,
    REQUEST_BLOCK: _request_block,
    standard.TAKE_OVER: _assign,
    standard.HAND_OVER: _assign,
    standard.RETURN_TO_POOL: _assign,
}
_ON_BLOCKS: Final[Mapping[str, _Done]] = {standard.CONFIRM + GRANT: _grant, REFUSE: _refuse}
