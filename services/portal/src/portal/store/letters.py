"""Letters of the offices."""

from datetime import datetime
from uuid import UUID

from amtsbus.errors import NotFoundError
from amtsbus.postgres import Row, Tx

from portal.domain.letter import Letter
from portal.domain.owner import Owner
from portal.store import applications

# A letter to nobody known bears the case's own id in place of a person's; it is theirs who may see the application.
_OWN = f"""
SELECT letter_id, case_id, office, person_id, about, language, reference, addressee, subject, paragraphs, remedy, is_decision,
       verification_code, issued_at, read_at, pdf_sha256
FROM letters
WHERE (person_id = $1
       OR (person_id = case_id AND case_id IN (SELECT application_id FROM applications a WHERE {applications.IS_OWN})))
"""  # noqa: S608 - our own condition
_UNREAD = f"SELECT case_id, count(*) FROM ({_OWN}) own WHERE read_at IS NULL GROUP BY case_id"  # noqa: S608 - as above


async def add(tx: Tx, letter: Letter) -> None:
    """Keep a letter; a second time changes nothing."""
    await tx.execute(
        """
        INSERT INTO letters (letter_id, case_id, office, person_id, about, language, reference, addressee, subject, paragraphs,
                             remedy, is_decision, verification_code, issued_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        ON CONFLICT (letter_id) DO NOTHING
        """,
        letter.letter_id,
        letter.case_id,
        letter.office,
        letter.person_id,
        letter.about,
        letter.language,
        letter.reference,
        letter.addressee,
        letter.subject,
        list(letter.paragraphs),
        letter.remedy,
        letter.is_decision,
        letter.verification_code,
        letter.issued_at,
    )


async def get(tx: Tx, letter_id: UUID, owner: Owner) -> Letter:
    """A letter to this owner.

    Raises:
        NotFoundError: there is none, or it is to somebody else.
    """
    row = await tx.fetchrow(f"{_OWN} AND letter_id = $4", *applications.own(owner), letter_id)
    if row is None:
        raise NotFoundError(f"There is no letter {letter_id} to you.")
    return _letter(row)


async def of_case(tx: Tx, case_id: UUID, owner: Owner) -> list[Letter]:
    """The letters to this owner about one application, the oldest first."""
    rows = await tx.fetch(
        f"{_OWN} AND case_id = $4 ORDER BY issued_at, letter_id",
        *applications.own(owner),
        case_id,
    )
    return [_letter(row) for row in rows]


async def all_of(tx: Tx, owner: Owner, *, most: int = 500) -> list[Letter]:
    """All letters to this owner, the newest first."""
    rows = await tx.fetch(
        f"{_OWN} ORDER BY issued_at DESC, letter_id DESC LIMIT $4",
        *applications.own(owner),
        most,
    )
    return [_letter(row) for row in rows]


async def unread(tx: Tx, owner: Owner) -> dict[UUID, int]:
    """How many letters were not read yet, by application."""
    rows = await tx.fetch(_UNREAD, *applications.own(owner))
    return {row["case_id"]: row["count"] for row in rows}


async def mark_read(tx: Tx, letter_id: UUID, now: datetime) -> None:
    """Note that a letter was read, where that is not noted yet."""
    await tx.execute("UPDATE letters SET read_at = $2 WHERE letter_id = $1 AND read_at IS NULL", letter_id, now)


async def set_pdf(tx: Tx, letter_id: UUID, pdf_sha256: str) -> None:
    """Note under which hash the letter's PDF lies in the document store."""
    await tx.execute("UPDATE letters SET pdf_sha256 = $2 WHERE letter_id = $1", letter_id, bytes.fromhex(pdf_sha256))


async def codes(tx: Tx, reference: str) -> list[str]:
    """The verification codes of all letters with this reference."""
    return [
        row["verification_code"]
        for row in await tx.fetch("SELECT verification_code FROM letters WHERE reference = $1", reference)
    ]


def _letter(row: Row) -> Letter:
    values = dict(row)
    values["paragraphs"] = tuple(values["paragraphs"])
    values["pdf_sha256"] = bytes(values["pdf_sha256"]).hex() if values["pdf_sha256"] else None
    return Letter(**values)
