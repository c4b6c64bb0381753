"""The city's store of documents: what citizens hand in and what offices write, each kept under the SHA-256 of its content.

So a document cannot be changed without getting another name, the same file handed in twice lies there once, and an event needs
to carry nothing but the hash. Where it lies is one setting: a folder, or a bucket that speaks S3. Who may see a document is not
known here: the services know it, and nobody reaches the store but through one of them.

This needs the package `obstore`, which services with documents have; its 5 MB are imported by whoever opens a store.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Self

from pydantic import Field, model_validator

from amtsbus.errors import TransientError
from amtsbus.settings import Environment, Settings

if TYPE_CHECKING:
    from obstore.store import ObjectStore

PIECE_BYTES: Final = 262_144
"""How much of a document is in memory at a time when it is read."""

_HASH: Final = re.compile(r"[0-9a-f]{64}")
_IN_DEVELOPMENT: Final = ".documents"


class DocumentMissingError(Exception):
    """The store has no document with this hash."""


class DocumentDamagedError(Exception):
    """What lies in the store is not what was put there: its hash is another one."""


class DocumentStoreAwayError(TransientError):
    """The store does not answer, or refuses us. The message names no document."""


class DocumentSettings(Settings):
    """The settings of a service that keeps or reads documents."""

    documents_url: str = Field(
        "",
        alias="AMTSBUS_DOCUMENTS_URL",
        pattern=r"^((file:///|s3://)\S+)?$",
        description="Where documents lie: file:///srv/documents or s3://bucket/folder (with the variables of AWS_*); "
        "in development by default the folder .documents",
    )

    @model_validator(mode="after")
    def _require_documents(self) -> Self:
        if self.environment is Environment.PRODUCTION and not self.documents_url:
            raise ValueError("AMTSBUS_DOCUMENTS_URL is missing: where do documents lie?")
        return self

    def documents(self) -> "DocumentStore":
        """The store that these settings name."""
        return DocumentStore.at(self.documents_url or (Path.cwd() / _IN_DEVELOPMENT).as_uri())


class DocumentStore:
    """Keeps documents under their hashes (64 hexadecimal digits in lower case)."""

    def __init__(self, store: "ObjectStore") -> None:
        self._store = store

    @classmethod
    def at(cls, url: str, *, retries: int = 3) -> "DocumentStore":
        """The store at `file:///folder` (made if missing) or `s3://bucket/folder`.

        Args:
            retries: how often a request to a bucket is repeated before the store counts as away.

        Raises:
            ValueError: it is another kind of URL.
        """
        from obstore.store import LocalStore, S3Store

        if url.startswith("file:///"):
            return cls(LocalStore.from_url(url, mkdir=True))
        if url.startswith("s3://"):
            return cls(S3Store.from_url(url, retry_config={"max_retries": retries}, client_options={"timeout": "30s"}))
        raise ValueError("documents lie at file:///… or s3://…")

    async def put(self, content: BinaryIO) -> str:
        """Keep the whole content of a file; returns its hash. What is there already is not written again.

        Raises:
            DocumentStoreAwayError: it could not be kept.
        """
        digest = await asyncio.to_thread(hash_of, content)
        if not await self.exists(digest):
            content.seek(0)
            with _away_if_refused():
                await self._store.put_async(_place(digest), content)
        return digest

    async def get(self, digest: str) -> AsyncIterator[bytes]:
        """The content in pieces. The last piece is given out only when the whole has the right hash, so nobody ends up with
        a complete document that is not the one that was kept.

        Raises:
            DocumentMissingError: there is none.
            DocumentDamagedError: it is not what was put there.
            DocumentStoreAwayError: it cannot be read now.
        """
        seen, held = sha256(), b""
        try:
            with _away_if_refused():
                found = await self._store.get_async(_place(digest))
                async for piece in found.stream(min_chunk_size=PIECE_BYTES):
                    if held:
                        yield held
                    held = bytes(piece)
                    seen.update(held)
        except FileNotFoundError:
            raise DocumentMissingError(f"there is no document {digest}") from None
        if seen.hexdigest() != digest:
            raise DocumentDamagedError(f"the document {digest} is not what was put there")
        if held:
            yield held

    async def read(self, digest: str) -> bytes:
        """The whole content at once; for what is known to be small.

        Raises:
            DocumentMissingError, DocumentDamagedError, DocumentStoreAwayError: see `get`.
        """
        return b"".join([piece async for piece in self.get(digest)])

    async def exists(self, digest: str) -> bool:
        """Whether there is a document with this hash.

        Raises:
            DocumentStoreAwayError: nobody knows now.
        """
        try:
            with _away_if_refused():
                await self._store.head_async(_place(digest))
        except FileNotFoundError:
            return False
        return True

    async def delete(self, digest: str) -> None:
        """Remove a document; one that is not there is removed already.

        Raises:
            DocumentStoreAwayError: it may still be there.
        """
        with suppress(FileNotFoundError), _away_if_refused():
            await self._store.delete_async(_place(digest))


def hash_of(content: BinaryIO) -> str:
    """The SHA-256 of a whole file, in hexadecimal."""
    content.seek(0)
    seen = sha256()
    while piece := content.read(PIECE_BYTES):
        seen.update(piece)
    return seen.hexdigest()


def _place(digest: str) -> str:
    if not _HASH.fullmatch(digest):
        raise ValueError("a document is named by its SHA-256 in hexadecimal")
    return f"{digest[:2]}/{digest}"


@contextmanager
def _away_if_refused() -> Iterator[None]:
    """What the store says, in our words; that there is no such file is for the caller."""
    from obstore.exceptions import BaseError

    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, OSError) as error:
        # The text of the error may name the bucket and its address; its kind is enough for the log.
        raise DocumentStoreAwayError(f"the document store does not answer ({type(error).__name__})") from None
