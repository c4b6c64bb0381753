"""Applications from the portal: what they are beyond a case, which is kept by `amtsbus.casework.store`."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from amtsbus.casework import store as cases
from amtsbus.desk import search
from amtsbus.errors import NotFoundError
from amtsbus.postgres import Row, Tx

from schooling.domain.application import Application, Evidence, HandedInFile
from schooling.domain.child import Child
from schooling.domain.events import Document
from schooling.domain.procedure import SCHOOL_REGISTRATION, ApplicationState
from schooling.store.children import child_of


@dataclass(frozen=True)
class Supplement:
    """What was handed in later, as it came."""

    message: str | None
    answers: Mapping[str, Any]
    replaced: Mapping[str, Any]
    supplied_at: datetime
    taken_over: bool


async def next_application_reference(tx: Tx) -> str:
    """A reference for an application that has just come."""
    return await cases.next_reference(tx, SCHOOL_REGISTRATION, tx.clock.today().year)


async def is_application(tx: Tx, application_id: UUID) -> bool:
    """Whether there is such an application."""
    known: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT FROM applications WHERE application_id = $1)", application_id
    )
    return known


async def add_application(tx: Tx, application: Application) -> None:
    """Keep a new application."""
    await cases.add(tx, application.case)
    await tx.execute(
        """
        INSERT INTO applications (application_id, procedure_version, applicant_name, identification, answers, handed_in_at,
                                  search)
        VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7)
        """,
        application.application_id,
        application.procedure_version,
        application.applicant_name,
        application.identification,
        json.dumps(dict(application.answers)),
        application.handed_in_at,
        _search(application),
    )
    await _save_files(tx, application)


async def save_application(tx: Tx, application: Application) -> None:
    """Keep what has changed.

    Raises:
        ConflictError: somebody else has changed it since it was read.
    """
    await cases.save(tx, application.case)
    await tx.execute(
        """
        UPDATE applications
        SET answers = $2::jsonb, asked_answers = $3, asked_documents = $4, enrolment_id = $5, evidence = $6, search = $7
        WHERE application_id = $1
        """,
        application.application_id,
        json.dumps(dict(application.answers)),
        sorted(application.asked_answers),
        sorted(application.asked_documents),
        application.enrolment_id,
        application.evidence,
        _search(application),
    )
    await _save_files(tx, application)


async def application(tx: Tx, application_id: UUID) -> Application:
    """An application to look at.

    Raises:
        NotFoundError: there is none of this id.
    """
    row = await tx.fetchrow(
        "SELECT procedure_version, applicant_name, identification, answers::text, handed_in_at, asked_answers, "
        "asked_documents, enrolment_id, evidence FROM applications WHERE application_id = $1",
        application_id,
    )
    if row is None:
        raise NotFoundError("there is no such application")
    files = await tx.fetch(
        "SELECT document, sha256, size_bytes, media_type, supplied_at FROM application_files "
        "WHERE application_id = $1 ORDER BY nth",
        application_id,
    )
    return Application(
        case=await cases.get(tx, application_id, SCHOOL_REGISTRATION),
        procedure_version=row["procedure_version"],
        applicant_name=row["applicant_name"],
        identification=row["identification"],
        answers=json.loads(row["answers"]),
        handed_in_at=row["handed_in_at"],
        files=tuple(_file(file) for file in files),
        asked_answers=frozenset(row["asked_answers"]),
        asked_documents=frozenset(Document(code) for code in row["asked_documents"]),
        enrolment_id=row["enrolment_id"],
        evidence=row["evidence"] and Evidence(row["evidence"]),
    )


async def lock_application(tx: Tx, application_id: UUID) -> Application:
    """An application to change: what the applicant and the administration do to it comes one after another.

    Where a child is locked as well, the application is locked first.

    Raises:
        NotFoundError: there is none of this id.
    """
    await tx.execute("SELECT FROM applications WHERE application_id = $1 FOR NO KEY UPDATE", application_id)
    return await application(tx, application_id)


async def add_supplement(tx: Tx, application_id: UUID, supplement: Supplement) -> None:
    """Keep what was handed in later."""
    await tx.execute(
        """
        INSERT INTO application_supplements (application_id, nth, message, answers, replaced, supplied_at, taken_over)
        SELECT $1, 1 + count(*), $2, $3::jsonb, $4::jsonb, $5, $6 FROM application_supplements WHERE application_id = $1
        """,
        application_id,
        supplement.message,
        json.dumps(dict(supplement.answers)),
        json.dumps(dict(supplement.replaced)),
        supplement.supplied_at,
        supplement.taken_over,
    )


async def messages(tx: Tx, application_id: UUID) -> list[tuple[datetime, str]]:
    """What the applicant wrote, and when, oldest first."""
    rows = await tx.fetch(
        "SELECT supplied_at, message FROM application_supplements "
        "WHERE application_id = $1 AND message IS NOT NULL ORDER BY nth",
        application_id,
    )
    return [(row["supplied_at"], row["message"]) for row in rows]


async def references_of_applications(tx: Tx, enrolment_id: UUID) -> list[str]:
    """The references of the applications that led to an enrolment."""
    rows = await tx.fetch(
        "SELECT c.reference FROM applications a JOIN amtsbus.cases c ON c.case_id = a.application_id "
        "WHERE a.enrolment_id = $1 ORDER BY c.reference",
        enrolment_id,
    )
    return [row["reference"] for row in rows]


# Which child it is about


async def lock_children_of_custodian(tx: Tx, custodian_id: UUID, date_of_birth: date) -> list[Child]:
    """The children born on this day who live here and are in this person's custody, locked (see `lock_child`)."""
    rows = await tx.fetch(
        """
        SELECT * FROM children
        WHERE moved_out_on IS NULL AND custodian_ids @> ARRAY[$1::uuid] AND date_of_birth = $2
        ORDER BY child_id FOR NO KEY UPDATE
        """,
        custodian_id,
        date_of_birth,
    )
    return [child_of(row) for row in rows]


