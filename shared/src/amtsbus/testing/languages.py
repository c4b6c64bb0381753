"""That pages say something in every language: for a test of each service that has pages."""

import ast
import json
import re
from collections.abc import Iterator, Sequence, Set
from pathlib import Path

from amtsbus.web.declaration import Web
from amtsbus.web.languages import LANGUAGES, OF_KIT, placeholders

_ASKED = re.compile(r"""\bt\(\s*(["'])([^"']+)\1\s*[,)]""")
_QUOTED = re.compile(r"""(["'])([^"'\s]+)\1""")


def check_languages(web: Web, *, built: Sequence[str] = ()) -> None:
    """Fail where a text is missing, is not used, or is given other values in one language than in another.

    Args:
        built: the beginnings of keys that are put together at run time: `("state.",)`.

    Raises:
        AssertionError: with everything that was found.
    """
    problems = catalogue_problems(web.languages)
    texts = _texts(web.languages, "de")
    known = texts.keys() | {key for folder in (OF_KIT, *web.shared_languages) for key in _texts(folder, "de")}
    asked, quoted = _keys_in(web.templates.parent)
    problems += [f"there is no text {key!r}" for key in sorted(asked) if not _is_known(key, known)]
    problems += [
        f"the text {key!r} is not used"
        for key in sorted(texts)
        if not _is_used(key, quoted) and not key.startswith(tuple(built))
    ]
    problems += [f"{key!r}: texts of the kit begin with `kit.`" for key in sorted(texts) if key.startswith("kit.")]
    if problems:
        raise AssertionError("\n".join(problems))


def catalogue_problems(folder: Path) -> list[str]:
    """What does not agree between the languages of a folder."""
    catalogues = {language: _texts(folder, language) for language in LANGUAGES}
    german = catalogues["de"]
    problems = [f"{key!r} is missing in en" for key in sorted(german.keys() - catalogues["en"].keys())]
    for language in ("en", "plain"):
        problems += [f"{key!r} is in {language} only" for key in sorted(catalogues[language].keys() - german.keys())]
        for key, text in catalogues[language].items():
            if key in german and placeholders(text) != placeholders(german[key]):
                problems.append(f"{key!r} has other placeholders in {language} than in de")
    problems += [
        f"{key!r} is empty in {language}"
        for language, texts in catalogues.items()
        for key, text in texts.items()
        if not text.strip()
    ]
    return problems


def _texts(folder: Path, language: str) -> dict[str, str]:
    texts: dict[str, str] = json.loads((folder / f"{language}.json").read_text(encoding="utf-8"))
    return texts


def _is_known(key: str, texts: Set[str]) -> bool:
    return key in texts or {f"{key}.one", f"{key}.other"} <= texts


def _is_used(key: str, quoted: set[str]) -> bool:
    return key in quoted or (key.endswith((".one", ".other")) and key.rpartition(".")[0] in quoted)


def _keys_in(folder: Path) -> tuple[set[str], set[str]]:
    """The keys that templates and code ask for by name, and everything that stands in quotes."""
    asked: set[str] = set()
    quoted: set[str] = set()
    for file in folder.rglob("*.html"):
        content = file.read_text(encoding="utf-8")
        asked |= {match[2] for match in _ASKED.finditer(content)}
        quoted |= {match[2] for match in _QUOTED.finditer(content)}
    for file in folder.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        asked |= set(_asked_in(tree))
        quoted |= {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
    return asked, quoted


def _asked_in(tree: ast.AST) -> Iterator[str]:
    """The first argument of `….t(…)` and `….notice(…)`, where it is written out."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("t", "notice")
            and node.args
            and isinstance(node.args[0], ast.Constant)
            and isinstance(node.args[0].value, str)
        ):
            yield node.args[0].value
