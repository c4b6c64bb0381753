"""Applying: one page after the other, saved after each, back to where one was, and handed in once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from amtsbus.errors import NotFoundError, RuleViolationError
from amtsbus.http import InTx
from amtsbus.postgres import Tx
from amtsbus.procedures import fees, wording
from amtsbus.procedures.answers import Problem
from amtsbus.procedures.declaration import DocumentAsked, Page, ProcedureFile
from amtsbus.web import PageVisit, RateLimit, Upload, Visit, pages, uploads, visitors
from starlette.responses import Response

from portal.domain.catalogue import Service
from portal.domain.draft import Draft
from portal.domain.journey import Journey, Step
from portal.domain.sent import prefilled, typed_answers
from portal.domain.upload import ACCEPTED, MOST_BYTES_TOGETHER, KeptFile, UnacceptableFileError
from portal.pages.fields import errors_of, has_files, keys_shown, upload_names, views_of
from portal.pages.files import Digest, answer_with
from portal.pages.find import cost_in_words
from portal.pages.whom import (
    documents_of,
    not_theirs,
    owner_of,
    person_of,
    require_level,
    settings_of,
)
from portal.scanning import scanner_of
from portal.store import applications, drafts, files, procedures
from portal.use_cases.begin_draft import BeginDraft, begin_draft
from portal.use_cases.issue_link import IssueLink, issue_link
from portal.use_cases.keep_file import KeepFile, keep_file
from portal.use_cases.save_documents import SaveDocuments, document_of, save_documents
from portal.use_cases.save_page import Change, SavedPage, SavePage, page_of, save_page
from portal.use_cases.submit_application import SubmitApplication, submit_application

router = pages(prefix="/apply")

MOST_FILES: Final = 10
"""In one form."""
UPLOADS: Final = RateLimit(times=120, per_seconds=600)
"""Forms with files, of one browser."""
FORM_BYTES: Final = MOST_BYTES_TOGETHER + 2_000_000


# Beginning


@router.get("/{key}", dependencies=[visitors()])
async def get_start(key: str, visit: Visit, tx: InTx) -> Response:
    """Before somebody begins: what they need, and what they have begun already."""
    service = await procedures.offered(tx, key)
    require_level(visit, service.declared)
    return visit.render(
        "apply/start.html",
        service=service,
        declared=service.declared,
        cost=cost_in_words(visit, service.declared),
        drafts=await drafts.all_of(tx, owner_of(visit), key),
        is_known=owner_of(visit).is_known,
    )


@router.post("/{key}", dependencies=[visitors()])
async def post_start(key: str, visit: Visit, tx: InTx) -> Response:
    """Begin a draft."""
    service = await procedures.offered(tx, key)
    require_level(visit, service.declared)
    visit.open_session()
    try:
        draft_id = await begin_draft(BeginDraft(owner_of(visit), key), tx)
    except RuleViolationError as error:
        visit.notice(f"rule.{error.code}", kind="warning")
        return visit.go("/mine")
    return visit.go(f"/apply/{key}/{draft_id}")


# The draft as a whole


@dataclass(frozen=True, slots=True)
class Working:
    """The draft that somebody works on."""

    draft: Draft
    service: Service
    journey: Journey

    @property
    def declared(self) -> ProcedureFile:
        return self.service.declared

    @property
    def path(self) -> str:
        return f"/apply/{self.draft.procedure}/{self.draft.draft_id}"


async def _working(key: str, draft_id: UUID, visit: PageVisit, tx: Tx) -> Working | None:
    """The draft, where it is theirs and they are identified surely enough for it; None where it has been handed in meanwhile.

    Raises:
        NotFoundError, LoginNeededError: it is not.
    """
    owner = owner_of(visit)
    try:
        draft = await drafts.get(tx, draft_id, owner)
    except NotFoundError as error:
        try:
            await applications.get(tx, draft_id, owner)
        except NotFoundError:
            raise await _not_found(key, error, visit, tx) from None
        return None
    if draft.procedure != key:
        raise NotFoundError("The draft is of another service.")
    service = await procedures.get(tx, draft.procedure, draft.version)
    require_level(visit, service.declared)
    return Working(draft, service, draft.journey(service.declared, visit.today))


async def _not_found(key: str, error: NotFoundError, visit: PageVisit, tx: Tx) -> Exception:
    try:
        level = (await procedures.offered(tx, key)).declared.identification.level
    except NotFoundError:
        return error
    return not_theirs(visit, error, may_be_anonymous=level == 0)


@router.get("/{key}/{draft_id}", dependencies=[visitors()])
async def get_draft(key: str, draft_id: UUID, visit: Visit, tx: InTx, change: str = "") -> Response:
    """Where one goes on: at the first page that is open, else at the answers to be checked."""
    working = await _working(key, draft_id, visit, tx)
    if working is None:
        return visit.go(f"/mine/{draft_id}")
    first_open = working.journey.first_open
    if first_open is not None:
        return visit.go(f"{working.path}/{first_open.path}{'?change=yes' if change else ''}")
    return await _check_page(visit, working, tx)


@router.post("/{key}/{draft_id}", dependencies=[visitors()])
async def post_draft(key: str, draft_id: UUID, visit: Visit, tx: InTx) -> Response:
    """Hand it in; once, however often this is sent."""
    session = visit.open_session()
    service = await _service_of(key, draft_id, visit, tx)
    require_level(visit, service.declared)
    command = SubmitApplication(owner_of(visit), draft_id, person_of(visit), session.identification, visit.language)
    try:
        is_new = await submit_application(command, tx)
    except RuleViolationError as error:
        if error.code == "not-offered":
            visit.notice("rule.not-offered", kind="warning")
            return visit.go("/mine")
        return visit.go(f"/apply/{key}/{draft_id}")
    if is_new and not owner_of(visit).is_known:
        # It lies in the session until it has been shown, and in the database only as a hash.
        visit.remember(link_key(draft_id), await issue_link(IssueLink(owner_of(visit), draft_id), tx))
    return visit.go(f"/mine/{draft_id}")


async def _service_of(key: str, draft_id: UUID, visit: PageVisit, tx: Tx) -> Service:
    """The service of a draft, or of the application that it has become."""
    owner = owner_of(visit)
    try:
        draft = await drafts.get(tx, draft_id, owner)
        found = (draft.procedure, draft.version)
    except NotFoundError:
        try:
            application = await applications.get(tx, draft_id, owner)
        except NotFoundError as error:
            raise await _not_found(key, error, visit, tx) from None
        found = (application.procedure, application.version)
    if found[0] != key:
        raise NotFoundError("The draft is of another service.")
    return await procedures.get(tx, *found)


def link_key(application_id: UUID) -> str:
    """Under which the session remembers a secret link that has not been shown yet."""
    return f"portal.link.{application_id}"


async def _check_page(visit: PageVisit, working: Working, tx: Tx) -> Response:
    """All answers, before they are handed in."""
    declared, language = working.declared, visit.language
    journey = working.journey
    fee = fees.cents(declared, journey.answers, today=visit.today)
    lines = wording.lines(declared, journey.answers, language, today=visit.today)
    asked = [step.asks for step in journey.steps]
    problems = [
        (problem.message.in_language(language), journey.page_of(problem.at.partition(".")[0]))
        for problem in journey.problems()
    ]
    return visit.render(
        "apply/check.html",
        working=working,
        declared=declared,
        problems=problems,
        sections=[
            (page, [line for line in lines if line.page == page.key]) for page in asked if isinstance(page, Page)
        ],
        computed=[line for line in lines if not line.page],
        documents=[
            (document, working.draft.handed_in_files([document.key]))
            for document in asked
            if isinstance(document, DocumentAsked)
        ],
        fee=fee,
        cost=wording.euros(fee, language) if fee else cost_in_words(visit, declared),
        is_offered=await _is_offered(declared.key, tx),
        is_known=owner_of(visit).is_known,
    )


async def _is_offered(key: str, tx: Tx) -> bool:
    try:
        await procedures.offered(tx, key)
    except NotFoundError:
        return False
    return True


# One page of the form


@router.get("/{key}/{draft_id}/{page_key}", dependencies=[visitors()])
async def get_page(key: str, draft_id: UUID, page_key: str, visit: Visit, tx: InTx, change: str = "") -> Response:
    """One page with what was answered; what is known of somebody who has logged in stands there already."""
    working = await _working(key, draft_id, visit, tx)
    if working is None:
        return visit.go(f"/mine/{draft_id}")
    step = working.journey.step(page_key)
    if step is None or not isinstance(step.asks, Page):
        return visit.go(working.path)
    typed = typed_answers(step.asks.fields, working.draft.answers, visit.language)
    if page_key not in working.draft.done:
        person = person_of(visit)
        known = {one.key: prefilled(one, person) for one in step.asks.fields if one.key not in typed}
        typed |= {name: value for name, value in known.items() if value}
    return _show_page(visit, working, step, typed, change=change)


@router.post("/{key}/{draft_id}/{page_key}", dependencies=[visitors()])
@uploads(limit_bytes=FORM_BYTES, files=MOST_FILES)
async def post_page(key: str, draft_id: UUID, page_key: str, visit: Visit, change: str = "") -> Response:
    """Keep one page, and go on if nothing is wrong with it.

    Its transactions are its own: between them files are scanned and stored.
    """
    form = await visit.form()
    async with visit.database.transaction() as tx:
        working = await _working(key, draft_id, visit, tx)
        if working is None:
            return visit.go(f"/mine/{draft_id}")
        page = page_of(working.journey, page_key)
        bytes_before = await files.total_bytes(tx, draft_id)
    names = upload_names(page, form.names())
    chosen = [(name, slot, upload) for name, slot in names for upload in form.files(name)]
    kept, refused = await keep_uploads(visit, chosen, bytes_before)
    command = SavePage(
        owner_of(visit),
        draft_id,
        page_key,
        tuple((name, value) for name, value in form.items() if not name.startswith("_")),
        frozenset(form.text("_shown").split()),
        kept,
        _change(form.text("_change")),
    )
    async with visit.database.transaction() as tx:
        saved = await save_page(command, tx)
    if saved.is_done and not refused and command.change is None:
        return visit.go(_next_path(working.path, saved, page_key, change=change))
    return _show_again(visit, working, saved, refused, command.change, change=change)


def _next_path(path: str, saved: SavedPage, page_key: str, *, change: str) -> str:
    """Where it goes on: whoever changes one answer comes back to all of them."""
    if change:
        return f"{path}?change=yes"
    step = saved.journey.step(page_key)
    following = saved.journey.following(step) if step else None
    return f"{path}/{following.path}" if following else path


def _show_again(
    visit: PageVisit,
    working: Working,
    saved: SavedPage,
    refused: Mapping[str, str],
    asked: Change | None,
    *,
    change: str,
) -> Response:
    """The page once more: with what is wrong, with a question that its answers raise, or with an item more or less."""
    working = Working(saved.draft, working.service, saved.journey)
    step = saved.journey.step(saved.page.key)
    if step is None:
        return visit.go(working.path)
    problems = saved.problems if asked is None else ()
    return _show_page(visit, working, step, saved.sent, problems, refused, change=change)


def _show_page(
    visit: PageVisit,
    working: Working,
    step: Step,
    typed: Mapping[str, Any],
    problems: Any = (),
    refused: Mapping[str, str] | None = None,
    *,
    change: str,
) -> Response:
    page = step.asks
    assert isinstance(page, Page)  # noqa: S101 - only these are shown here
    views = views_of(page, typed, working.journey.before(page), language=visit.language, today=visit.today)
    wrong: list[Problem] = list(problems)
    errors = errors_of(wrong, page.fields, visit.language) | {
        name: visit.t(text) for name, text in (refused or {}).items()
    }
    return visit.render(
        "apply/page.html",
        422 if errors else 200,
        keep_changes=True,
        working=working,
        declared=working.declared,
        page=page,
        views=views,
        shown=keys_shown(views),
        has_files=has_files(views),
        accept=ACCEPTED,
        errors=errors,
        number=working.journey.number(step),
        count=len(working.journey.steps) + 1,
        back=_back(working, step),
        change=change,
    )


def _back(working: Working, step: Step) -> str:
    preceding = working.journey.preceding(step)
    return f"{working.path}/{preceding.path}" if preceding else f"/apply/{working.draft.procedure}"


def _change(text: str) -> Change | None:
    """What a button beside the main one asks for: `add children`, `remove children 1`, `drop photo <hash>`."""
    match text.split():
        case ["add", name]:
            return Change("add", name)
        case ["remove", name, item]:
            return Change("remove", name, item)
        case ["drop", name, digest]:
            return Change("drop", name, digest)
        case _:
            return None


async def keep_uploads(
    visit: PageVisit, chosen: list[tuple[str, str, Upload]], bytes_before: int
) -> tuple[list[tuple[str, KeptFile]], dict[str, str]]:
    """Look at what was uploaded and put it into the store.

    Args:
        chosen: the name of the input, the field or document that it is for, and the file.

    Returns:
        What was kept, with the names of its inputs; and why something was not taken, as keys of texts, by the same names.
    """
    kept: list[tuple[str, KeptFile]] = []
    refused: dict[str, str] = {}
    if chosen:
        UPLOADS.check(str(visit.session.visitor_id if visit.session else visit.client_address))
    for name, slot, upload in chosen:
        command = KeepFile(slot, upload.filename, upload.size, upload.file, bytes_before)
        try:
            file = await keep_file(command, documents_of(visit), scanner_of(settings_of(visit)), visit.database)
        except UnacceptableFileError as error:
            refused.setdefault(name, error.key)
        else:
            kept.append((name, file))
            bytes_before += file.size_bytes
    return kept, refused


# One document


@router.get("/{key}/{draft_id}/documents/{document_key}", dependencies=[visitors()])
async def get_document(
    key: str, draft_id: UUID, document_key: str, visit: Visit, tx: InTx, change: str = ""
) -> Response:
    """The page on which one document is uploaded."""
    working = await _working(key, draft_id, visit, tx)
    if working is None:
        return visit.go(f"/mine/{draft_id}")
    step = working.journey.step(f"documents/{document_key}")
    if step is None:
        return visit.go(working.path)
    return _show_document(visit, working, step, {}, change=change)


@router.post("/{key}/{draft_id}/documents/{document_key}", dependencies=[visitors()])
@uploads(limit_bytes=FORM_BYTES, files=MOST_FILES)
async def post_document(key: str, draft_id: UUID, document_key: str, visit: Visit, change: str = "") -> Response:
    """Keep the files of one document, and go on."""
    form = await visit.form()
    async with visit.database.transaction() as tx:
        working = await _working(key, draft_id, visit, tx)
        if working is None:
            return visit.go(f"/mine/{draft_id}")
        document = document_of(working.journey, document_key)
        bytes_before = await files.total_bytes(tx, draft_id)
    chosen = [(document.key, document.key, upload) for upload in form.files(document.key)]
    kept, refused = await keep_uploads(visit, chosen, bytes_before)
    asked = _change(form.text("_change"))
    stays = asked is not None or form.has("_stay") or bool(refused)
    command = SaveDocuments(
        owner_of(visit),
        draft_id,
        document_key,
        [file for _, file in kept],
        dropped=asked.item if asked and asked.kind == "drop" else "",
        goes_on=not stays,
    )
    async with visit.database.transaction() as tx:
        saved = await save_documents(command, tx)
    working = Working(saved.draft, working.service, saved.journey)
    step = saved.journey.step(f"documents/{document_key}")
    if step is None:
        return visit.go(working.path)
    errors = {name: visit.t(text) for name, text in refused.items()}
    if saved.is_missing and not stays:
        errors = {document.key: visit.t("upload.missing")}
    if errors:
        return _show_document(visit, working, step, errors, change=change)
    if stays:
        return visit.go(f"{working.path}/{step.path}{'?change=yes' if change else ''}")
    following = saved.journey.following(step)
    return visit.go(f"{working.path}/{following.path}" if following and not change else working.path)


def _show_document(
    visit: PageVisit, working: Working, step: Step, errors: Mapping[str, str], *, change: str
) -> Response:
    document = step.asks
    assert isinstance(document, DocumentAsked)  # noqa: S101 - only these are shown here
    return visit.render(
        "apply/document.html",
        422 if errors else 200,
        keep_changes=True,
        working=working,
        declared=working.declared,
        document=document,
        is_required=working.journey.is_required(document),
        files=working.draft.handed_in_files([document.key]),
        accept=ACCEPTED,
        errors=errors,
        number=working.journey.number(step),
        count=len(working.journey.steps) + 1,
        back=_back(working, step),
        change=change,
    )


@router.get("/{key}/{draft_id}/files/{digest}", dependencies=[visitors()])
async def get_file(key: str, draft_id: UUID, digest: Digest, visit: Visit, tx: InTx, inline: str = "") -> Response:
    """A file that was uploaded, for whoever uploaded it."""
    if await _working(key, draft_id, visit, tx) is None:
        return visit.go(f"/mine/{draft_id}/files/{digest}")
    return await answer_with(visit, await files.get(tx, draft_id, digest), inline=bool(inline))
