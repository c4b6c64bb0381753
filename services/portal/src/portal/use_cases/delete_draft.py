"""Somebody deletes a draft."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.postgres import Tx

from portal.domain.owner import Owner
from portal.store import drafts


@dataclass(frozen=True, slots=True)
class DeleteDraft:
    owner: Owner
    draft_id: UUID


async def delete_draft(command: DeleteDraft, tx: Tx) -> None:
    """Remove it at once, with its files.

    Raises:
        NotFoundError: there is no such draft of this owner.
    """
    draft = await drafts.get(tx, command.draft_id, command.owner, to_change=True)
    await drafts.delete(tx, draft.draft_id)
