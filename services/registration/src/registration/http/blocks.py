"""Disclosure blocks (Auskunftssperren, BMG § 51)."""

from typing import Any
from uuid import UUID

from amtsbus.auth import Role, allow
from amtsbus.casework.store import work_list_key
from amtsbus.http import IfMatch, InTx, Page, PageQuery, routes, set_etag
from amtsbus.postgres import Tx
from fastapi import Response

from registration.domain.access import Viewer
from registration.http.asking import CurrentViewer, ThisOffice
from registration.http.forms import DisclosureBlockForm, ReasonForm
from registration.http.views import CaseLine, DisclosureBlockView
from registration.use_cases.grant_disclosure_block import GrantDisclosureBlock, grant_disclosure_block
from registration.use_cases.list_block_requests import list_block_requests
from registration.use_cases.read_disclosure_block import read_disclosure_block
from registration.use_cases.refuse_disclosure_block import RefuseDisclosureBlock, refuse_disclosure_block
from registration.use_cases.request_disclosure_block import RequestDisclosureBlock, request_disclosure_block

router = routes(prefix="/v1/disclosure-blocks", tags=["disclosure blocks"])


@router.post("", status_code=201, dependencies=[allow(Role.CLERK, Role.LEAD)])
async def post_disclosure_block(
    form: DisclosureBlockForm, viewer: CurrentViewer, tx: InTx, response: Response
) -> DisclosureBlockView:
    """Propose a block, or the renewal of one; another person, a lead, decides."""
    case_id = await request_disclosure_block(RequestDisclosureBlock(viewer, form.person_id, form.grounds), tx)
    response.headers["Location"] = f"/v1/disclosure-blocks/{case_id}"
    return await _answer(case_id, viewer, tx, response)


@router.get("", dependencies=[allow(Role.LEAD, Role.AUDITOR)])
async def get_disclosure_blocks(page: PageQuery, tx: InTx) -> Page[CaseLine]:
    """Proposals that wait for a decision."""
    rows = await list_block_requests(page.after, page.fetch, tx)
    shown = Page[Any].of(rows, page.limit, work_list_key)
    return Page(items=[CaseLine.of(row, staff=True) for row in shown.items], next=shown.next)


@router.get("/{case_id}", dependencies=[allow(Role.CLERK, Role.LEAD, Role.AUDITOR)])
async def get_disclosure_block(
    case_id: UUID, viewer: CurrentViewer, tx: InTx, response: Response
) -> DisclosureBlockView:
    """A proposal and what became of it; for the clerk who made it, until it is decided."""
    return await _answer(case_id, viewer, tx, response)


@router.post("/{case_id}/grant", dependencies=[allow(Role.LEAD)])
async def post_grant(
    case_id: UUID, version: IfMatch, viewer: CurrentViewer, office: ThisOffice, tx: InTx, response: Response
) -> DisclosureBlockView:
    """Put the block into force for two years, or prolong the running one. Not by whoever proposed it."""
    await grant_disclosure_block(GrantDisclosureBlock(viewer, case_id, version), tx, office)
    return await _answer(case_id, viewer, tx, response)


@router.post("/{case_id}/refuse", dependencies=[allow(Role.LEAD)])
async def post_refusal(
    case_id: UUID, form: ReasonForm, version: IfMatch, viewer: CurrentViewer, tx: InTx, response: Response
) -> DisclosureBlockView:
    """Refuse it with a reason."""
    await refuse_disclosure_block(RefuseDisclosureBlock(viewer, case_id, version, form.reason), tx)
    return await _answer(case_id, viewer, tx, response)


async def _answer(case_id: UUID, viewer: Viewer, tx: Tx, response: Response) -> DisclosureBlockView:
    case, request = await read_disclosure_block(case_id, viewer, tx)
    set_etag(response, case.version)
    return DisclosureBlockView.of(case, request)
