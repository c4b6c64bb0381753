"""The register in PostgreSQL. Entries are added, ended once and superseded once; the database refuses anything else."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from amtsbus.errors import ConflictError, NotFoundError
from amtsbus.ids import new_id
from amtsbus.postgres import Row, Tx
from pydantic import TypeAdapter

from registration.domain.declarations import Declaration, Departure, Move, MoveIn
from registration.domain.persons import Language, PersonData, PersonEntry, Resident
from registration.domain.residences import Address, NewResidence, Residence, ResidenceChanges, ResidenceKind


@dataclass(frozen=True, slots=True)
class Record:
    """By whom, why and in which case something is entered."""

    by: str
    reason: str
    at: datetime
    case_id: UUID | None = None


# Residents

_RESIDENTS = """
SELECT p.person_id, p.version, e.entry_id, e.given_names, e.family_name, e.birth_name, e.date_of_birth, e.language,
       e.custodian_ids, e.valid_from,
       (SELECT max(b.valid_until) FROM disclosure_blocks b
         WHERE b.person_id = p.person_id AND b.valid_from <= $2 AND b.valid_until >= $2) AS blocked_until,
       EXISTS (SELECT FROM school_list s WHERE s.child_id = p.person_id AND s.left_at IS NULL) AS on_school_list
FROM persons p JOIN person_entries e USING (person_id)
WHERE p.person_id = ANY($1::uuid[]) AND e.valid_to IS NULL AND e.superseded_by IS NULL
ORDER BY p.person_id
"""

_RESIDENCES = """
SELECT residence_id, person_id, household_id, kind, care_of, street, house_number, postal_code, locality, country,
       moved_in_on, moved_out_on
