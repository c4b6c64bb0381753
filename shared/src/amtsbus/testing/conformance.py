"""Does a service do what its OpenAPI document says? Asked by Schemathesis, with good requests and with bad ones."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import schemathesis
import uvicorn
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Err
from schemathesis.specs.openapi.checks import positive_data_acceptance

from amtsbus.testing.servers import free_port


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve `app` on a port, on a thread and a loop of its own; gives its address.

    The app must open its own database (`create_app` without one): a pool belongs to one loop.
    """
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, name="served")
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("the app did not start")
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(15)


def _expect_a_rule(problem: dict[str, Any], command: str) -> None:
    """A request of the documented form may be refused by a rule, never for its form."""
    if problem["type"] == "urn:amtsbus:problem:validation" or problem["status"] != 422:
        raise AssertionError(f"refused, although it is of the documented form: {problem}\n{command}")


def check_conformance(address: str, headers: Mapping[str, str], *, examples: int = 25, leave_out: str = "^$") -> int:
    """Send `examples` good and as many bad requests to each operation and check every answer against the document.

    Blocks, so call it with `asyncio.to_thread`. The same requests each time.

    Args:
        leave_out: a pattern of paths that are not asked.

    Returns:
        How many operations were asked.

    Raises:
        Exception: an answer was not as documented; the message has a curl command.
    """
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json").exclude(path_regex=leave_out)
    asked = 0
    for found in schema.get_all_operations():
        if isinstance(found, Err):
            raise found.err()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            _ask(found.ok(), mode, address, headers, examples)
        asked += 1
    return asked


def _ask(operation: Any, mode: GenerationMode, address: str, headers: Mapping[str, str], examples: int) -> None:
    @hypothesis_settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],  # the first failure as it is: each step of shrinking costs requests
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Case[Any]) -> None:
        # A request that is bad for its token goes out with it: with ours it would be good, and its answer a fault.
        extra = {} if mode is GenerationMode.NEGATIVE and not _has_a_token(case) else dict(headers)
        if mode is GenerationMode.POSITIVE and case.method.upper() == "POST":
            extra["Idempotency-Key"] = str(uuid4())  # each is a new request; Schemathesis would repeat keys
        answer = case.call_and_validate(base_url=address, headers=extra, excluded_checks=[positive_data_acceptance])
        if mode is GenerationMode.POSITIVE and answer.status_code in (400, 415, 422):
            _expect_a_rule(answer.json(), case.as_curl_command())

    ask()


def _has_a_token(case: Case[Any]) -> bool:
    token = case.headers.get("Authorization") if case.headers else None
    return isinstance(token, str) and token.startswith("Bearer ")
