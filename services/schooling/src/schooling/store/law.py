"""The numbers of the law, in `enrolment_rules`."""

from amtsbus.postgres import Tx

from schooling.domain.rules import Criterion, EnrolmentRules, Rulebook


async def rulebook(tx: Tx) -> Rulebook:
    """All editions of the rules."""
    rows = await tx.fetch("SELECT * FROM enrolment_rules ORDER BY from_school_year")
    return Rulebook(
        tuple(
            EnrolmentRules(
                from_school_year=row["from_school_year"],
                cut_off_month=row["cut_off_month"],
                cut_off_day=row["cut_off_day"],
                register_month=row["register_month"],
                register_day=row["register_day"],
                late_registration_days=row["late_registration_days"],
                documents_days=row["documents_days"],
                early_entry_years=row["early_entry_years"],
                admission_order=tuple(Criterion(criterion) for criterion in row["admission_order"]),
            )
            for row in rows
        )
    )


def criteria_of(codes: list[str]) -> frozenset[Criterion]:
    """The criteria of a column."""
    return frozenset(Criterion(code) for code in codes)
