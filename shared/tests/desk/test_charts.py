"""Bars as long as their numbers."""

from amtsbus.desk.charts import LABELS, NUMBERS, WIDTH, bar_chart
from hypothesis import given
from hypothesis import strategies as st

ROWS = st.lists(st.tuples(st.text(max_size=20), st.integers(0, 10**7), st.integers(0, 10**7)), max_size=30)


@given(ROWS)
def test_bars_share_one_scale_and_stay_within_the_drawing(rows):
    chart = bar_chart(rows)
    assert [(bar.label, bar.value, bar.marked) for bar in chart.bars] == rows
    room = WIDTH - LABELS - NUMBERS
    for bar in chart.bars:
        assert 0 <= bar.marked_width <= bar.width <= room
        assert bar.y + chart.bar_height <= chart.height
    longest = max(chart.bars, key=lambda bar: bar.value, default=None)
    if longest is not None and longest.value:
        assert longest.width == room
        assert all(abs(bar.width - room * bar.value / longest.value) <= 0.1 for bar in chart.bars)
