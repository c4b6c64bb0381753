"""What the portal does all the time beside reading: it deletes what nobody needs any more."""

import asyncio
from typing import TYPE_CHECKING

import structlog
from amtsbus.documents import DocumentStoreAwayError
from amtsbus.postgres import NO_ANSWER
from prometheus_client import Counter

from portal.settings import PortalSettings
from portal.use_cases.sweep_documents import AT_ONCE as DOCUMENTS_AT_ONCE
from portal.use_cases.sweep_documents import SweepDocuments, sweep_documents
from portal.use_cases.sweep_drafts import AT_ONCE as DRAFTS_AT_ONCE
from portal.use_cases.sweep_drafts import SweepDrafts, sweep_drafts

if TYPE_CHECKING:
    from amtsbus.documents import DocumentStore
    from amtsbus.postgres import Database
    from amtsbus.service import Running

log = structlog.get_logger("portal.tasks")

SWEPT = Counter("portal_swept_total", "What was deleted because nobody needs it any more: drafts, documents", ["what"])


async def sweep(running: "Running") -> None:
    """Delete expired drafts and unused documents, again and again, until cancelled."""
    settings = running.settings
    if not isinstance(settings, PortalSettings):
        raise TypeError("this task needs the settings of the portal")
    documents = settings.documents()
    while True:
        try:
            await sweep_once(running.database, documents)
        except (*NO_ANSWER, DocumentStoreAwayError) as error:
            log.warning("sweep_waits", error=type(error).__name__)
        await asyncio.sleep(settings.sweep_seconds)


async def sweep_once(database: "Database", documents: "DocumentStore") -> None:
    """Delete all that is to be deleted now, in short transactions."""
    found = DRAFTS_AT_ONCE
    while found == DRAFTS_AT_ONCE:
        async with database.transaction() as tx:
            found = await sweep_drafts(SweepDrafts(), tx)
        SWEPT.labels("drafts").inc(found)
    found = DOCUMENTS_AT_ONCE
    while found == DOCUMENTS_AT_ONCE:
        async with database.transaction() as tx:
            found = await sweep_documents(SweepDocuments(), documents, tx)
        SWEPT.labels("documents").inc(found)
