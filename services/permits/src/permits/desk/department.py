"""The building authority as its desk sees it: building applications in words."""

import mimetypes
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final
from uuid import UUID

from amtsbus.desk import CaseDocument, CaseInWords, Condition, Filled, Rows, Sheet, Table, Viewer
from amtsbus.desk.handed_in import answered, facts, later, named
from amtsbus.desk.work_list import ListedCase
from amtsbus.errors import NotFoundError
from amtsbus.postgres import Tx
from amtsbus.procedures import store as procedures
from amtsbus.procedures.declaration import ProcedureFile

from permits import store
from permits.desk.actions import Sent, carry_out, offered
from permits.desk.words import PermitWords
from permits.domain.application import BuildingApplication
from permits.domain.codes import Decision, DocumentCode
from permits.domain.events import DeadlineKind
from permits.domain.handed_in import HandedInFile, PortalApplication, Supplement
from permits.domain.law import FeeTariff, Term, building_fee_cents
from permits.domain.procedure import BUILDING_PERMIT, State
from permits.domain.target import Target

_UNKNOWN_KIND: Final = "application/octet-stream"


class PermitsDesk:
    """The building authority, for `amtsbus.desk`. It shows where is to be built, and whoever applied if the portal told it."""

    name = "permits"
    title: Mapping[str, str] = MappingProxyType({"de": "Bauaufsicht", "en": "Building authority"})
    land = BUILDING_PERMIT.land

    # Lists

    async def procedures(self, tx: Tx, viewer: Viewer) -> Sequence[tuple[str, str]]:  # noqa: ARG002 - there is one
        """The simplified procedure, which is all that there is."""
        return [(BUILDING_PERMIT.key, viewer.say("permits.procedure"))]

    async def states(self, tx: Tx, viewer: Viewer) -> Sequence[tuple[str, str]]:  # noqa: ARG002 - they are in no table
        """In the order in which an application comes through them."""
        words = PermitWords(viewer)
        return [(state.value, words.state(state)) for state in State]

    async def find(self, tx: Tx, words: str, limit: int, viewer: Viewer) -> list[UUID]:  # noqa: ARG002 - everybody finds all
        """By reference, or by the site."""
        return await store.find(tx, words, limit)

    async def in_words(self, tx: Tx, cases: Sequence[ListedCase], viewer: Viewer) -> Mapping[UUID, CaseInWords]:
        """Two queries, however many they are."""
        ids, words = [case.case_id for case in cases], PermitWords(viewer)
        projects, names = await store.projects(tx, ids), await store.applicant_names(tx, ids)
        found = {}
        for case in cases:
            project = projects[case.case_id]
            found[case.case_id] = CaseInWords(
                applicant=names.get(case.case_id) or viewer.say("permits.nameless"),
                procedure=f"{words.code(project.kind)}: {words.site(project)}",
                state=words.state(case.state),
                kind=words.kind(case.state),
                next_step=next_step(case.state, case.proposed_action, words, closed=case.closed_at is not None),
                words=words,
            )
        return found

    # One case

    async def sheet(self, tx: Tx, case_id: UUID, viewer: Viewer) -> Sheet:
        """The application; its letters are written by notifications, so none lies here."""
        application, handed_in = await store.get(tx, case_id, owner=None), await _handed_in(tx, case_id)
        case, words = application.case, PermitWords(viewer, _questions(handed_in, viewer))
        tariff = await _tariff(tx, application)
        return Sheet(
            case=case,
            words=words,
            procedure=viewer.say("permits.procedure"),
            applicant=(handed_in and handed_in.application.applicant_name) or viewer.say("permits.nameless"),
            kind=words.kind(case.state),
            next_step=next_step(
                case.state, case.proposal.action if case.proposal else None, words, closed=case.is_closed
            ),
            facts=tuple(_facts(application, handed_in, tariff, words)),
            answers=tuple(_answers(application, handed_in, words)),
            problems=tuple(_problems(application, words)),
            documents=tuple(_documents(application, handed_in, words)),
            letters=None,
            tables=tuple(_tables(application, handed_in, words)),
            actions=tuple(offered(application, words)),
            text_language="en" if handed_in and handed_in.application.language == "en" else "de",
        )

    async def act(self, tx: Tx, case_id: UUID, version: int, action: str, form: Filled, viewer: Viewer) -> None:
        """Carry out what a form asks for."""
        await carry_out(Sent(action, form, Target(case_id, version, viewer.actor, owner=None), viewer), tx)

    # For the operator

    async def conditions(self, tx: Tx, viewer: Viewer) -> list[Condition]:
        """Whether the numbers of the law are there for today: without them nothing can be decided."""
        say, words, today = viewer.say, PermitWords(viewer), tx.clock.today()
        held: list[str] = []
        missing: list[str] = []
        for term in Term:
            name = say(f"permits.term.{term}")
            try:
                found = await store.legal_term(tx, term, today)
            except LookupError:
                missing.append(name)
            else:
                held.append(
                    say("permits.law.number", name=name, since=words.day(found.valid_from), basis=found.legal_basis)
                )
        try:
            tariff = await store.fee_tariff(tx, today)
        except LookupError:
            missing.append(say("permits.fee"))
        else:
            name = say("permits.fee")
            held.append(
                say("permits.law.number", name=name, since=words.day(tariff.valid_from), basis=tariff.legal_basis)
            )
        law = say("permits.law")
        if missing:
            return [Condition(law, say("permits.law.missing"), "danger", tuple(missing))]
        return [Condition(law, say("permits.law.held"), "success", tuple(held))]


