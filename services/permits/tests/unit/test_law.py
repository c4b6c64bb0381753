"""The numbers of the law: fees and how long a permit is valid."""

from datetime import date

import pytest
from amtsbus.casework.calendar import months
from hypothesis import given
from hypothesis import strategies as st
from permits.domain.codes import Decision
from permits.domain.law import FeeTariff, LegalTerm, Term, building_fee_cents, valid_until

TARIFF = FeeTariff(
    valid_from=date(2024, 1, 1),
    share_per_ten_thousand=60,
    minimum_cents=5_000,
    refusal_percent=75,
    legal_basis="AVwGebO NRW, Tarifstelle 3",
)
VALIDITY = LegalTerm(
    term=Term.PERMIT_VALIDITY, valid_from=date(2019, 1, 1), period=months(36), legal_basis="BauO NRW § 75 (1)"
)

sums = st.integers(0, 10_000_000_000)
tariffs = st.builds(
    FeeTariff,
    valid_from=st.just(date(2024, 1, 1)),
    share_per_ten_thousand=st.integers(1, 10_000),
    minimum_cents=st.integers(0, 100_000),
    refusal_percent=st.integers(0, 100),
    legal_basis=st.just("a tariff"),
)


@pytest.mark.parametrize(
    ("gross_building_sum_cents", "decision", "fee_cents"),
    [
        (30_000_000, Decision.APPROVAL, 180_000),  # 300,000 EUR at 6 per mille
        (30_000_000, Decision.REFUSAL, 135_000),
        (0, Decision.APPROVAL, 5_000),  # a change of use builds nothing, and still costs the minimum
        (0, Decision.REFUSAL, 3_750),
        (833_333, Decision.APPROVAL, 5_000),  # the last cent below the share that equals the minimum
        (833_500, Decision.APPROVAL, 5_001),
        (1_000_166, Decision.APPROVAL, 6_000),  # 6000.996: the fraction of a cent is dropped
    ],
)
def test_the_fee_is_a_share_of_the_gross_building_sum(
    gross_building_sum_cents: int, decision: Decision, fee_cents: int
) -> None:
    assert building_fee_cents(gross_building_sum_cents, decision, TARIFF) == fee_cents


@given(sums, tariffs)
def test_an_approval_never_costs_less_than_the_minimum(gross: int, tariff: FeeTariff) -> None:
    assert building_fee_cents(gross, Decision.APPROVAL, tariff) >= tariff.minimum_cents


@given(sums, sums, tariffs, st.sampled_from(Decision))
def test_a_larger_building_never_costs_less(one: int, other: int, tariff: FeeTariff, decision: Decision) -> None:
    smaller, larger = sorted((one, other))
    assert building_fee_cents(smaller, decision, tariff) <= building_fee_cents(larger, decision, tariff)


@given(sums, tariffs)
def test_a_refusal_never_costs_more_than_the_approval(gross: int, tariff: FeeTariff) -> None:
    refusal = building_fee_cents(gross, Decision.REFUSAL, tariff)
    assert 0 <= refusal <= building_fee_cents(gross, Decision.APPROVAL, tariff)


@given(sums, tariffs)
def test_rounding_never_favours_the_authority(gross: int, tariff: FeeTariff) -> None:
    fee = building_fee_cents(gross, Decision.APPROVAL, tariff)
    exact_times_ten_thousand = max(gross * tariff.share_per_ten_thousand, tariff.minimum_cents * 10_000)
    assert 0 <= exact_times_ten_thousand - fee * 10_000 < 10_000


@pytest.mark.parametrize(
    ("decided_on", "until"),
    [
        (date(2026, 4, 24), date(2029, 4, 24)),
        (date(2026, 1, 7), date(2029, 1, 7)),  # a Sunday, which does not move it
        (date(2028, 2, 29), date(2031, 2, 28)),
        (date(2026, 12, 31), date(2029, 12, 31)),
    ],
)
def test_a_permit_is_valid_for_three_years(decided_on: date, until: date) -> None:
    assert valid_until(decided_on, VALIDITY) == until


@given(st.dates(date(2019, 1, 1), date(2090, 12, 31)))
def test_a_permit_ends_in_the_same_month_on_the_same_day_or_the_months_last(decided_on: date) -> None:
    until = valid_until(decided_on, VALIDITY)
    assert (until.year, until.month) == (decided_on.year + 3, decided_on.month)
    assert until.day == decided_on.day or (decided_on.month, decided_on.day, until.day) == (2, 29, 28)
