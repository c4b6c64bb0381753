"""The ledger: what the world asked of the city, what it was promised, and which mails reached it.

Whoever asks writes it, never a service: it is the witness against which the services' own records are held. It lies on
disk as JSON lines, one per thing that happened, each written at once and never changed:

    asked       a request that wants something done, before it is sent for the first time
    answered    what the city said in the end, after any number of repetitions with the same Idempotency-Key
    unanswered  nobody ever said what became of it
    mail        a mail that the city's mail sink has accepted
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

FILE = "ledger.jsonl"
MOST_FAILURES_NAMED = 20
_MESSAGE_ID = re.compile(r"^Message-ID:\s*<([^@>\s]+)@", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that wants something done.

    Attributes:
        about: the case (or whatever has the id in the path) that it acts on; None where it opens one.
        expects: the types of the events that it leads to at once, each as often as it stands there.
        trace_id: the W3C trace that all its repetitions belong to, and so do its events.
    """

    number: int
    at: datetime
    service: str
    method: str
    path: str
    by: str
    key: str
    trace_id: str
    about: str | None = None
    expects: tuple[str, ...] = ()
    said: Mapping[str, Any] = field(default_factory=dict)
    """What else is to be true once it is accepted, for example `{"email": …}`."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What the city said in the end. `told` are the ids and states of the answer, not its content."""

    number: int
    at: datetime
    status: int
    attempts: int
    told: Mapping[str, Any] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
    """How the earlier attempts ended: an HTTP status, or the kind of network failure."""

    @property
    def accepted(self) -> bool:
        return self.status < 400


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that the sink has accepted."""

    mail_id: str
    arrived_at: datetime
    message_id: str | None
    """The message that it announces, from its Message-ID."""
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Deed:
    """A request together with what became of it."""

    asked: Asked
    answered: Answered | None

    @property
    def accepted(self) -> bool:
        return self.answered is not None and self.answered.accepted

    @property
    def is_certain(self) -> bool:
        """Whether the answer says for sure that it was done, or that it was not.

        A refusal after a repetition does not: an earlier copy may have been under way still when it was given.
        """
        return self.answered is not None and (self.answered.accepted or self.answered.attempts == 1)

    @property
    def case_id(self) -> str | None:
        """The case that it opened or acted on."""
        told = self.answered.told.get("case_id") if self.answered else None
        return told or self.asked.about


@dataclass(frozen=True, slots=True)
class Book:
    """The whole ledger as it was read."""

    deeds: tuple[Deed, ...]
    mails: tuple[Mail, ...]

    def of_case(self, case_id: str) -> list[Deed]:
        """What was asked about one case, in order."""
        return [deed for deed in self.deeds if deed.case_id == case_id]

    def by_trace(self) -> dict[str, Deed]:
        """The requests by their trace."""
        return {deed.asked.trace_id: deed for deed in self.deeds}


@dataclass
class _Outage:
    """Since when a service has answered nobody as it should, as far as anybody has tried."""

    served_at: datetime | None = None
    since: datetime | None = None
    longest_seconds: float = 0.0


class Ledger:
    """The ledger while it is written. It belongs to one event loop and one writer."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.file = folder / FILE
        self.accepted = 0
        """Requests that were accepted, of those that want something done."""
        self.refused = 0
        self.open = 0
        """Requests that are on their way."""
        self.reads = 0
        self.failures: dict[str, int] = {}
        self.mails = 0
        last, self._mail_seen = self._what_is_there()
        self._numbers = count(last + 1)
        self._outages: dict[str, _Outage] = {}
        self._out = self.file.open("a", encoding="utf-8")

    def _what_is_there(self) -> tuple[int, set[str]]:
        """The number of the last request and the mails of a ledger that is written on."""
        last, mails = 0, set[str]()
        for line in lines_of(self.file) if self.file.exists() else ():
            last = max(last, line.get("number", 0))
            if line["what"] == "mail":
                mails.add(line["mail_id"])
        return last, mails

    def close(self) -> None:
        """Write no more."""
        self._out.close()

    # -- writing ---------------------------------------------------------------------------------------------------

    def ask(
        self,
        service: str,
        method: str,
        path: str,
        *,
        by: str,
        key: str,
        trace_id: str,
        about: str | None = None,
        expects: Sequence[str] = (),
        said: Mapping[str, Any] | None = None,
    ) -> Asked:
        """Note a request before it is sent."""
        asked = Asked(
            next(self._numbers),
            _now(),
            service,
            method,
            path,
            by,
            key,
            trace_id,
            about,
            tuple(expects),
            dict(said or {}),
        )
        self.open += 1
        self._write("asked", {name: getattr(asked, name) for name in Asked.__dataclass_fields__})
        return asked

    def answer(
        self, asked: Asked, status: int, *, attempts: int, told: Mapping[str, Any], failures: Mapping[str, int]
    ) -> Answered:
        """Note what the city said."""
        answered = Answered(asked.number, _now(), status, attempts, dict(told), dict(failures))
        self.open -= 1
        if answered.accepted:
            self.accepted += 1
            self.served(asked.service)
        else:
            self.refused += 1
        self._write("answered", {name: getattr(answered, name) for name in Answered.__dataclass_fields__})
        return answered

    def give_up(self, asked: Asked, *, attempts: int, failures: Mapping[str, int]) -> None:
        """Note that nobody will ever say what became of a request."""
        self.open -= 1
        self._write(
            "unanswered",
            {"number": asked.number, "at": _now(), "attempts": attempts, "failures": dict(failures)},
        )

    def failed(self, service: str, what: str, sent_at: datetime) -> None:
        """Note an attempt that failed, and when it was sent."""
        if what in self.failures or len(self.failures) < MOST_FAILURES_NAMED:
            self.failures[what] = self.failures.get(what, 0) + 1
        outage = self._outages.setdefault(service, _Outage())
        if outage.since is None:
            outage.since = sent_at if outage.served_at is None else max(sent_at, outage.served_at)

    def served(self, service: str) -> None:
        """Note that a service has answered somebody as it should, a reader or a writer."""
        outage = self._outages.setdefault(service, _Outage())
        outage.served_at = _now()
        if outage.since is not None:
            outage.longest_seconds = max(outage.longest_seconds, (outage.served_at - outage.since).total_seconds())
            outage.since = None

    def longest_outage_seconds(self, *, ended: bool = False) -> float:
        """The longest time in which everybody who asked some service for something got nothing.

        Args:
            ended: nobody asks any more, so that the time since the last failure does not count.
        """
        longest = 0.0
        for outage in self._outages.values():
            longest = max(longest, outage.longest_seconds)
            if outage.since is not None and not ended:
                longest = max(longest, (_now() - outage.since).total_seconds())
        return longest

    def collect_mails(self, folder: Path) -> int:
        """Note the mails that have come into the sink's folder since the last time; returns how many."""
        new = 0
        for file in sorted(folder.glob("*.json")):
            if file.stem in self._mail_seen:
                continue
            with suppress(OSError, ValueError):  # it has left the sink again, or is no mail
                told = json.loads(file.read_text())
                found = _MESSAGE_ID.search(told["raw"])
                self._write(
                    "mail",
                    {
                        "mail_id": told["mail_id"],
                        "arrived_at": told["arrived_at"],
                        "message_id": found[1] if found else None,
                        "recipients": told["recipients"],
                    },
                )
                self._mail_seen.add(file.stem)
                new += 1
        self.mails += new
        return new

    def _write(self, what: str, line: Mapping[str, Any]) -> None:
        self._out.write(json.dumps({"what": what, **line}, default=_plain, ensure_ascii=False) + "\n")
        self._out.flush()

    # -- reading ---------------------------------------------------------------------------------------------------

    def lines(self) -> Iterator[dict[str, Any]]:
        """Everything that was written, in order."""
        return lines_of(self.file)

    def book(self) -> Book:
        """Read it all."""
        return book_of(self.lines())


