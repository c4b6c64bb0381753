"""What can be uploaded is told from the content."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as some
from portal.domain.upload import MOST_BYTES, UnacceptableFileError, media_type

from ..demo import JPEG, PDF, PNG


def kind(content: bytes, name: str, size: int | None = None) -> str:
    return media_type(BytesIO(content), name, len(content) if size is None else size)


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        (PDF, "vertrag.pdf", "application/pdf"),
        (PDF, "VERTRAG.PDF", "application/pdf"),
        (JPEG, "foto.jpg", "image/jpeg"),
        (JPEG, "foto.jpeg", "image/jpeg"),
        (PNG, "bild.png", "image/png"),
    ],
)
def test_a_file_is_what_its_content_says(content, name, expected):
    assert kind(content, name) == expected


def huge(beginning: bytes, at: int, size: bytes) -> bytes:
    return beginning[:at] + size + beginning[at + len(size) :]


@pytest.mark.parametrize(
    ("content", "name", "why"),
    [
        (b"", "leer.pdf", "upload.empty"),
        (b"<html><script>alert(1)</script>", "seite.pdf", "upload.kind"),
        (b"MZ\x90\x00", "programm.pdf", "upload.kind"),
        (b"PK\x03\x04", "archiv.pdf", "upload.kind"),
        (PNG[:20], "kurz.png", "upload.kind"),
        (JPEG[:8], "kurz.jpg", "upload.kind"),
        (b"\xff\xd8\xff\xd9", "ohne-bild.jpg", "upload.kind"),
        (PDF, "vertrag.exe", "upload.name"),
        (PDF, "vertrag.pdf.html", "upload.name"),
        (PDF, "vertrag.png", "upload.name"),
        (JPEG, "foto.png", "upload.name"),
        (PNG, "bild", "upload.name"),
        (huge(PNG, 16, b"\x00\x01\x00\x00\x00\x01\x00\x00"), "bombe.png", "upload.pixels"),
        (huge(JPEG, 13, b"\xff\xff\xff\xff"), "bombe.jpg", "upload.pixels"),
    ],
)
def test_a_file_is_refused(content, name, why):
    with pytest.raises(UnacceptableFileError) as refused:
        kind(content, name)
    assert refused.value.key == why


def test_a_file_that_is_too_large_is_refused():
    with pytest.raises(UnacceptableFileError, match="too-large"):
        kind(PDF, "gross.pdf", MOST_BYTES + 1)


@given(
    some.binary(max_size=400), some.sampled_from([b"", PDF[:5], JPEG[:3], JPEG[:6], PNG[:16]]), some.text(max_size=30)
)
def test_whatever_comes_is_one_of_the_three_kinds_or_refused(content, beginning, name):
    try:
        found = kind(beginning + content, name)
    except UnacceptableFileError:
        return
    assert found in ("application/pdf", "image/jpeg", "image/png")
