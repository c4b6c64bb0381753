"""The school administration as its desk sees it: enrolments in words.

Whoever has custody of a child is its parent and nothing else (VwVfG NRW § 20 (1)): at the desk they find its enrolment in the
list, as they do in the API, and cannot open it.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from uuid import UUID

from amtsbus.casework.roles import Actor, Role
from amtsbus.desk import CaseInWords, Condition, Filled, Rows, Sheet, Table, Viewer
from amtsbus.desk.work_list import ListedCase
from amtsbus.errors import ForbiddenError
from amtsbus.postgres import Tx

from schooling import store
from schooling.desk import applications
from schooling.desk.actions import Sent, Shown, carry_out, offered, said_places
from schooling.desk.words import EnrolmentWords
from schooling.domain.child import Child
from schooling.domain.enrolment import Enrolment, Party, Target, admit
from schooling.domain.events import Document
from schooling.domain.procedure import PRIMARY_ENROLMENT, SCHOOL_REGISTRATION, State
from schooling.domain.rules import Criterion, School, starts_on

COHORTS_AHEAD = 2
"""How many school years an operator is told of: no cohort further ahead can be invited."""


class SchoolingDesk:
    """The school administration, for `amtsbus.desk`.

    The files of enrolments hold no text and no documents: only what was shown, and when. Applications from the portal are cases
    of their own, see `applications`.
    """

    name = "schooling"
    title: Mapping[str, str] = MappingProxyType({"de": "Schulverwaltung", "en": "School administration"})
    land = PRIMARY_ENROLMENT.land

    # Lists

    async def procedures(self, tx: Tx, viewer: Viewer) -> Sequence[tuple[str, str]]:  # noqa: ARG002 - they are in no table
        """First enrolment, and what comes from the portal before it is known whose it is."""
        return [
            (PRIMARY_ENROLMENT.key, viewer.say("schooling.procedure")),
            (SCHOOL_REGISTRATION.key, viewer.say("schooling.application")),
        ]

    async def states(self, tx: Tx, viewer: Viewer) -> Sequence[tuple[str, str]]:  # noqa: ARG002 - they are in no table
        """In the order in which an enrolment comes through them; `expected` is on the way and never kept."""
        words = EnrolmentWords(viewer)
        of_enrolments = [(state.value, words.state(state)) for state in State if state is not State.EXPECTED]
        return [*of_enrolments, *applications.states(viewer)]

    async def find(self, tx: Tx, words: str, limit: int, viewer: Viewer) -> list[UUID]:  # noqa: ARG002 - everybody finds all
        """By reference, or by the child's name."""
        found = await store.find(tx, words, limit)
        return (found + await store.find_applications(tx, words, limit))[:limit]

    async def in_words(self, tx: Tx, cases: Sequence[ListedCase], viewer: Viewer) -> Mapping[UUID, CaseInWords]:
        """One query of each kind, however many they are."""
        applied = [case for case in cases if case.procedure_key == SCHOOL_REGISTRATION.key]
        enrolled = [case for case in cases if case.procedure_key == PRIMARY_ENROLMENT.key]
        rows, words = await store.rows_of(tx, [case.case_id for case in enrolled]), EnrolmentWords(viewer)
        found = await applications.in_words(tx, applied, viewer)
        for case in enrolled:
            row = rows[case.case_id]
            found[case.case_id] = CaseInWords(
                applicant=f"{row.given_names} {row.family_name}",
                procedure=words.procedure(row.school_year, early_entry=row.early_entry),
                state=words.state(case.state),
                kind=words.kind(case.state),
                next_step=next_step(case.state, viewer),
                words=words,
            )
        return found

    # One case

    async def sheet(self, tx: Tx, case_id: UUID, viewer: Viewer) -> Sheet:
        """The enrolment, or the application.

        Raises:
            ForbiddenError: it is the viewer's own child's.
        """
        if await store.is_application(tx, case_id):
            return await applications.sheet(tx, case_id, viewer)
        enrolment = await store.enrolment(tx, case_id)
        actor = admit(Party(viewer.actor, viewer.person_id), enrolment.child)
        if Role.CITIZEN in actor.roles:
            raise ForbiddenError("whoever has custody of the child acts as its parent, not for the administration")
        return await self._sheet(tx, enrolment, actor, EnrolmentWords(viewer))

    async def _sheet(self, tx: Tx, enrolment: Enrolment, actor: Actor, words: EnrolmentWords) -> Sheet:
        case, child = enrolment.case, enrolment.child
        references = await store.references_of_applications(tx, case.case_id)
        shown = Shown(enrolment, actor, await store.school_places(tx, enrolment.school_year), words)
        return Sheet(
            case=case,
            words=words,
            procedure=words.procedure(enrolment.school_year, early_entry=enrolment.early_entry),
            applicant=f"{child.given_names} {child.family_name}",
            kind=words.kind(case.state),
            next_step=next_step(case.state, words.viewer),
            facts=tuple(_facts(enrolment, references, words)),
            answers=(_child(child, words), *_wishes(enrolment, words)),
            problems=tuple(_problems(enrolment, words)),
            documents=None,
            letters=None,
            tables=tuple(_tables(shown)),
            actions=tuple(offered(shown)),
            has_notes=False,
        )

    async def act(self, tx: Tx, case_id: UUID, version: int, action: str, form: Filled, viewer: Viewer) -> None:
        """Carry out what a form asks for."""
        if await store.is_application(tx, case_id):
            await applications.act(tx, case_id, version, action, form, viewer)
            return
        target = Target(case_id, version, Party(viewer.actor, viewer.person_id))
        await carry_out(Sent(action, form, target, viewer), tx)

    # For the operator

    async def conditions(self, tx: Tx, viewer: Viewer) -> list[Condition]:
        """How far the invitations of the coming cohorts are, in numbers, since an operator sees no child."""
        today, words = tx.clock.today(), EnrolmentWords(viewer)
        years = [today.year + nth for nth in range(COHORTS_AHEAD + 1) if today < starts_on(today.year + nth)]
        return [
            *[await self._cohort(tx, school_year, words) for school_year in years],
            await applications.offer(tx, viewer),
        ]

    async def _cohort(self, tx: Tx, school_year: int, words: EnrolmentWords) -> Condition:
        say = words.viewer.say
        counts = await store.cohort_counts(tx, school_year, tx.clock.today())
        invitation = await store.invitation(tx, school_year)
        name = say("schooling.cohort", school_year=words.school_year(school_year))
        unset = sum(places is None for _, places in await store.school_places(tx, school_year))
        details = [
            say("schooling.cohort.children", count=counts.children),
            say("schooling.cohort.without_custodian", count=counts.without_custodian),
            say("schooling.cohort.schools_without_places", count=unset),
        ]
        if invitation is None:
            return Condition(name, say("schooling.cohort.not_ordered"), "info", tuple(details))
        if invitation.finished_at is None or counts.uninvited:
            left = say("schooling.cohort.under_way", count=counts.uninvited)
            return Condition(name, left, "warning", tuple(details))
        return Condition(name, say("schooling.cohort.invited"), "success", tuple(details))


