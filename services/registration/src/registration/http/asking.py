"""Who asks, and on behalf of which office."""

from typing import Annotated

from amtsbus.auth import Caller, CurrentCaller, Role
from amtsbus.casework.roles import Actor
from amtsbus.http import ShortText
from fastapi import Depends, Header, Request

from registration.domain.access import Viewer
from registration.domain.law import Office
from registration.settings import RegistrationSettings


async def _office(request: Request) -> Office:
    settings = request.app.state.settings
    if not isinstance(settings, RegistrationSettings):
        raise TypeError("registration runs with its own settings")
    return settings.office


async def _viewer(caller: CurrentCaller) -> Viewer:
    return Viewer(caller.actor(), caller.person_id)


async def _citizen(caller: CurrentCaller) -> Viewer:
    return as_citizen(caller)


def as_citizen(caller: Caller) -> Viewer:
    """The caller in their own affairs, also where they are staff as well."""
    return Viewer(Actor(caller.subject, frozenset({Role.CITIZEN})), caller.person_id)


ThisOffice = Annotated[Office, Depends(_office)]
CurrentViewer = Annotated[Viewer, Depends(_viewer)]
CurrentCitizen = Annotated[Viewer, Depends(_citizen)]
AccessPurpose = Annotated[
    ShortText | None,
    Header(
        alias="Access-Purpose", description="Why staff read the record; required where a disclosure block protects it"
    ),
]
