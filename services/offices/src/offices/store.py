"""The office's tables: applications with their cases, letters."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from amtsbus.casework import store as cases
from amtsbus.casework.case import Case
from amtsbus.desk import search
from amtsbus.errors import NotFoundError, PreconditionFailedError
from amtsbus.postgres import Tx
from amtsbus.procedures import store as procedures

from offices.domain.case_file import CaseFile, Document, DocumentRequest, Hearing, Payment, Supplement
from offices.domain.target import Target

# Case files


async def add(tx: Tx, file: CaseFile) -> None:
    """Store a fresh case with its application."""
    await cases.add(tx, file.case)
    await tx.execute(
        "INSERT INTO applications (case_id, procedure_key, procedure_version, language, applicant_name, applicant_email, "
        "identification, answers, handed_in_at, complete_at, search) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9, $10, $11)",
        file.case_id,
        file.declared.key,
        file.version,
        file.language,
        file.applicant_name,
        file.applicant_email,
        file.identification,
        json.dumps(file.answers),
        file.handed_in_at,
        file.complete_at,
        search.search_words(file.applicant_name or "", file.case.reference),
    )
    await _save_parts(tx, file, _Counts())


@dataclass(frozen=True, slots=True)
class _Counts:
    documents: int = 0
    supplements: int = 0
    requests: int = 0


async def get(tx: Tx, case_id: UUID, land: str) -> CaseFile:
    """A case with its application.

    Raises:
        NotFoundError: there is none.
    """
    row = await tx.fetchrow(_GET, case_id)
    if row is None:
        raise NotFoundError(f"there is no case {case_id}")
    stored = await procedures.get(tx, row["procedure_key"], row["procedure_version"])
    case: Case = await cases.get(tx, case_id, stored.compiled(land))
    return CaseFile(
        case=case,
        declared=stored.declared,
        version=stored.version,
        office=stored.office,
        language=row["language"],
        applicant_name=row["applicant_name"],
        applicant_email=row["applicant_email"],
        identification=row["identification"],
        answers=json.loads(row["answers"]),
        handed_in_at=row["handed_in_at"],
        complete_at=row["complete_at"],
        documents=[
            Document(
                one["key"],
                one["name"],
                one["sha256"],
                one["size_bytes"],
                one["media_type"],
                datetime.fromisoformat(one["supplied_at"]),
            )
            for one in json.loads(row["documents"] or "[]")
        ],
        supplements=[
            Supplement(one["message"], one["replaced"], datetime.fromisoformat(one["supplied_at"]))
            for one in json.loads(row["supplements"] or "[]")
        ],
        requests=[
            DocumentRequest(
                tuple(one["documents"]),
                tuple(one["fields"]),
                one["reasons"],
                one["requested_by"],
                datetime.fromisoformat(one["requested_at"]),
                date.fromisoformat(one["due_on"]),
                datetime.fromisoformat(one["answered_at"]) if one["answered_at"] else None,
            )
            for one in json.loads(row["requests"] or "[]")
        ],
        hearings=[
            Hearing(
                one["office"],
                date.fromisoformat(one["opened_on"]),
                date.fromisoformat(one["due_on"]),
                one["outcome"],
                one["opinion"],
                one["recorded_by"],
                datetime.fromisoformat(one["recorded_at"]) if one["recorded_at"] else None,
            )
            for one in json.loads(row["hearings"] or "[]")
        ],
        payments=[
            Payment(UUID(one["payment_id"]), one["amount_cents"], datetime.fromisoformat(one["paid_at"]))
            for one in json.loads(row["payments"] or "[]")
        ],
    )


async def get_as_seen(tx: Tx, target: Target, land: str) -> CaseFile:
    """The case that a caseworker acts on.

    Raises:
        NotFoundError: there is none.
        PreconditionFailedError: somebody was faster.
    """
    file = await get(tx, target.case_id, land)
    if file.case.version != target.version:
        raise PreconditionFailedError(
            f"the case is at version {file.case.version} by now, and you saw {target.version}: look at it again"
        )
    return file


async def save(tx: Tx, file: CaseFile) -> None:
    """Save what has changed since the case was read.

    Raises:
        ConflictError: somebody else saved it meanwhile; nothing was written.
    """
    await cases.save(tx, file.case)
    await tx.execute(
        "UPDATE applications SET answers = $2::jsonb, complete_at = $3 WHERE case_id = $1",
        file.case_id,
        json.dumps(file.answers),
        file.complete_at,
    )
    row = await tx.fetchrow(_COUNTS, file.case_id)
    assert row is not None  # noqa: S101 - a SELECT of counts has one row
    await _save_parts(tx, file, _Counts(**dict(row)))


async def _save_parts(tx: Tx, file: CaseFile, there: _Counts) -> None:
    for nth, document in enumerate(file.documents[there.documents :], there.documents + 1):
        await tx.execute(
            "INSERT INTO documents (case_id, nth, key, name, sha256, size_bytes, media_type, supplied_at) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            file.case_id,
            nth,
            document.key,
            document.name,
            document.sha256,
            document.size_bytes,
            document.media_type,
            document.supplied_at,
        )
    for nth, supplement in enumerate(file.supplements[there.supplements :], there.supplements + 1):
        await tx.execute(
            "INSERT INTO supplements (case_id, nth, message, replaced, supplied_at) VALUES ($1, $2, $3, $4::jsonb, $5)",
            file.case_id,
            nth,
            supplement.message,
            json.dumps(dict(supplement.replaced)),
            supplement.supplied_at,
        )
    for nth, request in enumerate(file.requests, 1):
        await tx.execute(_REQUEST, file.case_id, nth, *_request_columns(request))
    for hearing in file.hearings:
        await tx.execute(
            _HEARING,
            file.case_id,
            hearing.office,
            hearing.opened_on,
            hearing.due_on,
            hearing.outcome,
            hearing.opinion,
            hearing.recorded_by,
            hearing.recorded_at,
        )
    for payment in file.payments:
        await tx.execute(
            "INSERT INTO payments (payment_id, case_id, amount_cents, paid_at) VALUES ($1, $2, $3, $4) "
            "ON CONFLICT (payment_id) DO NOTHING",
            payment.payment_id,
            file.case_id,
            payment.amount_cents,
            payment.paid_at,
        )


def _request_columns(request: DocumentRequest) -> tuple[Any, ...]:
    return (
        list(request.documents),
        list(request.fields),
        request.reasons,
        request.requested_by,
        request.requested_at,
        request.due_on,
        request.answered_at,
    )


_GET = """
SELECT a.*, a.answers::text AS answers,
       (SELECT json_agg(d ORDER BY d.nth)::text FROM documents d WHERE d.case_id = a.case_id) AS documents,
       (SELECT json_agg(s ORDER BY s.nth)::text FROM supplements s WHERE s.case_id = a.case_id) AS supplements,
       (SELECT json_agg(r ORDER BY r.nth)::text FROM document_requests r WHERE r.case_id = a.case_id) AS requests,
       (SELECT json_agg(h ORDER BY h.opened_on, h.office)::text FROM hearings h WHERE h.case_id = a.case_id) AS hearings,
       (SELECT json_agg(p ORDER BY p.paid_at)::text FROM payments p WHERE p.case_id = a.case_id) AS payments
