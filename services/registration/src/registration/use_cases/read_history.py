"""Read everything that was ever entered on a resident, and who has read it."""

from uuid import UUID

from amtsbus.postgres import Tx

from registration import store
from registration.domain.access import Viewer
from registration.store import PastEntry, PastResidence, RecordRead
from registration.use_cases.read_person import ReadPerson, read_person


async def read_history(
    viewer: Viewer, person_id: UUID, purpose: str | None, tx: Tx
) -> tuple[list[PastEntry], list[PastResidence]]:
    """All entries, also ended and superseded ones; logged. Raises as `read_person`."""
    await read_person(ReadPerson(viewer, person_id, purpose, how="history"), tx)
    return await store.history(tx, person_id)


async def read_access_log(person_id: UUID, *, before: int | None, limit: int, tx: Tx) -> list[RecordRead]:
    """Who has read a record, the latest first; for those who supervise it."""
    return await store.reads_of(tx, person_id, before=before, limit=limit)
