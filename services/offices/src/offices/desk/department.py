"""The office as its desk sees it: cases in words, by the version of the procedure file that each of them goes by."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import yaml
from amtsbus.clock import BERLIN
from amtsbus.desk import (
    CaseDocument,
    CaseInWords,
    CaseLetter,
    Condition,
    Filled,
    Sheet,
    Table,
    Viewer,
    handed_in,
)
from amtsbus.desk.work_list import ListedCase
from amtsbus.postgres import Tx
from amtsbus.procedures import steps, wording
from amtsbus.procedures import store as procedures
from amtsbus.procedures.checking import OFFICE_FILE, ProcedureFileError, read_office
from amtsbus.procedures.declaration import ProcedureFile, UploadField

from offices import store
from offices.desk import examining
from offices.desk.actions import Sent, carry_out, offered
from offices.desk.words import ProcedureWords, kind_of
from offices.domain.case_file import CaseFile
from offices.domain.office import Office
from offices.domain.target import Target
from offices.store import StoredLetter

MOST_MISTAKES: Final = 20


class ProcedureDesk:
    """One office, for `amtsbus.desk`.

    Args:
        folder: the office's folder of procedures, beside those of the city's other offices.
    """

    def __init__(self, office: Office, folder: Path) -> None:
        self.name = office.key
        self.land = office.land
        self.title = _named(folder / OFFICE_FILE)
        self._office = office
        self._folder = folder

    @cached_property
    def _offices(self) -> Mapping[str, Mapping[str, str]]:
        """The names of the city's offices by key and language; of those whose folder lies here."""
        named = {file.parent.name: _named(file) for file in sorted(self._folder.parent.glob(f"*/{OFFICE_FILE}"))}
        return {key: name for key, name in named.items() if name}

    def _words(self, declared: ProcedureFile, viewer: Viewer) -> ProcedureWords:
        names = {key: name.get(viewer.language, key) for key, name in self._offices.items()}
        return ProcedureWords(declared, viewer, names)

    # Lists

    async def procedures(self, tx: Tx, viewer: Viewer) -> Sequence[tuple[str, str]]:
        """What the office offers, or has offered."""
        declared = await procedures.newest_declared(tx)
        return sorted(((one.key, one.name.in_language(viewer.language)) for one in declared), key=lambda pair: pair[1])

    async def states(self, tx: Tx, viewer: Viewer) -> Sequence[tuple[str, str]]:
        """The standard states, then those of the procedures' own, each by all the names that they give it."""
        of_own: dict[str, set[str]] = defaultdict(set)
        for one in await procedures.newest_declared(tx):
            for state in one.states:
                if state.key not in steps.STANDARD_STATES:
                    of_own[state.key].add(state.name.in_language(viewer.language))
        standard = [(key, steps.standard_state_name(key).in_language(viewer.language)) for key in steps.STANDARD_STATES]
        own = sorted((" / ".join(sorted(names)), key) for key, names in of_own.items())
        return [*standard, *((key, name) for name, key in own)]

    async def find(self, tx: Tx, words: str, limit: int, viewer: Viewer) -> list[UUID]:  # noqa: ARG002 - everybody finds all
        """By reference, or by the applicant's name."""
        return await store.find(tx, words, limit)

    async def in_words(self, tx: Tx, cases: Sequence[ListedCase], viewer: Viewer) -> Mapping[UUID, CaseInWords]:
        """Two queries, however many they are."""
        applied = await store.applied(tx, [case.case_id for case in cases])
        versions = {(one.procedure_key, one.procedure_version) for one in applied.values()}
        declared = await procedures.declared_versions(tx, versions)
        found = {}
        for case in cases:
            application = applied[case.case_id]
            file = declared[(application.procedure_key, application.procedure_version)]
            words = self._words(file, viewer)
            found[case.case_id] = CaseInWords(
                applicant=application.applicant_name or viewer.say("offices.nameless"),
                procedure=file.name.in_language(viewer.language),
                state=words.state(case.state),
                kind=kind_of(case.state),
                next_step=next_step(case.state, case.proposed_action, words, viewer, closed=case.closed_at is not None),
                words=words,
            )
        return found

    # One case

    async def sheet(self, tx: Tx, case_id: UUID, viewer: Viewer) -> Sheet:
        """The case, as its procedure file asks for it and its desk shows it."""
        file = await store.get(tx, case_id, self.land)
        words = self._words(file.declared, viewer)
        proposed = file.case.proposal.action if file.case.proposal else None
        return Sheet(
            case=file.case,
            words=words,
            procedure=file.declared.name.in_language(viewer.language),
            applicant=file.applicant_name or viewer.say("offices.nameless"),
            kind=kind_of(file.case.state),
            next_step=next_step(file.case.state, proposed, words, viewer, closed=file.case.is_closed),
            facts=tuple(_facts(file, viewer)),
            answers=tuple(handed_in.answered(file.declared, file.answers, viewer)),
            problems=tuple(_problems(file, viewer)),
            documents=tuple(_documents(file, viewer)),
            letters=tuple(_letter(one) for one in await store.letters(tx, case_id)),
            tables=tuple(_tables(file, words, viewer)),
            actions=tuple(offered(file, words, viewer)),
            text_language="en" if file.language == "en" else "de",
        )

    async def act(self, tx: Tx, case_id: UUID, version: int, action: str, form: Filled, viewer: Viewer) -> None:
        """Carry out what a form asks for."""
        await carry_out(Sent(action, form, Target(case_id, version, viewer.actor), self._office, viewer), tx)

    # For the operator

    async def conditions(self, tx: Tx, viewer: Viewer) -> list[Condition]:
        """What the office offers, and whether its folder can be read."""
        offered_now = [one for one in (await procedures.newest(tx)).values() if not one.withdrawn]
        offers = Condition(viewer.say("offices.condition.offers"), str(len(offered_now)))
        name = viewer.say("offices.condition.folder")
        try:
            read = await asyncio.to_thread(read_office, self._folder, written_for={})
        except ProcedureFileError as error:
            mistakes = [f"{one.file.name}:{one.line}: {one.what}" for one in error.mistakes[:MOST_MISTAKES]]
            text = viewer.say("offices.condition.mistakes", count=len(error.mistakes))
            return [offers, Condition(name, text, "danger", tuple(mistakes))]
        except OSError as error:
            return [
                offers,
                Condition(name, viewer.say("offices.condition.unreadable"), "danger", (type(error).__name__,)),
            ]
        if set(read.procedures) != {one.key for one in offered_now}:
            return [offers, Condition(name, viewer.say("offices.condition.behind"), "warning")]
        return [offers, Condition(name, viewer.say("offices.condition.fine"), "success")]


