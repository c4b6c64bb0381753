"""How somebody wishes to hear of their letters."""

from typing import Final, Literal, cast
from uuid import UUID

from amtsbus.http import EmailAddress, InTx
from amtsbus.web import LoginNeededError, PageVisit, Visit, pages, visitors
from pydantic import TypeAdapter, ValidationError
from starlette.responses import Response

from portal.domain.contact import ContactPreferences
from portal.pages.whom import owner_of, person_of
from portal.store import contact
from portal.use_cases.choose_contact import ChooseContact, choose_contact

router = pages(prefix="/contact")

_EMAIL: Final[TypeAdapter[str]] = TypeAdapter(EmailAddress)


@router.get("", dependencies=[visitors()])
async def get_contact(visit: Visit, tx: InTx) -> Response:
    """What holds now; the address of the log-in is offered where none was ever given."""
    person_id = _person(visit)
    return visit.render("contact.html", chosen=await contact.of(tx, person_id), offered=person_of(visit).email or "")


@router.post("", dependencies=[visitors()])
async def post_contact(visit: Visit, tx: InTx) -> Response:
    """Choose."""
    person_id, form = _person(visit), await visit.form()
    entered, language = form.text("email"), form.text("language")
    email = _address(entered)
    chosen = ContactPreferences(
        email or entered or None,
        cast(Literal["de", "en"], language) if language in ("de", "en") else None,
        form.text("notice") == "yes",
    )
    errors = {}
    if entered and email is None:
        errors["email"] = visit.t("contact.email-wrong")
    elif chosen.email_notice and not entered:
        errors["email"] = visit.t("contact.email-missing")
    if errors:
        return visit.render("contact.html", 422, chosen=chosen, offered="", errors=errors)
    await choose_contact(ChooseContact(person_id, chosen), tx)
    visit.notice("contact.saved")
    return visit.go("/contact")


def _person(visit: PageVisit) -> UUID:
    person_id = owner_of(visit).person_id
    if person_id is None:
        raise LoginNeededError
    return person_id


def _address(entered: str) -> str | None:
    """The e-mail address as it is kept, by the rule that notifications goes by; None: it is none."""
    try:
        return _EMAIL.validate_python(entered)
    except ValidationError:
        return None
