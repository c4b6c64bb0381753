"""Move-ins, moves within the city and departures: the same steps under three addresses."""

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from amtsbus.auth import Role, allow
from amtsbus.casework.procedure import Procedure
from amtsbus.casework.store import WorkListRow, of_applicant_key, work_list_key
from amtsbus.http import IfMatch, InRecordingTx, InTx, Page, PageQuery, PlausibleDate, ShortText, routes, set_etag
from amtsbus.postgres import Tx
from fastapi import APIRouter, Query, Response

from registration.domain.access import Viewer
from registration.domain.procedures import DEPARTURE, MOVE, MOVE_IN
from registration.http.asking import CurrentCitizen, CurrentViewer, ThisOffice
from registration.http.forms import (
    AssignmentForm,
    DepartureForm,
    LandlordConfirmationForm,
    LandlordRefusalForm,
    MoveForm,
    MoveInForm,
    ReasonForm,
)
from registration.http.views import (
    CaseLine,
    DeclarationView,
    DepartureView,
    MoveInView,
    MoveView,
    declaration_view,
)
from registration.use_cases.assign_case import AssignCase, assign_case
from registration.use_cases.close_declaration import CloseDeclaration, close_declaration
from registration.use_cases.list_own_cases import list_own_cases
from registration.use_cases.list_work import ListWork, list_work
from registration.use_cases.read_declaration import OpenedDeclaration, handed_in, read_case_file, read_declaration
from registration.use_cases.register_declaration import RegisterDeclaration, register_declaration
from registration.use_cases.reject_declaration import RejectDeclaration, reject_declaration
from registration.use_cases.report_landlord_refusal import ReportLandlordRefusal, report_landlord_refusal
from registration.use_cases.submit_departure import submit_departure
from registration.use_cases.submit_move import submit_move
from registration.use_cases.submit_move_in import submit_move_in
from registration.use_cases.supply_landlord_confirmation import (
    SupplyLandlordConfirmation,
    supply_landlord_confirmation,
)
from registration.use_cases.withdraw_declaration import WithdrawDeclaration, withdraw_declaration

DECLARANTS = allow(Role.CITIZEN, Role.CLERK, Role.LEAD)
STAFF = allow(Role.CLERK, Role.LEAD)
READERS = allow(Role.CITIZEN, Role.CLERK, Role.LEAD, Role.AUDITOR)

move_ins = routes(prefix="/v1/move-ins", tags=["move-ins"])
moves = routes(prefix="/v1/moves", tags=["moves"])
departures = routes(prefix="/v1/departures", tags=["departures"])
work_list = routes(prefix="/v1/work-list", tags=["work list"])


async def _answer(case_id: UUID, procedure: Procedure, viewer: Viewer, tx: Tx, response: Response) -> DeclarationView:
    """The case to whoever has just handed it in or acted on it."""
    return await _shown(await handed_in(case_id, procedure, tx), viewer, tx, response)


async def _shown(opened: OpenedDeclaration, viewer: Viewer, tx: Tx, response: Response) -> DeclarationView:
    """The case with its ETag; to staff with the file that goes with it."""
    set_etag(response, opened.case.version)
    file = await read_case_file(opened, viewer, tx) if viewer.is_staff else None
    return declaration_view(opened, viewer, file)


@move_ins.post("", status_code=201, response_model=MoveInView, dependencies=[DECLARANTS])
async def post_move_in(
    form: MoveInForm, viewer: CurrentViewer, office: ThisOffice, tx: InTx, response: Response
) -> DeclarationView:
    """Register a home (Anmeldung, BMG § 17): a citizen for themself and the family, or staff for them."""
    case_id = await submit_move_in(form.to_command(viewer), tx, office)
    response.headers["Location"] = f"/v1/move-ins/{case_id}"
    return await _answer(case_id, MOVE_IN, viewer, tx, response)


@moves.post("", status_code=201, response_model=MoveView, dependencies=[DECLARANTS])
async def post_move(
    form: MoveForm, viewer: CurrentViewer, office: ThisOffice, tx: InTx, response: Response
) -> DeclarationView:
    """Declare a move within the city (Ummeldung) of oneself and members of the household."""
    case_id = await submit_move(form.to_command(viewer), tx, office)
    response.headers["Location"] = f"/v1/moves/{case_id}"
    return await _answer(case_id, MOVE, viewer, tx, response)


@departures.post("", status_code=201, response_model=DepartureView, dependencies=[DECLARANTS])
async def post_departure(
    form: DepartureForm, viewer: CurrentViewer, office: ThisOffice, tx: InTx, response: Response
) -> DeclarationView:
    """Declare that oneself and members of the household leave the city (Abmeldung, BMG § 17 (2))."""
    case_id = await submit_departure(form.to_command(viewer), tx, office)
    response.headers["Location"] = f"/v1/departures/{case_id}"
    return await _answer(case_id, DEPARTURE, viewer, tx, response)


