"""What can go wrong, as the chassis tells it apart: not now, never, or not like this."""


class TransientError(Exception):
    """It failed now and may succeed later: retried in place, never parked. Raise it for an outside party that is away."""


class ConflictError(Exception):
    """Someone else changed the same thing first.

    Over HTTP the edge tries a use case that is marked safe once more and then answers 409; a reader tries again.
    """


class RuleViolationError(Exception):
    """A rule of the law or of the procedure forbids it. The message says which and what to do instead.

    Over HTTP: 422 problem+json with `code` as the last part of its type; in a reader: the event is parked.
    Carry no personal data in the message: it is logged.
    """

    def __init__(self, message: str, *, code: str = "rule-violated") -> None:
        super().__init__(message)
        self.code = code


class NotFoundError(Exception):
    """There is no such thing for this caller: 404, whether it is somebody else's or does not exist."""


class ForbiddenError(Exception):
    """The caller may see it but may not do this: 403. The message says who may."""


class PreconditionFailedError(Exception):
    """The caller acted on an older version than the present one (If-Match, RFC 9110 § 13.1.1): 412."""