FROM residences WHERE person_id = ANY($1::uuid[]) AND superseded_by IS NULL
ORDER BY moved_in_on, kind, residence_id
"""


async def residents(tx: Tx, person_ids: Iterable[UUID], *, lock: bool = False) -> dict[UUID, Resident]:
    """The residents of these ids that the register knows, also those who have left.

    Args:
        lock: nobody else changes them until this transaction ends.
    """
    wanted = sorted(set(person_ids))
    if not wanted:
        return {}
    if lock:
        # In the order of the ids, so that two declarations of one family wait for each other instead of dead-locking.
        await tx.fetch("SELECT FROM persons WHERE person_id = ANY($1::uuid[]) ORDER BY person_id FOR UPDATE", wanted)
    homes: dict[UUID, list[Residence]] = {}
    for row in await tx.fetch(_RESIDENCES, wanted):
        homes.setdefault(row["person_id"], []).append(_residence(row))
    return {
        row["person_id"]: Resident(
            person_id=row["person_id"],
            version=row["version"],
            entry=PersonEntry(row["entry_id"], _person_data(row), row["valid_from"]),
            residences=tuple(homes.get(row["person_id"], ())),
            blocked_until=row["blocked_until"],
            on_school_list=row["on_school_list"],
        )
        for row in await tx.fetch(_RESIDENTS, wanted, tx.clock.today())
    }


async def resident(tx: Tx, person_id: UUID, *, lock: bool = False) -> Resident:
    """One resident.

    Raises:
        NotFoundError: the register does not know the id.
    """
    found = await residents(tx, [person_id], lock=lock)
    if person_id not in found:
        raise NotFoundError("there is no such person")
    return found[person_id]


async def add_person(tx: Tx, person_id: UUID, data: PersonData, valid_from: date, record: Record) -> None:
    """Enter a new person.

    Raises:
        ConflictError: somebody has entered the same id meanwhile.
    """
    tag = await tx.execute(
        "INSERT INTO persons (person_id, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING", person_id, record.at
    )
    if tag != "INSERT 0 1":
        raise ConflictError("the person has been entered by somebody else at the same time")
    await _insert_entry(tx, new_id(), person_id, data, valid_from, record)


async def change_entry(
    tx: Tx, resident: Resident, data: PersonData, *, changed_on: date | None, record: Record
) -> UUID:
    """Enter `data` in place of the entry in force: superseded if it was wrong, ended if the facts changed on a day.

    Raises:
        ConflictError: the person has changed since they were read.
    """
    await _next_version(tx, resident)
    entry_id = new_id()
    if changed_on is None:
        await tx.execute(
            "UPDATE person_entries SET superseded_by = $2 WHERE entry_id = $1", resident.entry.entry_id, entry_id
        )
    else:
        await tx.execute(
            "UPDATE person_entries SET valid_to = $2 WHERE entry_id = $1", resident.entry.entry_id, changed_on
        )
    await _insert_entry(tx, entry_id, resident.person_id, data, changed_on or resident.entry.valid_from, record)
    return entry_id


async def _insert_entry(
    tx: Tx, entry_id: UUID, person_id: UUID, data: PersonData, valid_from: date, record: Record
) -> None:
    await tx.execute(
        """
        INSERT INTO person_entries (entry_id, person_id, given_names, family_name, birth_name, date_of_birth, language,
                                    custodian_ids, search_key, valid_from, recorded_at, recorded_by, reason, case_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        """,
        entry_id,
        person_id,
        data.given_names,
        data.family_name,
        data.birth_name,
        data.date_of_birth,
        data.language.value,
        list(data.custodian_ids),
        data.search_key,
        valid_from,
        record.at,
        record.by,
        record.reason,
        record.case_id,
    )


async def _next_version(tx: Tx, resident: Resident) -> None:
    tag = await tx.execute(
        "UPDATE persons SET version = version + 1 WHERE person_id = $1 AND version = $2",
        resident.person_id,
        resident.version,
    )
    if tag != "UPDATE 1":
        raise ConflictError("the person's record has changed meanwhile; read it again")


async def found_household(tx: Tx, household_id: UUID, founded_on: date, record: Record) -> None:
    """Enter a household, if it is not there yet."""
    await tx.execute(
        "INSERT INTO households (household_id, founded_on, case_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        household_id,
        founded_on,
        record.case_id,
    )


async def household_members(tx: Tx, household_ids: Iterable[UUID]) -> dict[UUID, frozenset[UUID]]:
    """Who lives in these households now."""
    members: dict[UUID, set[UUID]] = {household_id: set() for household_id in household_ids}
    rows = await tx.fetch(
        """
        SELECT household_id, person_id FROM residences
        WHERE household_id = ANY($1::uuid[]) AND superseded_by IS NULL AND moved_out_on IS NULL
        """,
        list(members),
    )
    for row in rows:
        members[row["household_id"]].add(row["person_id"])
    return {household_id: frozenset(persons) for household_id, persons in members.items()}


async def change_residences(
    tx: Tx, person_id: UUID, changes: ResidenceChanges, record: Record, *, resident: Resident | None
) -> None:
    """Carry out what a declaration does to a person's homes; `resident` is None for one entered in this transaction.

    Raises:
        ConflictError: the person has changed since they were read.
    """
    if resident is not None:
        await _next_version(tx, resident)
    if changes.ends:
        await tx.execute(
            """
            UPDATE residences SET moved_out_on = $2, ended_by_case = $3
            WHERE residence_id = ANY($1::uuid[]) AND moved_out_on IS NULL
            """,
            list(changes.ends),
            changes.ends_on,
            record.case_id,
        )
    for home in changes.begins:
        await _insert_residence(tx, new_id(), person_id, home, None, record)


async def supersede_residence(tx: Tx, resident: Resident, corrected: Residence, record: Record) -> UUID:
    """Enter `corrected` in place of the entry with its id, which stays and points to the new one.

    Raises:
        ConflictError: the person has changed since they were read.
    """
    await _next_version(tx, resident)
    residence_id = new_id()
    await tx.execute(
        "UPDATE residences SET superseded_by = $2 WHERE residence_id = $1", corrected.residence_id, residence_id
    )
    home = NewResidence(corrected.kind, corrected.address, corrected.moved_in_on, corrected.household_id)
    await _insert_residence(tx, residence_id, resident.person_id, home, corrected.moved_out_on, record)
    return residence_id


async def _insert_residence(
    tx: Tx, residence_id: UUID, person_id: UUID, home: NewResidence, moved_out_on: date | None, record: Record
) -> None:
    address = home.address
    await tx.execute(
        """
        INSERT INTO residences (residence_id, person_id, household_id, kind, care_of, street, house_number, postal_code,
                                locality, country, moved_in_on, moved_out_on, recorded_at, recorded_by, reason, case_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
        """,
        residence_id,
        person_id,
        home.household_id,
        home.kind.value,
        address.care_of,
        address.street,
        address.house_number,
        address.postal_code,
        address.locality,
        address.country,
        home.moved_in_on,
        moved_out_on,
        record.at,
        record.by,
        record.reason,
        record.case_id,
    )


def _person_data(row: Row) -> PersonData:
    return PersonData(
        given_names=row["given_names"],
        family_name=row["family_name"],
        birth_name=row["birth_name"],
        date_of_birth=row["date_of_birth"],
        language=Language(row["language"]),
        custodian_ids=tuple(row["custodian_ids"]),
    )


def _residence(row: Row) -> Residence:
    return Residence(
        residence_id=row["residence_id"],
        kind=ResidenceKind(row["kind"]),
        address=_address(row),
        moved_in_on=row["moved_in_on"],
        moved_out_on=row["moved_out_on"],
        household_id=row["household_id"],
    )


def _address(row: Row) -> Address:
    return Address(
        street=row["street"],
        house_number=row["house_number"],
        postal_code=row["postal_code"],
        locality=row["locality"],
        country=row["country"],
        care_of=row["care_of"],
    )


# History of a record


@dataclass(frozen=True, slots=True)
class PastEntry:
    """An entry on a person with everything that happened to it."""

    entry_id: UUID
    data: PersonData
    valid_from: date
    valid_to: date | None
    superseded_by: UUID | None
    recorded_at: datetime
    recorded_by: str
    reason: str
    case_id: UUID | None


@dataclass(frozen=True, slots=True)
class PastResidence:
    """The entry of a home with everything that happened to it."""

    residence: Residence
    superseded_by: UUID | None
    recorded_at: datetime
    recorded_by: str
    reason: str
    case_id: UUID | None
    ended_by_case: UUID | None


async def history(tx: Tx, person_id: UUID) -> tuple[list[PastEntry], list[PastResidence]]:
    """All entries ever made on a person, in the order in which they were made."""
    entries = await tx.fetch(
        "SELECT * FROM person_entries WHERE person_id = $1 ORDER BY recorded_at, entry_id", person_id
    )
    homes = await tx.fetch(
        "SELECT * FROM residences WHERE person_id = $1 ORDER BY recorded_at, residence_id", person_id
    )
    return (
        [
            PastEntry(
                entry_id=row["entry_id"],
                data=_person_data(row),
                valid_from=row["valid_from"],
                valid_to=row["valid_to"],
                superseded_by=row["superseded_by"],
                recorded_at=row["recorded_at"],
                recorded_by=row["recorded_by"],
                reason=row["reason"],
                case_id=row["case_id"],
            )
            for row in entries
        ],
        [
            PastResidence(
                residence=_residence(row),
                superseded_by=row["superseded_by"],
                recorded_at=row["recorded_at"],
                recorded_by=row["recorded_by"],
                reason=row["reason"],
                case_id=row["case_id"],
                ended_by_case=row["ended_by_case"],
            )
            for row in homes
        ],
    )


# Search


@dataclass(frozen=True, slots=True)
class Hit:
    """A person as a clerk's list shows them. `address` is the main residence; None after an unknown departure."""

    person_id: UUID
    data: PersonData
    address: Address | None
    blocked: bool
    search_key: str


# Read once and hashed: an EXISTS for each of two thousand Müllers would read more than the search itself.
_BLOCKED = """e.person_id IN (SELECT b.person_id FROM disclosure_blocks b
                                WHERE b.valid_from <= $2::date AND b.valid_until >= $2::date)"""


def search_statement(
    words: Sequence[str],
    born_on: date | None,
    *,
    today: date,
    with_blocked: bool,
    after: tuple[str, UUID] | None,
    limit: int,
) -> tuple[str, list[Any]]:
    """The statement of `search` and its arguments; by itself, so that a test can ask PostgreSQL for its plan."""
    arguments: list[Any] = [limit, today]

    def bind(value: Any) -> str:
        arguments.append(value)
        return f"${len(arguments)}"

    conditions = ["e.valid_to IS NULL", "e.superseded_by IS NULL"]
    if words:
        # The words of a key are a–z only, so nothing in them means something to a tsquery.
        query = " & ".join(f"{word}:*" for word in words)
        conditions.append(f"array_to_tsvector(string_to_array(e.search_key, ' ')) @@ {bind(query)}::text::tsquery")
    if born_on is not None:
        conditions.append(f"e.date_of_birth = {bind(born_on)}")
    if not with_blocked:
        conditions.append(f"NOT {_BLOCKED}")
    if after is not None:
        conditions.append(f"(e.search_key, e.person_id) > ({bind(after[0])}, {bind(after[1])})")
    # The homes are looked up for the page only, after the limit.
    return (
        f"""
        SELECT e.*, r.care_of, r.street, r.house_number, r.postal_code, r.locality, r.country
        FROM (SELECT e.person_id, e.given_names, e.family_name, e.birth_name, e.date_of_birth, e.language, e.custodian_ids,
                     e.search_key, {_BLOCKED} AS blocked
              FROM person_entries e WHERE {" AND ".join(conditions)}
              ORDER BY e.search_key, e.person_id LIMIT $1) e
        LEFT JOIN residences r ON r.person_id = e.person_id AND r.kind = 'main' AND r.superseded_by IS NULL
                              AND r.moved_out_on IS NULL
        ORDER BY e.search_key, e.person_id
        """,  # noqa: S608 - conditions of this module only; values are bound
        arguments,
    )


async def search(
    tx: Tx,
    words: Sequence[str],
    born_on: date | None,
    *,
    with_blocked: bool,
    after: tuple[str, UUID] | None,
    limit: int,
) -> list[Hit]:
    """Persons each of whose names begins with one of `words` (all of them), born on `born_on`; in order of their names."""
    sql, arguments = search_statement(
        words, born_on, today=tx.clock.today(), with_blocked=with_blocked, after=after, limit=limit
    )
    return [
        Hit(
            person_id=row["person_id"],
            data=_person_data(row),
            address=None if row["street"] is None else _address(row),
            blocked=row["blocked"],
            search_key=row["search_key"],
        )
        for row in await tx.fetch(sql, *arguments)
    ]


async def same_identity(
    tx: Tx, search_key: str, date_of_birth: date, *, with_blocked: bool, except_ids: Collection[UUID]
) -> list[UUID]:
    """Persons of this name, however spelled, born on this day: perhaps the same one a second time."""
    rows = await tx.fetch(
        f"""
        SELECT e.person_id FROM person_entries e
        WHERE e.valid_to IS NULL AND e.superseded_by IS NULL AND e.date_of_birth = $3
          AND (e.search_key = $4 OR starts_with(e.search_key, $4 || ' ')) AND e.person_id <> ALL($5::uuid[])
          AND ($1 OR NOT {_BLOCKED})
        ORDER BY e.person_id LIMIT 5
        """,  # noqa: S608 - a condition of this module only; values are bound
        with_blocked,
        tx.clock.today(),
        date_of_birth,
        search_key,
        list(except_ids),
    )
    return [row["person_id"] for row in rows]


# Who read what


async def log_reads(tx: Tx, persons: Mapping[UUID, bool], *, by: str, how: str, purpose: str | None = None) -> None:
    """Record that `by` has read the records of `persons` (id: whether protected by a block)."""
    await tx.execute(
        """
        INSERT INTO record_reads (person_id, read_by, read_at, how, protected, purpose)
        SELECT n.person_id, $3, $4, $5, n.protected, $6 FROM unnest($1::uuid[], $2::boolean[]) AS n (person_id, protected)
        """,
        list(persons),
        list(persons.values()),
        by,
        tx.clock.now(),
        how,
        purpose,
    )


@dataclass(frozen=True, slots=True)
class RecordRead:
    """That somebody has read a person's record."""

    read_id: int
    read_by: str
    read_at: datetime
    how: str
    protected: bool
    purpose: str | None


async def reads_of(tx: Tx, person_id: UUID, *, before: int | None, limit: int) -> list[RecordRead]:
    """Who has read a person's record, the latest first."""
    rows = await tx.fetch(
        """
        SELECT read_id, read_by, read_at, how, protected, purpose FROM record_reads
        WHERE person_id = $1 AND ($2::bigint IS NULL OR read_id < $2) ORDER BY read_id DESC LIMIT $3
        """,
        person_id,
        before,
        limit,
    )
    return [RecordRead(**row) for row in rows]


# Declarations

_CONTENT: dict[str, TypeAdapter[Any]] = {
    "move-in": TypeAdapter(MoveIn),
    "move": TypeAdapter(Move),
    "departure": TypeAdapter(Departure),
}


@dataclass(frozen=True, slots=True)
class DeclarationRecord:
    """A declaration as it was handed in."""

    case_id: UUID
    procedure_key: str
    declaration: Declaration
    days_late: int
    submitted_at: datetime
    enter_on: date | None
    adult_ids: frozenset[UUID]
    protected: bool
    """One of the persons has a disclosure block in force."""


async def add_declaration(
    tx: Tx,
    case_id: UUID,
    procedure_key: str,
    declaration: Declaration,
    *,
    days_late: int,
    adult_ids: Collection[UUID],
) -> None:
    """Keep what was declared."""
    await tx.execute(
        """
        INSERT INTO declarations (case_id, procedure_key, effective_on, content, days_late, submitted_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        case_id,
        procedure_key,
        declaration.effective_on,
        _CONTENT[procedure_key].dump_json(declaration).decode(),
        days_late,
        tx.clock.now(),
    )
    ids = list(declaration.person_ids)
    await tx.execute(
        """
        INSERT INTO declaration_persons (case_id, person_id, position, adult)
        SELECT $1, n.person_id, n.position, n.person_id = ANY($3::uuid[])
        FROM unnest($2::uuid[]) WITH ORDINALITY AS n (person_id, position)
        """,
        case_id,
        ids,
        list(adult_ids),
    )
    if isinstance(declaration, MoveIn) and declaration.declarant.data.search_key:
        # The database cannot spell names as the register does; as soon as somebody is in it, it takes the words from there.
        await tx.execute(
            "UPDATE case_words SET search = search || ' ' || $2 WHERE case_id = $1",
            case_id,
            declaration.declarant.data.search_key,
        )


async def replace_content(tx: Tx, case_id: UUID, procedure_key: str, declaration: Declaration) -> None:
    """Complete a declaration by what came later; the case's history says who brought it."""
    await tx.execute(
        "UPDATE declarations SET content = $2 WHERE case_id = $1",
        case_id,
        _CONTENT[procedure_key].dump_json(declaration).decode(),
    )


async def declaration(tx: Tx, case_id: UUID, procedure_key: str) -> DeclarationRecord:
    """What was declared in a case.

    Raises:
        NotFoundError: there is no such case of this procedure.
    """
    row = await tx.fetchrow(
        """
        SELECT d.procedure_key, d.content, d.days_late, d.submitted_at, d.enter_on,
               ARRAY(SELECT p.person_id FROM declaration_persons p WHERE p.case_id = d.case_id AND p.adult) AS adult_ids,
               EXISTS (SELECT FROM declaration_persons p JOIN disclosure_blocks b USING (person_id)
                       WHERE p.case_id = d.case_id AND b.valid_from <= $3 AND b.valid_until >= $3) AS protected
        FROM declarations d WHERE d.case_id = $1 AND d.procedure_key = $2
        """,
        case_id,
        procedure_key,
        tx.clock.today(),
    )
    if row is None:
        raise NotFoundError("there is no such case")
    return DeclarationRecord(
        case_id=case_id,
        procedure_key=procedure_key,
        declaration=_CONTENT[procedure_key].validate_json(row["content"]),
        days_late=row["days_late"],
        submitted_at=row["submitted_at"],
        enter_on=row["enter_on"],
        adult_ids=frozenset(row["adult_ids"]),
        protected=row["protected"],
    )


async def plan_entry(tx: Tx, case_id: UUID, enter_on: date | None) -> None:
    """Have the worker enter a checked declaration on its day; None: not any more."""
    await tx.execute(
        "UPDATE declarations SET enter_on = $2 WHERE case_id = $1 AND enter_on IS DISTINCT FROM $2", case_id, enter_on
    )


async def next_due_declaration(tx: Tx) -> tuple[UUID, str] | None:
    """A checked declaration whose day has come, for this transaction alone; the oldest first."""
    row = await tx.fetchrow(
        """
        SELECT case_id, procedure_key FROM declarations WHERE enter_on <= $1
        ORDER BY enter_on, case_id LIMIT 1 FOR UPDATE SKIP LOCKED
        """,
        tx.clock.today(),
    )
    return None if row is None else (row["case_id"], row["procedure_key"])


async def protected_cases(tx: Tx, case_ids: Collection[UUID]) -> frozenset[UUID]:
    """Those of the cases that concern somebody with a disclosure block."""
    rows = await tx.fetch(
        """
        SELECT DISTINCT p.case_id FROM declaration_persons p JOIN disclosure_blocks b USING (person_id)
        WHERE p.case_id = ANY($1::uuid[]) AND b.valid_from <= $2 AND b.valid_until >= $2
        UNION SELECT r.case_id FROM disclosure_block_requests r WHERE r.case_id = ANY($1::uuid[])
        """,
        list(case_ids),
        tx.clock.today(),
    )
    return frozenset(row["case_id"] for row in rows)


# Disclosure blocks


@dataclass(frozen=True, slots=True)
class BlockRequest:
    """A request for a disclosure block, and the block where it was granted."""

    case_id: UUID
    person_id: UUID
    requested_by: str
    requested_at: datetime
    valid_from: date | None
    valid_until: date | None
    granted_by: str | None


async def add_block_request(tx: Tx, case_id: UUID, person_id: UUID, requested_by: str) -> None:
    """Keep for whom a block was requested."""
    await tx.execute(
        "INSERT INTO disclosure_block_requests (case_id, person_id, requested_by, requested_at) VALUES ($1, $2, $3, $4)",
        case_id,
        person_id,
        requested_by,
        tx.clock.now(),
    )


async def block_request(tx: Tx, case_id: UUID) -> BlockRequest:
    """A request.

    Raises:
        NotFoundError: there is none.
    """
    row = await tx.fetchrow(
        """
        SELECT r.case_id, r.person_id, r.requested_by, r.requested_at, b.valid_from, b.valid_until, b.granted_by
        FROM disclosure_block_requests r LEFT JOIN disclosure_blocks b USING (case_id) WHERE r.case_id = $1
        """,
        case_id,
    )
    if row is None:
        raise NotFoundError("there is no such case")
    return BlockRequest(**row)


async def add_block(
    tx: Tx, case_id: UUID, person_id: UUID, *, valid_until: date, proposed_by: str, granted_by: str
) -> None:
    """Put a block into force from today."""
    await tx.execute(
        """
        INSERT INTO disclosure_blocks (case_id, person_id, valid_from, valid_until, proposed_by, granted_by, granted_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        case_id,
        person_id,
        tx.clock.today(),
        valid_until,
        proposed_by,
        granted_by,
        tx.clock.now(),
    )


async def next_expired_block(tx: Tx) -> tuple[UUID, UUID] | None:
    """A block that has ended without anybody having been told: its case and person, for this transaction alone."""
    row = await tx.fetchrow(
        """
        SELECT case_id, person_id FROM disclosure_blocks WHERE expiry_announced_at IS NULL AND valid_until < $1
        ORDER BY valid_until, case_id LIMIT 1 FOR UPDATE SKIP LOCKED
        """,
        tx.clock.today(),
    )
    return None if row is None else (row["case_id"], row["person_id"])


async def mark_expiry_announced(tx: Tx, case_id: UUID) -> None:
    """Nobody needs to be told of the end of this block any more."""
    await tx.execute(
        "UPDATE disclosure_blocks SET expiry_announced_at = $2 WHERE case_id = $1", case_id, tx.clock.now()
    )


# Children of whom schooling has been told


async def enter_on_school_list(tx: Tx, child_id: UUID) -> bool:
    """Record that schooling is told of a child; False where it has been told already."""
    tag = await tx.execute(
        """
        INSERT INTO school_list AS s (child_id, listed_at) VALUES ($1, $2)
        ON CONFLICT (child_id) DO UPDATE SET listed_at = excluded.listed_at, left_at = NULL WHERE s.left_at IS NOT NULL
        """,
        child_id,
        tx.clock.now(),
    )
    return tag == "INSERT 0 1"


async def leave_school_list(tx: Tx, child_id: UUID) -> None:
    """Record that schooling is told that a child has left."""
    await tx.execute(
        "UPDATE school_list SET left_at = $2 WHERE child_id = $1 AND left_at IS NULL", child_id, tx.clock.now()
    )


async def unlisted_children(
    tx: Tx, *, born_after: date, born_until: date, after: tuple[date, UUID] | None, limit: int
) -> list[tuple[date, UUID]]:
    """Children of these dates of birth with their main residence here of whom schooling has not been told."""
    rows = await tx.fetch(
        """
        SELECT e.date_of_birth, e.person_id FROM person_entries e
        WHERE e.valid_to IS NULL AND e.superseded_by IS NULL AND e.date_of_birth > $1 AND e.date_of_birth <= $2
          AND ($3::date IS NULL OR (e.date_of_birth, e.person_id) > ($3, $4::uuid))
          AND EXISTS (SELECT FROM residences r WHERE r.person_id = e.person_id AND r.superseded_by IS NULL
                      AND r.moved_out_on IS NULL AND r.kind = 'main' AND r.household_id IS NOT NULL)
          AND NOT EXISTS (SELECT FROM school_list s WHERE s.child_id = e.person_id AND s.left_at IS NULL)
        ORDER BY e.date_of_birth, e.person_id LIMIT $5
        """,
        born_after,
        born_until,
        after[0] if after else None,
        after[1] if after else None,
        limit,
    )
    return [(row["date_of_birth"], row["person_id"]) for row in rows]


# The desk

_IN_FORCE = "FROM disclosure_blocks b WHERE b.valid_from <= $1 AND b.valid_until >= $1"


@dataclass(frozen=True, slots=True)
class ListedName:
    """Whose case it is, as a list shows it: as the register knows the person by now, or as they were declared."""

    person_id: UUID
    given_names: str
    family_name: str
    protected: bool
    """This person has a disclosure block in force."""


async def listed_names(tx: Tx, case_ids: Collection[UUID]) -> dict[UUID, ListedName]:
    """Whose these cases are: who declares, or for whom a disclosure block is requested."""
    rows = await tx.fetch(
        f"""
        SELECT c.case_id, c.applicant_id AS person_id,
               coalesce(e.given_names, p.declared ->> 'given_names') AS given_names,
               coalesce(e.family_name, p.declared ->> 'family_name') AS family_name,
               c.applicant_id IN (SELECT b.person_id {_IN_FORCE}) AS protected
        FROM amtsbus.cases c
        LEFT JOIN person_entries e ON e.person_id = c.applicant_id AND e.valid_to IS NULL AND e.superseded_by IS NULL
        LEFT JOIN declarations d ON d.case_id = c.case_id
        LEFT JOIN LATERAL (SELECT one -> 'data' AS declared FROM jsonb_array_elements(d.content -> 'persons') one
                           WHERE (one ->> 'is_declarant')::boolean LIMIT 1) p ON true
        WHERE c.case_id = ANY($2::uuid[])
        """,  # noqa: S608 - a clause of this module only; values are bound
        tx.clock.today(),
        list(case_ids),
    )
    return {
        row["case_id"]: ListedName(row["person_id"], row["given_names"], row["family_name"], row["protected"])
        for row in rows
    }


# A proposal of one's own, as long as it is open: not for somebody who is protected already, whose name it would show.
_HIDDEN = f"""
SELECT d.case_id FROM declaration_persons d WHERE d.person_id IN (SELECT b.person_id {_IN_FORCE})
UNION
SELECT r.case_id FROM disclosure_block_requests r JOIN amtsbus.cases c USING (case_id)
WHERE r.requested_by <> $2 OR c.closed_at IS NOT NULL OR r.person_id IN (SELECT b.person_id {_IN_FORCE})
"""  # noqa: S608 - clauses of this module only; values are bound


async def hidden_cases(tx: Tx, subject: str) -> list[UUID]:
    """The cases that do not exist for `subject`, who may not read the records of the protected."""
    return [row["case_id"] for row in await tx.fetch(_HIDDEN, tx.clock.today(), subject)]


async def find_cases(tx: Tx, query: str, limit: int, *, hidden_from: str | None) -> list[UUID]:
    """At most `limit` cases whose words `query` (a `tsquery`) finds, in no order.

    Args:
        hidden_from: leave out what `hidden_cases` says for this subject; None for whoever sees the protected.
    """
    # The conditions of `_HIDDEN` bind $1 and $2, so what everybody's search binds comes behind them.
    statement = "SELECT w.case_id FROM case_words w WHERE array_to_tsvector(string_to_array(w.search, ' ')) @@ "
    if hidden_from is None:
        rows = await tx.fetch(f"{statement} $1::text::tsquery LIMIT $2", query, limit)
    else:
        sql = f"{statement} $3::text::tsquery AND w.case_id NOT IN ({_HIDDEN}) LIMIT $4"
        rows = await tx.fetch(sql, tx.clock.today(), hidden_from, query, limit)
    return [row["case_id"] for row in rows]


async def is_block_request(tx: Tx, case_id: UUID) -> bool:
    """Whether a case is the request for a disclosure block."""
    known: bool = await tx.fetchval("SELECT EXISTS (SELECT FROM disclosure_block_requests WHERE case_id = $1)", case_id)
    return known


async def procedure_of(tx: Tx, case_id: UUID) -> str:
    """The key of the procedure of a declaration.

    Raises:
        NotFoundError: there is none.
    """
    key: str | None = await tx.fetchval("SELECT procedure_key FROM declarations WHERE case_id = $1", case_id)
    if key is None:
        raise NotFoundError("there is no such case")
    return key


async def has_open_block_request(tx: Tx, person_id: UUID, subject: str) -> bool:
    """Whether `subject` has proposed a disclosure block for a person that is not decided yet."""
    known: bool = await tx.fetchval(
        """
        SELECT EXISTS (SELECT FROM disclosure_block_requests r JOIN amtsbus.cases c USING (case_id)
                       WHERE r.person_id = $1 AND r.requested_by = $2 AND c.closed_at IS NULL)
        """,
        person_id,
        subject,
    )
    return known


@dataclass(frozen=True, slots=True)
class EnteredHomes:
    """What a case did to the homes of one person, as far as no correction has replaced it since."""

    began: tuple[Residence, ...]
    ended: tuple[Residence, ...]


async def entered_homes(tx: Tx, case_id: UUID, person_ids: Collection[UUID]) -> dict[UUID, EnteredHomes]:
    """What a case did to the homes of these persons."""
    rows = await tx.fetch(
        """
        SELECT person_id, residence_id, household_id, kind, care_of, street, house_number, postal_code, locality, country,
               moved_in_on, moved_out_on, case_id IS NOT DISTINCT FROM $1 AS begun
        FROM residences
        WHERE person_id = ANY($2::uuid[]) AND superseded_by IS NULL AND (case_id = $1 OR ended_by_case = $1)
        ORDER BY kind DESC, residence_id
        """,
        case_id,
        list(person_ids),
    )
    return {
        person_id: EnteredHomes(
            tuple(_residence(row) for row in rows if row["person_id"] == person_id and row["begun"]),
            tuple(_residence(row) for row in rows if row["person_id"] == person_id and not row["begun"]),
        )
        for person_id in person_ids
    }


async def overdue_entries(tx: Tx) -> int:
    """How many checked declarations wait whose day was yesterday or earlier: the worker's daily round is behind."""
    count: int = await tx.fetchval("SELECT count(*) FROM declarations WHERE enter_on < $1", tx.clock.today())
    return count
