"""What the office does all the time beside reading: it looks whether its folder of procedures has changed."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from amtsbus.procedures.checking import ProcedureFileError, read_office
from prometheus_client import Counter, Gauge

from offices.domain.office import Office
from offices.use_cases.publish_procedures import PublishProcedures, publish_procedures

if TYPE_CHECKING:
    from amtsbus.service import Running

log = structlog.get_logger("offices")

OFFERED = Gauge("offices_procedures_offered", "Procedures that the office offers", ["office"])
REFUSED = Gauge(
    "offices_procedures_refused", "1 while the folder has mistakes and the last good state is kept", ["office"]
)
PUBLISHED = Counter("offices_procedures_published_total", "Procedures that were published or withdrawn", ["office"])


class ProcedureFolder:
    """Publishes the procedures of an office, and every change of their files.

    A folder with a mistake changes nothing: what was offered goes on being offered, and the mistakes are told.
    """

    __name__ = "procedure_folder"

    def __init__(self, office: Office, folder: Path) -> None:
        self._office = office
        self._folder = folder
        self._seen: tuple[tuple[str, int, int], ...] | None = None

    async def __call__(self, running: "Running") -> None:
        """Look again and again, until cancelled."""
        pause = getattr(running.settings, "procedures_look_seconds", 1.0)
        while True:
            state = await asyncio.to_thread(self._state)
            if state != self._seen:
                await self._publish(running)
                self._seen = state
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

    async def _publish(self, running: "Running") -> None:
        try:
            read = await asyncio.to_thread(read_office, self._folder)
        except ProcedureFileError as error:
            REFUSED.labels(self._office.key).set(1)
            for mistake in error.mistakes[:20]:
                log.error("procedure_refused", file=mistake.file.name, line=mistake.line, mistake=mistake.what)
            return
        REFUSED.labels(self._office.key).set(0)
        async with running.database.transaction() as tx:
            command = PublishProcedures(read.declaration, read.procedures)
            changed = await publish_procedures(command, self._office, tx)
        OFFERED.labels(self._office.key).set(len(read.procedures))
        PUBLISHED.labels(self._office.key).inc(len(changed))
        for key in changed:
            log.info("procedure_published", procedure=key)
