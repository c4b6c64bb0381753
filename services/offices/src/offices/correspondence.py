"""The office's letters: written from the words of the procedure file, kept, and told to those who deliver them."""

from collections.abc import Mapping
from typing import Final, Literal, cast

from amtsbus.casework import letters
from amtsbus.ids import new_id
from amtsbus.postgres import Tx
from amtsbus.procedures import letters as wording_of_letters
from amtsbus.procedures import steps, wording
from amtsbus.procedures.declaration import Text

from offices import store
from offices.domain.case_file import CaseFile
from offices.published import LetterIssuedV1, LetterWrittenV1
from offices.store import StoredLetter

_COURT: Final = Text(
    de="Gegen diesen Bescheid kann innerhalb eines Monats nach Bekanntgabe Klage erhoben werden. Die Klage ist schriftlich oder "
    "zur Niederschrift beim {court} einzulegen; sie kann auch als elektronisches Dokument nach § 55a VwGO eingereicht werden.",
    en="An action against this decision can be brought within one month of its notification, in writing or for the record at the "
    "{court}; it can also be filed as an electronic document under VwGO § 55a.",
)
_OBJECTION: Final = Text(
    de="Gegen diesen Bescheid kann innerhalb eines Monats nach Bekanntgabe Widerspruch erhoben werden, schriftlich, elektronisch "
    "nach § 3a Abs. 2 VwVfG oder zur Niederschrift bei: {office}.",
    en="An objection to this decision can be raised within one month of its notification, in writing, electronically under "
    "VwVfG § 3a (2), or for the record at: {office}.",
)


async def write_letter(
    tx: Tx,
    file: CaseFile,
    about: str,
    *,
    court: str,
    known: Mapping[str, str | None] | None = None,
) -> None:
    """Write the letter for what happened, if there is one, and tell those who deliver it.

    Args:
        about: what happened: `received`, `granted`, `documents_requested`, the action of a step of the file's own.
        known: what its words may name in braces, beside what the case has.
    """
    letter = wording_of_letters.letter_for(file.declared, about)
    if letter is None:
        return
    today = tx.clock.today()
    is_decision = (
        file.case.state in (steps.GRANTED, steps.REFUSED)
        and file.case.is_closed
        and file.declared.decision.remedy != "none"
    )

    # Before the decision a letter says what it is going to cost, afterwards what it did.
    cents = file.charged_cents or (None if file.case.is_closed else file.fee_cents(today))

    def values(language: str) -> dict[str, str]:
        return wording_of_letters.values(
            file.declared,
            file.sound_answers,
            language,
            today=today,
            reference=file.case.reference,
            name=_addressee(file),
            office=file.office.name.in_language(language),
            state=steps.state_name(file.declared, file.case.state).in_language(language),
            fee=wording.euros(cents, language) if cents else None,
            **(known or {}),
        )

    own = values(file.language)
    paragraphs = wording_of_letters.paragraphs(letter.body.in_language(file.language), own)
    if file.language == "en" and is_decision:
        # The language of an authority is German (VwVfG § 23 (1)): what binds is said in it as well.
        german = values("de")
        paragraphs += [letters.BINDING, wording_of_letters.line(letter.subject.de, german)]
        paragraphs += wording_of_letters.paragraphs(letter.body.de, german)
    written = StoredLetter(
        letter_id=new_id(),
        case_id=file.case_id,
        about=about,
        language=file.language,
        addressee=_addressee(file),
        subject=wording_of_letters.line(letter.subject.in_language(file.language), own),
        paragraphs=tuple(paragraphs),
        remedy=_remedy(file, court) if is_decision else None,
        is_decision=is_decision,
        verification_code=letters.verification_code(),
        issued_at=tx.clock.now(),
    )
    await store.add_letter(tx, written)
    await tx.append(
        file.case_id,
        LetterIssuedV1(
            office=file.office.key,
            case_id=file.case_id,
            letter_id=written.letter_id,
            person_id=file.case.applicant_id,
            about=about,
            language=cast(Literal["de", "en", "plain"], file.language),
            reference=file.case.reference,
            addressee=written.addressee,
            subject=written.subject,
            paragraphs=written.paragraphs,
            remedy=written.remedy,
            is_decision=is_decision,
            verification_code=written.verification_code,
            issued_at=written.issued_at,
        ),
        LetterWrittenV1(
            office=file.office.key,
            case_id=file.case_id,
            letter_id=written.letter_id,
            person_id=file.case.applicant_id,
            reference=file.case.reference,
            is_decision=is_decision,
            written_at=written.issued_at,
        ),
    )


def _addressee(file: CaseFile) -> str:
    """The name that the letter is addressed to: that of the log-in, else the first name that was asked for."""
    if file.applicant_name:
        return file.applicant_name
    names = [
        file.answers[field.key]
        for field in file.declared.form.fields
        if field.type == "name" and field.key in file.answers
    ]
    return str(names[0]) if names else ("Applicant" if file.language == "en" else "Antragstellerin oder Antragsteller")


def _remedy(file: CaseFile, court: str) -> str:
    # Somebody who got all that they applied for can still take action against a fee or a condition, so it is told either way.
    text = _COURT if file.declared.decision.remedy == "court" else _OBJECTION
    office = file.office
    where = f"{office.name.de}, {office.street}, {office.postal_code} {office.locality}"
    german = text.de.format(court=court, office=where)
    if file.language != "en":
        return german
    return f"{text.en.format(court=court, office=where)}\n\n{german}"


def documents_in_words(file: CaseFile, documents: tuple[str, ...], fields: tuple[str, ...]) -> str | None:
    """What is asked for, a line each, as the letter names it."""
    language = file.language
    names = file.declared.names
    lines = [f"• {names[key].in_language(language)}" for key in (*documents, *fields) if key in names]
    return "\n".join(lines) or None