def _named(file: Path) -> Mapping[str, str]:
    """What an office's file calls it, by language; nothing where it cannot be read."""
    try:
        name = yaml.safe_load(file.read_text(encoding="utf-8"))["name"]
    except (OSError, yaml.YAMLError, TypeError, KeyError):
        return {}
    return name if isinstance(name, dict) else {}


def next_step(state: str, proposed: str | None, words: ProcedureWords, viewer: Viewer, *, closed: bool) -> str:
    """What somebody has to do now, or what is waited for."""
    say = viewer.say
    if closed:
        return say("offices.next.nothing")
    if proposed is not None:
        return say("offices.next.second_person", action=words.action(proposed))
    if state in (steps.RECEIVED, steps.DOCUMENTS_REQUESTED, steps.HEARING):
        return say(f"offices.next.{state}")
    return say("offices.next.own_state")


def _facts(file: CaseFile, viewer: Viewer) -> Iterator[tuple[str, str]]:
    say, language = viewer.say, viewer.language
    yield from handed_in.facts(
        viewer, identification=file.identification, email=file.applicant_email, language=file.language
    )
    if file.complete_at is not None:
        yield say("offices.fact.complete"), _day(file.complete_at, language)
    yield say("offices.fact.version"), str(file.version)
    yield say("offices.fact.basis"), "; ".join(file.declared.legal_basis)
    if file.charged_cents or file.paid_cents:
        charged, paid = wording.euros(file.charged_cents, language), wording.euros(file.paid_cents, language)
        yield say("offices.fact.fee"), say("offices.fact.fee_is", charged=charged, paid=paid)
    elif (cents := examining.fee_cents(file, viewer.today)) is not None:
        yield say("offices.fact.fee"), say("offices.fact.fee_will_be", fee=wording.euros(cents, language))


