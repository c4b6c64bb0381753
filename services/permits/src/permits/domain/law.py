"""The numbers of the law, each with the day from which it holds and where it is written.

The numbers themselves are data (tables `legal_terms` and `fee_tariffs`), because a legislator changes them without
asking a programmer; here is what they mean.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from amtsbus.casework.calendar import Period, nominal_end

from permits.domain.codes import Decision


class Term(StrEnum):
    """A length of time that the law or the authority's practice fixes."""

    COMPLETENESS_CHECK = "completeness-check"
    HEARING = "hearing"
    DECISION = "decision"
    PERMIT_VALIDITY = "permit-validity"
    PAYMENT = "payment"


@dataclass(frozen=True, kw_only=True)
class LegalTerm:
    """How long `term` is, from the day `valid_from` on."""

    term: Term
    valid_from: date
    period: Period
    legal_basis: str


@dataclass(frozen=True, kw_only=True)
class FeeTariff:
    """What a decision costs, from the day `valid_from` on.

    Attributes:
        share_per_ten_thousand: the fee as a share of the gross building sum (60 = 6 ‰).
        minimum_cents: the least that an approval costs.
        refusal_percent: what a refusal costs of that which the approval would have cost.
    """

    valid_from: date
    share_per_ten_thousand: int
    minimum_cents: int
    refusal_percent: int
    legal_basis: str


def building_fee_cents(gross_building_sum_cents: int, decision: Decision, tariff: FeeTariff) -> int:
    """What the applicant owes for `decision`, in cents; fractions of a cent are dropped in the applicant's favour.

    The fee is a share of the gross building sum (Rohbausumme) and at least the tariff's minimum; a refusal costs a part
    of that (AVwGebO NRW, Tarifstelle 3; GebG NRW § 15 (2)).
    """
    full = max(gross_building_sum_cents * tariff.share_per_ten_thousand // 10_000, tariff.minimum_cents)
    match decision:
        case Decision.APPROVAL:
            return full
        case Decision.REFUSAL:
            return full * tariff.refusal_percent // 100


def valid_until(decided_on: date, validity: LegalTerm) -> date:
    """The last day on which the work can begin, else the permit lapses (§ 75 (1) BauO NRW).

    The same date so many months later, or the last of that month where it has no such day (BGB § 188 (2), (3)). It does
    not move off a Sunday: nobody has to do anything at an office by then.
    """
    return nominal_end(decided_on, validity.period)
