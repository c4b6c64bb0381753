"""A department's folder of procedures becomes what it offers: every change of a file is a new version, told to the city."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid5

import structlog
from prometheus_client import Counter, Gauge

from amtsbus.postgres import Tx
from amtsbus.procedures import store
from amtsbus.procedures.catalogue import Catalogue
from amtsbus.procedures.checking import Office, ProcedureFileError, read_office
from amtsbus.procedures.declaration import ProcedureFile
from amtsbus.procedures.store import StoredProcedure

if TYPE_CHECKING:
    from amtsbus.service import Running

log = structlog.get_logger("amtsbus.procedures")

OFFERED = Gauge("offices_procedures_offered", "Procedures that the office offers", ["office"])
REFUSED = Gauge(
    "offices_procedures_refused", "1 while the folder has mistakes and the last good state is kept", ["office"]
)
PUBLISHED = Counter("offices_procedures_published_total", "Procedures that were published or withdrawn", ["office"])

_PROCEDURES: Final = UUID("6f1f5f04-6f3c-5d0a-9a55-7f6d1c1c2b6e")
"""The namespace of procedures' ids, which follow from office and key (RFC 9562, UUIDv5)."""

Complete = Callable[[ProcedureFile, Tx], Awaitable[ProcedureFile | None]]
"""Puts into a procedure what only the department's database knows, as answers to choose from; None: it cannot be offered now."""


async def publish_procedures(read: Office, catalogue: Catalogue, tx: Tx, complete: Complete | None = None) -> list[str]:
    """Publish what is new or has changed, as a new version, and withdraw what is gone; cases that are open keep their version.

    Returns:
        The keys of what was published or withdrawn.
    """
    now = tx.clock.now()
    office = read.declaration.key
    known = await store.newest_to_change(tx)
    read = await _completed(read, complete, tx)  # only now, so that nobody publishes what has changed in the meantime
    changed: list[str] = []
    office_text = read.declaration.model_dump_json(exclude_none=True)
    for key, declared in sorted(read.procedures.items()):
        text = declared.model_dump_json(by_alias=True, exclude_none=True)
        digest = sha256(f"{text}\n{office_text}".encode()).hexdigest()
        before = known.get(key)
        if before and before.sha256 == digest and not before.withdrawn:
            continue
        if before and before.sha256 == digest:
            await store.set_offered(tx, key, before.version, None)
            version = before.version
        else:
            version = before.version + 1 if before else 1
            stored = StoredProcedure(
                procedure_id(office, key), key, version, digest, declared, read.declaration, withdrawn=False
            )
            await store.add(tx, stored, text, office_text, now)
        await tx.append(
            procedure_id(office, key),
            catalogue.procedure_published(
                office=office,
                procedure_id=procedure_id(office, key),
                key=key,
                version=version,
                declaration=json.loads(text),
                office_declaration=json.loads(office_text),
                published_at=now,
            ),
        )
        changed.append(key)
    for key, before in sorted(known.items()):
        if key not in read.procedures and not before.withdrawn:
            await store.set_offered(tx, key, before.version, now)
            await tx.append(
                before.procedure_id,
                catalogue.procedure_withdrawn(
                    office=office, procedure_id=before.procedure_id, key=key, withdrawn_at=now
                ),
            )
            changed.append(key)
    return changed


async def _completed(read: Office, complete: Complete | None, tx: Tx) -> Office:
    if complete is None:
        return read
    procedures = {key: await complete(declared, tx) for key, declared in read.procedures.items()}
    return replace(read, procedures={key: declared for key, declared in procedures.items() if declared is not None})


def procedure_id(office: str, key: str) -> UUID:
    """The id of a procedure in all its versions."""
    return uuid5(_PROCEDURES, f"{office}/{key}")


class ProcedureFolder:
    """A task of a worker: publishes the procedures in a folder, and every change of their files.

    A folder with a mistake changes nothing: what was offered goes on being offered, and the mistakes are told.

    Args:
        office: the department's key, as `office.yaml` has it.
        catalogue: the events in which it tells what it offers.
        written_for: see `read_office`.
        complete: what a procedure lacks in its file; a change of that is published like one of the file.
    """

    __name__ = "procedure_folder"

    def __init__(
        self,
        office: str,
        folder: Path,
        catalogue: Catalogue,
        *,
        written_for: Mapping[str, Collection[str]] | None = None,
        complete: Complete | None = None,
    ) -> None:
        self._office = office
        self._folder = folder
        self._catalogue = catalogue
        self._written_for = written_for or {}
        self._complete = complete

    async def __call__(self, running: "Running") -> None:
        """Look again and again, until cancelled."""
        pause = getattr(running.settings, "procedures_look_seconds", 1.0)
        seen: tuple[tuple[str, int, int], ...] | None = None  # by this worker, with its database
        read: Office | None = None
        offered: Office | None = None
        while True:
            state = await asyncio.to_thread(self._state)
            if state != seen:
                read = await self._read()
                seen, offered = state, None
            if read is not None:
                wanted = await self._wanted(read, running)
                if wanted != offered:
                    await self._publish(read, running)
                    offered = wanted
            await asyncio.sleep(pause)

    def _state(self) -> tuple[tuple[str, int, int], ...]:
        """Name, time and size of every file; whatever changes one of them makes the folder worth reading."""
        files = []
        for path in sorted(self._folder.glob("*.yaml")):
            try:
                found = path.stat()
            except FileNotFoundError:
                continue
            files.append((path.name, found.st_mtime_ns, found.st_size))
        return tuple(files)

    async def publish(self, running: "Running") -> None:
        """Read the folder now, and publish what has changed; or tell what is wrong with it."""
        read = await self._read()
        if read is not None:
            await self._publish(read, running)

    async def _read(self) -> Office | None:
        try:
            read = await asyncio.to_thread(read_office, self._folder, written_for=self._written_for)
        except ProcedureFileError as error:
            REFUSED.labels(self._office).set(1)
            for mistake in error.mistakes[:20]:
                log.error("procedure_refused", file=mistake.file.name, line=mistake.line, mistake=mistake.what)
            return None
        REFUSED.labels(self._office).set(0)
        return read

    async def _wanted(self, read: Office, running: "Running") -> Office:
        if self._complete is None:
            return read
        async with running.database.transaction() as tx:
            return await _completed(read, self._complete, tx)

    async def _publish(self, read: Office, running: "Running") -> None:
        async with running.database.transaction() as tx:
            changed = await publish_procedures(read, self._catalogue, tx, self._complete)
            offered = await store.newest(tx)
        OFFERED.labels(self._office).set(sum(not one.withdrawn for one in offered.values()))
        PUBLISHED.labels(self._office).inc(len(changed))
        for key in changed:
            log.info("procedure_published", procedure=key)
