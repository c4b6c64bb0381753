"""What goes wrong with pages only; everything else is `amtsbus.errors`."""

from amtsbus.web.declaration import Identification


class LoginNeededError(Exception):
    """The page needs somebody who is logged in with at least `identification`: the browser is sent there and comes back."""

    def __init__(self, identification: Identification = "none") -> None:
        super().__init__(f"log-in with identification {identification!r} needed")
        self.identification = identification


class TooManyRequestsError(Exception):
    """Too often in too short a time: 429. `after_seconds` says when it is worth another try."""

    def __init__(self, after_seconds: int) -> None:
        super().__init__(f"too many requests, try again after {after_seconds} s")
        self.after_seconds = after_seconds


class PageError(Exception):
    """Something that the kit itself refuses, with the status of its page. The message is for the log."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class ForgedRequestError(PageError):
    """A form did not come from one of our pages, or from a page of a session that is over: 403."""

    def __init__(self, reason: str) -> None:
        super().__init__(403, reason)


class WebNotReadyError(Exception):
    """The pages of a service cannot be served. The message says what is missing and how to get it."""


class AssetsMissingError(WebNotReadyError):
    """What pages load has not been made, or lies elsewhere."""


class CatalogueError(WebNotReadyError):
    """A language's texts cannot be read. The message names the file."""


class WebNotConfiguredError(WebNotReadyError):
    """A setting is missing. The message names the variable."""


class UnguardedPageError(WebNotReadyError):
    """A page does not state who may come, or states it in a way that cannot hold. The message names it."""
