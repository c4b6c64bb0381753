"""What a service declares of its pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from fastapi import APIRouter

Identification = Literal["none", "basic", "substantial", "high"]
"""How sure the identity provider is of who somebody is: the levels of assurance of eIDAS (regulation (EU) 910/2014, article 8),
with `basic` for its *low*, and `none` for somebody who is not logged in."""

LEVELS: Final[tuple[Identification, ...]] = get_args(Identification)
"""From the least to the most."""


def is_at_least(level: Identification, needed: Identification) -> bool:
    """Whether `level` is enough where `needed` is asked for."""
    return LEVELS.index(level) >= LEVELS.index(needed)


@dataclass(frozen=True)
class Web:
    """The pages of one service.

    Args:
        routers: made by `amtsbus.web.pages`.
        templates: the folder of the service's own templates; they come before the kit's of the same name.
        languages: the folder with `de.json`, `en.json` and `plain.json`: texts by key. Plain German need not have them all.
        audience: who logs in here, which decides how long a session lasts: citizens 30 minutes of idleness, staff two hours.
        shared_templates, shared_languages: folders that several services share; what a service has itself comes before.
        path: where the pages begin: empty for a portal, `/desk` for a department.
        title: the name at the head of every page: a department's by language, or one that the city can replace (`AMTSBUS_CITY`).
        imprint, privacy, accessibility: the paths of what the law wants on every page (§ 5 DDG, article 13 GDPR, § 12b BGG);
            empty where a page of this kind is shown elsewhere.
    """

    routers: tuple[APIRouter, ...]
    templates: Path
    languages: Path
    audience: Literal["citizens", "staff"]
    shared_templates: tuple[Path, ...] = ()
    shared_languages: tuple[Path, ...] = ()
    path: str = ""
    title: str | Mapping[str, str] = ""
    imprint: str = "/imprint"
    privacy: str = "/privacy"
    accessibility: str = "/accessibility"

    def __post_init__(self) -> None:
        if self.path and (not self.path.startswith("/") or self.path.endswith("/")):
            raise ValueError(f"the path of pages is empty or like /desk, not {self.path!r}")
