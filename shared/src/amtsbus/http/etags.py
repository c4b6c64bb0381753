"""Versions of cases over HTTP: `ETag` on the way out, `If-Match` on the way in (RFC 9110 § 8.8.3, § 13.1.1)."""

import re
from typing import Annotated

from fastapi import Depends, Header
from starlette.responses import Response

from amtsbus.http.problems import ProblemError

_VERSION = re.compile(r'"([1-9][0-9]{0,8})"', re.ASCII)


def set_etag(response: Response, version: int) -> None:
    """Tell the caller which version of the case this is."""
    response.headers["ETag"] = f'"{version}"'


async def _if_match(if_match: Annotated[str | None, Header(alias="If-Match")] = None) -> int:
    if if_match is None:
        raise ProblemError(
            428,
            "if-match-missing",
            'Say which version you are changing: send its ETag as If-Match, for example If-Match: "3".',
        )
    match = _VERSION.fullmatch(if_match.strip())
    if match is None:
        raise ProblemError(
            400, "if-match-malformed", 'If-Match must be one ETag as it was received, for example If-Match: "3".'
        )
    return int(match[1])


IfMatch = Annotated[int, Depends(_if_match)]
"""The version that the caller has seen; the use case compares it (`PreconditionFailedError`)."""