def lines_of(file: Path) -> Iterator[dict[str, Any]]:
    """The lines of a ledger on disk. The last one may be half written where its writer was killed; it is left out."""
    with file.open(encoding="utf-8") as opened:
        for line in opened:
            if line.endswith("\n"):
                yield json.loads(line)


def book_of(lines: Iterator[dict[str, Any]]) -> Book:
    """Put the lines of a ledger together."""
    asked: dict[int, Asked] = {}
    answered: dict[int, Answered] = {}
    mails: list[Mail] = []
    for line in lines:
        what = line.pop("what")
        if what == "asked":
            at, expects = datetime.fromisoformat(line.pop("at")), tuple(line.pop("expects"))
            asked[line["number"]] = Asked(at=at, expects=expects, **line)
        elif what == "answered":
            at = datetime.fromisoformat(line.pop("at"))
            answered[line["number"]] = Answered(at=at, **line)
        elif what == "mail":
            mails.append(
                Mail(
                    line["mail_id"],
                    datetime.fromisoformat(line["arrived_at"]),
                    line["message_id"],
                    tuple(line["recipients"]),
                )
            )
    deeds = tuple(Deed(one, answered.get(number)) for number, one in sorted(asked.items()))
    return Book(deeds, tuple(mails))


def _now() -> datetime:
    return datetime.now(UTC)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no place in a ledger")