FROM applications a WHERE a.case_id = $1
"""

_COUNTS = """
SELECT (SELECT count(*) FROM documents WHERE case_id = $1) AS documents,
       (SELECT count(*) FROM supplements WHERE case_id = $1) AS supplements,
       (SELECT count(*) FROM document_requests WHERE case_id = $1) AS requests
"""

_REQUEST = """
INSERT INTO document_requests (case_id, nth, documents, fields, reasons, requested_by, requested_at, due_on, answered_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (case_id, nth) DO UPDATE SET answered_at = excluded.answered_at, due_on = excluded.due_on
"""

_HEARING = """
INSERT INTO hearings (case_id, office, opened_on, due_on, outcome, opinion, recorded_by, recorded_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (case_id, office, opened_on) DO UPDATE SET
    outcome = excluded.outcome, opinion = excluded.opinion, recorded_by = excluded.recorded_by, recorded_at = excluded.recorded_at
"""


# Letters


@dataclass(frozen=True, slots=True)
class StoredLetter:
    """A letter as it was written."""

    letter_id: UUID
    case_id: UUID
    about: str
    language: str
    addressee: str
    subject: str
    paragraphs: tuple[str, ...]
    remedy: str | None
    is_decision: bool
    verification_code: str
    issued_at: datetime


async def add_letter(tx: Tx, letter: StoredLetter) -> None:
    """Keep a letter; it never changes."""
    await tx.execute(
        "INSERT INTO letters (letter_id, case_id, nth, about, language, addressee, subject, paragraphs, remedy, is_decision, "
        "verification_code, issued_at) SELECT $1, $2, 1 + count(*), $3, $4, $5, $6, $7, $8, $9, $10, $11 "
        "FROM letters WHERE case_id = $2",
        letter.letter_id,
        letter.case_id,
        letter.about,
        letter.language,
        letter.addressee,
        letter.subject,
        list(letter.paragraphs),
        letter.remedy,
        letter.is_decision,
        letter.verification_code,
        letter.issued_at,
    )


async def letters(tx: Tx, case_id: UUID) -> list[StoredLetter]:
    """The letters of a case, oldest first."""
    rows = await tx.fetch(
        "SELECT letter_id, case_id, about, language, addressee, subject, paragraphs, remedy, is_decision, verification_code, "
        "issued_at FROM letters WHERE case_id = $1 ORDER BY nth",
        case_id,
    )
    return [StoredLetter(**{**dict(row), "paragraphs": tuple(row["paragraphs"])}) for row in rows]


# Lists and search


@dataclass(frozen=True, slots=True)
class Applied:
    """What a list shows of an application."""

    case_id: UUID
    procedure_key: str
    procedure_version: int
    applicant_name: str | None
    complete_at: datetime | None


async def applied(tx: Tx, case_ids: Collection[UUID]) -> dict[UUID, Applied]:
    """What a list shows of these cases."""
    rows = await tx.fetch(
        "SELECT case_id, procedure_key, procedure_version, applicant_name, complete_at FROM applications "
        "WHERE case_id = ANY($1::uuid[])",
        list(case_ids),
    )
    return {row["case_id"]: Applied(**row) for row in rows}


async def find(tx: Tx, text: str, limit: int) -> list[UUID]:
    """At most `limit` cases that have a word beginning like each word of `text`, in their name or reference; in no order."""
    return await search.find(tx, text, limit, table="applications", key="case_id")
