"""The city's schools are what parents can choose from in the portal."""

from typing import Final

from amtsbus.postgres import Tx
from amtsbus.procedures.declaration import ChoiceField, FormField, Option, ProcedureFile, Text

from schooling import store
from schooling.domain.application import SCHOOL_FIELDS, school_key

FEWEST: Final = 2
"""With one school there is nothing to choose, and a choice has at least two answers."""
MOST: Final = 300
"""More than any city has; as many answers as a choice can have."""


async def offer_schools(declared: ProcedureFile, tx: Tx) -> ProcedureFile | None:
    """The form with the schools of the city as they are now; None while there are too few, or too many, to choose from."""
    schools = await store.schools(tx, after=None, limit=MOST + 1)
    if not FEWEST <= len(schools) <= MOST:
        return None
    options = tuple(
        Option(key=school_key(school.school_id), label=Text(de=school.name, en=school.name)) for school in schools
    )

    def with_schools(field: FormField) -> FormField:
        is_choice = isinstance(field, ChoiceField) and field.key in SCHOOL_FIELDS
        return field.model_copy(update={"options": options}) if is_choice else field

    pages = tuple(
        page.model_copy(update={"fields": tuple(with_schools(field) for field in page.fields)})
        for page in declared.form.pages
    )
    return declared.model_copy(update={"form": declared.form.model_copy(update={"pages": pages})})
