"""What an office goes by that no procedure says."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Office:
    """One office.

    Attributes:
        land: whose public holidays its periods go by (ISO 3166-2 without `DE-`).
        court: the administrative court that the instruction on remedies names.
        payment_days: in how many days a fee is to be paid.
    """

    key: str
    land: str
    court: str
    payment_days: int
