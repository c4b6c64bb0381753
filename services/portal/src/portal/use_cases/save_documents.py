"""The page on which one document is uploaded comes in."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from amtsbus.errors import NotFoundError
from amtsbus.postgres import Tx
from amtsbus.procedures.declaration import DocumentAsked

from portal.domain.draft import Draft
from portal.domain.journey import Journey, path_of
from portal.domain.owner import Owner
from portal.domain.upload import KeptFile
from portal.store import drafts, files, procedures


@dataclass(frozen=True, slots=True)
class SaveDocuments:
    owner: Owner
    draft_id: UUID
    document: str
    new_files: Sequence[KeptFile] = ()
    dropped: str = ""
    """The hash of a file that is taken out again."""
    goes_on: bool = True
    """Whether they are done with this document."""


@dataclass(frozen=True, slots=True)
class SavedDocuments:
    """The draft as it is now."""

    draft: Draft
    journey: Journey
    document: DocumentAsked
    is_missing: bool
    """Whether the document is required and there is no file yet."""


async def save_documents(command: SaveDocuments, tx: Tx) -> SavedDocuments:
    """Keep the files with the draft.

    Raises:
        NotFoundError: there is no such draft of this owner, or this document does not belong to it.
    """
    draft = await drafts.get(tx, command.draft_id, command.owner, to_change=True)
    declared = (await procedures.get(tx, draft.procedure, draft.version)).declared
    document = document_of(draft.journey(declared, tx.clock.today()), command.document)
    for file in command.new_files:
        await files.add(tx, draft.draft_id, file)
        draft.files.append(file)
    if any(file.slot == document.key and file.sha256 == command.dropped for file in draft.files):
        await files.drop(tx, draft.draft_id, document.key, command.dropped)
        draft.files = [file for file in draft.files if (file.slot, file.sha256) != (document.key, command.dropped)]
    draft.take_over(command.owner, tx.clock.now())
    if command.goes_on:
        draft.done.add(path_of(document))
    await drafts.save(tx, draft)
    journey = draft.journey(declared, tx.clock.today())
    is_missing = journey.is_required(document) and not draft.handed_in_files([document.key])
    return SavedDocuments(draft, journey, document, is_missing)


def document_of(journey: Journey, key: str) -> DocumentAsked:
    """The document `key`, where it belongs to the application.

    Raises:
        NotFoundError: it does not.
    """
    step = journey.step(f"documents/{key}")
    if step is None or not isinstance(step.asks, DocumentAsked):
        raise NotFoundError("There is no such document.")
    return step.asks
