"""Letters: to read, to save as PDF, and to be checked by whoever holds one."""

from uuid import UUID

from amtsbus.errors import NotFoundError
from amtsbus.http import InRecordingTx, InTx
from amtsbus.web import RateLimit, Visit, attachment, pages, visitors
from starlette.responses import Response

from portal.pages.whom import documents_of, not_theirs, owner_of
from portal.store import applications, letters, procedures
from portal.use_cases.read_letter import ReadLetter, read_letter
from portal.use_cases.verify_letter import VerifyLetter, verify_letter
from portal.use_cases.write_pdf import WritePdf, write_pdf

router = pages()

CHECKS = RateLimit(times=20, per_seconds=60)
"""Codes that are tried from one address."""


@router.get("/letters", dependencies=[visitors()])
async def get_letters(visit: Visit, tx: InTx) -> Response:
    """All letters to whoever comes."""
    owner = owner_of(visit)
    found = await letters.all_of(tx, owner)
    if not found and not owner.is_known:
        return visit.render("mine/nobody.html")
    return visit.render("letters/list.html", letters=found)


@router.get("/letters/{letter_id}", dependencies=[visitors()])
async def get_letter(letter_id: UUID, visit: Visit, tx: InRecordingTx) -> Response:
    """One letter; that it was read is noted."""
    owner = owner_of(visit)
    try:
        letter = await read_letter(ReadLetter(owner, letter_id), tx)
    except NotFoundError as error:
        raise not_theirs(visit, error) from None
    return visit.render(
        "letters/letter.html",
        letter=letter,
        office=(await procedures.catalogue(tx)).office(letter.office),
        has_application=await applications.is_there(tx, letter.case_id, owner),
    )


@router.get("/letters/{letter_id}/pdf", dependencies=[visitors()])
async def get_pdf(letter_id: UUID, visit: Visit, tx: InRecordingTx) -> Response:
    """The letter as PDF."""
    command = WritePdf(owner_of(visit), letter_id, visit.site.name("de"), visit.absolute("/verify"))
    try:
        written = await write_pdf(command, documents_of(visit), tx)
    except NotFoundError as error:
        raise not_theirs(visit, error) from None
    return Response(written.content, media_type="application/pdf", headers=attachment(written.name))


@router.get("/verify", dependencies=[visitors()])
async def get_verify(visit: Visit) -> Response:
    """Ask for reference and code of a letter."""
    return visit.render("letters/verify.html", genuine=None, reference="", code="")


@router.post("/verify", dependencies=[visitors()])
async def post_verify(visit: Visit, tx: InTx) -> Response:
    """Whether the letter is genuine, and nothing else."""
    CHECKS.check(visit.client_address)
    form = await visit.form()
    reference, code = form.text("reference"), form.text("code")
    asked = {"reference": reference, "code": code}
    errors = {name: visit.t(f"verify.{name}-missing") for name, value in asked.items() if not value}
    if errors:
        return visit.render("letters/verify.html", 422, genuine=None, errors=errors, reference=reference, code=code)
    genuine = await verify_letter(VerifyLetter(reference, code), tx)
    return visit.render("letters/verify.html", genuine=genuine, reference=reference, code=code)
