"""Building applications, and the dated numbers of the law, in PostgreSQL.

The case itself is kept by `amtsbus.casework.store`; here is what a building project adds to it.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

from amtsbus.casework import store as cases
from amtsbus.casework.calendar import Period, Unit
from amtsbus.desk import search
from amtsbus.errors import NotFoundError, PreconditionFailedError
from amtsbus.postgres import Row, Tx

from permits.domain.application import (
    Address,
    BuildingApplication,
    Document,
    DocumentRequest,
    Hearing,
    Parcel,
    Project,
    Ruling,
)
from permits.domain.codes import Agency, AgencyOutcome, ConditionCode, Decision, DocumentCode, GroundCode, ProjectKind
from permits.domain.handed_in import HandedInFile, Payment, PortalApplication, Supplement
from permits.domain.law import FeeTariff, LegalTerm, Term
from permits.domain.procedure import BUILDING_PERMIT
from permits.domain.target import Target


async def add(tx: Tx, application: BuildingApplication) -> None:
    """Store a new application."""
    await cases.add(tx, application.case)
    await tx.execute(
        """
        INSERT INTO applications (application_id, kind, description, gross_building_sum_cents, cadastral_district,
                                  cadastral_section, parcel, street, house_number, postal_code, locality)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        """,
        application.application_id,
        *_project_columns(application.project),
    )
    await _save_documents(tx, application)


async def get(tx: Tx, application_id: UUID, *, owner: UUID | None) -> BuildingApplication:
    """The application; for a citizen (`owner`) only their own.

    Raises:
        NotFoundError: there is none, or it is somebody else's.
    """
    row = await tx.fetchrow("SELECT * FROM applications WHERE application_id = $1", application_id)
    if row is None:
        raise _unknown(application_id)
    case = await cases.get(tx, application_id, BUILDING_PERMIT)
    if owner is not None and case.applicant_id != owner:
        raise _unknown(application_id)
    ruling = await tx.fetchrow("SELECT * FROM rulings WHERE application_id = $1", application_id)
    return BuildingApplication(
        case=case,
        project=_project(row),
        documents=[
            _document(row)
            for row in await tx.fetch(
                "SELECT * FROM documents WHERE application_id = $1 ORDER BY supplied_at, code, name", application_id
            )
        ],
        requests=[
            _request(row)
            for row in await tx.fetch(
                "SELECT * FROM document_requests WHERE application_id = $1 ORDER BY nth", application_id
            )
        ],
        hearings={
            Agency(row["agency"]): _hearing(row)
            for row in await tx.fetch(
                "SELECT * FROM hearings WHERE application_id = $1 ORDER BY opened_on, agency", application_id
            )
        },
        ruling=_ruling(ruling) if ruling else None,
    )


async def get_as_seen(tx: Tx, target: Target) -> BuildingApplication:
    """The application that a command is about, in the version that its caller has seen.

    Raises:
        NotFoundError: there is none, or it is somebody else's.
        PreconditionFailedError: it has changed since.
    """
    application = await get(tx, target.application_id, owner=target.owner)
    if application.case.version != target.version:
        raise PreconditionFailedError(
            f"{application.reference} has changed since you read it (version {target.version}; it is "
            f"{application.case.version} now). Read it again, and repeat what you wanted to do if it still applies."
        )
    return application


async def save(tx: Tx, application: BuildingApplication) -> None:
    """Store what a step has changed.

    Raises:
        ConflictError: somebody else changed the application at the same time.
    """
    await cases.save(tx, application.case)
    await _save_documents(tx, application)
    await tx.executemany(
        """
        INSERT INTO document_requests (application_id, nth, requested_at, documents, outstanding, reasons, due_on, answers,
                                       outstanding_answers)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (application_id, nth) DO UPDATE
        SET outstanding = excluded.outstanding, outstanding_answers = excluded.outstanding_answers
        """,
        [
            (
                application.application_id,
                nth,
                r.requested_at,
                r.documents,
                sorted(r.outstanding),
                r.reasons,
                r.due_on,
                r.answers,
                sorted(r.outstanding_answers),
            )
            for nth, r in enumerate(application.requests, 1)
        ],
    )
    await tx.executemany(
        """
        INSERT INTO hearings (application_id, agency, opened_on, due_on, outcome, conditions, remarks, ended_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (application_id, agency) DO UPDATE SET outcome = excluded.outcome, conditions = excluded.conditions,
                                                           remarks = excluded.remarks, ended_at = excluded.ended_at
        """,
        [
            (
                application.application_id,
                h.agency,
                h.opened_on,
                h.due_on,
                h.outcome,
                h.conditions,
                h.remarks,
                h.ended_at,
            )
            for h in application.hearings.values()
        ],
    )
    await _save_ruling(tx, application)


async def _save_documents(tx: Tx, application: BuildingApplication) -> None:
    await tx.executemany(
        """
        INSERT INTO documents (application_id, code, name, sha256, size_bytes, supplied_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (application_id, code, sha256) DO NOTHING
        """,
        [
            (application.application_id, d.code, d.name, d.sha256, d.size_bytes, d.supplied_at)
            for d in application.documents
        ],
    )


async def _save_ruling(tx: Tx, application: BuildingApplication) -> None:
    ruling = application.ruling
    if ruling is None:
        await tx.execute("DELETE FROM rulings WHERE application_id = $1", application.application_id)
        return
    await tx.execute(
        """
        INSERT INTO rulings (application_id, decision, conditions, grounds, decided_on, valid_until, payable_on)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (application_id) DO UPDATE
        SET decision = excluded.decision, conditions = excluded.conditions, grounds = excluded.grounds,
            decided_on = excluded.decided_on, valid_until = excluded.valid_until, payable_on = excluded.payable_on
        """,
        application.application_id,
        ruling.decision,
        ruling.conditions,
        ruling.grounds,
        ruling.decided_on,
        ruling.valid_until,
        ruling.payable_on,
    )


# What came through the portal


async def is_known(tx: Tx, application_id: UUID) -> bool:
    """Whether there is such an application."""
    known: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT FROM applications WHERE application_id = $1)", application_id
    )
    return known


async def add_portal_application(tx: Tx, handed_in: PortalApplication) -> None:
    """Keep an application as the portal told it."""
    await tx.execute(
        """
        INSERT INTO portal_applications (application_id, procedure_version, language, applicant_name, applicant_email,
                                         identification, answers, files, handed_in_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8::jsonb, $9)
        """,
        handed_in.application_id,
        handed_in.procedure_version,
        handed_in.language,
        handed_in.applicant_name,
        handed_in.applicant_email,
        handed_in.identification,
        json.dumps(handed_in.answers),
        json.dumps([asdict(file) for file in handed_in.files]),
        handed_in.handed_in_at,
    )


async def portal_application(tx: Tx, application_id: UUID) -> PortalApplication:
    """An application as it was handed in at the portal, with its answers as they are by now.

    Raises:
        NotFoundError: it did not come through the portal.
    """
    row = await tx.fetchrow(
        "SELECT application_id, procedure_version, language, applicant_name, applicant_email, identification, answers::text, "
        "files::text, handed_in_at FROM portal_applications WHERE application_id = $1",
        application_id,
    )
    if row is None:
        raise _unknown(application_id)
    files = tuple(HandedInFile(**file) for file in json.loads(row["files"]))
    return PortalApplication(**{**dict(row), "answers": json.loads(row["answers"]), "files": files})


async def applicant_names(tx: Tx, application_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The names of those who applied through the portal, by their applications."""
    rows = await tx.fetch(
        "SELECT application_id, applicant_name FROM portal_applications "
        "WHERE application_id = ANY($1::uuid[]) AND applicant_name IS NOT NULL",
        application_ids,
    )
    return {row["application_id"]: row["applicant_name"] for row in rows}


async def supplements(tx: Tx, application_id: UUID) -> list[Supplement]:
    """What was handed in later at the portal, in order."""
    rows = await tx.fetch(
        "SELECT message, answers::text, replaced::text, files::text, supplied_at, refused FROM portal_supplements "
        "WHERE application_id = $1 ORDER BY nth",
        application_id,
    )
    return [
        Supplement(
            **{
                **dict(row),
                "answers": json.loads(row["answers"]),
                "replaced": json.loads(row["replaced"]),
                "files": tuple(HandedInFile(**file) for file in json.loads(row["files"])),
            }
        )
        for row in rows
    ]


async def paid_cents(tx: Tx, application_id: UUID) -> int:
    """What was paid so far, in cents."""
    paid: int = await tx.fetchval(
        "SELECT coalesce(sum(amount_cents), 0)::bigint FROM payments WHERE application_id = $1", application_id
    )
    return paid


async def save_answers(tx: Tx, application: BuildingApplication, answers: Mapping[str, Any]) -> None:
    """Keep answers that were given anew, and what they make of the project."""
    await tx.execute(
        "UPDATE portal_applications SET answers = $2::jsonb WHERE application_id = $1",
        application.application_id,
        json.dumps(answers),
    )
    await tx.execute(
        """
        UPDATE applications
        SET kind = $2, description = $3, gross_building_sum_cents = $4, cadastral_district = $5, cadastral_section = $6,
            parcel = $7, street = $8, house_number = $9, postal_code = $10, locality = $11
        WHERE application_id = $1
        """,
        application.application_id,
        *_project_columns(application.project),
    )


async def add_supplement(tx: Tx, application_id: UUID, supplement: Supplement) -> None:
    """Keep what was handed in later."""
    await tx.execute(
        """
        INSERT INTO portal_supplements (application_id, nth, message, answers, replaced, files, supplied_at, refused)
        SELECT $1, 1 + count(*), $2, $3::jsonb, $4::jsonb, $5::jsonb, $6, $7
        FROM portal_supplements WHERE application_id = $1
        """,
        application_id,
        supplement.message,
        json.dumps(dict(supplement.answers)),
        json.dumps(dict(supplement.replaced)),
        json.dumps([asdict(file) for file in supplement.files]),
        supplement.supplied_at,
        supplement.refused,
    )


async def add_payment(tx: Tx, application_id: UUID, payment: Payment) -> bool:
    """Keep a payment; returns whether it is a new one."""
    added = await tx.fetchval(
        "INSERT INTO payments (payment_id, application_id, amount_cents, paid_at) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (payment_id) DO NOTHING RETURNING true",
        payment.payment_id,
        application_id,
        payment.amount_cents,
        payment.paid_at,
    )
    return bool(added)


# Lists, and the numbers of the law


async def projects(tx: Tx, application_ids: Collection[UUID]) -> dict[UUID, Project]:
    """What is to be built and where, for the rows of a list."""
    rows = await tx.fetch("SELECT * FROM applications WHERE application_id = ANY($1)", list(application_ids))
    return {row["application_id"]: _project(row) for row in rows}


async def find(tx: Tx, text: str, limit: int) -> list[UUID]:
    """At most `limit` applications that have a word beginning like each word of `text`, in site or reference; in no order."""
    return await search.find(tx, text, limit, table="applications", key="application_id")


async def legal_term(tx: Tx, term: Term, on: date) -> LegalTerm:
    """The length of `term` as it holds on the day `on`.

    Raises:
        LookupError: the table has none for that day; a migration forgot it.
    """
    row = await tx.fetchrow(
        "SELECT * FROM legal_terms WHERE term = $1 AND valid_from <= $2 ORDER BY valid_from DESC LIMIT 1", term, on
    )
    if row is None:
        raise LookupError(f"legal_terms says nothing about {term} on {on}: add the row that held then")
    return LegalTerm(
        term=Term(row["term"]),
        valid_from=row["valid_from"],
        period=Period(row["amount"], Unit(row["unit"])),
        legal_basis=row["legal_basis"],
    )


async def fee_tariff(tx: Tx, on: date) -> FeeTariff:
    """The tariff that holds on the day `on`.

    Raises:
        LookupError: the table has none for that day; a migration forgot it.
    """
    row = await tx.fetchrow("SELECT * FROM fee_tariffs WHERE valid_from <= $1 ORDER BY valid_from DESC LIMIT 1", on)
    if row is None:
        raise LookupError(f"fee_tariffs says nothing about {on}: add the row that held then")
    return FeeTariff(**row)


def _unknown(application_id: UUID) -> NotFoundError:
    return NotFoundError(f"There is no building application {application_id} that you may see.")


def _project_columns(project: Project) -> tuple[Any, ...]:
    address = project.address
    return (
        project.kind,
        project.description,
        project.gross_building_sum_cents,
        project.parcel.district,
        project.parcel.section,
        project.parcel.number,
        address and address.street,
        address and address.house_number,
        address and address.postal_code,
        address and address.locality,
    )


def _project(row: Row) -> Project:
    return Project(
        kind=ProjectKind(row["kind"]),
        description=row["description"],
        parcel=Parcel(row["cadastral_district"], row["cadastral_section"], row["parcel"]),
        address=row["street"] and Address(row["street"], row["house_number"], row["postal_code"], row["locality"]),
        gross_building_sum_cents=row["gross_building_sum_cents"],
    )


def _document(row: Row) -> Document:
    return Document(DocumentCode(row["code"]), row["name"], row["sha256"], row["size_bytes"], row["supplied_at"])


def _request(row: Row) -> DocumentRequest:
    return DocumentRequest(
        documents=tuple(DocumentCode(code) for code in row["documents"]),
        outstanding=frozenset(DocumentCode(code) for code in row["outstanding"]),
        reasons=row["reasons"],
        requested_at=row["requested_at"],
        due_on=row["due_on"],
        answers=tuple(row["answers"]),
        outstanding_answers=frozenset(row["outstanding_answers"]),
    )


def _hearing(row: Row) -> Hearing:
    return Hearing(
        agency=Agency(row["agency"]),
        opened_on=row["opened_on"],
        due_on=row["due_on"],
        outcome=row["outcome"] and AgencyOutcome(row["outcome"]),
        conditions=tuple(ConditionCode(code) for code in row["conditions"]),
        remarks=row["remarks"],
        ended_at=row["ended_at"],
    )


def _ruling(row: Row) -> Ruling:
    return Ruling(
        decision=Decision(row["decision"]),
        conditions=tuple(ConditionCode(code) for code in row["conditions"]),
        grounds=tuple(GroundCode(code) for code in row["grounds"]),
        decided_on=row["decided_on"],
        valid_until=row["valid_until"],
        payable_on=row["payable_on"],
    )