@dataclass(frozen=True, slots=True)
class _HandedIn:
    """What came through the portal: the application, the form that was filled in, what came later and what was paid."""

    application: PortalApplication
    declared: ProcedureFile
    supplements: list[Supplement]
    paid_cents: int

    @property
    def files(self) -> list[tuple[HandedInFile, datetime]]:
        """All files with the moments when they came."""
        first = [(file, self.application.handed_in_at) for file in self.application.files]
        return first + [(file, one.supplied_at) for one in self.supplements for file in one.files]


async def _handed_in(tx: Tx, application_id: UUID) -> _HandedIn | None:
    """None where the application did not come through the portal."""
    try:
        application = await store.portal_application(tx, application_id)
    except NotFoundError:
        return None
    form = await procedures.get(tx, BUILDING_PERMIT.key, application.procedure_version)
    return _HandedIn(
        application,
        form.declared,
        await store.supplements(tx, application_id),
        await store.paid_cents(tx, application_id),
    )


def _questions(handed_in: _HandedIn | None, viewer: Viewer) -> Mapping[str, str]:
    """What was asked at the portal, by the keys of the questions."""
    fields = handed_in.declared.form.fields if handed_in is not None else ()
    return {field.key: field.label.in_language(viewer.language) for field in fields}


async def _tariff(tx: Tx, application: BuildingApplication) -> FeeTariff | None:
    """What the fee will go by; None where the table has nothing for the day of receipt, which must not hide the application."""
    try:
        return await store.fee_tariff(tx, application.submitted_on)
    except LookupError:
        return None


def next_step(state: str, proposed: str | None, words: PermitWords, *, closed: bool) -> str:
    """What somebody has to do now, or what is waited for."""
    say = words.viewer.say
    if closed:
        return say("permits.next.nothing")
    if proposed is not None:
        return say("permits.next.second_person", action=words.action(proposed))
    return say(f"permits.next.{state}")


def _facts(
    application: BuildingApplication, handed_in: _HandedIn | None, tariff: FeeTariff | None, words: PermitWords
) -> Iterator[tuple[str, str]]:
    say, case, ruling = words.viewer.say, application.case, application.ruling
    if handed_in is None:
        yield say("permits.fact.applicant_id"), str(application.applicant_id)
    else:
        told = handed_in.application
        yield from facts(
            words.viewer, identification=told.identification, email=told.applicant_email, language=told.language
        )
    yield say("permits.fact.basis"), "§ 64 BauO NRW 2018"
    complete = next((period.starts_on for period in case.periods if period.kind == DeadlineKind.DECISION), None)
    if complete is not None:
        yield say("permits.fact.complete"), words.day(complete)
    if ruling is not None and ruling.payable_on is not None:
        amount = words.money(sum(fee.amount_cents for fee in case.fees))
        yield say("permits.fee"), say("permits.fact.fee_is", amount=amount, day=words.day(ruling.payable_on))
    if handed_in is not None and handed_in.paid_cents:
        yield say("permits.fact.paid"), words.money(handed_in.paid_cents)
    if tariff is not None and not case.fees and not case.is_closed:
        cents = building_fee_cents(application.project.gross_building_sum_cents, Decision.APPROVAL, tariff)
        yield say("permits.fee"), say("permits.fact.fee_will_be", amount=words.money(cents))
    if ruling is not None and ruling.valid_until is not None:
        yield say("permits.fact.valid_until"), words.day(ruling.valid_until)


