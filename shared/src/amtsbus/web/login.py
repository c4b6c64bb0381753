"""Logging in and out: the pages that every service with pages has."""

import time
from dataclasses import replace
from hashlib import sha256
from typing import Annotated, Any, Final

import structlog
from fastapi import Query
from starlette.responses import RedirectResponse, Response

from amtsbus.auth import LoginRequiredError
from amtsbus.errors import TransientError
from amtsbus.telemetry import LOGIN_REFUSALS
from amtsbus.web.declaration import LEVELS, Identification, is_at_least
from amtsbus.web.guards import visitors
from amtsbus.web.problems import page_of
from amtsbus.web.routes import pages, taken_from_expired
from amtsbus.web.sessions import Session
from amtsbus.web.visit import PageVisit, Visit, is_own_path

log = structlog.get_logger(__name__)

ATTEMPT_SECONDS: Final = 600
"""How long somebody may take to log in at the identity provider."""
MOST_ATTEMPTS: Final = 5
"""Log-ins that one browser can have begun at once, in several tabs."""
_ATTEMPTS: Final = "kit.login"

Text = Annotated[str, Query(max_length=4000)]


router = pages()


@router.get("/login", dependencies=[visitors()])
async def get_login(
    visit: Visit, back: Annotated[str, Query(alias="return", max_length=2000)] = "/", identification: Text = "none"
) -> Response:
    """Send the browser to the identity provider, unless that is not needed."""
    level: Identification = next((one for one in LEVELS if one == identification), "none")
    target = back if is_own_path(back) else "/"
    if visit.caller is not None and visit.session is not None and is_at_least(visit.session.identification, level):
        return visit.go(target)
    _count(visit)
    client = visit.site.login
    if client is None:
        raise TransientError("nobody can log in here: no OIDC client is set")
    # Here, as it brings the cryptography along, which a worker that imports this module does not need.
    from amtsbus.web.oidc import Attempt

    attempt = Attempt()
    address = await client.begin(
        attempt,
        redirect_uri=visit.absolute("/login/callback"),
        identification=level,
        again=visit.caller is not None,
        language=visit.language,
    )
    begun = {"nonce": attempt.nonce, "verifier": attempt.verifier, "return": target, "level": level, "at": time.time()}
    visit.remember(_ATTEMPTS, _latest(visit.recall(_ATTEMPTS, {})) | {_digest(attempt.state): begun})
    return RedirectResponse(address, 303)


@router.get("/login/callback", dependencies=[visitors()])
async def get_callback(visit: Visit, state: Text = "", code: Text = "", error: Text = "", iss: Text = "") -> Response:
    """Take back a browser that has been at the identity provider."""
    _count(visit)
    attempts = visit.recall(_ATTEMPTS, {})
    begun = attempts.get(_digest(state))
    client = visit.site.login
    if client is None or begun is None or time.time() - begun["at"] > ATTEMPT_SECONDS:
        return _refused(visit, "the log-in was not begun here, or too long ago", kind="login.expired", status=400)
    others = {name: value for name, value in attempts.items() if name != _digest(state)}
    visit.remember(_ATTEMPTS, others)  # a state is good once
    if iss and not client.is_issuer(iss):
        return _refused(visit, "the answer comes from another issuer", kind="login.failed")
    if error or not code:
        return _refused(visit, "the identity provider has not let them in", kind="login.cancelled")
    from amtsbus.web.oidc import Attempt

    attempt = Attempt(state, begun["nonce"], begun["verifier"])
    try:
        session = await client.finish(attempt, code=code, redirect_uri=visit.absolute("/login/callback"))
    except LoginRequiredError as reason:
        return _refused(visit, str(reason), kind="login.failed")
    visit.log_in(_continued(session, visit.session, others))
    log.info("logged-in", subject=session.subject, identification=session.identification)
    if not is_at_least(session.identification, begun["level"]):
        return page_of(403, visit, kind="login.level", keep_changes=True)
    return visit.go(begun["return"])


@router.post("/logout", dependencies=[visitors()])
@taken_from_expired
async def post_logout(visit: Visit) -> Response:
    """End the session here, and at the identity provider."""
    session, client = visit.session, visit.site.login
    visit.log_out()
    if session is not None and session.subject is not None:
        log.info("logged-out", subject=session.subject)
        if client is not None:
            address = await client.end(session, back_to=visit.absolute("/logged-out"))
            if address is not None:
                return RedirectResponse(address, 303)
    return visit.go("/logged-out")


@router.get("/logged-out", dependencies=[visitors()])
async def get_logged_out(visit: Visit) -> Response:
    """Say that the session is over."""
    return visit.render("logged_out.html")


@router.get("/alive", dependencies=[visitors()])
async def get_alive() -> Response:
    """Nothing; that somebody is at work keeps their session alive."""
    return Response(status_code=204)


def _count(visit: PageVisit) -> None:
    """Count one step of a log-in: by the address that it comes from, and by the session."""
    visit.site.logins_of_address.check(visit.client_address)
    if visit.session is not None:
        visit.site.logins_of_session.check(str(visit.session.visitor_id))


def _digest(state: str) -> str:
    return sha256(state.encode()).hexdigest()


def _latest(attempts: dict[str, Any]) -> dict[str, Any]:
    """Those that may still come to an end, the latest ones, with room for one more."""
    alive = [(name, one) for name, one in attempts.items() if time.time() - one["at"] < ATTEMPT_SECONDS]
    return dict(sorted(alive, key=lambda pair: pair[1]["at"])[-(MOST_ATTEMPTS - 1) :])


def _continued(session: Session, before: Session | None, attempts: dict[str, Any]) -> Session:
    """The new session, with what was remembered of the same person, or of somebody who had not logged in."""
    if before is None or before.subject not in (None, session.subject):
        return session
    return replace(session, visitor_id=before.visitor_id, data=before.data | {_ATTEMPTS: attempts})


def _refused(visit: PageVisit, reason: str, *, kind: str, status: int = 403) -> Response:
    LOGIN_REFUSALS.labels(str(status)).inc()
    log.info("login-refused", reason=reason)
    return page_of(status, visit, kind=kind, keep_changes=True)