async def enrolment_of_reference(tx: Tx, reference: str) -> UUID | None:
    """The enrolment of a reference; None where there is none."""
    enrolment_id: UUID | None = await tx.fetchval(
        "SELECT e.enrolment_id FROM enrolments e JOIN amtsbus.cases c ON c.case_id = e.enrolment_id WHERE c.reference = $1",
        reference,
    )
    return enrolment_id


async def concerns(tx: Tx, application_id: UUID, person_id: UUID) -> bool:
    """Whether an application is this person's own matter (VwVfG NRW § 20 (1)).

    It is theirs, they have a child together with whoever applies, or they have custody of the child that was registered.
    """
    own: bool | None = await tx.fetchval(
        """
        SELECT c.applicant_id = $2
               OR EXISTS (SELECT FROM children k WHERE k.custodian_ids @> ARRAY[c.applicant_id, $2])
               OR EXISTS (SELECT FROM enrolments e JOIN children k USING (child_id)
                          WHERE e.enrolment_id = a.enrolment_id AND k.custodian_ids @> ARRAY[$2])
        FROM applications a JOIN amtsbus.cases c ON c.case_id = a.application_id
        WHERE a.application_id = $1
        """,
        application_id,
        person_id,
    )
    return bool(own)


# Looking anew at applications that wait


async def match_again(tx: Tx, person_ids: Collection[UUID]) -> None:
    """After the commit, look anew at what these persons have applied for: something about their children has changed."""
    await tx.execute("INSERT INTO persons_to_match_again (person_id) SELECT unnest($1::uuid[])", list(person_ids))


async def claim_person_to_match(tx: Tx) -> UUID | None:
    """The next person of `match_again` whom no other worker has claimed; off the list with the commit."""
    person_id: UUID | None = await tx.fetchval(
        """
        DELETE FROM persons_to_match_again
        WHERE nth = (SELECT nth FROM persons_to_match_again ORDER BY nth LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING person_id
        """
    )
    return person_id


async def lock_waiting_applications(tx: Tx, applicant_id: UUID) -> list[Application]:
    """A person's applications that wait for a child and in which nothing is asked, locked (see `lock_application`)."""
    rows = await tx.fetch(
        """
        SELECT a.application_id FROM applications a JOIN amtsbus.cases c ON c.case_id = a.application_id
        WHERE c.applicant_id = $1 AND c.state = $2 ORDER BY a.application_id
        """,
        applicant_id,
        ApplicationState.UNMATCHED,
    )
    locked = [await lock_application(tx, row["application_id"]) for row in rows]
    return [one for one in locked if one.state is ApplicationState.UNMATCHED]


# Lists


async def find_applications(tx: Tx, text: str, limit: int) -> list[UUID]:
    """At most `limit` applications with a word beginning like each word of `text`, in the child's name or the reference."""
    return await search.find(tx, text, limit, table="applications", key="application_id")


async def children_applied_for(tx: Tx, application_ids: Collection[UUID]) -> dict[UUID, str]:
    """What the children of applications are called by whoever applies, by the application; empty where they have not said it."""
    rows = await tx.fetch(
        "SELECT application_id, answers::text FROM applications WHERE application_id = ANY($1::uuid[])",
        list(application_ids),
    )
    return {row["application_id"]: name_given(json.loads(row["answers"])) for row in rows}


def name_given(answers: Mapping[str, Any]) -> str:
    """What a child is called in answers that may be anything."""
    names = (answers.get("given_names"), answers.get("family_name"))
    return " ".join(name for name in names if isinstance(name, str))


def _search(application: Application) -> str:
    # Longer than any name, and shorter than what an index can hold of one word.
    return search.search_words(name_given(application.answers)[:100], application.case.reference)


def _file(row: Row) -> HandedInFile:
    return HandedInFile(
        Document(row["document"]), row["sha256"], row["size_bytes"], row["media_type"], row["supplied_at"]
    )


async def _save_files(tx: Tx, application: Application) -> None:
    await tx.executemany(
        """
        INSERT INTO application_files (application_id, nth, document, sha256, size_bytes, media_type, supplied_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (application_id, document, sha256) DO NOTHING
        """,
        [
            (application.application_id, nth, one.document, one.sha256, one.size_bytes, one.media_type, one.supplied_at)
            for nth, one in enumerate(application.files, 1)
        ],
    )
