"""The document store gives back what was put there, or says that it cannot."""

from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
from amtsbus.documents import (
    PIECE_BYTES,
    DocumentDamagedError,
    DocumentMissingError,
    DocumentStore,
    DocumentStoreAwayError,
    hash_of,
)

CONTENT = b"Demo" * PIECE_BYTES
DIGEST = sha256(CONTENT).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "some documents"


@pytest.fixture
def documents(folder: Path) -> DocumentStore:
    return DocumentStore.at(folder.as_uri())


async def put(documents: DocumentStore, content: bytes = CONTENT) -> str:
    return await documents.put(BytesIO(content))


async def receive(documents: DocumentStore, digest: str, received: list[bytes]) -> None:
    async for piece in documents.get(digest):
        received.append(piece)  # noqa: PERF401 - what has come must be there when the rest does not


@pytest.mark.parametrize("content", [b"", b"x", CONTENT], ids=["nothing", "a sign", "megabytes"])
async def test_what_was_put_there_is_read_again(documents, content):
    digest = await put(documents, content)
    assert digest == sha256(content).hexdigest()
    assert await documents.exists(digest)
    assert await documents.read(digest) == content


async def test_a_large_document_comes_in_pieces(documents):
    pieces = [piece async for piece in documents.get(await put(documents))]
    assert len(pieces) > 2
    assert b"".join(pieces) == CONTENT


async def test_a_file_is_put_there_whole_however_far_it_was_read(documents):
    content = BytesIO(CONTENT)
    content.read(100)
    assert await documents.put(content) == DIGEST


async def test_the_same_document_lies_there_once(documents, folder):
    assert await put(documents) == await put(documents)
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 1


async def test_a_document_that_was_changed_never_comes_out_whole(documents, folder):
    digest = await put(documents)
    [file] = [path for path in folder.rglob("*") if path.is_file()]
    file.write_bytes(CONTENT[:-1] + b"!")
    received: list[bytes] = []
    with pytest.raises(DocumentDamagedError):
        await receive(documents, digest, received)
    assert 0 < len(b"".join(received)) < len(CONTENT)


async def test_a_document_that_was_cut_short_is_damaged(documents, folder):
    digest = await put(documents)
    [file] = [path for path in folder.rglob("*") if path.is_file()]
    file.write_bytes(b"")
    with pytest.raises(DocumentDamagedError):
        await documents.read(digest)


async def test_what_is_not_there_is_missing(documents):
    assert not await documents.exists(DIGEST)
    with pytest.raises(DocumentMissingError):
        await documents.read(DIGEST)


async def test_a_document_is_deleted_once_and_again(documents):
    digest = await put(documents)
    await documents.delete(digest)
    await documents.delete(digest)
    assert not await documents.exists(digest)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", DIGEST.upper(), DIGEST[:-1], f"{DIGEST}/..", "x" * 64])
async def test_only_a_hash_names_a_document(documents, name):
    for ask in (documents.exists, documents.read, documents.delete):
        with pytest.raises(ValueError, match="SHA-256"):
            await ask(name)


async def test_a_store_that_is_away_is_told_without_its_address(monkeypatch):
    for name, value in {
        "AWS_ENDPOINT": "http://127.0.0.1:1",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "demo",
        "AWS_SECRET_ACCESS_KEY": "demo",
        "AWS_REGION": "demo",
    }.items():
        monkeypatch.setenv(name, value)
    away = DocumentStore.at("s3://secret-bucket/folder", retries=0)
    with pytest.raises(DocumentStoreAwayError) as told:
        await away.exists(DIGEST)
    assert "secret-bucket" not in str(told.value)


@pytest.mark.parametrize("url", ["http://example.org", "memory:///", "/srv/documents", "gs://bucket"])
def test_documents_lie_in_a_folder_or_a_bucket(url):
    with pytest.raises(ValueError, match="file"):
        DocumentStore.at(url)


def test_a_hash_is_that_of_the_whole_file():
    content = BytesIO(CONTENT)
    content.read(5)
    assert hash_of(content) == DIGEST
