"""Text blocks: seen by everybody who writes, changed by leads."""

from typing import Final
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from amtsbus.auth import Role
from amtsbus.desk import text_blocks
from amtsbus.desk.department import Viewer
from amtsbus.desk.pages.viewing import WORKERS, caller_of, viewer_of
from amtsbus.desk.text_blocks import TextBlock
from amtsbus.errors import ConflictError
from amtsbus.http import InTx
from amtsbus.web import Form, PageVisit, Visit, pages, staff

LONGEST_TITLE: Final = 100
LONGEST_BODY: Final = 5000
LANGUAGES: Final = ("de", "en")


def router_of() -> APIRouter:
    """The pages."""
    router = pages(prefix="/texts")

    @router.get("", dependencies=[staff(*WORKERS)])
    async def get_texts(visit: Visit, tx: InTx) -> Response:
        """All of them."""
        viewer = await viewer_of(visit, tx)
        blocks = [(one, viewer.name_of(one.changed_by)) for one in await text_blocks.text_blocks(tx, visit.language)]
        return visit.render("desk/texts.html", blocks=blocks, is_lead=Role.LEAD in caller_of(visit).roles)

    @router.get("/new", dependencies=[staff(Role.LEAD)])
    async def get_new(visit: Visit) -> Response:
        """An empty one."""
        return _show(visit, None, {"title": "", "body": "", "language": "de"})

    @router.post("/new", dependencies=[staff(Role.LEAD)])
    async def post_new(visit: Visit, tx: InTx) -> Response:
        """Keep a new one."""
        form = await visit.form()
        viewer = await viewer_of(visit, tx)
        values, mistakes = _read(form, viewer)
        if mistakes:
            return _show(visit, None, values, mistakes, status=422)
        await text_blocks.add(tx, values["title"], values["body"], values["language"], viewer.actor.subject)
        visit.notice("desk.texts.saved", title=values["title"])
        return visit.go("/texts")

    @router.get("/{text_block_id}", dependencies=[staff(Role.LEAD)])
    async def get_text(text_block_id: UUID, visit: Visit, tx: InTx) -> Response:
        """One of them, to change."""
        block = await text_blocks.get(tx, text_block_id)
        return _show(visit, block, {"title": block.title, "body": block.body, "language": block.language})

    @router.post("/{text_block_id}", dependencies=[staff(Role.LEAD)])
    async def post_text(text_block_id: UUID, visit: Visit, tx: InTx) -> Response:
        """Change it, or remove it."""
        form = await visit.form()
        viewer = await viewer_of(visit, tx)
        block = await text_blocks.get(tx, text_block_id)
        if form.has("remove"):
            await text_blocks.remove(tx, text_block_id)
            visit.notice("desk.texts.removed", title=block.title)
            return visit.go("/texts")
        values, mistakes = _read(form, viewer)
        if mistakes:
            return _show(visit, block, values, mistakes, status=422)
        try:
            seen = int(form.text("version", "0"))
            await text_blocks.change(tx, text_block_id, seen, by=viewer.actor.subject, **values)
        except (ConflictError, ValueError):
            mistake = {"": viewer.say("desk.texts.conflict", name=viewer.name_of(block.changed_by))}
            return _show(visit, block, values, mistake, status=409)
        visit.notice("desk.texts.saved", title=values["title"])
        return visit.go("/texts")

    return router


def _read(form: Form, viewer: Viewer) -> tuple[dict[str, str], dict[str, str]]:
    """The form's values, and what is wrong with them."""
    values = {
        "title": form.text("title")[:LONGEST_TITLE],
        "body": form.text("body")[:LONGEST_BODY],
        "language": form.text("language"),
    }
    if values["language"] not in LANGUAGES:
        values["language"] = "de"
    mistakes = {
        name: viewer.say("desk.mistake.required", label=viewer.say(f"desk.texts.{name}"))
        for name in ("title", "body")
        if not values[name]
    }
    return values, mistakes


def _show(
    visit: PageVisit,
    block: TextBlock | None,
    values: dict[str, str],
    mistakes: dict[str, str] | None = None,
    *,
    status: int = 200,
) -> Response:
    return visit.render(
        "desk/text.html", status, errors=mistakes or {}, block=block, values=values, longest=LONGEST_BODY
    )