def next_step(state: str, viewer: Viewer) -> str:
    """What somebody has to do now, or what is waited for."""
    if state in PRIMARY_ENROLMENT.final:
        return viewer.say("schooling.next.nothing")
    return viewer.say(f"schooling.next.{state}")


def _facts(enrolment: Enrolment, references: Sequence[str], words: EnrolmentWords) -> Iterator[tuple[str, str]]:
    say = words.viewer.say
    yield say("schooling.fact.school_year"), words.school_year(enrolment.school_year)
    yield say("schooling.fact.early_entry"), words.yes(enrolment.early_entry)
    if references:
        yield say("schooling.application"), ", ".join(references)
    if enrolment.accepted_by is not None:
        yield say("schooling.fact.accepted_by"), enrolment.accepted_by.name
    if enrolment.report_seen:
        yield say("schooling.fact.report"), say("schooling.fact.report_seen")
    if enrolment.withdrawn_because is not None:
        yield say("schooling.field.cause"), words.code(enrolment.withdrawn_because)


def _child(child: Child, words: EnrolmentWords) -> Rows:
    say = words.viewer.say
    rows = [
        (say("schooling.child.given_names"), child.given_names),
        (say("schooling.child.family_name"), child.family_name),
        (say("schooling.child.date_of_birth"), words.day(child.date_of_birth)),
        (
            say("schooling.child.custodians"),
            ", ".join(str(one) for one in child.custodian_ids) or say("schooling.child.no_custodians"),
        ),
    ]
    if child.moved_out_on is not None:
        rows.append((say("schooling.child.moved_out"), words.day(child.moved_out_on)))
    return Rows(say("schooling.child"), tuple(rows))


