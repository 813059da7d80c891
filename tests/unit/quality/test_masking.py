"""What a report shows of a value is enough to find it and too little to tell it (REQ-Q1)."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quality.masking import masked


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        (None, None),
        ("", None),
        ("甲乙丙", "***"),
        ("13800000000", "13*******00"),
        (240000.0, "数字2****0"),  # as its sheet shows it, without a point
        (240000.5, "数字24****.5"),
        (Decimal("1.25"), "数字1**5"),
        (True, "逻辑值"),
        (date(2023, 6, 30), "日期或时刻"),
    ],
)
def test_a_value_is_shown_by_its_ends(cell, shown):
    assert masked(cell) == shown


@given(st.text(alphabet="甲乙丙丁0123456789", min_size=4, max_size=60))
def test_never_more_than_half_of_a_text_is_shown(text):
    assert len(masked(text).replace("*", "")) <= len(text) / 2
