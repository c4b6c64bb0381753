"""When a message counts as delivered, and what follows from the outcome of an attempt to send its e-mail."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

DELIVERY_FICTION = timedelta(days=4)
"""VwVfG § 41 (2), OZG § 9: the fourth day. Until 31 December 2024 it was the third.

The day is not moved off a weekend or holiday: whether it would have to be is disputed, and the later courts would only
count a period that begins here as longer.
"""


def deemed_delivered_on(available_on: date) -> date:
    """The day on which a decision made available in the inbox counts as delivered (Bekanntgabefiktion).

    `available_on` is the local date. OZG § 9 asks for a notice on the same day; the times of both are kept.
    """
    return available_on + DELIVERY_FICTION


class MessageState(StrEnum):
    WAITING_FOR_ADDRESS = "waiting-for-address"
    AVAILABLE = "available"
    READ = "read"


class EmailState(StrEnum):
    """Where the e-mail of a message stands."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    """A sender has it; the mail server has surely not."""
    SENDING = "sending"
    """The mail server may have it."""
    SENT = "sent"
    BOUNCED = "bounced"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Nobody knows whether the mail server took it: shown to the operator, never sent again by itself."""
    NOT_WANTED = "not-wanted"
    """The person withdrew the address before it was sent."""


RESENDABLE = frozenset({EmailState.UNKNOWN, EmailState.FAILED, EmailState.BOUNCED})
"""What an operator may send again by hand."""


class Outcome(StrEnum):
    """What a mail server did with one e-mail."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """Permanently: there is no such mailbox (RFC 5321 § 4.2.1, 5yz to the recipient or the content)."""
    DEFERRED = "deferred"
    """Surely not taken, and it may be later."""
    UNKNOWN = "unknown"
    """The connection was lost after the content began to flow and before the answer came."""


@dataclass(frozen=True, slots=True)
class Attempts:
    """How often and at what distance a deferred e-mail is tried.

    Attributes:
        most: attempts until it has finally failed.
        first_pause: before the second attempt; each later pause is twice as long.
        longest_pause: where it stops growing. RFC 5321 § 4.5.4.1 asks for several days in all.
    """

    most: int
    first_pause: timedelta
    longest_pause: timedelta

    def pause_after(self, attempts: int) -> timedelta | None:
        """How long to wait after `attempts` deferred attempts (from 1); None: no more are made."""
        if attempts >= self.most:
            return None
        pause = self.first_pause
        for _ in range(attempts - 1):
            if pause >= self.longest_pause:
                break
            pause *= 2
        return min(pause, self.longest_pause)
