"""Read the request for a disclosure block, and what became of it."""

from uuid import UUID

from amtsbus.casework import store as cases
from amtsbus.casework.case import Case
from amtsbus.errors import NotFoundError, PreconditionFailedError
from amtsbus.postgres import Tx

from registration import store
from registration.domain.access import Viewer
from registration.domain.procedures import DISCLOSURE_BLOCK, REQUESTED
from registration.store import BlockRequest


async def read_disclosure_block(case_id: UUID, viewer: Viewer, tx: Tx) -> tuple[Case, BlockRequest]:
    """A request and what became of it: for leads and auditors; for the clerk who proposed it, until it is decided.

    Raises:
        NotFoundError: there is none, or it is not the viewer's to see.
    """
    case = await cases.get(tx, case_id, DISCLOSURE_BLOCK)
    request = await store.block_request(tx, case_id)
    own_and_open = request.requested_by == viewer.subject and case.state == REQUESTED
    if not (viewer.sees_blocked or own_and_open):
        raise NotFoundError("there is no such case")
    return case, request


async def block_case_at(case_id: UUID, version: int, tx: Tx) -> Case:
    """The case, to decide on it, at the version that the viewer has seen.

    Raises:
        NotFoundError: there is none.
        PreconditionFailedError: it has another version by now.
    """
    case = await cases.get(tx, case_id, DISCLOSURE_BLOCK)
    if case.version != version:
        raise PreconditionFailedError(f"the case is at version {case.version}; read it again before you act on it")
    return case
