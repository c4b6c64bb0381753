"""Applications, and what happened to them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from amtsbus.errors import NotFoundError
from amtsbus.postgres import Row, Tx

from portal.domain.application import Applicant, Application, Request
from portal.domain.owner import Owner
from portal.store import files

_PAID = (
    "(SELECT coalesce(sum(amount_cents), 0)::bigint FROM payments p "
    "WHERE p.application_id = a.application_id AND paid_at IS NOT NULL) AS paid_cents"
)
_SELECT = f"SELECT a.*, a.answers::text AS answers_text, {_PAID} FROM applications a"  # noqa: S608 - our own column
IS_OWN = "(a.person_id = $1 OR (a.person_id IS NULL AND (a.visitor_id = $2 OR a.application_id = ANY($3))))"
"""What is theirs of `applications a`; an application of nobody known is that of its browser, and of who has its link."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened to an application."""

    at: datetime
    what: str
    about: Mapping[str, Any]


def own(owner: Owner) -> tuple[UUID | None, UUID | None, list[UUID]]:
    """The values of `IS_OWN`."""
    return owner.person_id, owner.visitor_id, list(owner.holds)


async def add(tx: Tx, application: Application) -> None:
    """Keep an application that was handed in."""
    applicant = application.applicant
    await tx.execute(
        """
        INSERT INTO applications (application_id, office, procedure, version, person_id, applicant_name, applicant_email,
                                  identification, language, answers, handed_in_at, visitor_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11, $12)
        """,
        application.application_id,
        application.office,
        application.procedure,
        application.version,
        applicant.person_id,
        applicant.name,
        applicant.email,
        applicant.identification,
        application.language,
        json.dumps(application.answers),
        application.handed_in_at,
        application.visitor_id,
    )


async def get(tx: Tx, application_id: UUID, owner: Owner, *, to_change: bool = False) -> Application:
    """An application of this owner with its files.

    Args:
        to_change: nobody else changes it until the transaction ends.

    Raises:
        NotFoundError: there is none, or it is somebody else's.
    """
    row = await tx.fetchrow(
        f"{_SELECT} WHERE {IS_OWN} AND a.application_id = $4{' FOR UPDATE OF a' if to_change else ''}",
        *own(owner),
        application_id,
    )
    if row is None:
        raise NotFoundError(f"There is no application {application_id} of yours.")
    application = _application(row)
    application.files = await files.of(tx, application_id, handed_in=True)
    return application


async def is_there(tx: Tx, application_id: UUID, owner: Owner) -> bool:
    """Whether there is such an application of this owner."""
    statement = f"SELECT EXISTS (SELECT FROM applications a WHERE {IS_OWN} AND a.application_id = $4)"  # noqa: S608 - as above
    return bool(await tx.fetchval(statement, *own(owner), application_id))


async def find(tx: Tx, application_id: UUID) -> Application | None:
    """An application, whoever it belongs to, to be changed by what its office says; None where it is not known here."""
    row = await tx.fetchrow(f"{_SELECT} WHERE a.application_id = $1 FOR UPDATE OF a", application_id)
    return _application(row) if row else None


async def all_of(tx: Tx, owner: Owner, *, most: int = 200) -> list[Application]:
    """The applications of this owner without their files, the newest first."""
    rows = await tx.fetch(f"{_SELECT} WHERE {IS_OWN} ORDER BY a.handed_in_at DESC LIMIT $4", *own(owner), most)
    return [_application(row) for row in rows]


async def save(tx: Tx, application: Application) -> None:
    """Keep what has changed since it was handed in."""
    request = application.request
    await tx.execute(
        """
        UPDATE applications
        SET answers = $2::jsonb, withdrawn_at = $3, reference = $4, state = $5, due_on = $6, opened_at = $7, is_closed = $8,
            outcome = $9, requested_documents = $10, requested_fields = $11, requested_until = $12, charged_cents = $13,
            pay_until = $14, settled_cents = $15
        WHERE application_id = $1
        """,
        application.application_id,
        json.dumps(application.answers),
        application.withdrawn_at,
        application.reference,
        application.state,
        application.due_on,
        application.opened_at,
        application.is_closed,
        application.outcome,
        list(request.documents) if request else None,
        list(request.fields) if request else None,
        request.due_on if request else None,
        application.charged_cents,
        application.pay_until,
        application.settled_cents,
    )


async def set_link(tx: Tx, application_id: UUID, link_sha256: bytes, expires_at: datetime) -> None:
    """From now on this secret link opens the application, and no other one does."""
    await tx.execute(
        "UPDATE applications SET link_sha256 = $2, link_expires_at = $3 WHERE application_id = $1",
        application_id,
        link_sha256,
        expires_at,
    )


async def behind_link(tx: Tx, link_sha256: bytes, now: datetime) -> UUID:
    """The application that a secret link opens.

    Raises:
        NotFoundError: none, or not any more.
    """
    application_id: UUID | None = await tx.fetchval(
        "SELECT application_id FROM applications WHERE link_sha256 = $1 AND link_expires_at > $2", link_sha256, now
    )
    if application_id is None:
        raise NotFoundError("There is no application behind this link.")
    return application_id


async def note(tx: Tx, application_id: UUID, at: datetime, what: str, **about: str | int | date | None) -> None:
    """Note what happened to an application, for its applicant to see."""
    told = {name: value.isoformat() if isinstance(value, date) else value for name, value in about.items()}
    await tx.execute(
        "INSERT INTO happenings (application_id, at, what, about) VALUES ($1, $2, $3, $4::jsonb)",
        application_id,
        at,
        what,
        json.dumps({name: value for name, value in told.items() if value is not None}),
    )


async def happenings(tx: Tx, application_id: UUID) -> list[Happening]:
    """What happened to an application, in the order in which it did."""
    rows = await tx.fetch(
        "SELECT at, what, about::text FROM happenings WHERE application_id = $1 ORDER BY at, nth", application_id
    )
    return [Happening(row["at"], row["what"], json.loads(row["about"])) for row in rows]


def _application(row: Row) -> Application:
    request = (
        Request(tuple(row["requested_documents"]), tuple(row["requested_fields"]), row["requested_until"])
        if row["requested_until"]
        else None
    )
    return Application(
        application_id=row["application_id"],
        office=row["office"],
        procedure=row["procedure"],
        version=row["version"],
        applicant=Applicant(row["person_id"], row["applicant_name"], row["applicant_email"], row["identification"]),
        language=row["language"],
        answers=json.loads(row["answers_text"]),
        handed_in_at=row["handed_in_at"],
        visitor_id=row["visitor_id"],
        reference=row["reference"],
        state=row["state"],
        due_on=row["due_on"],
        opened_at=row["opened_at"],
        is_closed=row["is_closed"],
        outcome=row["outcome"],
        request=request,
        withdrawn_at=row["withdrawn_at"],
        charged_cents=row["charged_cents"],
        pay_until=row["pay_until"],
        settled_cents=row["settled_cents"],
        paid_cents=row["paid_cents"],
    )
