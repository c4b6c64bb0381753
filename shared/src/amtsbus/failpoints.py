"""Failpoints: named places at the seams where a test lets a process die, hang or fail.

They do nothing unless the environment variable `AMTSBUS_FAILPOINTS` names a folder, and then only in development. A test
arms a point by writing a file `<service>.<point>` there whose text is what shall happen: `kill` (the process ends itself with
SIGKILL), `stop` (SIGSTOP), `fail` (an OSError, as of a broken connection) or `wait SECONDS`. The process that gets there
first claims the file by renaming it to `<service>.<point>.<pid>.hit`, so that what is armed once happens once.

Every place asks for `ON` first; it is a constant of the process, so that a place costs nothing in a city's life.
"""

import asyncio
import os
import signal
from pathlib import Path

_FOLDER = os.environ.get("AMTSBUS_FAILPOINTS")

ON = bool(_FOLDER) and os.environ.get("AMTSBUS_ENVIRONMENT") == "development"

_service = ""


class FailpointError(OSError):
    """What an armed `fail` raises."""


def in_process_of(service: str) -> None:
    """Say which service this process belongs to."""
    global _service
    _service = service


async def reached(point: str) -> None:
    """Let happen what is armed for this point, if anything is.

    Raises:
        FailpointError: `fail` is armed.
    """
    armed = Path(_FOLDER or "") / f"{_service}.{point}"
    if not armed.exists():
        return
    claimed = armed.with_name(f"{armed.name}.{os.getpid()}.hit")
    try:
        armed.rename(claimed)
    except FileNotFoundError:  # another process was first
        return
    action, _, seconds = claimed.read_text().strip().partition(" ")
    match action:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "fail":
            raise FailpointError(f"the failpoint {point} is armed")
        case "wait":
            await asyncio.sleep(float(seconds))
        case _:
            raise ValueError(f"{claimed}: kill, stop, fail or wait SECONDS, not {action!r}")