def _wishes(enrolment: Enrolment, words: EnrolmentWords) -> Iterator[Rows]:
    """What the parents asked for, and the criteria that the administration has recorded since."""
    say = words.viewer.say
    if enrolment.first_choice is None:
        return
    rows = [
        (say("schooling.field.first_choice"), enrolment.first_choice.name),
        (say("schooling.field.second_choice"), enrolment.second_choice.name if enrolment.second_choice else words.none),
        (say("schooling.wishes.stated"), words.codes(_in_order(enrolment.stated_criteria)) or words.none),
    ]
    if not enrolment.early_entry:
        rows.append((say("schooling.wishes.deferral"), words.yes(enrolment.deferral_requested)))
    if enrolment.case.state not in (State.RECEIVED, State.DOCUMENTS_REQUESTED):
        rows.append((say("schooling.wishes.recorded"), words.codes(_in_order(enrolment.criteria)) or words.none))
    yield Rows(say("schooling.wishes"), tuple(rows))


def _problems(enrolment: Enrolment, words: EnrolmentWords) -> Iterator[str]:
    if not enrolment.child.custodian_ids:
        yield words.viewer.say("schooling.problem.no_custodians")
    if enrolment.case.state in (State.RECEIVED, State.DOCUMENTS_REQUESTED):
        for document in enrolment.missing_documents:
            yield words.viewer.say("schooling.problem.missing", document=words.code(document))


def _tables(shown: Shown) -> Iterator[Table]:
    enrolment, words, say = shown.enrolment, shown.words, shown.viewer.say
    yield Table(
        say("schooling.documents"),
        (say("schooling.column.document"), say("schooling.column.seen")),
        tuple(
            (words.code(one), words.yes(one in enrolment.documents))
            for one in Document
            if one in enrolment.documents | enrolment.required_documents
        ),
    )
    yield Table(
        say("schooling.schools"),
        (say("schooling.field.school"), say("schooling.column.role"), say("schooling.column.places")),
        tuple(
            (school.name, role, said_places(places, words))
            for school, places in shown.schools
            if (role := _role(school, enrolment, words))
        ),
    )


def _role(school: School, enrolment: Enrolment, words: EnrolmentWords) -> str:
    """What a school has to do with the enrolment; empty where it has nothing."""
    say, roles = words.viewer.say, []
    if school == enrolment.first_choice:
        roles.append(say("schooling.field.first_choice"))
    if school == enrolment.second_choice:
        roles.append(say("schooling.field.second_choice"))
    if school.school_id in enrolment.refused_by:
        roles.append(say("schooling.role.refused"))
    if school == enrolment.accepted_by:
        roles.append(say("schooling.role.accepted"))
    return ", ".join(roles)


def _in_order(criteria: frozenset[Criterion]) -> list[Criterion]:
    return [one for one in Criterion if one in criteria]
