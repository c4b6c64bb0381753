"""A browser without JavaScript on the pages of the town: the portal, or a department's desk."""

from urllib.parse import parse_qs, urlsplit

import httpx
from amtsbus.testing.browsing import PlainBrowser

from town.addresses import Addresses

SECONDS = 60
"""How long an answer may take when many ask at once."""
KEPT_SECONDS = 2
"""How long an idle connection is used again: less than the services keep it open."""


class TownBrowser(PlainBrowser):
    """Somebody at a browser; the issuer believes them whoever they say they are.

    Args:
        person: as whom they log in when a page sends them to the issuer; None: as nobody.
        office: whose desk it is; None: the portal.
        address: of the machine that they sit at; how often somebody may log in is counted by it.
    """

    def __init__(
        self, addresses: Addresses, person: str | None = None, *, office: str | None = None, address: str | None = None
    ) -> None:
        headers = {"Accept-Language": "de", "Accept": "text/html"}
        transport = httpx.AsyncHTTPTransport(local_address=address, limits=httpx.Limits(keepalive_expiry=KEPT_SECONDS))
        client = httpx.AsyncClient(transport=transport, headers=headers, timeout=SECONDS)
        origin = addresses.services[office or "portal"].api
        super().__init__(client, origin=origin, base="/desk" if office else "")
        self.person = person
        self._issuer = addresses.issuer

    async def _elsewhere(self, method: str, url: str) -> httpx.Response:
        """Log in at the issuer, as surely as it is asked for."""
        if self.person is None or not url.startswith(f"{self._issuer}/authorize?"):
            return await super()._elsewhere(method, url)
        async with httpx.AsyncClient(timeout=SECONDS) as http:
            people = (await http.get(f"{self._issuer}/people")).json()
            subject = next(one["sub"] for one in people if one["name"] == self.person)
            asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
            level = (asked.get("acr_values") or "basic").split()[0]
            return await http.post(
                f"{self._issuer}/authorize", data=asked | {"subject": subject, "identification": level}
            )