def _add_steps(router: APIRouter, procedure: Procedure, view: type[DeclarationView]) -> None:
    """The steps that all three procedures have."""

    @router.get("", response_model=Page[CaseLine], dependencies=[allow(Role.CITIZEN)])
    async def get_own_cases(citizen: CurrentCitizen, page: PageQuery, tx: InTx) -> Page[CaseLine]:
        """The caller's own cases, the newest first."""
        rows = await list_own_cases(citizen, procedure, page.after, page.fetch, tx)
        return _page(rows, page.limit, of_applicant_key, staff=False)

    @router.get("/{case_id}", response_model=view, dependencies=[READERS])
    async def get_case(case_id: UUID, viewer: CurrentViewer, tx: InRecordingTx, response: Response) -> DeclarationView:
        """One case. Staff's reading is logged."""
        return await _shown(await read_declaration(case_id, procedure, viewer, tx), viewer, tx, response)

    @router.post("/{case_id}/register", response_model=view, dependencies=[STAFF])
    async def post_registration(
        case_id: UUID, version: IfMatch, viewer: CurrentViewer, office: ThisOffice, tx: InTx, response: Response
    ) -> DeclarationView:
        """Enter what was declared; before its day the case becomes `checked` and is entered on the day."""
        await register_declaration(RegisterDeclaration(viewer, case_id, procedure, version), tx, office)
        return await _answer(case_id, procedure, viewer, tx, response)

    @router.post("/{case_id}/reject", response_model=view, dependencies=[STAFF])
    async def post_rejection(
        case_id: UUID, form: ReasonForm, version: IfMatch, viewer: CurrentViewer, tx: InTx, response: Response
    ) -> DeclarationView:
        """Reject it with a reason; nothing is entered."""
        await reject_declaration(RejectDeclaration(viewer, case_id, procedure, version, form.reason), tx)
        return await _answer(case_id, procedure, viewer, tx, response)

    @router.post("/{case_id}/withdraw", response_model=view, dependencies=[DECLARANTS])
    async def post_withdrawal(
        case_id: UUID, version: IfMatch, viewer: CurrentViewer, tx: InTx, response: Response
    ) -> DeclarationView:
        """Take it back before it is entered."""
        await withdraw_declaration(WithdrawDeclaration(viewer, case_id, procedure, version), tx)
        return await _answer(case_id, procedure, viewer, tx, response)

    @router.post("/{case_id}/close", response_model=view, dependencies=[STAFF])
    async def post_closure(
        case_id: UUID, version: IfMatch, viewer: CurrentViewer, tx: InTx, response: Response
    ) -> DeclarationView:
        """Close a registered case: the former authorities have been told (BMG § 33)."""
        await close_declaration(CloseDeclaration(viewer, case_id, procedure, version), tx)
        return await _answer(case_id, procedure, viewer, tx, response)

    @router.post("/{case_id}/assign", response_model=view, dependencies=[STAFF])
    async def post_assignment(
        case_id: UUID, form: AssignmentForm, version: IfMatch, viewer: CurrentViewer, tx: InTx, response: Response
    ) -> DeclarationView:
        """Give the case to a caseworker, or back to the pool."""
        await assign_case(AssignCase(viewer, case_id, procedure, version, form.assignee), tx)
        return await _answer(case_id, procedure, viewer, tx, response)


def _add_landlord(router: APIRouter, procedure: Procedure, view: type[DeclarationView]) -> None:
    """The steps of the procedures that need the landlord's confirmation."""

    @router.post("/{case_id}/landlord-confirmation", response_model=view, dependencies=[DECLARANTS])
    async def post_landlord_confirmation(
        case_id: UUID,
        form: LandlordConfirmationForm,
        version: IfMatch,
        viewer: CurrentViewer,
        tx: InTx,
        response: Response,
    ) -> DeclarationView:
        """Supply the landlord's confirmation (Wohnungsgeberbestätigung, BMG § 19)."""
        command = SupplyLandlordConfirmation(viewer, case_id, procedure, version, form.to_confirmation())
        await supply_landlord_confirmation(command, tx)
        return await _answer(case_id, procedure, viewer, tx, response)

    @router.post("/{case_id}/landlord-refusal", response_model=view, dependencies=[DECLARANTS])
    async def post_landlord_refusal(
        case_id: UUID,
        form: LandlordRefusalForm,
        version: IfMatch,
        viewer: CurrentViewer,
        tx: InTx,
        response: Response,
    ) -> DeclarationView:
        """Report that the landlord does not confirm (BMG § 19 (2)); the registration goes on."""
        command = ReportLandlordRefusal(viewer, case_id, procedure, version, form.statement)
        await report_landlord_refusal(command, tx)
        return await _answer(case_id, procedure, viewer, tx, response)


_add_steps(move_ins, MOVE_IN, MoveInView)
_add_landlord(move_ins, MOVE_IN, MoveInView)
_add_steps(moves, MOVE, MoveView)
_add_landlord(moves, MOVE, MoveView)
_add_steps(departures, DEPARTURE, DepartureView)

DECLARATION_ROUTERS = (move_ins, moves, departures)


@work_list.get("", response_model=Page[CaseLine], dependencies=[allow(Role.CLERK, Role.LEAD, Role.AUDITOR)])
async def get_work_list(
    viewer: CurrentViewer,
    page: PageQuery,
    tx: InTx,
    state: Annotated[
        list[ShortText] | None, Query(max_length=10, description="Only cases in these states; left out: all open ones")
    ] = None,
    assignee: Annotated[ShortText | None, Query(description="Only those of this caseworker")] = None,
    due_before: Annotated[PlausibleDate | None, Query(description="Only those that are due before this day")] = None,
) -> Page[CaseLine]:
    """The office's cases, the most urgent first."""
    query = ListWork(viewer, state, assignee, due_before, page.after, page.fetch)
    rows = await list_work(query, tx)
    return _page(rows, page.limit, work_list_key, staff=True)


def _page(
    rows: list[WorkListRow], limit: int, key: Callable[[WorkListRow], list[Any]], *, staff: bool
) -> Page[CaseLine]:
    page = Page[Any].of(rows, limit, key)
    return Page(items=[CaseLine.of(row, staff=staff) for row in page.items], next=page.next)
