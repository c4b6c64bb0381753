"""Identifiers: UUIDv7 (RFC 9562), so that ids made later sort later and index pages fill from one end."""

from uuid import UUID

from uuid_utils.compat import uuid7

__all__ = ["UUID", "new_id"]


def new_id() -> UUID:
    """A fresh UUIDv7."""
    return uuid7()