def _answers(application: BuildingApplication, handed_in: _HandedIn | None, words: PermitWords) -> Iterator[Rows]:
    """The form as it was filled in at the portal; what the API was told otherwise."""
    if handed_in is not None:
        yield from answered(handed_in.declared, handed_in.application.answers, words.viewer)
        return
    say, project, parcel = words.viewer.say, application.project, application.project.parcel
    yield Rows(
        say("permits.project"),
        (
            (say("permits.project.kind"), words.cited(project.kind)),
            (say("permits.project.description"), project.description),
            (say("permits.project.gross_building_sum"), words.money(project.gross_building_sum_cents)),
        ),
    )
    yield Rows(
        say("permits.site"),
        (
            (say("permits.site.address"), words.site(project) if project.address else say("permits.site.no_address")),
            (say("permits.site.district"), parcel.district),
            (say("permits.site.section"), parcel.section),
            (say("permits.site.parcel"), parcel.number),
        ),
    )


def _problems(application: BuildingApplication, words: PermitWords) -> Iterator[str]:
    if not application.case.is_closed:
        for code in sorted(application.missing_documents):
            yield words.viewer.say("permits.missing", document=words.code(code))


def _documents(
    application: BuildingApplication, handed_in: _HandedIn | None, words: PermitWords
) -> Iterator[CaseDocument]:
    """The documents of the application, then what was handed in beside them.

    The browser goes by the kind that the portal found; the API has not told one, so there by what the name of the file says.
    """
    files = handed_in.files if handed_in is not None else []
    by_hash = {file.sha256: file for file, _ in files}
    for nth, one in enumerate(application.documents, 1):
        told = by_hash.pop(one.sha256.hex(), None)
        yield CaseDocument(
            str(nth),
            words.cited(one.code),
            one.name,
            told.media_type if told else mimetypes.guess_type(one.name, strict=True)[0] or _UNKNOWN_KIND,
            one.size_bytes,
            one.sha256.hex(),
            one.supplied_at,
        )
    for nth, (file, supplied_at) in enumerate(files, 1):
        if by_hash.pop(file.sha256, None) is not None and handed_in is not None:
            label = named(handed_in.declared, (file.key,), words.viewer)
            yield CaseDocument(
                f"file-{nth}", label, file.name, file.media_type, file.size_bytes, file.sha256, supplied_at
            )


def _tables(application: BuildingApplication, handed_in: _HandedIn | None, words: PermitWords) -> Iterator[Table]:
    say = words.viewer.say
    if handed_in is not None:
        yield later(handed_in.declared, handed_in.supplements, words.viewer)

    def asked(documents: Sequence[DocumentCode], answers: Sequence[str]) -> str:
        return ", ".join([*map(words.code, documents), *(words.questions.get(key, key) for key in answers)])

    ruling = application.ruling
    if ruling is not None:
        heading = say("permits.ruling.proposed") if ruling.decided_on is None else say("permits.ruling.decided")
        rows = [(say("permits.field.conditions"), words.cited(code)) for code in ruling.conditions]
        rows += [(say("permits.field.grounds"), words.cited(code)) for code in ruling.grounds]
        yield Table(heading, (say("permits.column.what"), say("permits.column.code")), tuple(rows))
    yield Table(
        say("permits.requests"),
        (
            say("permits.column.asked"),
            say("desk.field.reasons"),
            say("permits.column.until"),
            say("permits.column.outstanding"),
        ),
        tuple(
            (
                asked(one.documents, one.answers),
                one.reasons,
                words.day(one.due_on),
                asked(sorted(one.outstanding), sorted(one.outstanding_answers)) or say("permits.column.all_came"),
            )
            for one in application.requests
        ),
    )
    yield Table(
        say("permits.hearings"),
        (
            say("permits.column.agency"),
            say("permits.column.until"),
            say("permits.column.outcome"),
            say("permits.field.conditions"),
            say("permits.field.remarks"),
        ),
        tuple(
            (
                words.code(one.agency),
                words.day(one.due_on),
                words.code(one.outcome) if one.outcome else say("permits.column.not_yet"),
                words.codes(one.conditions),
                one.remarks or "",
            )
            for one in application.hearings.values()
        ),
    )
