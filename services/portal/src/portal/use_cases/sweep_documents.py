"""What lies in the document store and belongs to nobody is removed."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from amtsbus.documents import DocumentStore
from amtsbus.postgres import Tx

from portal.store import files

AT_ONCE: Final = 20
GRACE: Final = timedelta(days=1)
"""So long after it was put there a document is left alone: somebody may be about to refer to it."""


@dataclass(frozen=True, slots=True)
class SweepDocuments:
    at_once: int = AT_ONCE


async def sweep_documents(command: SweepDocuments, documents: DocumentStore, tx: Tx) -> int:
    """Remove what nothing refers to; returns how much. Whoever uploads the same file meanwhile waits, and puts it there anew.

    Raises:
        DocumentStoreAwayError: try again later.
    """
    unused = await files.unused(tx, tx.clock.now() - GRACE, command.at_once)
    for digest in unused:
        await documents.delete(digest)
        await files.forget_kept(tx, digest)
    return len(unused)
