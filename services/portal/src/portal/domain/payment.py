"""Paying a fee: what is asked of the provider and what it answers, each signed so that nobody can change it on the way."""

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

SIGNATURE: Final = "signature"
OF_ORDER: Final = ("payment", "amount_cents")
_OF_ANSWER: Final = (*OF_ORDER, "outcome")


class Outcome(StrEnum):
    """How a payment ended."""

    PAID = "paid"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Payment:
    """One attempt to pay what an application costs."""

    payment_id: UUID
    application_id: UUID
    amount_cents: int
    begun_at: datetime
    paid_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider says of a payment."""

    payment_id: UUID
    amount_cents: int
    outcome: Outcome


class UnsignedAnswerError(Exception):
    """The answer does not come from the provider, or was changed on the way."""


def signed(values: Mapping[str, str], secret: bytes) -> dict[str, str]:
    """`values` with a signature (HMAC-SHA-256) that only who knows `secret` can make."""
    return {**values, SIGNATURE: _signature(values, secret)}


def require_signature(values: Mapping[str, str], secret: bytes, names: Iterable[str]) -> dict[str, str]:
    """The values of `names`, for which a signature stands; what else an address carries, its language for one, does not count.

    Raises:
        UnsignedAnswerError: the signature is missing or another one.
    """
    told = {name: values[name] for name in names if name in values}
    if not hmac.compare_digest(values.get(SIGNATURE, "").encode(), _signature(told, secret).encode()):
        raise UnsignedAnswerError("the signature does not fit")
    return told


def _signature(values: Mapping[str, str], secret: bytes) -> str:
    return hmac.new(secret, urlencode(sorted(values.items())).encode(), sha256).hexdigest()


def answer_of(values: Mapping[str, str], secret: bytes) -> Answer:
    """The provider's answer from what it has signed.

    Raises:
        UnsignedAnswerError: it has not signed it, or it is not an answer.
    """
    told = require_signature(values, secret, _OF_ANSWER)
    try:
        return Answer(UUID(told["payment"]), int(told["amount_cents"]), Outcome(told["outcome"]))
    except (KeyError, ValueError):
        raise UnsignedAnswerError("this is not an answer about a payment") from None
