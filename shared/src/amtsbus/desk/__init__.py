"""The desk: what a department's staff see and do in a browser, at `/desk` of its own API.

One kit for all departments, so that all desks look and work alike. A department says what its cases are in words and what can be
done with them (`Department`); lists, the case on one page, absence, text blocks, and the pages of leads, auditors and operators
are here::

    SERVICE = Service(…, web=desk_of(MyDepartment(), languages=Path(__file__).parent / "languages"))
"""

from pathlib import Path
from typing import Final

from amtsbus.desk.department import (
    Action,
    CaseDocument,
    CaseInWords,
    CaseLetter,
    Condition,
    Department,
    Field,
    Filled,
    MistakesError,
    Rows,
    Sheet,
    Table,
    Viewer,
    Words,
)
from amtsbus.desk.discretion import Discreet
from amtsbus.desk.pages import routers_of
from amtsbus.web import Web

__all__ = [
    "LANGUAGES",
    "TEMPLATES",
    "Action",
    "CaseDocument",
    "CaseInWords",
    "CaseLetter",
    "Condition",
    "Department",
    "Discreet",
    "Field",
    "Filled",
    "MistakesError",
    "Rows",
    "Sheet",
    "Table",
    "Viewer",
    "Words",
    "desk_of",
]

TEMPLATES: Final = Path(__file__).parent / "templates"
LANGUAGES: Final = Path(__file__).parent / "languages"
PATH: Final = "/desk"


def desk_of(department: Department, languages: Path) -> Web:
    """The pages of a department's desk.

    Args:
        languages: the folder with the department's own texts.
    """
    return Web(
        routers=routers_of(department),
        templates=TEMPLATES,
        languages=languages,
        shared_languages=(LANGUAGES,),
        audience="staff",
        path=PATH,
        title=department.title,
        imprint="",
        privacy="",
        accessibility="",
    )
