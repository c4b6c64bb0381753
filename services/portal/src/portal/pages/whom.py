"""Who sits at the browser, as the portal's rules know them, and what the process has for them."""

from uuid import UUID

from amtsbus.auth import Role
from amtsbus.documents import DocumentStore
from amtsbus.errors import NotFoundError
from amtsbus.procedures.declaration import ProcedureFile
from amtsbus.web import LoginNeededError, PageVisit

from portal.domain.owner import Owner, Person
from portal.settings import PortalSettings

_HOLDS = "portal.holds"


def owner_of(visit: PageVisit) -> Owner:
    """Whoever comes, as owner of what is theirs."""
    session = visit.session
    if session is None:
        return Owner()
    is_citizen = visit.caller is not None and Role.CITIZEN in visit.caller.roles
    return Owner(
        person_id=session.person_id if is_citizen else None,
        visitor_id=session.visitor_id,
        holds=frozenset(UUID(one) for one in visit.recall(_HOLDS, [])),
    )


def hold(visit: PageVisit, application_id: UUID) -> None:
    """From now on this browser may see an application, whose secret link it has opened."""
    held = [one for one in visit.recall(_HOLDS, []) if one != str(application_id)]
    visit.remember(_HOLDS, [*held[-19:], str(application_id)])


def person_of(visit: PageVisit) -> Person:
    """What the log-in says about whoever comes."""
    session = visit.session
    if session is None or not owner_of(visit).is_known:
        return Person()
    address = session.address or {}
    return Person(
        name=session.name,
        given_names=session.given_name,
        family_name=session.family_name,
        email=session.email,
        street_address=_text(address.get("street_address")),
        postal_code=_text(address.get("postal_code")),
        locality=_text(address.get("locality")),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def require_level(visit: PageVisit, declared: ProcedureFile) -> None:
    """Go on only for somebody who is identified as surely as the procedure asks for.

    Raises:
        LoginNeededError: the browser is sent to log in, and comes back.
    """
    visit.require(identification=declared.identification.value)


def not_theirs(visit: PageVisit, error: NotFoundError, *, may_be_anonymous: bool = False) -> Exception:
    """What to raise where something is not found: whoever is not logged in may find it when they are.

    Args:
        may_be_anonymous: nobody needs to log in for what was asked for.
    """
    return error if owner_of(visit).is_known or may_be_anonymous else LoginNeededError()


def settings_of(visit: PageVisit) -> PortalSettings:
    """The portal's settings."""
    if not isinstance(visit.settings, PortalSettings):
        raise TypeError("these pages need the settings of the portal")
    return visit.settings


def documents_of(visit: PageVisit) -> DocumentStore:
    """The city's document store."""
    return settings_of(visit).documents()
