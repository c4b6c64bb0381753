"""`Idempotency-Key`: the same POST twice is one effect and one answer (draft-ietf-httpapi-idempotency-key-header).

How it holds without a lock: the use case runs, and its answer is recorded under (caller, key) in the same transaction, as
its last statement. Of two requests with one key the second waits there, on the unique index, until the first has
committed; then it takes back everything that it did and gives the first one's answer. If the first one was rolled back,
the second one counts. A repetition that the rules refuse because the first one has succeeded ("is already submitted") is
rolled back as well, looks for the recorded answer, and gives that. Only answers below 400 are recorded: a refusal may be
tried again with the same key.

So a first request costs one statement, and a use case must have no effect outside of its transaction, which is the rule
for use cases anyway.
"""

import asyncio
import json
import re
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

import structlog
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from amtsbus.http.problems import ProblemError
from amtsbus.postgres import Database, Tx, affected

if TYPE_CHECKING:
    from amtsbus.service import Running

log = structlog.get_logger(__name__)

KEPT_FOR = timedelta(days=7)
"""How long a repetition finds the answer; after that the same key is a new request."""
SWEPT_EVERY = timedelta(minutes=10)
SWEPT_AT_ONCE = 1000

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_KEPT_HEADERS = frozenset({b"etag", b"location", b"content-type", b"content-language"})

_RECORD = """
INSERT INTO amtsbus.idempotency_keys (caller, idempotency_key, request_hash, status, headers, body)
VALUES ($1, $2, $3, $4, $5::jsonb, $6)
ON CONFLICT (caller, idempotency_key) DO NOTHING
RETURNING true
"""
_FIND = """
SELECT request_hash, status, headers, body FROM amtsbus.idempotency_keys WHERE caller = $1 AND idempotency_key = $2
"""
_SWEEP = """
DELETE FROM amtsbus.idempotency_keys
WHERE ctid = ANY (ARRAY(SELECT ctid FROM amtsbus.idempotency_keys WHERE created_at < clock_timestamp() - $1::interval LIMIT $2))
"""


class KeyTakenError(Exception):
    """Another request with this key has committed first: roll back and give its answer."""


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """What makes two requests the same: who, the key, and a hash of method, address, If-Match and body, byte for byte."""

    caller: str
    key: str
    request_hash: bytes

    @classmethod
    def of(cls, request: Request, caller: str, body: bytes) -> "IdempotentRequest":
        """Read the header.

        Raises:
            ProblemError: 400, it is missing or malformed.
        """
        keys = request.headers.getlist("idempotency-key")
        if not keys:
            raise ProblemError(
                400,
                "idempotency-key-missing",
                "Send an Idempotency-Key with every POST: a new one (a UUID, say) for each thing that you want done, and "
                "the same one again when you repeat a request whose answer got lost.",
            )
        if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
            raise ProblemError(
                400, "idempotency-key-malformed", "An Idempotency-Key is 1 to 255 visible ASCII characters."
            )
        scope = request.scope
        parts = (
            scope["method"].encode(),
            scope["path"].encode("utf-8", "surrogatepass"),
            scope["query_string"],
            request.headers.get("if-match", "").encode("latin-1"),
        )
        told = b"".join(len(part).to_bytes(4) + part for part in parts)
        return cls(caller, keys[0], sha256(told + body).digest())

    async def record(self, tx: Tx, response: Response) -> None:
        """Record the answer, as the last thing in its transaction.

        Raises:
            KeyTakenError: see there.
        """
        headers = {
            name.decode(): value.decode("latin-1") for name, value in response.raw_headers if name in _KEPT_HEADERS
        }
        recorded = await tx.fetchval(
            _RECORD,
            self.caller,
            self.key,
            self.request_hash,
            response.status_code,
            to_json(headers).decode(),
            bytes(response.body),
        )
        if recorded is None:
            raise KeyTakenError

    async def answer(self, tx: Tx) -> Response | None:
        """The recorded answer to this request, if there is one.

        Raises:
            ProblemError: 422, the key belongs to another request.
        """
        row = await tx.fetchrow(_FIND, self.caller, self.key)
        if row is None:
            return None
        if row["request_hash"] != self.request_hash:
            raise ProblemError(
                422,
                "idempotency-key-reused",
                "This Idempotency-Key was used for another request. Use a new key for each thing that you want done.",
            )
        headers = json.loads(row["headers"]) | {"Idempotency-Replayed": "true"}
        return Response(row["body"], row["status"], headers=headers)


async def sweep_idempotency_keys(running: "Running") -> None:
    """A worker's task: forget answers older than `KEPT_FOR`, in small portions."""
    while True:
        if await sweep_once(running.database) < SWEPT_AT_ONCE:
            await asyncio.sleep(SWEPT_EVERY.total_seconds())


async def sweep_once(database: Database) -> int:
    """Forget at most `SWEPT_AT_ONCE` expired answers; returns how many."""
    async with database.transaction() as tx:
        return affected(await tx.execute(_SWEEP, KEPT_FOR, SWEPT_AT_ONCE))
