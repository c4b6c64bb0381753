"""What keeps other people's pages from acting through our visitors' browsers.

A form is taken when its request came from our own origin, by what the browser says itself (Fetch Metadata, else `Origin`), and
when it carries the token that we put into it. The token is masked anew in every form, so a compressed page does not give it away
(BREACH).
"""

import base64
import binascii
import hmac
import secrets
from hashlib import sha256
from typing import Final

from starlette.requests import Request

from amtsbus.web.errors import ForgedRequestError

FORM_FIELD: Final = "_csrf"
SECRET_BYTES: Final = 32


def require_same_origin(request: Request, own_origin: str) -> None:
    """Let a request pass that one of our own pages has sent.

    Raises:
        ForgedRequestError: another site's page has, or nobody says whose.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site != "same-origin":
            raise ForgedRequestError(f"sec-fetch-site is {site if site.isalpha() or '-' in site else 'malformed'}")
        return
    origin = request.headers.get("origin")
    if origin is None or origin.lower() != own_origin.lower():
        raise ForgedRequestError("no Origin" if origin is None else "another Origin")


def masked(secret: bytes) -> str:
    """`secret` as a form carries it: different each time."""
    pad = secrets.token_bytes(SECRET_BYTES)
    return base64.urlsafe_b64encode(pad + _xor(pad, secret)).decode()


def require_form_token(token: str, secret: bytes) -> None:
    """Let a form pass that carries `secret`, masked.

    Raises:
        ForgedRequestError: it does not.
    """
    try:
        content = base64.urlsafe_b64decode(token.encode("ascii"))
    except (binascii.Error, ValueError):
        content = b""
    if len(content) != 2 * SECRET_BYTES:
        raise ForgedRequestError("the form has no token" if not token else "the form's token is malformed")
    if not hmac.compare_digest(_xor(content[:SECRET_BYTES], content[SECRET_BYTES:]), secret):
        raise ForgedRequestError("the form's token is of another session")


def secret_before_session(token: str) -> bytes:
    """The secret of the forms of somebody for whom nothing has to be remembered yet, from the token in their cookie."""
    return hmac.digest(token.encode(), b"amtsbus form", sha256)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def content_policy(form_targets: tuple[str, ...] = ()) -> str:
    """The Content-Security-Policy of every page: nothing but our own files, and no frame around us.

    Args:
        form_targets: other origins to which the answer to a form may send the browser on: the identity provider's.
    """
    targets = " ".join(("'self'", *form_targets))
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; "
        f"form-action {targets}; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
    )


PAGE_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""On every answer that does not set them itself."""
STRICT_TRANSPORT: Final = "max-age=31536000; includeSubDomains"
