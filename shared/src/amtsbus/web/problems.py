"""Pages that say what went wrong and what to do: in the visitor's language and in the other one, with a reference, and with
nothing of what was sent or of what happened inside."""

from collections.abc import Mapping
from html import escape
from typing import Final

import structlog
from fastapi.exceptions import RequestValidationError
from starlette.responses import HTMLResponse, Response

from amtsbus.auth import LoginRequiredError
from amtsbus.errors import RuleViolationError
from amtsbus.http.middleware import chain_of
from amtsbus.http.problems import problem_for
from amtsbus.web.errors import ForgedRequestError, LoginNeededError, PageError, TooManyRequestsError
from amtsbus.web.visit import PageVisit, reference

log = structlog.get_logger(__name__)

TOLD: Final = frozenset({400, 403, 404, 405, 408, 409, 413, 422, 429, 500, 503})
"""The statuses with texts of their own."""
SHOWN_AS: Final[Mapping[int, int]] = {412: 409, 415: 400, 428: 400}


def answer_to(error: Exception, visit: PageVisit) -> Response:
    """The answer to an error that a request for a page may meet; also to one that nobody foresaw (a defect: 500)."""
    match error:
        case LoginNeededError():
            return visit.go_to_log_in(error.identification)
        case LoginRequiredError():
            return visit.go_to_log_in("none")
        case TooManyRequestsError():
            log.info("too-many-requests")
            return page_of(429, visit, headers={"Retry-After": str(error.after_seconds)})
        case ForgedRequestError():
            log.info("form-refused", reason=error.reason)
            return page_of(403, visit, kind="form")
        case PageError():
            return page_of(error.status, visit)
        case RequestValidationError():
            # An address that names something that cannot exist, as a case number that is none, names nothing.
            in_path = all(item["loc"] and item["loc"][0] == "path" for item in error.errors())
            return page_of(404 if in_path else 400, visit)
        case RuleViolationError():
            return page_of(422, visit, told=str(error))
    foreseen = problem_for(error, visit.site.service)
    if foreseen is None:
        log.error("request-failed", errors=chain_of(error))
        return page_of(500, visit)
    retry = foreseen.headers.get("Retry-After")
    return page_of(foreseen.status_code, visit, headers={"Retry-After": retry} if retry else None)


def page_of(
    status: int,
    visit: PageVisit,
    *,
    kind: str = "",
    told: str = "",
    keep_changes: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The page of a status.

    Args:
        kind: a more exact one, with texts of its own: `kit.error.403.form.title`.
        told: what a rule has to say.
        keep_changes: see `PageVisit.render`.
    """
    shown = SHOWN_AS.get(status, status)
    name = str(shown if shown in TOLD else 500 if shown >= 500 else 400) + (f".{kind}" if kind else "")
    try:
        return visit.render(
            "error.html",
            status,
            keep_changes=keep_changes,
            headers=headers,
            error_name=name,
            told=told,
            other=visit.in_other_language,
            other_language=visit.other_language,
        )
    except Exception as error:
        # Whatever is wrong with the templates, somebody waits for an answer.
        log.error("error-page-failed", errors=chain_of(error))
        return last_page(status, headers)


def last_page(status: int, headers: Mapping[str, str] | None = None) -> Response:
    """A page that needs nothing: no template, no catalogue, no database."""
    named = f"<p>Kennung / Reference: {escape(reference())}</p>" if reference() else ""
    content = (
        '<!doctype html><html lang="de"><meta charset="utf-8"><title>Fehler / Error</title>'
        "<h1>Es ist ein Fehler aufgetreten</h1><p>Bitte versuchen Sie es später noch einmal.</p>"
        f'<p lang="en">Something went wrong. Please try again later.</p>{named}'
    )
    return HTMLResponse(content, status, headers=dict(headers or {}))
