"""Residents' records: one's own, those of the household, and what staff may see and correct."""

from typing import Annotated, Any
from uuid import UUID

from amtsbus.auth import Role, allow
from amtsbus.errors import NotFoundError
from amtsbus.http import IfMatch, InRecordingTx, InTx, Page, PageQuery, PlausibleDate, ShortText, routes, set_etag
from amtsbus.postgres import Tx
from fastapi import Query, Response

from registration.domain.access import Viewer
from registration.http.asking import AccessPurpose, CurrentCitizen, CurrentViewer, ThisOffice
from registration.http.forms import PersonCorrectionForm, ResidenceCorrectionForm
from registration.http.views import (
    HitView,
    PastEntryView,
    PastResidenceView,
    PersonView,
    RecordHistoryView,
    RecordReadView,
)
from registration.use_cases.correct_person import CorrectPerson, correct_person
from registration.use_cases.correct_residence import CorrectResidence, correct_residence
from registration.use_cases.read_history import read_access_log, read_history
from registration.use_cases.read_person import ReadPerson, read_person
from registration.use_cases.search_persons import SearchPersons, search_persons

STAFF = allow(Role.CLERK, Role.LEAD)
INSIDE = allow(Role.CLERK, Role.LEAD, Role.AUDITOR)

me = routes(prefix="/v1/me", tags=["own record"])
persons = routes(prefix="/v1/persons", tags=["persons"])


@me.get("", response_model=PersonView, dependencies=[allow(Role.CITIZEN)])
async def get_own_record(citizen: CurrentCitizen, tx: InTx, response: Response) -> PersonView:
    """The caller's own record."""
    if citizen.person_id is None:
        raise NotFoundError("this login is not connected with a person")
    return await _person(ReadPerson(citizen, citizen.person_id), tx, response)


@persons.get("", response_model=Page[HitView], dependencies=[INSIDE])
async def get_persons(
    viewer: CurrentViewer,
    page: PageQuery,
    tx: InRecordingTx,
    name: Annotated[
        ShortText | None,
        Query(description="Words of given and family names, or their beginnings, in any spelling and order"),
    ] = None,
    born_on: Annotated[PlausibleDate | None, Query(description="Date of birth")] = None,
) -> Page[HitView]:
    """Search by name and date of birth, in the order of the names. What is found is logged as read.

    Persons with a disclosure block are found by leads and auditors only.
    """
    after = page.after_as(str, UUID)
    cursor = None if after is None else (str(after[0]), UUID(str(after[1])))
    hits = await search_persons(SearchPersons(viewer, name, born_on, cursor, page.fetch), tx)
    shown = Page[Any].of(hits, page.limit, key=lambda hit: [hit.search_key, hit.person_id])
    return Page(items=[HitView.of(hit) for hit in hits[: page.limit]], next=shown.next)


@persons.get(
    "/{person_id}", response_model=PersonView, dependencies=[allow(Role.CITIZEN, Role.CLERK, Role.LEAD, Role.AUDITOR)]
)
async def get_person(
    person_id: UUID, viewer: CurrentViewer, tx: InRecordingTx, response: Response, purpose: AccessPurpose = None
) -> PersonView:
    """A record: of the own household for citizens, of anybody for staff. Staff's reading is logged.

    With a disclosure block: for leads and auditors who say why (header Access-Purpose), for others as if nobody were stored.
    """
    return await _person(ReadPerson(viewer, person_id, purpose), tx, response)


@persons.get("/{person_id}/history", response_model=RecordHistoryView, dependencies=[INSIDE])
async def get_history(
    person_id: UUID, viewer: CurrentViewer, tx: InRecordingTx, purpose: AccessPurpose = None
) -> RecordHistoryView:
    """Every entry ever made on the person, also ended and superseded ones, with who and why. Logged."""
    entries, residences = await read_history(viewer, person_id, purpose, tx)
    return RecordHistoryView(
        entries=[PastEntryView.of(entry) for entry in entries],
        residences=[PastResidenceView.of_past(home) for home in residences],
    )


@persons.get("/{person_id}/reads", response_model=Page[RecordReadView], dependencies=[allow(Role.AUDITOR)])
async def get_reads(person_id: UUID, page: PageQuery, tx: InTx) -> Page[RecordReadView]:
    """Who of the staff has read the record, the latest first."""
    after = page.after_as(int)
    reads = await read_access_log(person_id, before=None if after is None else int(after[0]), limit=page.fetch, tx=tx)
    return Page.of([RecordReadView.of(read) for read in reads], page.limit, key=lambda read: [read.read_id])


@persons.post("/{person_id}/corrections", response_model=PersonView, dependencies=[STAFF])
async def post_correction(
    person_id: UUID,
    form: PersonCorrectionForm,
    version: IfMatch,
    viewer: CurrentViewer,
    office: ThisOffice,
    tx: InTx,
    response: Response,
    purpose: AccessPurpose = None,
) -> PersonView:
    """Correct an entry that was wrong, or enter a change (`changed_on`). The old entry stays."""
    await correct_person(CorrectPerson(viewer, person_id, version, form.to_change(), form.reason), tx, office)
    return await _corrected(viewer, person_id, purpose or form.reason[:200], tx, response)


@persons.post("/{person_id}/residences/{residence_id}/corrections", response_model=PersonView, dependencies=[STAFF])
async def post_residence_correction(
    person_id: UUID,
    residence_id: UUID,
    form: ResidenceCorrectionForm,
    version: IfMatch,
    viewer: CurrentViewer,
    office: ThisOffice,
    tx: InTx,
    response: Response,
    purpose: AccessPurpose = None,
) -> PersonView:
    """Correct the entry of a home. The old entry stays."""
    command = CorrectResidence(viewer, person_id, residence_id, version, form.to_correction(), form.reason)
    await correct_residence(command, tx, office)
    return await _corrected(viewer, person_id, purpose or form.reason[:200], tx, response)


async def _corrected(viewer: Viewer, person_id: UUID, purpose: str, tx: Tx, response: Response) -> PersonView:
    return await _person(ReadPerson(viewer, person_id, purpose), tx, response)


async def _person(query: ReadPerson, tx: Tx, response: Response) -> PersonView:
    record = await read_person(query, tx)
    set_etag(response, record.resident.version)
    return PersonView.of(record)
