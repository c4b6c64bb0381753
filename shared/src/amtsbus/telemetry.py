"""Traces and metrics.

The trace context (W3C `traceparent`) of the request that caused an event travels in the journal and in the record's
headers to the reader, so that one trace id finds every log line of a case in all services.
"""

import secrets
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from re import compile as regex
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from amtsbus.events import EventMeta

_TRACEPARENT = regex(r"^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$")


class Span:
    """One request or one event at work. Nothing is computed before somebody logs or appends: most handlers do neither."""

    __slots__ = ("_event", "_parent", "_traceparent")

    def __init__(self, parent: str | None, event: EventMeta | None = None) -> None:
        self._parent = parent
        self._event = event
        self._traceparent: str | None = None

    @property
    def traceparent(self) -> str:
        """The W3C trace context of this span, a child of `parent`."""
        if self._traceparent is None:
            self._traceparent = new_traceparent(self._parent)
        return self._traceparent

    def names(self) -> dict[str, str]:
        """What its log lines carry."""
        names = {"trace_id": self.traceparent.split("-")[1]}
        if self._event is not None:
            names |= {
                "event_id": str(self._event.id),
                "event_type": self._event.type,
                "case_id": str(self._event.subject),
            }
        return names


_current: ContextVar[Span | None] = ContextVar("span", default=None)


def current_traceparent() -> str | None:
    """The trace context that the running request or event belongs to."""
    span = _current.get()
    return span.traceparent if span else None


def work_on(event: EventMeta | None) -> None:
    """What this task does from now on belongs to `event`, or to nothing."""
    _current.set(Span(event.traceparent, event) if event else None)


def name_span(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor of structlog: log lines carry the trace, and the event, that they belong to."""
    span = _current.get()
    return span.names() | dict(line) if span else line


def new_traceparent(parent: str | None = None) -> str:
    """A child of `parent`, or the start of a trace where `parent` is missing or malformed (W3C Trace Context, § 4.3)."""
    match = _TRACEPARENT.match(parent or "")
    trace_id = match[1] if match else secrets.token_hex(16)
    return f"00-{trace_id}-{secrets.token_hex(8)}-01"


@contextmanager
def trace(parent: str | None) -> Iterator[str]:
    """Run a block as one span of the trace of `parent`; its log lines carry `trace_id`."""
    span = Span(parent)
    token = _current.set(span)
    try:
        yield span.traceparent
    finally:
        _current.reset(token)


# Every metric of the chassis, in one list.

RELAY_BACKLOG = Gauge("amtsbus_relay_backlog_events", "Appended events that are not published yet")
RELAY_OLDEST = Gauge("amtsbus_relay_oldest_unpublished_seconds", "Age of the oldest event that is not published yet")
RELAY_PUBLISHED = Counter("amtsbus_relay_published_total", "Events published", ["topic"])
RELAY_BLOCKED = Gauge(
    "amtsbus_relay_blocked_streams", "Streams whose next event Kafka refuses (too large, not authorised)"
)
RELAY_LEADER = Gauge("amtsbus_relay_leader", "1 where this process is the service's relay")
JOURNAL_READY = Gauge("amtsbus_journal_ready_days", "Days for which the journal has months")
RELAY_FAILURES = Counter("amtsbus_relay_failures_total", "Passes of the relay that failed", ["reason"])

READ_EVENTS = Counter(
    "amtsbus_reader_events_total",
    "Events read, by outcome: handled, repeated, unknown_type, parked, parked_behind",
    ["consumer", "outcome"],
)
READ_BATCH = Histogram("amtsbus_reader_batch_seconds", "Time from a batch's arrival to its commit", ["consumer"])
READ_LAG = Gauge(
    "amtsbus_reader_lag_events",
    "Events in the partition that had no effect for this reader yet",
    ["consumer", "partition"],
)
READ_RETRIES = Counter("amtsbus_reader_retries_total", "Attempts repeated after a transient failure", ["consumer"])
READ_RESETS = Counter(
    "amtsbus_reader_resets_total",
    "Positions in a partition that were lost: it is read again from its beginning (back), or records went before they were "
    "read (ahead)",
    ["consumer", "direction"],
)
READ_GAPS = Counter("amtsbus_reader_gaps_total", "Missing sequences noticed", ["consumer"])
READ_REUSED = Counter(
    "amtsbus_reader_reused_sequences_total",
    "Sequences that came a second time with another event",
    ["consumer"],
)
READ_OPEN_GAPS = Gauge("amtsbus_reader_open_gaps", "Events that are known to be missing", ["consumer"])
READ_PARTITIONS = Gauge("amtsbus_reader_partitions", "Partitions that this process reads", ["consumer"])
READ_STOPPED = Gauge("amtsbus_reader_stopped", "1 where the limit of failures has stopped this reader", ["consumer"])
PARKED_KEYS = Gauge("amtsbus_parked_keys", "Keys with parked events", ["consumer"])

CLOCK_RINGS = Counter("amtsbus_clock_rings_total", "Deadlines that the clock announced", ["kind"])
CLOCK_FAILURES = Counter(
    "amtsbus_clock_failures_total", "Announcements of a deadline that failed and are tried again", ["kind"]
)

HTTP_REQUESTS = Counter(
    "amtsbus_http_requests_total", "Requests answered, by route template", ["method", "route", "status"]
)
HTTP_SECONDS = Histogram(
    "amtsbus_http_request_seconds", "Time from a request's arrival to its answer", ["method", "route"]
)
LOGIN_REFUSALS = Counter(
    "amtsbus_login_refusals_total", "Requests without a valid token (401) or the role (403)", ["status"]
)
