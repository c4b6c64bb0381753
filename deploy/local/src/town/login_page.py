"""The page on which somebody at the town's issuer says as whom they log in. It works with a keyboard and without JavaScript."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

MOST_SHOWN: Final = 60
"""Of more people than this one searches."""

ROLES: Final = {
    "citizen": ("Bürgerin oder Bürger", "citizen"),
    "clerk": ("Sachbearbeitung", "clerk"),
    "lead": ("Leitung", "lead"),
    "auditor": ("Revision", "auditor"),
    "operator": ("Betrieb", "operator"),
}
LEVELS: Final = {
    "none": ("ohne Nachweis", "no proof"),
    "basic": ("Basis: Benutzername und Passwort", "basic: name and password"),
    "substantial": ("substanziell: Zertifikat", "substantial: certificate"),
    "high": ("hoch: Online-Ausweis", "high: online ID card"),
}

_STYLE: Final = """
:root { color-scheme: light dark; font: 1.125rem/1.5 "Fira Sans", system-ui, sans-serif; }
body { max-width: 45rem; margin: 0 auto; padding: 1rem; }
h1 { line-height: 1.2; }
fieldset { border: 1px solid; margin: 1.5rem 0; padding: .5rem 1rem 1rem; }
label { display: block; padding: .25rem 0; }
input[type=radio] { width: 1.25rem; height: 1.25rem; vertical-align: -.2rem; }
input[type=search] { font: inherit; width: 100%; box-sizing: border-box; padding: .5rem; }
button { font: inherit; min-height: 3rem; padding: .5rem 1rem; cursor: pointer; }
ul { list-style: none; padding: 0; }
li button { width: 100%; text-align: left; margin-bottom: .5rem; }
:focus-visible { outline: 4px solid; outline-offset: 2px; }
"""


@dataclass(frozen=True)
class Choice:
    """Somebody as whom one can log in."""

    subject: str
    name: str
    roles: Sequence[str]
    department: str | None


def policy(redirect_uri: str) -> str:
    """The Content-Security-Policy of the page: its form may lead to the program that asked."""
    origin = "/".join(redirect_uri.split("/")[:3])
    return (
        "default-src 'none'; style-src 'unsafe-inline'; "
        f"form-action 'self' {origin}; frame-ancestors 'none'; base-uri 'none'"
    )


def as_whom(choices: Iterable[Choice], asked: dict[str, str], *, wanted: str, level: str, language: str = "de") -> str:
    """The page.

    Args:
        asked: the parameters of the request, which go along.
        wanted: part of a name; empty for everybody.
        level: the level that is chosen at first.
    """
    english = language == "en"
    say = _english if english else _german
    fitting = sorted((one for one in choices if _fits(one, wanted)), key=lambda one: (not _is_citizen(one), one.name))
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in asked.items()
    )
    levels = "".join(
        f'<label><input type="radio" name="identification" value="{name}"{" checked" if name == level else ""}> '
        f"{escape(told[english])}</label>"
        for name, told in LEVELS.items()
    )
    people = "".join(
        f'<li><button type="submit" name="subject" value="{escape(one.subject)}">{escape(one.name)}, '
        f"{escape(_what(one, english))}</button></li>"
        for one in fitting[:MOST_SHOWN]
    )
    more = f"<p>{say('more')}</p>" if len(fitting) > MOST_SHOWN else ""
    nobody = f"<p>{say('nobody')}</p>" if not fitting else ""
    return f"""<!doctype html>
<html lang="{"en" if english else "de"}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{say("title")}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{say("title")}</h1>
<p>{say("what")}</p>
<form method="get" action="authorize" role="search">
{hidden}
<label for="wanted">{say("search")}</label>
<input type="search" id="wanted" name="wanted" value="{escape(wanted)}">
<p><button type="submit">{say("find")}</button></p>
</form>
<form method="post" action="authorize">
{hidden}
<fieldset><legend>{say("level")}</legend>{levels}</fieldset>
<h2>{say("as_whom")}</h2>
{nobody}<ul>{people}</ul>{more}
<p><button type="submit" name="cancel" value="yes">{say("cancel")}</button></p>
</form>
</main>
</body>
</html>
"""


def told(title: str, text: str) -> str:
    """A page that says one thing."""
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title>
<style>{_STYLE}</style></head>
<body><main><h1>{escape(title)}</h1><p>{escape(text)}</p></main></body>
</html>
"""


_GERMAN: Final = {
    "title": "Anmelden in der Demo-Stadt",
    "what": "Das ist der Anmeldedienst der Demo-Stadt. Alle Personen sind erfunden, und niemand braucht ein Passwort.",
    "search": "Name (oder ein Teil davon)",
    "find": "Suchen",
    "level": "Wie sicher ist die Anmeldung?",
    "as_whom": "Als wer?",
    "more": "Es gibt noch mehr Personen. Suchen Sie nach einem Namen.",
    "nobody": "Niemand heißt so.",
    "cancel": "Abbrechen",
}
_ENGLISH: Final = {
    "title": "Log in to the demo city",
    "what": "This is the log-in service of the demo city. All people are made up, and nobody needs a password.",
    "search": "Name (or a part of it)",
    "find": "Search",
    "level": "How sure is the log-in?",
    "as_whom": "As whom?",
    "more": "There are more people. Search for a name.",
    "nobody": "Nobody is called like that.",
    "cancel": "Cancel",
}


def _german(key: str) -> str:
    return _GERMAN[key]


def _english(key: str) -> str:
    return _ENGLISH[key]


def _fits(one: Choice, wanted: str) -> bool:
    return wanted.casefold() in one.name.casefold()


def _is_citizen(one: Choice) -> bool:
    return "citizen" in one.roles


def _what(one: Choice, english: bool) -> str:
    roles = ", ".join(ROLES[role][english] for role in one.roles if role in ROLES)
    return f"{roles} ({one.department})" if one.department else roles
