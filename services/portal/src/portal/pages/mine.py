"""My applications: where they stand, what is to be done, and everything that belongs to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from amtsbus.errors import NotFoundError, RuleViolationError
from amtsbus.http import InTx
from amtsbus.postgres import Tx
from amtsbus.procedures import wording
from amtsbus.procedures.declaration import DocumentAsked, Page, ProcedureFile
from amtsbus.web import PageVisit, RateLimit, Visit, pages, uploads, visitors
from starlette.responses import Response

from portal.domain.application import Application, corrected, state_in_words, step_in_words
from portal.domain.catalogue import Service
from portal.domain.sent import told, typed_answers
from portal.domain.upload import ACCEPTED, KeptFile
from portal.pages.apply import FORM_BYTES, MOST_FILES, keep_uploads, link_key
from portal.pages.fields import FieldView, errors_of, keys_shown, upload_names, views_of
from portal.pages.files import Digest, answer_with
from portal.pages.whom import hold, not_theirs, owner_of, require_level, settings_of
from portal.providers import provider_of
from portal.store import applications, drafts, files, letters, procedures
from portal.store.applications import Happening
from portal.use_cases.delete_draft import DeleteDraft, delete_draft
from portal.use_cases.issue_link import IssueLink, issue_link
from portal.use_cases.open_link import OpenLink, open_link
from portal.use_cases.supply_documents import Supplied, SupplyDocuments, supply_documents
from portal.use_cases.withdraw_application import WithdrawApplication, withdraw_application

router = pages(prefix="/mine")

LINKS = RateLimit(times=30, per_seconds=60)
"""Secret links that are tried from one address."""


@dataclass(frozen=True, slots=True)
class Row:
    """One draft or application in the list."""

    name: str
    path: str
    what: Any


@router.get("", dependencies=[visitors()])
async def get_list(visit: Visit, tx: InTx) -> Response:
    """What somebody has begun and handed in."""
    owner = owner_of(visit)
    begun, handed_in = await drafts.all_of(tx, owner), await applications.all_of(tx, owner)
    if not owner.is_known and not begun and not handed_in:
        return visit.render("mine/nobody.html")
    versions = {(one.procedure, one.version) for one in begun} | {(one.procedure, one.version) for one in handed_in}
    services = {version: await procedures.get(tx, *version) for version in versions}

    def name(one: Any) -> str:
        return services[one.procedure, one.version].declared.name.in_language(visit.language)

    return visit.render(
        "mine/list.html",
        drafts=[Row(name(one), f"/apply/{one.procedure}/{one.draft_id}", one) for one in begun],
        applications=[
            (
                Row(name(one), f"/mine/{one.application_id}", one),
                state_of(visit, one, services[one.procedure, one.version].declared),
            )
            for one in handed_in
        ],
        unread=await letters.unread(tx, owner),
        is_known=owner.is_known,
    )


@router.post("/drafts/{draft_id}/delete", dependencies=[visitors()])
async def post_delete(draft_id: UUID, visit: Visit, tx: InTx) -> Response:
    """Delete a draft at once."""
    try:
        await delete_draft(DeleteDraft(owner_of(visit), draft_id), tx)
    except NotFoundError as error:
        raise not_theirs(visit, error) from None
    visit.notice("mine.draft-deleted")
    return visit.go("/mine")


@router.get("/link/{token}", dependencies=[visitors()])
async def get_link(token: str, visit: Visit, tx: InTx) -> Response:
    """The secret link of an application for which nobody had to say who they are."""
    LINKS.check(visit.client_address)
    application_id = await open_link(OpenLink(token), tx)
    hold(visit, application_id)
    return visit.go(f"/mine/{application_id}")


# One application


@dataclass(frozen=True, slots=True)
class Shown:
    """The application that is shown, with the service that it is for."""

    application: Application
    service: Service

    @property
    def declared(self) -> ProcedureFile:
        return self.service.declared

    @property
    def path(self) -> str:
        return f"/mine/{self.application.application_id}"


async def _shown(application_id: UUID, visit: PageVisit, tx: Tx) -> Shown:
    """The application, where it is theirs and they are identified as surely as it asks for.

    Raises:
        NotFoundError, LoginNeededError: it is not.
    """
    try:
        application = await applications.get(tx, application_id, owner_of(visit))
    except NotFoundError as error:
        raise not_theirs(visit, error) from None
    service = await procedures.get(tx, application.procedure, application.version)
    if application.applicant.person_id is not None:
        require_level(visit, service.declared)
    return Shown(application, service)


@router.get("/{application_id}", dependencies=[visitors()])
async def get_application(application_id: UUID, visit: Visit, tx: InTx) -> Response:
    """Where it stands, what is next, and what was."""
    shown = await _shown(application_id, visit, tx)
    application, declared = shown.application, shown.declared
    token = visit.recall(link_key(application_id))
    visit.forget(link_key(application_id))
    return visit.render(
        "mine/application.html",
        shown=shown,
        application=application,
        declared=declared,
        office=shown.service.office,
        state=state_of(visit, application, declared),
        timeline=[
            (one, happening_in_words(visit, one, declared)) for one in await applications.happenings(tx, application_id)
        ],
        letters=await letters.of_case(tx, application_id, owner_of(visit)),
        lines=wording.lines(declared, application.answers, visit.language, today=visit.today),
        can_pay=provider_of(settings_of(visit)) is not None,
        secret_link=visit.absolute(f"/mine/link/{token}") if token else "",
        is_anonymous=application.applicant.person_id is None,
    )


def state_of(visit: PageVisit, application: Application, declared: ProcedureFile) -> str:
    """Where it stands, as the office calls it; before that, as the portal does."""
    if application.withdrawn_at is not None and not application.is_closed:
        return visit.t("state.withdrawing")
    if application.state is None:
        return visit.t("state.handed-in")
    return state_in_words(declared, application.state).in_language(visit.language)


def happening_in_words(visit: PageVisit, happening: Happening, declared: ProcedureFile) -> str:
    """What happened, in one sentence."""
    said = dict(happening.about)
    values: dict[str, str] = {}
    if "state" in said:
        values["state"] = state_in_words(declared, said["state"]).in_language(visit.language)
    if "action" in said:
        values["step"] = step_in_words(declared, said["action"]).in_language(visit.language)
    if "due_on" in said:
        values["day"] = wording.day(date.fromisoformat(said["due_on"]), visit.language)
    if "amount_cents" in said:
        values["amount"] = wording.euros(said["amount_cents"], visit.language)
    if "reference" in said:
        values["reference"] = said["reference"]
    return visit.t(f"timeline.{happening.what}", **values)


@router.post("/{application_id}/link", dependencies=[visitors()])
async def post_link(application_id: UUID, visit: Visit, tx: InTx) -> Response:
    """A new secret link; the one before is worth nothing any more."""
    shown = await _shown(application_id, visit, tx)
    visit.remember(link_key(application_id), await issue_link(IssueLink(owner_of(visit), application_id), tx))
    return visit.go(shown.path)


@router.get("/{application_id}/files/{digest}", dependencies=[visitors()])
async def get_file(application_id: UUID, digest: Digest, visit: Visit, tx: InTx, inline: str = "") -> Response:
    """A file that was handed in, for whoever did."""
    await _shown(application_id, visit, tx)
    return await answer_with(visit, await files.get(tx, application_id, digest), inline=bool(inline))


# Withdrawing


@router.get("/{application_id}/withdraw", dependencies=[visitors()])
async def get_withdraw(application_id: UUID, visit: Visit, tx: InTx) -> Response:
    """Ask whether they mean it."""
    shown = await _shown(application_id, visit, tx)
    if not shown.application.is_open:
        return visit.go(shown.path)
    return visit.render("mine/withdraw.html", shown=shown, declared=shown.declared)


@router.post("/{application_id}/withdraw", dependencies=[visitors()])
async def post_withdraw(application_id: UUID, visit: Visit, tx: InTx) -> Response:
    """Withdraw it, if they have said so twice."""
    shown = await _shown(application_id, visit, tx)
    form = await visit.form()
    if form.text("sure") != "yes":
        errors = {"sure": visit.t("withdraw.not-sure")}
        return visit.render("mine/withdraw.html", 422, shown=shown, declared=shown.declared, errors=errors)
    try:
        await withdraw_application(WithdrawApplication(owner_of(visit), application_id), tx)
    except RuleViolationError as error:
        visit.notice(f"rule.{error.code}", kind="warning")
        return visit.go(shown.path)
    visit.notice("withdraw.done")
    return visit.go(shown.path)


# Handing in what is missing


@router.get("/{application_id}/supply", dependencies=[visitors()])
async def get_supply(application_id: UUID, visit: Visit, tx: InTx) -> Response:
    """What the office asks for, or what can still be handed in."""
    shown = await _shown(application_id, visit, tx)
    application, declared = shown.application, shown.declared
    if not application.is_open:
        return visit.go(shown.path)
    asked = application.request.fields if application.request else ()
    correction = corrected(declared, application.answers, asked, None, visit.today)
    uploaded = await files.of(tx, application_id, handed_in=False)
    typed = {
        name: value
        for page in correction.pages
        for name, value in typed_answers(page.fields, application.answers, visit.language).items()
    }
    return _show_supply(visit, shown, correction.pages, typed, uploaded, {}, message="")


@router.post("/{application_id}/supply", dependencies=[visitors()])
@uploads(limit_bytes=FORM_BYTES, files=MOST_FILES)
async def post_supply(application_id: UUID, visit: Visit) -> Response:
    """Keep what was uploaded, and hand it in when nothing is missing.

    Its transactions are its own: between them files are scanned and stored.
    """
    form = await visit.form()
    async with visit.database.transaction() as tx:
        shown = await _shown(application_id, visit, tx)
        bytes_before = await files.total_bytes(tx, application_id)
    chosen = [(name, slot, upload) for name, slot in _inputs(shown, form.names(), visit) for upload in form.files(name)]
    kept, refused = await keep_uploads(visit, chosen, bytes_before)
    drop = form.text("_change").split()
    message = form.text("message")[:2000]
    stays = form.has("_stay") or form.has("_change") or bool(refused)
    command = SupplyDocuments(
        owner_of(visit),
        application_id,
        tuple((name, value) for name, value in form.items() if not name.startswith("_")),
        frozenset(form.text("_shown").split()),
        message or None,
        kept,
        dropped=(drop[1], drop[2]) if len(drop) == 3 and drop[0] == "drop" else None,
        hands_in=not stays,
    )
    try:
        async with visit.database.transaction() as tx:
            supplied = await supply_documents(command, tx)
    except RuleViolationError as error:
        visit.notice(f"rule.{error.code}", kind="warning")
        return visit.go(shown.path if error.code == "application-closed" else f"{shown.path}/supply")
    if supplied.was_handed_in:
        visit.notice("supply.done")
        return visit.go(shown.path)
    return _show_supplied(visit, shown, supplied, refused, command)


def _inputs(shown: Shown, names: Sequence[str], visit: PageVisit) -> list[tuple[str, str]]:
    """The inputs through which files may come: of documents, and of fields that the office asks about."""
    documents = [(key, key) for key in shown.application.asked_documents(shown.declared, visit.today)]
    return documents + [pair for page in shown.declared.form.pages for pair in upload_names(page, names)]


def _show_supplied(
    visit: PageVisit, shown: Shown, supplied: Supplied, refused: Mapping[str, str], command: SupplyDocuments
) -> Response:
    """The page once more: with what is missing or wrong, or with another file."""
    correction = supplied.correction
    fields = [one for page in correction.pages for one in page.fields]
    errors = {name: visit.t(text) for name, text in refused.items()}
    if command.hands_in:
        errors |= {key: visit.t("upload.missing") for key in supplied.missing}
        errors |= errors_of(told(correction.problems, command.shown), fields, visit.language)
    return _show_supply(
        visit, shown, correction.pages, supplied.sent, supplied.files, errors, message=command.message or ""
    )


def _show_supply(
    visit: PageVisit,
    shown: Shown,
    asked: Sequence[Page],
    typed: Mapping[str, Any],
    uploaded: Sequence[KeptFile],
    errors: Mapping[str, str],
    *,
    message: str,
) -> Response:
    application, declared = shown.application, shown.declared
    sections: list[tuple[Page, list[FieldView]]] = [
        (page, views_of(page, typed, application.answers, language=visit.language, today=visit.today)) for page in asked
    ]
    wanted = application.asked_documents(declared, visit.today)
    documents: list[tuple[DocumentAsked, list[KeptFile]]] = [
        (one, [file for file in uploaded if file.slot == one.key]) for one in declared.documents if one.key in wanted
    ]
    return visit.render(
        "mine/supply.html",
        422 if errors else 200,
        keep_changes=True,
        shown=shown,
        application=application,
        declared=declared,
        sections=sections,
        keys=keys_shown([view for _, views in sections for view in views]),
        documents=documents,
        accept=ACCEPTED,
        message=message,
        errors=errors,
    )
