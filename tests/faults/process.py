"""`amtsbus …` as it is, in processes of their own that start in a moment.

A nursery imports the chassis once and forks a process for each request, so that a test which needs six processes does not
wait for six interpreters. In each of them constants of the chassis may be scaled down: a test need not wait for as long as
a city does.

The nursery reads requests from its standard input, one JSON object per line, and answers each with the new process's id. It
ends with its input.
"""

import ctypes
import importlib
import json
import os
import signal
import sys
from typing import Any

from amtsbus.cli import main

PR_SET_PDEATHSIG = 1
IMPORTED = ("amtsbus.cli.processes", "amtsbus.http", "amtsbus.logs", "amtsbus.worker", "tests.faults.lost_property")


def scale_down(constants: dict[str, object]) -> None:
    """Set module constants, named by their full names.

    Raises:
        AttributeError: there is no such constant (any more).
    """
    for name, value in constants.items():
        module_name, _, constant = name.rpartition(".")
        module = importlib.import_module(module_name)
        getattr(module, constant)
        setattr(module, constant, value)


def become(request: dict[str, Any]) -> None:
    """Be the process that was asked for: in a session of its own, with its own environment and its own log."""
    os.setsid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # it outlives no test run, however that ends
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.environ.clear()
    os.environ.update(request["environment"])
    scale_down(request["constants"])
    sys.argv = ["amtsbus", *request["arguments"]]
    main()


def serve() -> None:
    """Be the nursery."""
    for name in IMPORTED:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children: they vanish when they end
    print("ready", flush=True)  # noqa: T201 - that is how it answers
    for line in iter(sys.stdin.readline, ""):
        pid = os.fork()
        if pid == 0:
            become(json.loads(line))
            os._exit(0)
        print(pid, flush=True)  # noqa: T201 - that is how it answers


if __name__ == "__main__":
    serve()
