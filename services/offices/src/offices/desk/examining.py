"""What is wrong with an application, also where its answers are such that the procedure's own rules cannot read them.

A case is opened whatever is wrong with it, and its page must show that instead of failing.
"""

from datetime import date
from typing import Final

from amtsbus.desk.handed_in import UNREADABLE
from amtsbus.procedures.answers import Problem
from amtsbus.procedures.declaration import Text

from offices.domain.case_file import CaseFile

_UNREADABLE: Final = Text(
    de="Die Angaben lassen sich nicht prüfen: Eine davon hat eine andere Form, als das Verfahren erwartet.",
    en="The answers cannot be checked: one of them has another form than the procedure expects.",
)


def problems(file: CaseFile) -> list[Problem]:
    """What is wrong with the answers; that they cannot be read is a problem as well."""
    try:
        return file.problems
    except UNREADABLE:
        return [Problem("", _UNREADABLE)]


def missing_documents(file: CaseFile) -> list[str]:
    """The keys of required documents that have not come; none where nobody can tell."""
    try:
        return file.missing_documents
    except UNREADABLE:
        return []


def fee_cents(file: CaseFile, today: date) -> int | None:
    """What the application costs; None where nobody can tell."""
    try:
        return file.fee_cents(today)
    except UNREADABLE:
        return None