def _problems(file: CaseFile, viewer: Viewer) -> Iterator[str]:
    language = viewer.language
    labels = {field.key: field.label for field in file.declared.form.fields}
    for problem in examining.problems(file):
        label = labels.get(problem.field)
        message = problem.message.in_language(language)
        yield f"{label.in_language(language)}: {message}" if label else message
    names = {one.key: one.name for one in file.declared.documents}
    for key in examining.missing_documents(file):
        yield viewer.say("offices.missing", document=names[key].in_language(language))


def _documents(file: CaseFile, viewer: Viewer) -> Iterator[CaseDocument]:
    """What was handed in as a document, then the files among the answers that are not among them."""
    language = viewer.language
    for nth, one in enumerate(file.documents, 1):
        label = handed_in.named(file.declared, (one.key,), viewer)
        yield CaseDocument(str(nth), label, one.name, one.media_type, one.size_bytes, one.sha256, one.supplied_at)
    there = {one.sha256 for one in file.documents}
    for key, label, uploaded in _uploads(file):
        if uploaded["sha256"] not in there:
            yield CaseDocument(
                key,
                label.in_language(language),
                str(uploaded["name"]),
                str(uploaded["media_type"]),
                int(uploaded["size_bytes"]),
                str(uploaded["sha256"]),
                file.handed_in_at,
            )


def _uploads(file: CaseFile) -> Iterator[tuple[str, Any, Mapping[str, Any]]]:
    for field in file.declared.form.fields:
        if isinstance(field, UploadField) and isinstance(file.answers.get(field.key), list):
            for nth, one in enumerate(file.answers[field.key], 1):
                if isinstance(one, dict) and {"name", "sha256", "size_bytes", "media_type"} <= one.keys():
                    yield f"{field.key}-{nth}", field.label, one


def _day(moment: datetime, language: str) -> str:
    return wording.day(moment.astimezone(BERLIN).date(), language)


def _letter(letter: StoredLetter) -> CaseLetter:
    paragraphs = (*letter.paragraphs, letter.remedy) if letter.remedy else letter.paragraphs
    return CaseLetter(letter.subject, letter.addressee, letter.language, paragraphs, letter.issued_at)


def _tables(file: CaseFile, words: ProcedureWords, viewer: Viewer) -> Iterator[Table]:
    say, language = viewer.say, viewer.language
    yield Table(
        say("offices.requests"),
        (
            say("offices.column.asked"),
            say("offices.column.reasons"),
            say("offices.column.until"),
            say("offices.column.answered"),
        ),
        tuple(
            (
                handed_in.named(file.declared, (*one.documents, *one.fields), viewer),
                one.reasons,
                wording.day(one.due_on, language),
                _day(one.answered_at, language) if one.answered_at else say("offices.not_yet"),
            )
            for one in file.requests
        ),
    )
    yield handed_in.later(file.declared, file.supplements, viewer)
    yield Table(
        say("offices.hearings"),
        (
            say("offices.column.office"),
            say("offices.column.until"),
            say("offices.column.outcome"),
            say("offices.column.opinion"),
        ),
        tuple(
            (
                words.office(one.office),
                wording.day(one.due_on, language),
                say(f"offices.opinion.{one.outcome}") if one.outcome else say("offices.not_yet"),
                one.opinion or "",
            )
            for one in file.hearings
        ),
    )
    yield Table(
        say("offices.payments"),
        (say("offices.column.when"), say("offices.column.amount")),
        tuple((_day(one.paid_at, language), wording.euros(one.amount_cents, language)) for one in file.payments),
    )
